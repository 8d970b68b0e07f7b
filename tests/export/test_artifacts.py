"""The folder of a model: complete or not there, with checksums that notice changes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_networks import graph_of, member, raw, relatives
from safetensors.numpy import load_file

from brickwork.errors import ExportError, NotInIntegers, UnknownName
from brickwork.export.artifacts import (
    Artifacts,
    add_verification,
    check_manifest,
    copy_model,
    export_model,
    read_manifest,
)
from brickwork.export.formats import FORMATS, INTEGER, asked_by, impossible
from brickwork.export.integer.network import IntegerNetwork
from brickwork.export.integer.quantizing import Judge
from brickwork.export.onnx import random_weights, write_onnx, write_onnx_int8
from brickwork.export.quantize import quantize
from brickwork.export.runtimes import run_onnx, run_torch
from brickwork.export.tflite import write_tflite_int8
from brickwork.space import (
    Activation,
    Concat,
    Conv,
    GlobalPool,
    Graph,
    Linear,
    Parallel,
    Seq,
)
from brickwork.trial import rng_for

WHOLE = member((1, 12, 12), 0)
WEIGHTS = random_weights(WHOLE, rng_for(0, "weights"))
SLOW = pytest.param("executorch", marks=pytest.mark.slow)
REFUSED = impossible(WHOLE, list(FORMATS))
"""Without the extra ``mcu`` there are no files of TensorFlow Lite, and so on."""
ALL = {
    *(file for name in asked_by() if name not in REFUSED for file in FORMATS[name]),
    "golden.npz",
    "arch.json",
    "card.md",
}
INFO = {
    "id": "ab12",
    "task": "digits",
    "classes": ["a", "b", "c", "d", "e"],
    "arch": {"space": "x"},
}


def write(folder: Path, **changes: Any) -> Artifacts:
    settings = {
        "calibration": raw(WHOLE, 20, 1).astype(np.uint8),
        "golden_inputs": raw(WHOLE, 4).astype(np.uint8),
        "info": INFO,
    }
    return export_model(folder, WHOLE, WEIGHTS, **(settings | changes))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder, to be read only."""
    return write(tmp_path_factory.mktemp("written") / "model").folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A model's folder that may be damaged."""
    return copy_model(written, tmp_path / "models" / "ab12")


def test_all_files_are_there_and_in_the_manifest(written: Path):
    assert {path.name for path in written.iterdir()} == ALL | {"manifest.json"}
    manifest = read_manifest(written)
    assert set(manifest["files"]) == ALL
    assert manifest["graph"] == WHOLE.hash
    assert manifest["info"]["id"] == "ab12"
    assert check_manifest(written) == []
    assert [path.name for path in written.parent.iterdir()] == ["model"]


def test_weights_and_golden_vectors_are_those_of_the_network(written: Path):
    weights = load_file(written / "weights.safetensors")
    assert weights.keys() == WEIGHTS.keys()
    for key, value in weights.items():
        assert value.shape == WEIGHTS[key].shape
        assert np.array_equal(value, WEIGHTS[key])
    with np.load(written / "golden.npz", allow_pickle=False) as golden:
        x = golden["inputs"]
        assert x.dtype == np.uint8
        assert np.array_equal(golden["logits"], run_torch(WHOLE, WEIGHTS, x))
        int8 = run_onnx((written / "model.int8.onnx").read_bytes(), x)
        assert np.array_equal(golden["logits_int8"], int8)


def test_the_architecture_is_described(written: Path):
    described = json.loads((written / "arch.json").read_text())
    assert described["arch"] == INFO["arch"]
    assert described["input"] == [1, 12, 12]
    assert [op["name"] for op in described["ops"]] == [node.name for node in WHOLE.nodes]


