"""Reading ``.tflite`` files: those of MLPerf Tiny, small ones by hand, and damaged ones."""

from __future__ import annotations

import random
from math import prod
from pathlib import Path

import numpy as np
import pytest
from tflite_files import Writer, every_kind, needs_mcu, network

from brickwork.devices.files import read_model
from brickwork.devices.files.tflite import read_tflite
from brickwork.errors import ModelFileError

needs_mcu()

PUBLISHED = {
    "ad01_int8": 0.264e6,
    "kws_ref_model": 2.66e6,
    "kws_ref_model_float32": 2.66e6,
    "pretrainedResnet_quant": 12.5e6,
    "str_ww_ref_model": None,
    "vww_96_int8": 7.49e6,
}
"""The networks of MLPerf Tiny, with their published multiply-accumulates."""


@pytest.fixture(scope="module")
def tiny(shared_data: Path) -> Path:
    folder = shared_data / "devices" / "mlperf_tiny_models"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return folder


def macs_by_weights(content: bytes) -> int:
    """Another route: the weights' sizes and the positions of outputs, by the object API."""
    w = Writer()
    model = w.s.ModelT.InitFromPackedBuf(content, 0)
    (graph,) = model.subgraphs
    total = 0
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex]
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)
        if kind in (w.s.BuiltinOperator.CONV_2D, w.s.BuiltinOperator.DEPTHWISE_CONV_2D):
            total += prod(map(int, graph.tensors[op.inputs[1]].shape)) * prod(
                map(int, graph.tensors[op.outputs[0]].shape[1:3])
            )
        elif kind == w.s.BuiltinOperator.FULLY_CONNECTED:
            total += prod(map(int, graph.tensors[op.inputs[1]].shape))
    return total


@pytest.mark.parametrize("name", PUBLISHED)
def test_networks_of_mlperf_tiny(tiny: Path, name: str):
    model = read_model(tiny / f"{name}.tflite")
    assert model.macs == macs_by_weights(model.content)
    if PUBLISHED[name] is not None:
        assert model.macs == pytest.approx(PUBLISHED[name], rel=0.005)
    assert model.uncounted == ()
    assert model.batch == 1
    assert model.integer == ("float" not in name)
    assert model.weight_bytes < len(model.content)
    (_, given), (_, found) = model.inputs[0], model.outputs[0]
    assert bool(given.scale) == bool(found.scale) == model.integer


def test_a_network_made_by_hand():
    model = read_tflite(network())
    conv, mean, dense = model.program.layers
    assert (conv.kind, mean.kind, dense.kind) == ("CONV_2D", "MEAN", "FULLY_CONNECTED")
    assert (conv.kernel, conv.stride, conv.activation) == ((3, 3), (2, 2), "relu")
    assert conv.pads == (0, 1, 0, 1)  # SAME puts the odd pixel at the end
    assert model.program.shapes == ((8, 8, 3), (4, 4, 4), (4,), (5,))
    assert model.macs == 16 * 4 * 27 + 20
    assert model.parameters == 4 * 27 + 4 + 20 + 5
    assert model.weight_bytes == 4 * 27 + 20 + 4 * 9
    assert (model.weights, model.activations) == ("int8 and int32", "int8")
    assert model.inputs[0][1].scale == (0.5,)
    assert model.live_peak == 8 * 8 * 3 + 4 * 4 * 4


def test_floats_take_four_bytes():
    whole, small = read_tflite(network("FLOAT32")), read_tflite(network())
    assert whole.program == small.program
    assert (whole.integer, small.integer) == (False, True)
    assert whole.weight_bytes == 4 * whole.parameters
    assert whole.live_peak == 4 * small.live_peak


def test_a_batch_counts_for_a_call():
    one, four = read_tflite(network()), read_tflite(network(batch=4))
    assert (four.batch, four.macs) == (4, 4 * one.macs)
    assert four.parameters == one.parameters


