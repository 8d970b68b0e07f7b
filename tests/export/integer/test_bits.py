"""Quantised networks give the same bits here and in TensorFlow Lite Micro."""

import numpy as np
import pytest
import torch
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

from brickwork.devices.lowering import lower, why_not
from brickwork.errors import ExportError
from brickwork.export.integer import tuning
from brickwork.export.integer.floats import run as run_float
from brickwork.export.integer.folding import fold, normalization
from brickwork.export.integer.network import IntegerNetwork
from brickwork.export.integer.quantizing import Judge, quantize_integer
from brickwork.export.integer.reference import logits, run
from brickwork.export.onnx import random_weights
from brickwork.export.runtimes import run_litert, run_tflm, run_torch
from brickwork.export.tflite import write_tflite, write_tflite_int8
from brickwork.space import (
    Activation,
    Concat,
    Conv,
    ConvTranspose,
    Flatten,
    GlobalPool,
    Graph,
    Identity,
    Linear,
    Multiply,
    Norm,
    Normalize,
    Parallel,
    Pool,
    Residual,
    Seq,
)
from brickwork.trial import rng_for

REFUSED = {
    (0, "tables"): "columns",
    (0, "categories"): "columns",
    (0, "texts"): "embedding",
    (0, "sentences"): "embedding",
    (0, "words"): "embedding",
    (0, "lists"): "embedding",
    (1, "norms"): "layer norm",
    (2, "norms"): "layer norm",
    (1, "shapes"): "reshape",
    (2, "shapes"): "reshape",
    (1, "joins"): "zero",
    (2, "joins"): "zero",
    (1, "zeros"): "zero",
    (2, "zeros"): "zero",
    (1, "decoders"): "transposed convolution",
    (2, "decoders"): "transposed convolution",
    (1, "attention"): "class_token",
    (2, "attention"): "class_token",
}
"""Of the networks with every op those that TensorFlow Lite has no integer op for, and which."""


def quantized(whole: Graph, seed: int = 0, samples: int = 24) -> tuple[IntegerNetwork, np.ndarray]:
    """A graph with random weights in integers, and int8 inputs for it."""
    network = quantize_integer(whole, weights(whole, seed), raw(whole, samples, seed))
    return network, network.input.quantized(raw(whole, 6, seed + 1), network.scales[0])


def weights(whole: Graph, seed: int = 0):
    return random_weights(whole, rng_for(seed, "weights"))


def images(values: np.ndarray) -> np.ndarray:
    """Channels last."""
    return np.moveaxis(values, 1, -1)


def check(whole: Graph) -> None:
    """All routes through a network agree."""
    own = weights(whole)
    program = lower(whole)
    mean, std = normalization(whole, program)
    assert len(mean) == len(std) == 1
    x = raw(whole, 4)
    normal = torch.from_numpy(((x - mean[0]) / std[0]).astype(np.float32))
    expected = run_torch(whole, own, x)
    found = run_float(program, fold(program, whole, own), normal).numpy()
    scale = np.abs(expected).max()
    assert np.abs(found - expected).max() <= 2e-5 * scale
    last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    last = last[:, None] if x.ndim == 3 else last
    pytest.importorskip("ai_edge_litert")
    there = run_litert(write_tflite(whole, own), last)
    assert np.abs(there.reshape(images(expected).shape) - images(expected)).max() <= 2e-5 * scale
    network, q = quantized(whole)
    file, expected = write_tflite_int8(network), run(network, q)
    np.testing.assert_array_equal(expected, run_tflm(file, q))
    assert np.abs(run_litert(file, q, reference=True).astype(int) - expected).max() <= 2


@pytest.mark.parametrize(("axes", "name"), [case for case in CASES if case[0] < 3])
def test_every_op(axes: int, name: str) -> None:
    pytest.importorskip("tflite_micro")
    whole = graph_of(every_op(axes)[name], INPUTS[axes])
    if (axes, name) in REFUSED:
        assert REFUSED[axes, name] in why_not(whole)
        with pytest.raises(ExportError, match=REFUSED[axes, name]):
            lower(whole)
    elif name in ("activations", "blocks", "attention") and "gelu" in str(every_op(axes)[name]):
        network, q = quantized(whole)  # TensorFlow Lite Micro has no GELU; LiteRT has
        with pytest.raises(ExportError, match="GELU"):
            run_tflm(write_tflite_int8(network), q)
        there = run_litert(write_tflite_int8(network), q, reference=True)
        assert np.abs(there.astype(int) - run(network, q)).max() <= 2
    else:
        check(whole)


