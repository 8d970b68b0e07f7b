"""The work and the latency of files: those of the graphs that they were written from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from export_networks import graph_of, member, relatives, wired

from brickwork.devices import PredictedLatency, load_target, target_names
from brickwork.devices.files.costs import file_costs
from brickwork.devices.files.onnx import read_onnx
from brickwork.devices.files.tflite import read_tflite
from brickwork.devices.lowering import lower, why_not
from brickwork.devices.program import WEIGHTED
from brickwork.devices.target import COEFFICIENTS
from brickwork.devices.work import work_of, work_of_program
from brickwork.export.integer.quantizing import quantize_integer
from brickwork.export.onnx import random_weights, write_onnx
from brickwork.export.tflite import write_tflite_int8
from brickwork.quantity import How
from brickwork.space import Activation, Conv, GlobalPool, Graph, Linear, Norm, Pool, Seq
from brickwork.trial import rng_for

PREDICTED = [name for name in target_names() if load_target(name).latency is not None]


def plain() -> Graph:
    """Nothing in it is executed in another way by any runtime."""
    body = Seq(
        *(Conv(8, 3), Norm(), Activation(), Conv(4, 1), Activation(), Pool("max", 2)),
        *(Conv(6, 3, 1), GlobalPool(), Linear()),
    )
    return graph_of(body, (3, 16, 16), 10)


def weights(whole: Graph):
    return random_weights(whole, rng_for(0, "weights"))


def test_three_routes_to_the_work_of_a_plain_network():
    whole = plain()
    file = read_onnx(write_onnx(whole, weights(whole))).program
    for program in (lower(whole), file):
        np.testing.assert_array_equal(work_of_program(program).amounts, work_of(whole).amounts)


@pytest.mark.parametrize(
    "whole",
    [
        *(member((3, 24, 24), seed) for seed in range(4)),
        *(relatives(name)[1] for name in ("residual", "speech", "series", "mlp")),
        *wired("nasbench201")[1:],
    ],
    ids=lambda whole: whole.hash[:6],
)
def test_macs_and_outputs_are_those_of_the_graph(whole: Graph):
    """Paddings, clamps and gates may be ops of their own in a program."""
    program = read_onnx(write_onnx(whole, weights(whole))).program
    found, expected = work_of_program(program).named(), work_of(whole).named()
    alone = bool(why_not(whole)) or any(
        layer.node < 0 for layer in lower(whole).layers if layer.kind in WEIGHTED
    )
    for key in (name for name in COEFFICIENTS if name.endswith("_mac")):
        if key != "depthwise_mac" or not alone:  # a norm that stands alone is one there
            assert found[key] == expected[key], key


def test_attention_is_work_of_linear_layers():
    whole = relatives("vit")[0]
    program = read_onnx(write_onnx(whole, weights(whole))).program
    found, expected = work_of_program(program).named(), work_of(whole).named()
    assert found["linear_mac"] == expected["linear_mac"]
    assert found["pointwise_mac"] == expected["pointwise_mac"]


@pytest.mark.parametrize("name", PREDICTED)
def test_the_latency_of_a_plain_network_is_that_of_its_graph(name: str):
    target, whole = load_target(name), plain()
    found = file_costs(read_onnx(write_onnx(whole, weights(whole))), target)[0]["latency_ms"]
    expected = PredictedLatency().cost(whole, target)
    assert found.value == pytest.approx(expected.value)
    assert found.how == expected.how
    assert found.spread == pytest.approx(expected.spread)


def test_what_is_not_known_is_an_estimate():
    target = load_target("stm32h743")
    known = np.zeros_like(target.latency.borrowed)
    target = replace(target, latency=replace(target.latency, macs=(1.0, 1e12), borrowed=known))
    model = read_onnx(write_onnx(plain(), weights(plain())))
    sure = file_costs(model, target)[0]["latency_ms"]
    assert sure.how is How.PREDICTED
    layers = (replace(model.program.layers[0], kind="SVDF"), *model.program.layers[1:])
    odd = replace(model, program=replace(model.program, layers=layers))
    unsure = file_costs(odd, target)[0]["latency_ms"]
    assert unsure.how is How.ESTIMATED
    assert "the work of SVDF is not known" in unsure.source
    assert unsure.spread >= 0.5 * unsure.value


def test_dead_channels_of_a_file_are_found_and_cost_an_engine_that_prunes_nothing():
    pytest.importorskip("flatbuffers")
    whole = graph_of(Seq(Conv(8, 3), Activation(), Conv(8, 3), GlobalPool(), Linear()), (3, 16, 16))
    own = dict(weights(whole))
    name = next(key for key in own if own[key].shape == (8, 3, 3, 3))
    own[name] = own[name].copy()
    own[name][:4] = 0.0
    x = rng_for(0, "x").normal(size=(8, 3, 16, 16)).astype(np.float32)
    model = read_tflite(write_tflite_int8(quantize_integer(whole, own, x)))
    assert model.alive == ((0, 4),)
    pruning = [n for n in PREDICTED if load_target(n).latency.prunes]
    other = [n for n in PREDICTED if not load_target(n).latency.prunes]
    assert pruning
    bare = replace(model, alive=())
    for names, cheaper in ((pruning[:2], True), (other[:2], False)):
        for each in names:
            target = load_target(each)
            with_, without = [file_costs(m, target)[0]["latency_ms"].value for m in (model, bare)]
            assert (with_ < without) == cheaper
