"""Reading ``.onnx`` files: what Brickwork writes counts as its graph does; strangers' files too."""

from __future__ import annotations

import random
from math import prod
from typing import Any

import numpy as np
import onnx
import pytest
from catalogue import CATALOGUE, Entry
from export_networks import CASES, INPUTS, every_op, graph_of, member, relatives
from integer_networks import quantized
from onnx import TensorProto, helper, numpy_helper

from brickwork.devices import macs, parameters, peak_sram
from brickwork.devices.files import read_model
from brickwork.devices.files.onnx import read_onnx
from brickwork.errors import ModelFileError
from brickwork.export.onnx import random_weights, write_onnx, write_onnx_int8
from brickwork.export.quantize import quantize
from brickwork.space import Graph, Position, graph
from brickwork.trial import rng_for


def written(whole: Graph, fold: bool = True) -> bytes:
    return write_onnx(whole, random_weights(whole, rng_for(0, "weights")), fold=fold)


def int8(whole: Graph) -> bytes:
    samples = rng_for(0, "samples").uniform(0, 4, (8, *whole.input)).astype(np.float32)
    return quantize(written(whole), samples)


def stored(whole: Graph) -> int:
    """The trained numbers of a graph, and the sines of positions, which a file holds as well."""
    sines = [n for n in whole.nodes if isinstance(n.op, Position) and n.op.how == "sinusoidal"]
    return parameters(whole) + sum(prod(node.shape) for node in sines)


SMALL = [entry for entry in CATALOGUE if prod(entry.input) <= 4096]


@pytest.mark.parametrize("entry", SMALL, ids=lambda entry: entry.id)
def test_a_file_counts_what_its_graph_counts(entry: Entry):
    archs = [entry.space.extremes()[0], entry.space.sample(rng_for(0, "file"))]
    for arch in archs if entry.space.size() > 1 else archs[:1]:
        whole = graph(entry.space, arch, entry.input, entry.outputs)
        model = read_onnx(written(whole, fold=False))
        assert model.macs == macs(whole)
        assert model.parameters == stored(whole)
        assert model.uncounted == ()


@pytest.mark.parametrize(("axes", "name"), CASES)
def test_every_op(axes: int, name: str):
    whole = graph_of(every_op(axes)[name], INPUTS[axes])
    model = read_onnx(written(whole, fold=False))
    assert model.macs == macs(whole) == read_onnx(written(whole)).macs
    assert model.program.shapes[model.program.output] == whole.output
    assert model.batch == 1


@pytest.mark.parametrize("make", [lambda: member((3, 24, 24), 0), lambda: relatives("residual")[0]])
def test_memory_is_that_of_the_graph_in_the_files_order(make: Any):
    """The graph is executed in its best order, in which an activation is never alone."""
    whole = make()
    model = read_onnx(written(whole))
    assert model.live_peak >= peak_sram(whole, "float32")
    assert model.sizes == tuple(4 * prod(shape) for shape in model.program.shapes)


@pytest.mark.parametrize("family", ["residual", "speech", "series", "vit", "transformer", "mlp"])
def test_int8_files(family: str):
    whole = relatives(family)[0]
    model, real = read_onnx(int8(whole)), read_onnx(written(whole))
    assert model.macs == macs(whole)
    assert model.parameters == real.parameters
    assert (model.integer, real.integer) == (True, False)
    assert model.weight_bytes < 0.32 * real.weight_bytes


@pytest.mark.parametrize("family", ["residual", "speech", "series", "mobile"])
def test_int8_files_of_quantised_networks(family: str):
    whole = member((3, 24, 24), 0) if family == "mobile" else relatives(family)[0]
    model, real = read_onnx(write_onnx_int8(quantized(whole), whole)), read_onnx(written(whole))
    assert model.macs == macs(whole)
    assert model.parameters == real.parameters
    assert model.integer
    assert model.weight_bytes < 0.28 * real.weight_bytes
    kinds = {layer.kind for layer in model.program.layers}
    assert not {"Clip", "Identity", "Sub", "PAD", "PADV2"} & kinds
    assert model.activations == "uint8"


def test_int8_files_are_executed_in_integers():
    """Quantising and dequantising in between belongs to the layers; norms and sums are folded."""
    whole = relatives("residual")[0]
    kinds = [layer.kind for layer in read_onnx(int8(whole)).program.layers]
    real = [layer.kind for layer in read_onnx(written(whole)).program.layers]
    assert kinds.count("QUANTIZE") == 1
    assert "DEQUANTIZE" not in kinds
    assert [kind for kind in kinds if kind != "QUANTIZE"] == real
    assert "RELU" not in real


# --- files of others ------------------------------------------------------------------------------


