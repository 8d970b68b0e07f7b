"""A model's files with a softmax behind them, from training to the emulated core."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from export_networks import member, raw

import brickwork.export.softmax as softmax
from brickwork.devices.files import read_model
from brickwork.errors import ExportError
from brickwork.export.artifacts import check_manifest, export_model, read_manifest
from brickwork.export.c.emulator import emulate, why_no_emulator
from brickwork.export.c.writer import CFiles
from brickwork.export.ending import answers, with_softmax
from brickwork.export.formats import FORMATS
from brickwork.export.integer.network import Input, IntegerNetwork
from brickwork.export.integer.quantizing import quantize_integer
from brickwork.export.integer.reference import run
from brickwork.export.later import copy_or_write
from brickwork.export.onnx import random_weights
from brickwork.export.runtimes import run_tflm, run_torch
from brickwork.export.tflite import read_tflite_int8, write_tflite_int8
from brickwork.export.verify import recheck
from brickwork.space import Softmax
from brickwork.trial import rng_for

pytest.importorskip("tflite_micro")
pytest.importorskip("ai_edge_litert")

INT8 = "model.int8.tflite"
ACCURACY = {"value": 0.9, "unit": "fraction", "how": "measured", "spread": 0.01}


@pytest.fixture(scope="module")
def model(digits: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model's folder with every format but that on request, to be read only."""
    x, _ = digits.split("train")
    formats = ["source", "onnx", "onnx-int8", "tflite", "tflite-int8"]
    formats += ["c"] if shutil.which("cc") else []
    made = export_model(
        tmp_path_factory.mktemp("models") / "ab12",
        digits.graph,
        digits.weights,
        formats=formats,
        calibration=np.asarray(x[:128]),
        golden_inputs=np.asarray(digits.split("test")[0][:24]),
        info={"id": "ab12", "metrics": {}},
    )
    return made.folder


