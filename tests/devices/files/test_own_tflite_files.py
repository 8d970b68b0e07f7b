"""Files that Brickwork writes are read as the programs that they were written from."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import pytest
from export_networks import CASES, INPUTS, every_op, graph_of, member, raw, relatives, wired
from tflite_files import needs_mcu

from brickwork.devices.arena import arena as predicted
from brickwork.devices.files.tflite import read_tflite
from brickwork.devices.lacking import unsupported
from brickwork.devices.lowering import lower, why_not
from brickwork.devices.program import WEIGHTED, Layer, Program
from brickwork.devices.tflm import Arena, measured_arenas
from brickwork.export.integer.quantizing import quantize_integer
from brickwork.export.onnx import random_weights
from brickwork.export.tflite import write_tflite, write_tflite_int8
from brickwork.space import Graph
from brickwork.trial import rng_for

needs_mcu()

GRAPHS = {
    **{
        f"{axes}-{name}": whole
        for axes, name in CASES
        if axes < 3 and not why_not(whole := graph_of(every_op(axes)[name], INPUTS[axes]))
    },
    **{f"mobile-{seed}": member((3, 24, 24), seed) for seed in range(3)},
    **{f"{name}": relatives(name)[0] for name in ("residual", "speech", "series")},
    "nasbench201": wired("nasbench201")[1],
}


def seen(program: Program) -> Program:
    """What a file tells of a program: no places in a graph; unused tensors are not in it."""
    used = sorted({0, program.output, *(layer.output for layer in program.layers)})
    at = {tensor: place for place, tensor in enumerate(used)}

    def read(layer: Layer) -> Layer:
        inputs = tuple([at[i] for i in layer.inputs])
        layer = replace(layer, node=-1, norms=(), inputs=inputs, output=at[layer.output])
        return replace(layer, constant=None)

    layers = tuple([read(layer) for layer in program.layers])
    return Program(tuple([program.shapes[i] for i in used]), layers, at[program.output])


def content(whole: Graph, int8: bool) -> bytes:
    weights = random_weights(whole, rng_for(0, "weights"))
    if not int8:
        return write_tflite(whole, weights)
    return write_tflite_int8(quantize_integer(whole, weights, raw(whole, 8)))


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("int8", [True, False], ids=["int8", "float"])
def test_a_file_is_read_as_the_program_of_its_graph(name: str, int8: bool):
    program, model = lower(GRAPHS[name]), read_tflite(content(GRAPHS[name], int8))
    if not int8 and program.normalize >= 0:  # two layers more, which normalise
        kinds = [layer.kind for layer in model.program.layers]
        assert kinds == ["ADD", "MUL", *(layer.kind for layer in program.layers)]
        return
    assert seen(model.program) == seen(program)
    assert model.macs == sum(map(program.macs, program.layers))
    assert model.integer == int8
    weighted = [layer for layer in program.layers if layer.kind in WEIGHTED]
    stored = [prod(program.weight_shape(a)) + program.shapes[a.output][-1] for a in weighted]
    tables = [layer.constant.shape for layer in program.layers if layer.constant is not None]
    assert model.parameters == sum(stored) + sum(prod(shape) for shape in tables if shape)
    for found, expected in zip(model.program.layers, program.layers, strict=True):
        if expected.constant is not None:
            assert found.constant is not None
            near = 0.01 * np.abs(expected.constant.values).max() if int8 else 1e-6
            assert np.allclose(found.constant.values, expected.constant.values, atol=near)


def test_the_predicted_arena_is_near_the_real_one():
    """How near, the prediction says itself."""
    runs = [whole for whole in GRAPHS.values() if unsupported(whole) is None]
    found = measured_arenas(content(whole, True) for whole in runs)
    for whole, real in zip(runs, found, strict=True):
        expected = predicted(lower(whole))
        assert isinstance(real, Arena)
        assert abs(real.total - expected.value) <= 3 * expected.spread
    assert len(runs) > 10