@pytest.mark.parametrize("name", WIRED)
def test_wired_spaces(name: str) -> None:
    pytest.importorskip("tflite_micro")
    for whole in wired(name):
        if "zero" in why_not(whole):
            continue  # a cell of nothing
        check(whole)


@pytest.mark.parametrize("name", ["residual", "speech", "series", "mlp"])
def test_families(name: str) -> None:
    pytest.importorskip("tflite_micro")
    assert name in FAMILIES
    for whole in relatives(name):
        if name == "mlp":  # categories are looked up in tables
            assert "columns" in why_not(whole)
        else:
            check(whole)


@pytest.mark.parametrize(
    "how", ["sigmoid", "tanh", "hard_swish", "hard_sigmoid", "silu", "relu", "relu6"]
)
@pytest.mark.parametrize(
    ("low", "high"), [(-6, 6), (-1, 20), (-0.5, 0.5), (-100, 3), (0, 1), (-1, 0), (-30, 250)]
)
def test_functions_of_all_integers(how: str, low: float, high: float) -> None:
    pytest.importorskip("tflite_micro")
    whole = graph_of(Activation(how), (1, 16, 16))
    x = rng_for(0, how).uniform(low, high, (4, 1, 16, 16)).astype(np.float32)
    x.reshape(-1)[:2] = low, high
    network = quantize_integer(whole, {}, x)
    q = np.arange(-128, 128, dtype=np.int8).reshape(1, 16, 16, 1)
    np.testing.assert_array_equal(run(network, q), run_tflm(write_tflite_int8(network), q))


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
    pytest.importorskip("tflite_micro")
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
def test_pools(how: str, size: tuple[int, int], settings: dict[str, int]) -> None:
    pytest.importorskip("tflite_micro")
    check(graph_of(Seq(Conv(6), Pool(how, **settings), Activation()), (4, *size)))


def test_a_flattened_image_and_what_reads_it() -> None:
    pytest.importorskip("tflite_micro")
    body = Seq(
        Conv(6, stride=2),
        Flatten(),
        Norm(),
        Activation(),
        Linear(9),
        Norm(),
        Activation(),
        Linear(),
    )
    check(graph_of(body, (3, 9, 8)))


def test_orders_that_cannot_be_told() -> None:
    for body, reason in (
        (Flatten(), "gives a flattened image"),
        (Seq(Parallel((Flatten(), Seq(Flatten(), Linear(5))), Concat()), Linear()), "mixes"),
    ):
        with pytest.raises(ExportError, match=reason):
            lower(graph_of(body, (2, 3, 3)))


def test_a_sigmoid_beside_other_numbers_is_refused() -> None:
    body = Seq(Conv(4), Parallel((Activation("sigmoid"), Activation("tanh")), Concat()))
    whole = graph_of(body, (3, 6, 6))
    with pytest.raises(ExportError, match="one scale"):
        quantize_integer(whole, weights(whole), raw(whole))


def test_bytes_go_in_as_they_are_and_mean_what_they_meant() -> None:
    """With bytes the normalisation is in the first layer; the result is that of floats."""
    body = Seq(Conv(8, 3, padding=0, bias=True), Activation(), GlobalPool(), Linear())
    normalize = Normalize((120.0, 90.0, 140.0), (60.0, 50.0, 70.0))
    whole = graph_of(body, (3, 12, 12), normalize=normalize)
    own = weights(whole)
    x = rng_for(0, "bytes").integers(0, 256, (64, 3, 12, 12)).astype(np.uint8)
    network = quantize_integer(whole, own, x)
    assert network.input.bytes
    q = network.input.quantized(x, network.scales[0])
    np.testing.assert_array_equal(q.astype(int), np.moveaxis(x, 1, -1).astype(int) - 128)
    floats = quantize_integer(whole, own, x.astype(np.float32))
    assert not floats.input.bytes
    expected = run_torch(whole, own, x.astype(np.float32))
    step = network.scales[network.program.output].scale
    for one in (network, floats):
        assert np.abs(logits(one, x) - expected).max() <= 6 * step


