"""A format that a model was not exported in: written from its folder, run, and put into a copy."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from export_networks import every_op, graph_of, member, raw

import brickwork.export.later as later
from brickwork.errors import ExportError, UnknownName
from brickwork.export.artifacts import check_manifest, export_model, read_manifest
from brickwork.export.formats import FORMATS
from brickwork.export.later import copy_or_write
from brickwork.export.onnx import random_weights
from brickwork.export.verify import recheck
from brickwork.space import Graph
from brickwork.trial import rng_for

WHOLE = member((1, 12, 12), 0)
INFO = {"id": "ab12", "classes": ["a", "b", "c", "d", "e"]}
SLOW = pytest.param("executorch", marks=pytest.mark.slow)
NEEDS = {"executorch": "executorch", "openvino": "openvino", "tflite": "tflite_micro"}


def exported(folder: Path, whole: Graph, *formats: str) -> Path:
    weights = random_weights(whole, rng_for(0, "weights"))
    x = raw(whole, 8)
    export_model(folder, whole, weights, formats=formats, golden_inputs=x, info=INFO)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder, to be read only."""
    return exported(tmp_path_factory.mktemp("models") / "ab12", WHOLE, "source", "onnx")


@pytest.mark.parametrize("name", ["tflite", "openvino", SLOW])
def test_it_is_written_run_and_described(model: Path, tmp_path: Path, name: str):
    if importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"needs {NEEDS[name]}")
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    out = copy_or_write(model, tmp_path / "copy", (name, "onnx"), lambda: WHOLE)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    files = {*FORMATS[name], "model.onnx", "verification.json"}
    every = {"golden.npz", "arch.json", "card.md"}
    assert set(read_manifest(out)["files"]) == files | every
    assert check_manifest(out) == []
    (check,) = json.loads((out / "verification.json").read_text())["checks"]
    assert check["file"] == FORMATS[name][0]
    assert check["samples"] == 8
    assert check["relative"] < 1e-3
    assert check["agreement"] == 1.0
    assert check["latency"]["how"] == "measured"
    assert check["metrics"] == {}
    card = (out / "card.md").read_text()
    assert f"| `{FORMATS[name][0]}` | 8 |" in card
    assert card.count("## Use it from") == 2
    assert recheck(out) == []


def test_what_is_there_is_only_copied(model: Path, tmp_path: Path):
    def never() -> Graph:
        raise AssertionError

    out = copy_or_write(model, tmp_path / "copy", ("onnx",), never)
    assert "model.onnx" in read_manifest(out)["files"]
    out = copy_or_write(model, tmp_path / "whole", (), never)
    assert read_manifest(out)["files"] == read_manifest(model)["files"]


def test_a_changed_file_is_noticed_by_recheck(model: Path, tmp_path: Path):
    pytest.importorskip("openvino")
    out = copy_or_write(model, tmp_path / "copy", ("openvino",), lambda: WHOLE)
    other = exported(tmp_path / "other", member((1, 12, 12), 1), "source")
    wrong = copy_or_write(other, tmp_path / "wrong", ("openvino",), lambda: member((1, 12, 12), 1))
    manifest = json.loads((out / "manifest.json").read_text())
    for name in FORMATS["openvino"]:
        (out / name).write_bytes((wrong / name).read_bytes())
        manifest["files"][name] = read_manifest(wrong)["files"][name]
    (out / "manifest.json").write_text(json.dumps(manifest))
    (problem,) = recheck(out)
    assert problem.startswith("model.xml does not reproduce golden.npz")


def test_refusals_are_one_line_and_nothing_is_written(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out = tmp_path / "out"
    with pytest.raises(UnknownName, match="unknown format 'coreml'"):
        copy_or_write(model, out, ("coreml",), lambda: WHOLE)
    with pytest.raises(ExportError, match="was not exported as 'onnx-int8'"):
        copy_or_write(model, out, ("onnx-int8",), lambda: WHOLE)
    with pytest.raises(ExportError, match="cannot read"):
        copy_or_write(tmp_path / "none", out, ("openvino",), lambda: WHOLE)
    bare = exported(tmp_path / "bare", WHOLE, "onnx")
    with pytest.raises(ExportError, match=r"has no weights\.safetensors"):
        copy_or_write(bare, out, ("source",), lambda: WHOLE)
    (bare / "model.onnx").write_bytes(b"")
    with pytest.raises(ExportError, match=r"model\.onnx was changed"):
        copy_or_write(bare, out, ("source",), lambda: WHOLE)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    for name in ("executorch", "openvino"):
        with pytest.raises(ExportError) as caught:
            copy_or_write(model, out, (name,), lambda: WHOLE)
        assert str(caught.value).startswith(f"no {name}: writing ")
        assert str(caught.value).endswith(f"pip install 'brickwork[{name}]'")
    assert not out.exists()


def test_an_op_that_the_format_lacks_is_named(tmp_path: Path):
    pytest.importorskip("executorch")
    volume = graph_of(every_op(3)["shapes"], (3, 8, 7, 9))
    folder = exported(tmp_path / "model", volume, "source")
    with pytest.raises(ExportError, match="no executorch: conv: ExecuTorch has no conv over three"):
        copy_or_write(folder, tmp_path / "out", ("executorch",), lambda: volume)
    assert not (tmp_path / "out").exists()


def test_a_file_that_does_something_else_is_not_kept(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(later, "run_file", lambda _file, x: np.ones((len(x), 5), np.float32))
    bare = exported(tmp_path / "bare", WHOLE, "source")
    with pytest.raises(ExportError, match=r"no onnx: model\.onnx differs from the trained network"):
        copy_or_write(bare, tmp_path / "out", ("onnx",), lambda: WHOLE)
    assert not (tmp_path / "out").exists()
