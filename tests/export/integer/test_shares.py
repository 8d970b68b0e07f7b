"""The integer softmax: the bits of TensorFlow Lite Micro, and what a softmax is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from brickwork.devices.files.tflite import read_tflite
from brickwork.devices.program import Layer, Program
from brickwork.errors import ExportError
from brickwork.export.integer.network import Input, IntegerNetwork, Scale
from brickwork.export.integer.reference import logits, run
from brickwork.export.integer.steps import FIXED, step_of
from brickwork.export.runtimes import run_litert, run_tflm
from brickwork.export.tflite import write_tflite_int8
from brickwork.trial import rng_for

SCALES = (3e-8, 1e-5, 3e-4, 0.004, 0.0413, 0.1, 0.1211, 0.25, 1.0, 7.3, 31.0, 900.0)


def network_of(shape: tuple[int, ...], scale: float) -> IntegerNetwork:
    layer = Layer("SOFTMAX", -1, (0,), 1)
    program = Program((shape, shape), (layer,), 1)
    scales = (Scale(float(np.float32(scale)), 11), FIXED["SOFTMAX"])
    step = step_of(program, layer, None, scales)
    return IntegerNetwork(program, scales, (step,), Input(False), ("softmax",))


def rows(shape: tuple[int, ...], scale: float) -> NDArray[np.int8]:
    """Integers far apart and close together, at every height, all alike, and at both ends."""
    rng = rng_for(0, f"rows {shape} {scale}")
    lows = rng.integers(-128, 120, (24, *[1] * len(shape)))
    spans = rng.integers(1, 256, lows.shape)
    found = np.minimum(lows + rng.integers(0, 256, (24, *shape)) % spans, 127)
    found[0], found[1], found[2] = -128, 127, 0
    found[1, ..., 0] = -128
    return np.asarray(found, np.int8)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("shape", [(1,), (2,), (3, 2, 10), (1, 5, 3), (100,), (511,)])
def test_the_bits_of_both_runtimes(shape: tuple[int, ...], scale: float) -> None:
    pytest.importorskip("tflite_micro")
    network, q = network_of(shape, scale), rows(shape, scale)
    file = write_tflite_int8(network)
    found = run(network, q)
    np.testing.assert_array_equal(found, run_tflm(file, q))
    pytest.importorskip("ai_edge_litert")
    assert np.abs(run_litert(file, q).astype(int) - found).max() <= 1
    assert [layer.kind for layer in read_tflite(file).program.layers] == ["SOFTMAX"]


@pytest.mark.parametrize("scale", [0.02, 0.1, 0.7])
def test_it_is_a_softmax(scale: float) -> None:
    network, q = network_of((10,), scale), rows((10,), scale)
    real = np.exp(scale * (q.astype(float) - q.max(axis=1, keepdims=True)))
    raw = scale * (q.astype(float) - 11)
    found = logits(network, raw)
    assert np.abs(found - real / real.sum(axis=1, keepdims=True)).max() <= 1 / 256


def test_what_the_runtime_would_crash_on_is_refused() -> None:
    with pytest.raises(ExportError, match="more than 511 numbers, there are 512: end in logits"):
        network_of((512,), 0.1)
    with pytest.raises(ExportError, match="1e-09 apart"):
        network_of((4,), 1e-9)