@pytest.fixture(scope="module")
def copy(model: Path, digits: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its copy with a softmax, to be read only."""
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    out = copy_or_write(
        model, tmp_path_factory.mktemp("copies") / "out", (), lambda: digits.graph, softmax=True
    )
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    return out


def vectors(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "golden.npz", allow_pickle=False) as golden:
        return {name: golden[name] for name in golden.files}


def test_every_file_gives_probabilities_and_reproduces_its_vectors(model: Path, copy: Path) -> None:
    assert check_manifest(copy) == []
    assert set(read_manifest(copy)["files"]) == {
        *read_manifest(model)["files"],
        "verification.json",
    }
    checks = json.loads((copy / "verification.json").read_text())["checks"]
    there = [FORMATS[name][0] for name in FORMATS if (model / FORMATS[name][0]).exists()]
    assert [check["file"] for check in checks] == there
    assert len(there) >= 5
    for check in checks:
        assert check["reason"] == ""
        assert check["difference"] < (
            0.1 if "int8" in check["file"] or ".c" in check["file"] else 1e-5
        )
    assert recheck(copy) == []
    (copy / "again").mkdir()
    changed = shutil.copytree(copy, copy / "again" / "copy", ignore=lambda *_: ["again"])
    for name in FORMATS["tflite-int8"]:
        (changed / name).write_bytes((model / name).read_bytes())
    assert "was changed" in recheck(changed)[0]
    shutil.rmtree(copy / "again")


def test_vectors_and_texts_say_probabilities(model: Path, copy: Path, digits: Any) -> None:
    old, new = vectors(model), vectors(copy)
    assert set(new) == {name.replace("logits", "probabilities") for name in old}
    expected = np.exp(old["logits"] - old["logits"].max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(new["probabilities"], expected, atol=1e-6)
    np.testing.assert_array_equal(new["q_inputs"], old["q_inputs"])
    shares = (new["q_outputs"].astype(int) + 128) / 256
    assert np.abs(shares.sum(axis=1) - 1).max() <= 10 / 512
    assert np.abs(shares - expected).max() < 0.1
    card, source = (copy / "card.md").read_text(), (copy / "model.py").read_text()
    assert "- Output: probabilities, `(batch, 10)`; not calibrated" in card
    assert "- Output: probabilities are `0.00390625 * (q - -128)`" in card
    for text in (card, source, (copy / "manifest.json").read_text()):
        assert "logits" not in text
    (output,) = onnx.load(copy / "model.onnx").graph.output
    assert output.name == "probabilities"
    assert read_manifest(copy)["graph"] == digits.graph.ended(Softmax()).hash


def test_readers_know_it(copy: Path) -> None:
    for name in (INT8, "model.tflite", "model.onnx", "model.int8.onnx"):
        file = read_model(copy / name)
        assert [layer.kind for layer in file.program.layers].count("SOFTMAX") == 1
    assert read_model(copy / INT8).outputs[0][1].scale == (1 / 256,)
    assert read_model(copy / INT8).outputs[0][1].zero_point == (-128,)


@pytest.mark.skipif(bool(why_no_emulator()), reason=why_no_emulator() or "-")
def test_the_c_file_gives_the_same_bits_on_an_emulated_core(copy: Path) -> None:
    golden = vectors(copy)
    q, expected = golden["q_inputs"][:4], golden["q_outputs"][:4]
    text = [(copy / name).read_text() for name in FORMATS["c"]]
    layers = tuple(layer for layer in range(text[0].count("static void layer_")))
    names = tuple(map(str, layers))
    files = CFiles("model", *text, q.shape[1:], expected.shape[1:], names, 0, 0, 0)
    found = emulate(files, q, ["cortex-m3"])["cortex-m3"]
    np.testing.assert_array_equal(found.outputs, expected)
    np.testing.assert_array_equal(run_tflm((copy / INT8).read_bytes(), q), expected)


def test_scores_of_before_are_said_to_be_of_before(
    model: Path, tmp_path: Path, digits: Any
) -> None:
    from brickwork.export.artifacts import add_verification

    known = shutil.copytree(model, tmp_path / "model")
    metrics = {"accuracy": {**ACCURACY, "source": "360 samples; model.int8.tflite"}}
    add_verification(known, {"metrics": metrics, "checks": []})
    out = copy_or_write(known, tmp_path / "out", ("tflite",), lambda: digits.graph, True)
    assert "360 samples; model.int8.tflite, before its softmax" in (out / "card.md").read_text()
    assert not (out / INT8).exists()


@pytest.mark.parametrize("seed", range(6))
def test_a_quantised_network_is_read_back_from_its_file(seed: int) -> None:
    whole = member((2, 14, 12), seed)
    weights = random_weights(whole, rng_for(seed, "weights"))
    network = quantize_integer(whole, weights, raw(whole, 24))
    file = write_tflite_int8(network)
    found = read_tflite_int8(file, whole, network.input)
    assert write_tflite_int8(found) == file
    q = network.input.quantized(raw(whole, 8), network.scales[0])
    np.testing.assert_array_equal(run(found, q), run(network, q))
    assert isinstance(with_softmax(found), IntegerNetwork)
    with pytest.raises(ExportError, match=r"has no 'stem\..*weight'|belongs to another"):
        read_tflite_int8(write_tflite_int8(quantize_integer(*other())), whole, Input(False))


def other() -> tuple:
    from export_networks import graph_of

    from brickwork.space import Conv, GlobalPool, Linear, Seq

    whole = graph_of(Seq(Conv(3), GlobalPool(), Linear()), (2, 14, 12))
    return whole, random_weights(whole, rng_for(0, "weights")), raw(whole, 8)


def test_a_file_that_gives_something_else_is_not_kept(
    model: Path, tmp_path: Path, digits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = softmax.integer_logits
    monkeypatch.setattr(softmax, "integer_logits", lambda *given: 0.98 * wrong(*given))
    out = tmp_path / "out"
    with pytest.raises(ExportError, match=r"it is .* off the softmax of its logits"):
        copy_or_write(model, out, ("tflite-int8",), lambda: digits.graph, softmax=True)
    monkeypatch.setattr(
        softmax, "run_file", lambda _file, x: np.full((len(x), 10), 0.1, np.float32)
    )
    with pytest.raises(ExportError, match=r"no onnx: model\.onnx differs"):
        copy_or_write(model, out, ("onnx",), lambda: digits.graph, softmax=True)
    assert not out.exists()


def test_what_a_model_lacks_is_named(model: Path, tmp_path: Path, digits: Any) -> None:
    few = copy_or_write(model, tmp_path / "few", ("source", "onnx"), lambda: digits.graph)
    for name in ("c", "tflite-int8"):
        with pytest.raises(ExportError, match=f"no {name} with a softmax: the model has no {INT8}"):
            copy_or_write(few, tmp_path / "out", (name,), lambda: digits.graph, softmax=True)
    bare = copy_or_write(model, tmp_path / "bare", ("onnx",), lambda: digits.graph)
    with pytest.raises(ExportError, match=r"has no weights\.safetensors"):
        copy_or_write(bare, tmp_path / "out", (), lambda: digits.graph, softmax=True)
    assert not (tmp_path / "out").exists()


def test_formats_on_request(model: Path, tmp_path: Path, digits: Any) -> None:
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("needs openvino")
    out = copy_or_write(model, tmp_path / "out", ("openvino",), lambda: digits.graph, softmax=True)
    assert recheck(out) == []
    assert {"model.xml", "model.bin"} <= set(read_manifest(out)["files"])


def test_what_outputs_are_called(digits: Any) -> None:
    assert answers(digits.graph) == "logits"
    ended = digits.graph.ended(Softmax())
    assert answers(ended) == "probabilities"
    assert ended.output == digits.graph.output
    x = np.asarray(digits.split("test")[0][:5])
    np.testing.assert_allclose(run_torch(ended, digits.weights, x).sum(axis=1), 1.0, atol=1e-6)