def model_of(
    nodes: list[Any],
    input: tuple[Any, ...],
    weights: dict[str, np.ndarray],
    output: tuple[Any, ...] = ("n", "m"),
    opset: int = 17,
) -> bytes:
    made = helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, input)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
            [numpy_helper.from_array(value, name) for name, value in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("some.where", 1)],
    )
    made.ir_version = 8
    return made.SerializeToString()


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def test_channels_last_files_are_followed_through_their_transpositions():
    """As converters from TensorFlow write them."""
    nodes = [
        helper.make_node("Transpose", ["x"], ["a"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["a", "w"], ["b"], pads=[1, 1, 1, 1], strides=[2, 1]),
        helper.make_node("Transpose", ["b"], ["y"], perm=[0, 2, 3, 1]),
    ]
    content = model_of(nodes, ("n", 6, 8, 3), {"w": ones(5, 3, 3, 3)}, ("n", 3, 8, 5))
    model = read_onnx(content)
    assert model.macs == 5 * 27 * 3 * 8
    assert model.program.shapes[-1] == (5, 3, 8) or model.program.shapes[-1] == (3, 8, 5)
    conv = model.program.layers[1]
    assert (conv.kind, conv.stride, conv.pads) == ("CONV_2D", (2, 1), (1, 1, 1, 1))


def test_linear_layers_of_any_order():
    right = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    assert read_onnx(model_of(right, (1, 7, 4), {"w": ones(4, 9)}, (1, 7, 9))).macs == 7 * 4 * 9
    left = [helper.make_node("MatMul", ["w", "x"], ["y"])]
    assert read_onnx(model_of(left, (1, 4, 7), {"w": ones(9, 4)}, (1, 9, 7))).macs == 7 * 4 * 9
    both = [helper.make_node("MatMul", ["x", "x"], ["y"])]
    assert read_onnx(model_of(both, (1, 4, 4), {}, (1, 4, 4))).macs == 4**3


def test_constants_are_folded_and_counted_once():
    """A weight that is shared, transposed and written as a node is one weight."""
    constant = numpy_helper.from_array(ones(4, 6), "")
    nodes = [
        helper.make_node("Constant", [], ["c"], value=constant),
        helper.make_node("Transpose", ["c"], ["w"], perm=[1, 0]),
        helper.make_node("MatMul", ["x", "c"], ["a"]),
        helper.make_node("MatMul", ["a", "w"], ["b"]),
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Reshape", ["b", "s"], ["y"]),
    ]
    model = read_onnx(model_of(nodes, ("n", 4), {}, ("n", 4)))
    kinds = [layer.kind for layer in model.program.layers]
    assert kinds == ["FULLY_CONNECTED", "FULLY_CONNECTED", "RESHAPE"]
    assert (model.parameters, model.macs) == (24, 48)


def test_sizes_that_the_network_computes():
    """As PyTorch writes a padding: the sizes go through operators before they are used."""
    nodes = [
        helper.make_node("ConstantOfShape", ["count"], ["zeros"]),
        helper.make_node("Cast", ["zeros"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Concat", ["some", "whole"], ["flat"], axis=0),
        helper.make_node("Reshape", ["flat", "square"], ["rows"]),
        helper.make_node("Slice", ["rows", "last", "least", "none", "back"], ["turned"]),
        helper.make_node("Transpose", ["turned"], ["columns"], perm=[1, 0]),
        helper.make_node("Reshape", ["columns", "line"], ["pads"]),
        helper.make_node("Pad", ["x", "pads"], ["wide"]),
        helper.make_node("Conv", ["wide", "w"], ["y"]),
    ]
    held = {"count": [4], "some": [1, 1, 1, 1], "square": [-1, 2], "last": [-1], "none": [0]}
    held |= {"least": [-(2**62)], "back": [-1], "line": [-1]}
    weights = {name: np.array(value) for name, value in held.items()} | {"w": ones(2, 3, 3, 3)}
    model = read_onnx(model_of(nodes, (1, 3, 6, 6), weights, (1, 2, "h", "w")))
    (conv,) = model.program.layers  # ONNX Runtime puts the padding into it
    assert (conv.kind, conv.pads) == ("CONV_2D", (1, 1, 1, 1))
    assert model.macs == 2 * 27 * 6 * 6


def test_activations_are_fused_where_nobody_else_reads():
    zero, six = np.array(0, np.float32), np.array(6, np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Clip", ["a", "zero", "six"], ["b"]),
        helper.make_node("Conv", ["b", "v"], ["c"]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Add", ["c", "d"], ["y"]),
    ]
    weights = {"w": ones(2, 1, 1), "v": ones(2, 2, 1), "zero": zero, "six": six}
    program = read_onnx(model_of(nodes, (1, 1, 8), weights, (1, 2, 8))).program
    assert [(layer.kind, layer.activation) for layer in program.layers] == [
        *(("CONV_2D", "relu6"), ("CONV_2D", "none"), ("RELU", "none"), ("ADD", "none")),
    ]
    assert program.shapes[0] == (1, 8, 1)  # a sequence is an image of height 1


def test_operators_of_integers():
    """The other form of quantised files: ``QLinearConv``."""
    step, zero = np.array(0.5, np.float32), np.array(0, np.uint8)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "step", "zero"], ["q"]),
        helper.make_node(
            "QLinearConv",
            ["q", "step", "zero", "w", "step", "none", "step", "zero"],
            ["r"],
        ),
        helper.make_node("DequantizeLinear", ["r", "step", "zero"], ["y"]),
    ]
    held = {"step": step, "zero": zero, "none": np.array(0, np.int8)}
    held["w"] = np.ones((4, 2, 3, 3), np.int8)
    model = read_onnx(model_of(nodes, (1, 2, 5, 5), held, (1, 4, 3, 3)))
    assert [layer.kind for layer in model.program.layers] == ["QUANTIZE", "CONV_2D", "DEQUANTIZE"]
    assert model.macs == 4 * 18 * 9
    assert (model.parameters, model.weights, model.activations) == (72, "int8", "uint8")


# --- files that cannot be used --------------------------------------------------------------------


def refused(content: bytes) -> str:
    with pytest.raises(ModelFileError) as caught:
        read_onnx(content)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def relu(input: tuple[Any, ...]) -> bytes:
    return model_of([helper.make_node("Relu", ["x"], ["y"])], input, {}, input)


def test_what_is_no_model():
    for content in (b"", b"hello, world", bytes(100)):
        assert "not an ONNX file" in refused(content)
    content = written(member((1, 12, 12), 0))
    for size in range(1, len(content), len(content) // 50):
        refused(content[:size])


def test_open_shapes():
    assert "('?', '?')" not in refused(relu(("n", 3, "h", "w")))
    assert "is (1, 3, ?, ?)" in refused(relu(("n", 3, "h", "w")))
    assert read_onnx(relu(("n", 3, 4, 4))).batch == 1
    assert read_onnx(relu((8, 3, 4, 4))).batch == 8


def test_weights_elsewhere_control_flow_and_unknown_operators():
    model = onnx.load_model_from_string(written(member((1, 12, 12), 0)))
    held = model.graph.initializer[0]
    held.data_location = TensorProto.EXTERNAL
    held.external_data.add(key="location", value="weights.bin")
    assert "weights in other files" in refused(model.SerializeToString())
    branch = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["z"])],
        "b",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, (1, 2))],
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    held_true = {"c": np.array(True)}
    assert "further graphs (If)" in refused(model_of([node], (1, 2), held_true, (1, 2)))
    node = helper.make_node("Mystery", ["x"], ["h"], domain="some.where")
    after = helper.make_node("Relu", ["h"], ["y"])
    text = refused(model_of([node, after], (1, 2), {}, (1, 2)))
    assert "does not tell all shapes, and ONNX Runtime cannot" in text
    assert "Mystery" in text
    only = helper.make_node("Mystery", ["x"], ["y"], domain="some.where")
    assert read_onnx(model_of([only], (1, 2), {}, (1, 2))).uncounted == ("CUSTOM(Mystery)",)