@pytest.mark.parametrize("name", [SLOW if name == "executorch" else name for name in FORMATS])
def test_only_the_formats_that_were_asked_for(tmp_path: Path, name: str):
    if name in REFUSED:
        pytest.skip(REFUSED[name])
    made = write(tmp_path / "model", formats=(name,))
    optional = {file for files in FORMATS.values() for file in files}
    assert set(made.files) & optional == set(FORMATS[name])
    assert check_manifest(made.folder) == []
    golden = np.load(made.folder / "golden.npz")
    assert ("logits_int8" in golden) == (name == "onnx-int8")
    assert ("q_outputs" in golden) == (name in INTEGER)
    assert (made.integer is not None) == (name in (*INTEGER, "onnx-int8"))


def test_all_int8_files_are_written_from_one_quantised_network(tmp_path: Path):
    if "tflite-int8" in REFUSED:
        pytest.skip(REFUSED["tflite-int8"])
    asked: list[IntegerNetwork] = []

    def score(network: IntegerNetwork) -> float:  # the last ranges that are tried are the best
        asked.append(network)
        return float(len(asked))

    names = ("onnx-int8", "tflite-int8")
    made = write(tmp_path / "model", formats=names, judge=Judge(score))
    assert made.integer is asked[-1]
    assert len(asked) == 3
    files = {name: (made.folder / FORMATS[name][0]).read_bytes() for name in names}
    assert files["onnx-int8"] == write_onnx_int8(made.integer, WHOLE)
    assert files["tflite-int8"] == write_tflite_int8(made.integer, "Model ab12")
    card = (made.folder / "card.md").read_text()
    assert "(QDQ), written from the quantised network of all int8 files" in card


SIGMOID = Seq(
    Conv(4, 1, bias=True),
    Parallel((Activation("sigmoid"), Activation("tanh")), Concat()),
    GlobalPool(),
    Linear(),
)


@pytest.mark.parametrize("whole", [relatives("vit")[0], graph_of(SIGMOID)], ids=["op", "scale"])
def test_what_has_no_integers_is_quantised_by_onnx_runtime(whole: Graph, tmp_path: Path):
    weights = random_weights(whole, rng_for(0, "weights"))
    seen = raw(whole, 20, 1)
    given = {"calibration": seen, "golden_inputs": seen[:4], "info": INFO}
    made = export_model(tmp_path / "m", whole, weights, formats=("onnx", "onnx-int8"), **given)
    assert made.integer is None
    file = (made.folder / "model.int8.onnx").read_bytes()
    assert file == quantize(write_onnx(whole, weights), seen)
    card = (made.folder / "card.md").read_text()
    assert "(QDQ), by ONNX Runtime's quantiser, as TensorFlow Lite has no such integers" in card
    with pytest.raises(NotInIntegers):
        export_model(tmp_path / "m", whole, weights, formats=("onnx-int8", "c"), **given)


def test_the_same_model_gives_the_same_files(written: Path, tmp_path: Path):
    again = write(tmp_path / "model").folder
    for name in ALL | {"manifest.json"}:
        assert (again / name).read_bytes() == (written / name).read_bytes(), name


def test_unknown_formats_and_missing_samples(tmp_path: Path):
    with pytest.raises(UnknownName, match=r"unknown format 'onyx': did you mean 'onnx'\?"):
        write(tmp_path / "model", formats=("onyx",))
    with pytest.raises(ExportError, match="int8 needs calibration samples"):
        write(tmp_path / "model", calibration=None)
    with pytest.raises(ExportError, match="another network"):
        export_model(
            tmp_path / "m", WHOLE, {}, golden_inputs=raw(WHOLE), info={}, formats=("onnx",)
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_changed_file_is_noticed(folder: Path, name: str):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    (problem,) = check_manifest(folder)
    assert problem.startswith(f"{name} was changed")
    with pytest.raises(ExportError, match="was changed"):
        copy_model(folder, folder.parent / "copy")


def test_a_missing_file_is_noticed_and_an_added_one_does_not_matter(folder: Path):
    (folder / "notes.txt").write_text("mine")
    assert check_manifest(folder) == []
    (folder / "model.onnx").unlink()
    assert check_manifest(folder) == ["model.onnx is missing"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "is not a manifest"),
        (b"[]", "is not a manifest"),
        (b"\xff\xfe", "cannot read"),
        (b'{"version": 1, "files": {"a": {"sha256": "", "size": 1}}}', "is not a manifest"),
        (b'{"version": 99, "files": {}}', "version 99"),
        (
            b'{"version": 1, "files": {"../secret": {"sha256": "", "bytes": 1}}}',
            "outside of its folder: '../secret'",
        ),
    ],
)
def test_a_broken_manifest_is_one_line(folder: Path, content: bytes, problem: str):
    (folder / "manifest.json").write_bytes(content)
    (found,) = check_manifest(folder)
    assert problem in found
    assert "\n" not in found


