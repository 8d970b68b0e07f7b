"""int8 files: small loss on a trained network, every op, and nothing left behind."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from export_networks import CASES, FAMILIES, INPUTS, every_op, graph_of, raw, relatives

from brickwork.errors import ExportError
from brickwork.export.onnx import random_weights, write_onnx
from brickwork.export.quantize import quantize
from brickwork.export.runtimes import run_onnx
from brickwork.space import Graph, Normalize
from brickwork.trial import rng_for


def small() -> tuple[bytes, Any]:
    whole = graph_of(every_op(2)["blocks"], normalize=Normalize((100.0,), (60.0,)))
    return write_onnx(whole, random_weights(whole, rng_for(0, "weights"))), raw(whole, 40)


def test_a_trained_network_loses_less_than_half_a_point(digits: Any):
    model = write_onnx(digits.graph, digits.weights)
    small = quantize(model, digits.split("train")[0][:256])
    pairs = [digits.split(name) for name in ("val", "test")]
    x, y = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    exact, rounded = (run_onnx(file, x).argmax(1) for file in (model, small))
    assert (exact == y).mean() > 0.9
    assert (rounded == y).mean() > (exact == y).mean() - 0.005
    assert (rounded == exact).mean() > 0.98
    assert len(small) < len(model)


@pytest.mark.parametrize("name", ["blocks", "texts"])
def test_no_processor_saturates(name: str):
    """Two products of a uint8 and a weight fit 16 bits, as processors without VNNI add them."""
    proto = quantized(2 if name == "blocks" else 0, name)
    weights = [
        onnx.numpy_helper.to_array(constant).astype(int)
        for constant in proto.graph.initializer
        if constant.data_type == onnx.TensorProto.INT8
    ]
    assert max(np.abs(w).max() for w in weights) > 60
    assert all(2 * 255 * np.abs(w).max() < 2**15 for w in weights)


@pytest.mark.parametrize(("axes", "name"), CASES)
def test_every_op_can_be_quantised(axes: int, name: str):
    check_little_noise(
        graph_of(every_op(axes)[name], INPUTS[axes], normalize=Normalize((100.0,), (60.0,)))
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_members_of_families_can_be_quantised(name: str):
    check_little_noise(relatives(name)[0])


def check_little_noise(whole: Graph) -> None:
    model = write_onnx(whole, random_weights(whole, rng_for(0, "weights")))
    small = quantize(model, raw(whole, 32, 1))
    onnx.checker.check_model(small, full_check=True)
    exact, rounded = (run_onnx(file, raw(whole, 32, 2)) for file in (model, small))
    noise = ((exact - rounded) ** 2).mean() / (exact**2).mean()
    assert noise < 0.05


def quantized(axes: int, name: str) -> onnx.ModelProto:
    whole = graph_of(every_op(axes)[name], INPUTS[axes])
    model = write_onnx(whole, random_weights(whole, rng_for(0, "weights")))
    return onnx.load_model_from_string(quantize(model, raw(whole, 16) / 32))


def test_of_attention_only_products_convolutions_and_tables_are_quantised():
    proto = quantized(0, "texts")
    constants = {c.name: onnx.numpy_helper.to_array(c).dtype for c in proto.graph.initializer}
    made = {output: node.op_type for node in proto.graph.node for output in node.output}
    kinds = set()
    for node in proto.graph.node:
        if node.op_type in ("Conv", "MatMul", "Gemm"):
            kinds.add(node.op_type)
            assert {made[name] for name in node.input} == {"DequantizeLinear"}
        elif node.op_type == "LayerNormalization":
            kinds.add(node.op_type)
            assert constants[node.input[1]] == np.float32
    assert kinds == {"Conv", "MatMul", "Gemm", "LayerNormalization"}
    for name in ("attention.query", "mlp.project"):
        assert constants[f"text.{name}.conv.weight"] == np.int8
    assert constants["text.embedding.weight"].itemsize == 1


def test_grouped_transposed_convolutions_stay_in_float():
    proto = quantized(2, "decoders")
    made = {output: node.op_type for node in proto.graph.node for output in node.output}
    groups = {
        next((a.i for a in node.attribute if a.name == "group"), 1): made.get(node.input[1])
        for node in proto.graph.node
        if node.op_type == "ConvTranspose"
    }
    assert groups == {1: "DequantizeLinear", 3: None}


def test_weights_are_int8_by_channel_and_activations_uint8():
    model, samples = small()
    proto = onnx.load_model_from_string(quantize(model, samples))
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in proto.graph.initializer}
    weight = constants["stem.conv.weight"]
    assert weight.dtype == np.int8
    readers = [n for n in proto.graph.node if "stem.conv.weight" in n.input]
    assert [constants[n.input[1]].shape for n in readers] == [(len(weight),)]
    zeros = [n.input[2] for n in proto.graph.node if n.op_type == "QuantizeLinear"]
    assert zeros
    assert {constants[name].dtype for name in zeros} == {np.dtype(np.uint8)}


def test_input_and_logits_stay_in_float():
    model, samples = small()
    proto = onnx.load_model_from_string(quantize(model, samples))
    assert proto.graph.node[-1].op_type == "Gemm"
    assert [n.op_type for n in proto.graph.node if "input" in n.input] == ["Sub"]


def test_ops_keep_their_names_and_the_file_its_origin():
    model, samples = small()
    before, after = (onnx.load_model_from_string(m) for m in (model, quantize(model, samples)))
    layers = [
        {n.name for n in proto.graph.node if n.op_type in ("Conv", "Gemm")}
        for proto in (before, after)
    ]
    assert layers[0] == layers[1]
    assert after.producer_name == "brickwork"
    assert list(after.metadata_props) == list(before.metadata_props)


def test_the_same_arguments_give_the_same_bytes():
    model, samples = small()
    assert quantize(model, samples) == quantize(model, samples)


def test_integers_are_as_good_as_floats():
    model, samples = small()
    assert quantize(model, samples.astype(np.uint8)) == quantize(model, samples)


def test_outliers_do_not_spoil_the_ranges():
    model, samples = small()
    spoiled = np.concatenate([samples] * 3)
    spoiled[7, 0, 0, 0] = 1e5  # one broken pixel in all of the data
    file = quantize(model, spoiled)
    same = run_onnx(model, samples).argmax(1) == run_onnx(file, samples).argmax(1)
    assert same.mean() > 0.9


def test_nothing_is_printed_logged_or_left_behind(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    root = logging.getLogger()
    before = list(root.handlers), list(root.filters)
    model, samples = small()
    spoiled = samples.copy()
    spoiled[0] = 1e6  # so that the noisier calibrator runs too
    with caplog.at_level(logging.INFO):
        quantize(model, spoiled)
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert (root.handlers, root.filters) == before


def test_samples_that_do_not_fit_are_refused():
    model, samples = small()
    with pytest.raises(ExportError, match=r"shape \(40, 3, 10\).*\(samples, 3, 10, 9\)"):
        quantize(model, samples[..., 0])
    with pytest.raises(ExportError, match="at least one sample"):
        quantize(model, samples[:0])
    broken = samples.copy()
    broken[0, 0, 0, 0] = np.nan
    with pytest.raises(ExportError, match="NaN"):
        quantize(model, broken)


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch):
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    model, samples = small()
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ExportError, match="No space left on device") as caught:
        quantize(model, samples)
    assert "\n" not in str(caught.value)
