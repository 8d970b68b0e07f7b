"""The arena and the file of TensorFlow Lite Micro, before there are any, beside the real ones."""

from math import prod

import numpy as np
import pytest
from export_networks import member, raw, relatives, wired

from brickwork.devices.arena import arena, head_bytes
from brickwork.devices.file_size import file_bytes
from brickwork.devices.lowering import lower, why_not
from brickwork.devices.tflm import Arena, measured_arenas
from brickwork.export.integer.quantizing import quantize_integer
from brickwork.export.onnx import random_weights
from brickwork.export.tflite import write_tflite_int8
from brickwork.quantity import How
from brickwork.space import Graph
from brickwork.trial import rng_for


def networks() -> list[Graph]:
    found = [member((1, 16, 16), seed) for seed in range(8)] + [member((2, 40), 1)]
    for name in ("nasbench201", "darts", "dag", "hierarchy"):
        found += wired(name)
    for name in ("residual", "speech", "series"):
        found += relatives(name)
    return [whole for whole in found if not why_not(whole)]


def test_the_real_arena_and_the_real_file() -> None:
    pytest.importorskip("tflite_micro")
    wholes = networks()
    files = []
    for whole in wholes:
        own = random_weights(whole, rng_for(0, "weights"))
        files.append(write_tflite_int8(quantize_integer(whole, own, raw(whole, 4))))
    real = measured_arenas(files)
    assert len(real) == len(wholes) > 20
    for whole, file, found in zip(wholes, files, real, strict=True):
        assert isinstance(found, Arena)
        program = lower(whole)
        assert head_bytes(program) == found.head
        predicted = arena(program)
        assert predicted.how is How.PREDICTED
        assert abs(predicted.value / found.total - 1) < 0.01
        assert abs(file_bytes(program).value / len(file) - 1) < 0.05


def test_no_plan_is_below_what_is_alive_at_once() -> None:
    for whole in networks():
        program = lower(whole)
        bound = program.live_peak([prod(shape) for shape in program.shapes])
        assert head_bytes(program) >= bound
        assert head_bytes(program) % 16 == 0
        assert np.isfinite(arena(program).value)
