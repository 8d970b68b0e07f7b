"""int8 ONNX files of quantised networks: the integers of the other files, layer by layer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import onnx
import pytest
from catalogue import CATALOGUE, Entry
from export_networks import (
    CASES,
    FAMILIES,
    INPUTS,
    WIRED,
    every_op,
    graph_of,
    member,
    raw,
    relatives,
    wired,
)
from integer_networks import quantized

from brickwork.devices.lowering import why_not
from brickwork.errors import NotInIntegers
from brickwork.export.c import write_c
from brickwork.export.ending import with_softmax
from brickwork.export.integer.halving import halved
from brickwork.export.integer.network import IntegerNetwork, Step
from brickwork.export.integer.quantizing import quantize_integer
from brickwork.export.integer.reference import logits, run
from brickwork.export.onnx import UP, integers_of, random_weights, with_integers, write_onnx_int8
from brickwork.export.runtimes import outputs_of_onnx, run_onnx, run_torch
from brickwork.export.tflite import read_tflite_int8, write_tflite_int8
from brickwork.export.verify_integers import ONNX_STEPS, layers_away
from brickwork.names import make_space
from brickwork.space import (
    Activation,
    Add,
    Block,
    Concat,
    Conv,
    ConvTranspose,
    Depthwise,
    Flatten,
    GlobalPool,
    Graph,
    Identity,
    Linear,
    Norm,
    Normalize,
    Parallel,
    Pool,
    Seq,
    Shape,
    Softmax,
    graph,
)
from brickwork.trial import rng_for

NORMALIZE = Normalize((100.0,), (60.0,))


def check(whole: Graph, network: IntegerNetwork | None = None, samples: int = 6) -> dict[str, int]:
    """Each layer is within a step of the integers, given what it reads."""
    network = network or quantized(whole)
    file = write_onnx_int8(network, whole)
    onnx.checker.check_model(file, full_check=True)
    x = raw(whole, samples, 3)
    assert run_onnx(file, x).shape == (samples, *whole.output)
    away, _ = layers_away(file, halved(network), x)
    assert list(away) == ["input", *network.names]
    assert max(away.values()) <= ONNX_STEPS, away
    return away


def kinds(file: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_model_from_string(file).graph.node]


def constants(file: bytes) -> dict[str, np.ndarray]:
    proto = onnx.load_model_from_string(file)
    return {one.name: onnx.numpy_helper.to_array(one) for one in proto.graph.initializer}


# --- layer by layer -------------------------------------------------------------------------------


@pytest.mark.parametrize(("axes", "name"), [case for case in CASES if case[0] in (1, 2)])
def test_every_op(axes: int, name: str) -> None:
    whole = graph_of(every_op(axes)[name], INPUTS[axes], normalize=NORMALIZE)
    if why_not(whole):
        with pytest.raises(NotInIntegers):
            quantized(whole)
    else:
        check(whole)


SMALL = [entry for entry in CATALOGUE if prod(entry.input) <= 3072]


@pytest.mark.parametrize("entry", SMALL, ids=lambda entry: entry.id)
def test_the_catalogue(entry: Entry) -> None:
    arch = entry.space.sample(rng_for(0, "int8"))
    whole = graph(entry.space, arch, entry.input, entry.outputs)
    if why_not(whole):
        with pytest.raises(NotInIntegers):
            quantized(whole)
    else:
        check(whole, samples=2)


@pytest.mark.parametrize("name", [*WIRED, *FAMILIES])
def test_small_spaces(name: str) -> None:
    for whole in wired(name) if name in WIRED else relatives(name):
        if not why_not(whole):
            check(whole)


@pytest.mark.parametrize("seed", range(6))
def test_members_of_the_mobile_space(seed: int) -> None:
    check(member((3, 17, 14), seed))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"kernel": 3, "stride": 2, "padding": 1},
        {"kernel": 4, "stride": 2, "padding": 1},
        {"kernel": 2, "stride": 2, "output_padding": 1},
        {"kernel": 3, "stride": 1, "padding": 1},
    ],
)
def test_transposed_convolutions(settings: dict[str, int]) -> None:
    check(graph_of(Seq(ConvTranspose(6, **settings), Norm(), Activation()), (4, 7, 5)))


@pytest.mark.parametrize("how", ["max", "average"])
@pytest.mark.parametrize("size", [(8, 8), (7, 9)])
@pytest.mark.parametrize(
    "settings",
    [
        {"kernel": 3, "stride": 2, "padding": 1},
        {"kernel": 2},
        {"kernel": 3, "stride": 1, "padding": 1},
        {"kernel": (2, 3), "stride": (1, 2), "padding": (0, 1)},
    ],
)
def test_pools(how: str, size: tuple[int, int], settings: dict[str, Any]) -> None:
    check(graph_of(Seq(Conv(6), Pool(how, **settings), Activation()), (4, *size)))


@pytest.mark.parametrize(
    ("body", "input"),
    [
        (Seq(Conv(6, stride=2), Flatten(), Norm(), Activation(), Linear()), (3, 9, 8)),
        (Seq(Parallel((Conv(4, 3, 2), Pool("max", 3, 2, 1)), Concat()), Activation()), (4, 9, 8)),
        (Seq(Conv(4), Parallel((Identity(), Conv(4)), Add()), Activation("relu6")), (4, 9, 8)),
        (
            Seq(Conv(4), Activation("relu6"), Parallel((Identity(), Identity()), Concat())),
            (2, 5, 5),
        ),
        (Seq(Conv(4, 3, 2), Activation(), Conv(5, 1, bias=True)), (3, 24)),
        (Seq(Depthwise(3, bias=True), Conv(9, 3, groups=3)), (3, 9, 8)),
        (Seq(Conv(6, 3, groups=3), Conv(6, 3, groups=2)), (3, 9, 8)),
        (Seq(Linear(9), Activation(), Linear(9), Activation("gelu"), Linear()), (7,)),
        (Seq(Conv(4), GlobalPool()), (3, 9, 8)),
        (Seq(Conv(4), GlobalPool("max")), (3, 9, 8)),
        (Seq(Conv(4), Activation("sigmoid")), (3, 9, 8)),
        (Seq(Conv(4), GlobalPool(), Linear(), Softmax()), (3, 9, 8)),
    ],
)
def test_every_way_to_begin_join_and_end(body: Block, input: Shape) -> None:
    check(graph_of(body, input))


def test_an_answer_for_each_position() -> None:
    space = make_space("unet", (1, 16, 8))
    check(graph(space, space.extremes()[0], (1, 16, 8), 3, NORMALIZE))


def test_norms_that_stand_alone_and_outliers_that_are_cut_off() -> None:
    """Ranges without outliers saturate, and clamps then cut off more than eight bits do."""
    whole = graph_of(Seq(Norm(), Conv(6), Activation("relu6"), GlobalPool(), Linear()))
    weights = random_weights(whole, rng_for(0, "weights"))
    x = raw(whole, 24)
    network = quantize_integer(whole, weights, x / 2)  # what is seen later reaches twice as far
    check(whole, network)


# --- the same integers ----------------------------------------------------------------------------


def weighted(network: IntegerNetwork) -> Iterator[tuple[str, Step, np.ndarray]]:
    """Layers with weights: name, integers, and the axes of the weight as ONNX has them."""
    for step, name in zip(network.steps, network.names, strict=True):
        if step.weight is not None:
            turned = {
                "CONV_2D": (0, 3, 1, 2),
                "DEPTHWISE_CONV_2D": (3, 0, 1, 2),
                "FULLY_CONNECTED": (0, 1),
            }[step.layer.kind]
            yield name, step, step.weight.transpose(turned).astype(int)


def test_all_int8_files_hold_the_same_integers() -> None:
    pytest.importorskip("tflite_micro", reason="the extra 'mcu' is not installed")
    whole = member((3, 16, 12), 1)
    network = quantized(whole)
    lite = read_tflite_int8(write_tflite_int8(network), whole, network.input)
    held = constants(write_onnx_int8(network, whole))
    proto = onnx.load_model_from_string(write_onnx_int8(network, whole))
    source = write_c(network).source
    arrays = {
        tuple(map(int, text.replace("\n", " ").rstrip(", ").split(",")))
        for text in re.findall(r"static const int\d+_t \w+\[\d+\] = \{([^}]*)\}", source)
    }
    assert lite.scales == network.scales
    reads = {node.input[0]: node.input[1:] for node in proto.graph.node}
    for tensor, scale in enumerate(network.scales):
        names = reads.get(integers_of(tensor), ())
        if len(names) == 2 and held[names[1]].dtype == np.uint8:  # a DequantizeLinear
            assert float(held[names[0]]) == scale.scale
            assert int(held[names[1]]) - UP == scale.zero
    there = {name: (step, weight) for name, step, weight in weighted(lite)}
    for name, step, weight in weighted(network):
        other, same = there[name]
        np.testing.assert_array_equal(same, weight)
        np.testing.assert_array_equal(other.bias, step.bias)
        np.testing.assert_array_equal(other.weight_scales, step.weight_scales)
        assert tuple(step.bias.tolist()) in arrays
        assert tuple(step.weight.reshape(-1).tolist()) in arrays
        ours, bias = held[f"{name}.weight"].astype(int), held[f"{name}.bias"].astype(int)
        names = reads[f"{name}.weight"]
        assert not held[names[1]].any()
        times = 1 if step.layer.kind == "DEPTHWISE_CONV_2D" else 2
        assert np.abs(times * ours - weight).max() == times - 1
        assert np.abs(times * bias - step.bias).max() <= times - 1
        np.testing.assert_array_equal(held[names[0]], np.squeeze(times * step.weight_scales))
        factor = np.float32(network.scales[step.layer.inputs[0]].scale)
        products = held[reads[f"{name}.bias"][0]]
        np.testing.assert_array_equal(products, held[names[0]] * factor)


@pytest.mark.parametrize("input", [(3, 10, 9), (2, 24)])
def test_bytes_are_the_integers_of_the_input(input: Shape) -> None:
    body = Seq(Conv(8, padding=0, bias=True), Activation(), GlobalPool(), Linear())
    normalize = Normalize((120.0, 90.0, 140.0)[: input[0]], (60.0, 50.0, 70.0)[: input[0]])
    whole = graph_of(body, input, normalize=normalize)
    weights = random_weights(whole, rng_for(0, "weights"))
    x = rng_for(0, "bytes").integers(0, 256, (32, *input)).astype(np.uint8)
    network = quantize_integer(whole, weights, x)
    assert network.input.bytes
    file = write_onnx_int8(network, whole)
    given = outputs_of_onnx(with_integers(file), x)
    np.testing.assert_array_equal(given[integers_of(0)].reshape(x.shape), x)
    assert not {"Sub", "Div"} & set(kinds(file))
    exact = run_torch(whole, weights, x.astype(np.float32))
    step = network.scales[network.program.output].scale
    assert np.abs(given["logits"] - exact).max() <= 8 * step


def test_each_channel_is_normalised_on_its_own() -> None:
    normalize = Normalize((120.0, 90.0, 140.0), (60.0, 50.0, 70.0))
    whole = graph_of(Seq(Conv(8), GlobalPool(), Linear()), normalize=normalize)
    check(whole)
    assert kinds(write_onnx_int8(quantized(whole), whole))[:3] == ["Sub", "Div", "QuantizeLinear"]


# --- weights of seven bits ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "input"),
    [
        (Seq(Conv(16, 3), GlobalPool(), Linear()), (3, 10, 9)),
        (Seq(Conv(16, 3), GlobalPool(), Linear()), (16, 10, 9)),
        (Seq(Conv(24, 1), GlobalPool(), Linear()), (32, 10, 9)),
        (Seq(Conv(24, 3, groups=2), GlobalPool(), Linear()), (12, 10, 9)),
        (Seq(Depthwise(3), GlobalPool(), Linear()), (19, 10, 9)),
        (Seq(Depthwise(5, 2), GlobalPool(), Linear()), (32, 10, 9)),
        (Seq(Conv(24, 3, groups=12), GlobalPool(), Linear()), (12, 10, 9)),
        (Seq(Linear(32), Linear()), (64,)),
    ],
    ids=["odd", "even", "pointwise", "grouped", "depthwise", "wide", "multiplied", "dense"],
)
def test_no_processor_saturates(body: Block, input: Shape) -> None:
    """Where no activation and no weight is small, 16 bits do not hold two products of eight."""
    whole = graph_of(body, input)
    rng = rng_for(0, "large")
    weights = {
        key: (rng.choice((-1, 1), v.shape) * rng.uniform(0.5, 1.0, v.shape)).astype(np.float32)
        for key, v in random_weights(whole, rng).items()
    }
    network = quantize_integer(whole, weights, raw(whole, 24) / 2 + 128)
    check(whole, network)
    for name, step, _ in weighted(halved(network)):
        most = np.abs(constants(write_onnx_int8(network, whole))[f"{name}.weight"]).max()
        if step.layer.kind != "DEPTHWISE_CONV_2D" or step.weight.shape[-1] != input[0]:
            assert 2 * 255 * int(most) < 2**15


def test_halves_cancel_along_a_channel() -> None:
    network = quantized(member((3, 16, 12), 1))
    for before, after in zip(network.steps, halved(network).steps, strict=True):
        assert before.layer == after.layer
        if after is before:
            assert before.weight is None or before.layer.kind == "DEPTHWISE_CONV_2D"
            continue
        off = 2 * after.weight.astype(int) - before.weight
        assert set(np.unique(off)) <= {-1, 0, 1}
        np.testing.assert_array_equal(off != 0, before.weight % 2 != 0)
        rows = off.reshape(len(off), -1)
        assert np.isin(np.cumsum(rows, axis=1), (0, 1)).all()
        assert np.abs(after.weight).max() <= 64


def test_seven_bits_lose_little(digits: Any) -> None:
    """On a trained network the file is as good as the network in eight bits."""
    seen = digits.split("train")[0][:256]
    network = quantize_integer(digits.graph, digits.weights, seen)
    file = write_onnx_int8(network, digits.graph)
    x, y = digits.split("test")
    exact = run_torch(digits.graph, digits.weights, x)
    found = run_onnx(file, x)
    eight = logits(network, x)
    noise = [float(((one - exact) ** 2).mean() / (exact**2).mean()) for one in (found, eight)]
    assert noise[0] < 2 * noise[1]
    assert (found.argmax(1) == exact.argmax(1)).mean() > 0.98
    assert (found.argmax(1) == y).mean() > (exact.argmax(1) == y).mean() - 0.006


# --- the file -------------------------------------------------------------------------------------


def test_it_ends_in_float_logits_that_do_not_tie() -> None:
    whole = member((3, 16, 12), 1)
    network = quantized(whole)
    file = write_onnx_int8(network, whole)
    assert kinds(file)[-1] == "Gemm"
    found = run_onnx(file, raw(whole, 200, 5))
    q = np.unique(run(network, network.input.quantized(raw(whole, 200, 5), network.scales[0])))
    assert len(np.unique(found)) > 3 * len(q)


def test_convolutions_are_executed_in_integers(tmp_path: Any) -> None:
    import onnxruntime

    whole = member((3, 16, 12), 1)
    file = write_onnx_int8(quantized(whole), whole)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "run.onnx")
    onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    executed = kinds((tmp_path / "run.onnx").read_bytes())
    assert "QLinearConv" in executed
    assert not {"Conv", "Gemm", "DequantizeLinear"} & set(executed)
    assert executed.count("QuantizeLinear") == 1


def test_paddings_go_into_what_reads_them() -> None:
    whole = graph_of(Seq(Conv(6, stride=2), Pool("max", 3, 2, 1), Conv(6)), (3, 16, 16))
    network = quantized(whole)
    assert {"PAD", "PADV2"} <= {layer.kind for layer in network.program.layers}
    assert "Pad" not in kinds(write_onnx_int8(network, whole))


def test_the_same_network_gives_the_same_bytes_with_its_origin_and_names() -> None:
    whole = member((3, 16, 12), 1)
    file = write_onnx_int8(quantized(whole), whole)
    assert file == write_onnx_int8(quantized(whole), whole)
    proto = onnx.load_model_from_string(file)
    assert proto.producer_name == "brickwork"
    assert {p.key: p.value for p in proto.metadata_props} == {"brickwork.graph": whole.hash}
    names = {node.name for node in proto.graph.node if node.op_type in ("Conv", "Gemm")}
    assert names == {name for name, _, _ in weighted(quantized(whole))}


def test_a_softmax_behind_the_network_is_one_of_floats() -> None:
    whole = member((3, 16, 12), 1)
    network = with_softmax(quantized(whole))
    ended = whole.ended(Softmax())
    file = write_onnx_int8(network, ended)
    assert kinds(file)[-1] == "Softmax"
    assert run_onnx(file, raw(whole, 5)).sum(1) == pytest.approx(1.0, abs=1e-5)