def test_an_output_that_depends_on_nothing():
    node = helper.make_node("Identity", ["w"], ["y"])
    assert "does not depend on its input" in refused(model_of([node], (1, 2), {"w": ones(1, 2)}))


def test_damaged_files_are_read_or_refused():
    content = written(member((1, 12, 12), 0))
    read, reasons = [], []
    for seed in range(150):
        rng = random.Random(seed)
        found = bytearray(content)
        for _ in range(rng.randint(1, 20)):
            found[rng.randrange(len(found))] = rng.randrange(256)
        try:
            read.append(read_onnx(bytes(found)))
        except ModelFileError as error:
            reasons.append(str(error))
    assert read
    assert reasons
    assert not any("\n" in reason for reason in reasons)


def test_what_ends_onnx_itself_costs_one_file():
    """Shape inference aborts on a negative size before a slice."""
    nodes = [helper.make_node("Slice", ["x", "zero", "two", "one"], ["y"])]
    bounds = {name: np.array([n]) for name, n in (("zero", 0), ("one", 1), ("two", 2))}
    content = model_of(nodes, (1, -5), bounds, (1, 2))
    refused(content)
    assert read_onnx(relu((1, 3))).macs == 0


def test_the_content_decides(tmp_path: Any):
    path = tmp_path / "model.onnx"
    path.write_bytes(written(member((1, 12, 12), 0)))
    assert read_model(path).format == "onnx"
    path.write_bytes(b"hello")
    with pytest.raises(ModelFileError, match=r"model\.onnx: not an ONNX file"):
        read_model(path)