def test_kinds_that_brickwork_does_not_write():
    model = read_tflite(every_kind())
    kinds = [layer.kind for layer in model.program.layers]
    custom = "CUSTOM(TFLite_Detection_PostProcess)"
    assert kinds == [
        *("SUB", "STRIDED_SLICE", custom, "SPLIT", "SHAPE", "FULLY_CONNECTED", "SOFTMAX")
    ]
    assert model.uncounted == (custom,)
    assert model.macs == 72 * 3  # it reads (6, 6, 2) as one axis
    sub, split = model.program.layers[0], model.program.layers[3]
    assert sub.constant is not None
    assert sub.constant.values == (1.0,) * 4
    first, second = split.output, split.further[0]
    assert model.program.further == (first,)
    last = len(kinds) - 1
    lives = model.program.lifetimes()
    assert lives[first] == (3, last)  # an output stays to the end
    assert lives[second] == (3, 5)
    assert len(model.outputs) == 2


def test_weights_in_half_precision_are_weights():
    """Converters write them as constants that are dequantised before they are used."""
    w = Writer("FLOAT32")
    x = w.tensor((1, 4))
    half = w.tensor((3, 4), np.ones((3, 4), np.float16), "FLOAT16")
    weight = w.op("DEQUANTIZE", [half], (3, 4))
    y = w.op("FULLY_CONNECTED", [x, weight, -1], (1, 3), "FullyConnectedOptions")
    model = read_tflite(w.finish([x], [y]))
    assert [layer.kind for layer in model.program.layers] == ["FULLY_CONNECTED"]
    assert (model.parameters, model.weight_bytes, model.weights) == (12, 24, "float16")


def test_what_pads_and_what_is_valid():
    w = Writer()
    x = w.tensor((1, 8, 8, 2))
    pads = w.ints([0, 0], [1, 2], [3, 4], [0, 0])
    y = w.op("PAD", [x, pads], (1, 11, 15, 2), "PadOptions")
    y = w.conv(y, (3, 5), 4, same=False)
    pad, conv = read_tflite(w.finish([x], [y])).program.layers
    assert pad.pads == (1, 2, 3, 4)
    assert conv.pads == (0, 0, 0, 0)
    assert not conv.same


def test_quantised_constants_are_real_numbers():
    w = Writer()
    x = w.tensor((1, 3))
    y = w.op("MUL", [x, w.tensor((3,), np.array([2, -4, 6], np.int8))], (1, 3), "MulOptions")
    (layer,) = read_tflite(w.finish([x], [y])).program.layers
    assert layer.constant is not None
    assert layer.constant.values == (1.0, -2.0, 3.0)


def test_two_factors_are_counted():
    w = Writer()
    a, b = w.tensor((1, 2, 5, 7)), w.tensor((1, 2, 7, 3))
    y = w.op("BATCH_MATMUL", [a, b], (1, 2, 5, 3), "BatchMatMulOptions")
    model = read_tflite(w.finish([a, b], [y]))
    assert model.macs == 2 * 5 * 7 * 3
    assert model.live_peak == 70 + 42 + 30
    assert len(model.inputs) == 2


@pytest.mark.parametrize(
    ("kind", "weight", "shape", "macs"),
    [
        ("DEPTHWISE_CONV_2D", (1, 3, 3, 2), (1, 6, 6, 2), 9 * 2 * 36),
        ("CONV_2D", (4, 3, 3, 1), (1, 6, 6, 4), 9 * 4 * 36),  # two groups
    ],
)
def test_depthwise_and_grouped(kind: str, weight: tuple[int, ...], shape: tuple, macs: int):
    w = Writer()
    x = w.tensor((1, 6, 6, 2))
    options = "Conv2DOptions" if kind == "CONV_2D" else "DepthwiseConv2DOptions"
    ones = dict.fromkeys(("strideH", "strideW", "dilationHFactor", "dilationWFactor"), 1)
    y = w.op(kind, [x, w.weight(weight), w.bias(shape[-1])], shape, options, **ones)
    model = read_tflite(w.finish([x], [y]))
    assert model.macs == macs
    assert model.program.weight_shape(model.program.layers[0]) == weight