@pytest.mark.parametrize(
    ("x", "problem"),
    [
        (np.zeros((0, 3, 10, 9)), "at least one"),
        (np.zeros((4, 3, 9, 9)), "has shape|have shape"),
        (np.full((4, 3, 10, 9), np.nan), "NaN"),
    ],
)
def test_samples_that_do_not_fit(x: np.ndarray, problem: str) -> None:
    whole = graph_of(Seq(Conv(4), Activation()))
    with pytest.raises(ExportError, match=problem):
        quantize_integer(whole, weights(whole), x.astype(np.float32))


def test_the_better_ranges_are_chosen() -> None:
    whole = graph_of(Seq(Conv(4), Activation()))
    x = raw(whole, 32)
    x[0, 0, 0, 0] = 1e4  # an outlier
    tried: list[float] = []

    def judge(network: IntegerNetwork) -> float:
        tried.append(network.scales[network.program.output].scale)
        return -tried[-1]

    network = quantize_integer(whole, weights(whole), x, Judge(judge))
    assert len(tried) == 3
    assert network.scales[network.program.output].scale == min(tried)
    assert network.notes["range"] < 1.0


def test_training_on_brings_a_rounded_network_nearer_to_the_float_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tuning, "_STEPS", 60)
    whole = member((1, 12, 12), 0)
    own = weights(whole)
    x = raw(whole, 260).astype(np.uint8)
    seen, unseen = x[:200], x[200:]
    exact = run_torch(whole, own, unseen.astype(np.float32))

    def score(network: IntegerNetwork) -> float:
        return -float(np.square(logits(network, unseen) - exact).mean() / exact.var())

    def outputs(samples: np.ndarray) -> np.ndarray:
        return run_torch(whole, own, samples.astype(np.float32))

    plain = quantize_integer(whole, own, seen, Judge(score))
    better = quantize_integer(whole, own, seen, Judge(score, 1.0, seen, outputs))
    again = quantize_integer(whole, own, seen, Judge(score, 1.0, seen, outputs))
    assert better.notes.get("tuned")
    assert score(better) > 0.9 * score(plain)
    for a, b in zip(better.steps, again.steps, strict=True):
        assert a.weight is None or np.array_equal(a.weight, b.weight)
    kept = quantize_integer(whole, own, seen, Judge(score, score(plain), seen, outputs))
    assert not kept.notes.get("tuned")


def test_dead_layers_do_not_break_the_runtimes() -> None:
    """A layer that is silent on all samples has no range; LiteRT crashed on the scale it got."""
    pytest.importorskip("tflite_micro")
    pytest.importorskip("ai_edge_litert")
    silent = Seq(Conv(4, 1, bias=True), Activation(), name="silent")
    gate = Parallel((Identity(), Seq(GlobalPool(keep=True), Activation("relu6"))), Multiply())
    silent = Seq(Residual(silent), Conv(4, 1, bias=True), Activation(), gate, name="twice")
    body = Seq(Conv(4, 3), Activation(), silent, Conv(4, 1, bias=True), GlobalPool(), Linear())
    whole = graph_of(body, (1, 8, 8))
    own = {key: value.copy() for key, value in weights(whole).items()}
    own["twice.silent.conv.bias"][:] = -1e6
    own["twice.silent.conv.weight"][1] = 0.0
    own["twice.conv.bias"][:] = -1e4
    network = quantize_integer(whole, own, raw(whole))
    for step in network.steps:
        assert step.weight is None or all(-31 <= shift <= 7 for shift in step.shifts)
    q = network.input.quantized(raw(whole, 4), network.scales[0])
    file = write_tflite_int8(network)
    np.testing.assert_array_equal(run(network, q), run_tflm(file, q))
    for _ in range(4):
        assert np.abs(run_litert(file, q).astype(int) - run(network, q)).max() <= 1