def test_no_manifest(tmp_path: Path):
    (found,) = check_manifest(tmp_path / "nothing")
    assert "cannot read" in found
    assert "No such file" in found


def test_a_model_is_replaced_as_a_whole(folder: Path):
    (folder / "model.onnx").write_bytes(b"old")
    write(folder, formats=("onnx",))
    assert {path.name for path in folder.iterdir()} == {
        "model.onnx",
        "golden.npz",
        "arch.json",
        "card.md",
        "manifest.json",
    }
    assert check_manifest(folder) == []
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_other_folders_are_left_alone(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="holds other files than a model"):
        write(tmp_path, formats=("onnx",))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_empty_folder_may_be_used(tmp_path: Path):
    assert check_manifest(write(tmp_path, formats=("onnx",)).folder) == []


@pytest.mark.parametrize("full_at", ["model.onnx", "manifest.json"])
def test_a_full_disk_leaves_what_was_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, full_at: str
):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    real = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.name == full_at:
            raise OSError(28, "No space left on device")
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ExportError, match=r"cannot write .*: No space left on device: free some"):
        write(folder, formats=("source", "onnx"))
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_that_cannot_be_replaced_stays(folder: Path, monkeypatch: pytest.MonkeyPatch):
    real = os.rename

    def stubborn(source: Path, target: Path) -> None:
        if Path(target) == folder and not str(source).endswith(".old"):
            raise OSError(13, "Permission denied")
        real(source, target)

    monkeypatch.setattr(os, "rename", stubborn)
    with pytest.raises(ExportError, match="Permission denied"):
        write(folder, formats=("onnx",))
    assert check_manifest(folder) == []
    assert "model.py" in read_manifest(folder)["files"]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_places_that_cannot_be_written_are_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("a file")
    for place in (tmp_path / "file" / "model", tmp_path / "file", Path("/proc/brickwork/model")):
        with pytest.raises(ExportError, match=r"cannot (use|write) ") as caught:
            write(place, formats=("onnx",))
        assert "\n" not in str(caught.value)


def test_a_copy_of_some_formats(written: Path, tmp_path: Path):
    out = copy_model(written, tmp_path / "deep" / "er", ("source",))
    assert {path.name for path in out.iterdir()} == {
        "model.py",
        "weights.safetensors",
        "golden.npz",
        "arch.json",
        "card.md",
        "manifest.json",
    }
    assert check_manifest(out) == []
    assert "model.onnx" not in (out / "card.md").read_text()
    with pytest.raises(ExportError, match=r"not exported as 'onnx': it has no model\.onnx"):
        copy_model(out, tmp_path / "x", ("onnx",))
    with pytest.raises(UnknownName, match="unknown format 'coreml'"):
        copy_model(written, tmp_path / "x", ("coreml",))
    with pytest.raises(ExportError, match="cannot be copied"):
        copy_model(tmp_path / "none", tmp_path / "x")


def test_a_verification_goes_into_card_and_manifest(folder: Path):
    add_verification(folder, {"passed": False, "reason": "because", "metrics": {}, "checks": []})
    assert check_manifest(folder) == []
    assert json.loads((folder / "verification.json").read_text())["reason"] == "because"
    copied = copy_model(folder, folder.parent / "copy")
    assert (copied / "verification.json").is_file()


def test_nothing_but_weights_that_fit(tmp_path: Path):
    other = graph_of(Seq(Conv(4), GlobalPool(), Linear()), (1, 12, 12))
    with pytest.raises(ExportError, match="another network"):
        export_model(tmp_path / "m", other, WEIGHTS, golden_inputs=raw(other), info={})