def test_a_transposed_convolution_counts_its_input():
    w = Writer()
    x = w.tensor((1, 3, 3, 2))
    inputs = [w.ints(1, 6, 6, 5), w.weight((5, 2, 2, 2)), x]
    strides = {"strideH": 2, "strideW": 2, "padding": 1}
    y = w.op("TRANSPOSE_CONV", inputs, (1, 6, 6, 5), "TransposeConvOptions", **strides)
    model = read_tflite(w.finish([x], [y]))
    assert model.macs == 9 * 5 * 2 * 2 * 2
    assert model.program.layers[0].stride == (2, 2)


# --- files that cannot be used --------------------------------------------------------------------


def refused(content: bytes) -> str:
    with pytest.raises(ModelFileError) as caught:
        read_tflite(content)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_what_is_no_model():
    assert "not a TensorFlow Lite file" in refused(b"")
    assert "not a TensorFlow Lite file" in refused(b"hello, world")
    assert "cut off or damaged" in refused(b"\xff\xff\xff\xffTFL3" + bytes(8))


def test_files_that_are_cut_off():
    content = network()
    for size in range(0, len(content), 7):
        refused(content[:size])


def test_several_subgraphs_and_open_shapes():
    w = Writer()
    x = w.tensor((1, 8, 8, 3))
    y = w.conv(x, (3, 3), 4)
    assert "2 subgraphs" in refused(w.finish([x], [y], subgraphs=2))
    w.tensors[x].shapeSignature = [-1, -1, -1, 3]
    text = refused(w.finish([x], [y]))
    assert "shapes that are not fixed" in text
    assert "(?, ?, ?, 3)" in text
    w.tensors[x].shapeSignature = [-1, 8, 8, 3]  # the batch may be open
    assert read_tflite(w.finish([x], [y])).batch == 1


def test_weights_that_do_not_fit():
    w = Writer()
    x = w.tensor((1, 4))
    y = w.op("FULLY_CONNECTED", [x, w.weight((3, 5)), -1], (1, 3), "FullyConnectedOptions")
    assert "FULLY_CONNECTED has a weight of (3, 5)" in refused(w.finish([x], [y]))
    w = Writer()
    x = w.tensor((1, 4))
    y = w.op("FULLY_CONNECTED", [x, w.weight((3, 4)), 99], (1, 3), "FullyConnectedOptions")
    assert "tensor 99" in refused(w.finish([x], [y]))
    w = Writer()
    x = w.tensor((1, 2**20, 2**20, 2**10))
    y = w.op("RELU", [x], (1, 2**20, 2**20, 2**10))
    assert "elements" in refused(w.finish([x], [y]))


def damaged(content: bytes, seed: int) -> bytes:
    """The file with up to thirty bytes changed."""
    rng = random.Random(seed)
    found = bytearray(content)
    for _ in range(rng.randint(1, 30)):
        found[rng.randrange(8, len(found))] = rng.randrange(256)
    return bytes(found)


@pytest.mark.parametrize("content", [network(), every_kind()], ids=["network", "kinds"])
def test_damaged_files_are_read_or_refused(content: bytes):
    read, reasons = [], []
    for seed in range(400):
        try:
            read.append(read_tflite(damaged(content, seed)))
        except ModelFileError as error:
            reasons.append(str(error))
    assert read
    assert reasons
    assert not any("\n" in reason for reason in reasons)


def test_errors_name_the_file(tmp_path: Path):
    path = tmp_path / "model.tflite"
    with pytest.raises(ModelFileError, match=r"model\.tflite: no such file"):
        read_model(path)
    path.write_bytes(b"")
    with pytest.raises(ModelFileError, match=r"model\.tflite: the file is empty"):
        read_model(path)
    path.write_bytes(network()[:200])
    with pytest.raises(ModelFileError, match=r"model\.tflite: the TensorFlow Lite file is cut off"):
        read_model(path)
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_model(tmp_path / "folder.onnx")
