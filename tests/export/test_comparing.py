"""What a file's answers are compared by: the class for classes, the variance kept for numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from export_networks import member, raw

import brickwork.export.verify as verifying
from brickwork.errors import ExportError
from brickwork.export.artifacts import FileFacts, export_model, read_manifest
from brickwork.export.card import write_card
from brickwork.export.comparing import FileCheck, compared
from brickwork.export.keeping import variance_kept
from brickwork.export.later import copy_or_write
from brickwork.export.onnx import random_weights
from brickwork.export.runtimes import run_torch
from brickwork.export.verify import verify
from brickwork.tasks.judging import NumberJudge
from brickwork.trial import rng_for

FACTS = FileFacts("ab" * 32, 1)
FLOAT, INT8 = FileCheck("model.onnx", FACTS), FileCheck("model.int8.onnx", FACTS)


def numbers(outputs: int = 1) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(200, outputs)).astype(np.float32)


def test_variance_that_is_kept():
    b = numbers(2)
    assert variance_kept(b, b) == 1
    assert variance_kept(b, np.broadcast_to(b.mean(0), b.shape)) == pytest.approx(0, abs=1e-6)
    assert variance_kept(b, b * [1, 0.5]) == pytest.approx(0.75, abs=0.02)  # the worse output
    assert variance_kept(b, b + np.float32(b[:, 0].std())) < 0.1  # an offset is an error too
    assert variance_kept(np.ones((1, 1)), np.full((1, 1), 0.9)) == pytest.approx(0.99)
    assert variance_kept(np.zeros((3, 1)), np.zeros((3, 1))) == 1


@pytest.mark.parametrize("outputs", [1, 3])
def test_numbers_of_an_int8_file_may_be_rounded_but_not_others(outputs):
    b = numbers(outputs)
    near = compared(INT8, b, b + 0.1 * numbers(outputs)[::-1], numbers=True)
    assert not near.reason
    assert near.agreement is None
    assert 0.98 < near.kept < 0.995
    assert near.detail.endswith(" % of the variance of the answers to 200 samples")
    assert near.to_json()["kept"] == near.kept
    for wrong in (-50 * b, 0 * b, b[::-1], b + 1):
        found = compared(INT8, b, wrong, numbers=True)
        assert "of the variance of the trained network's answers" in found.reason
        assert "wanted is 90 %" in found.reason


def test_numbers_of_a_float_file_must_be_the_same():
    b = numbers()
    assert not compared(FLOAT, b, b * (1 + 1e-5), numbers=True).reason
    found = compared(FLOAT, b, b * 1.01, numbers=True)
    assert "by 1.0e-02 of its largest answer, allowed is 0.001" in found.reason


def test_classes_are_compared_as_classes():
    b = numbers(3)
    found = compared(INT8, b, 3 * b, numbers=False)
    assert (found.agreement, found.kept, found.reason) == (1.0, None, "")
    assert "same class for 100 % of 200 samples" in found.detail
    assert "the class of the trained network" in compared(INT8, b, -b, numbers=False).reason


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_model_of_numbers_says_so_everywhere(tmp_path: Path, monkeypatch, outputs: int):
    pytest.importorskip("tflite_micro", reason="the extra 'mcu' is not installed")
    pytest.importorskip("ai_edge_litert", reason="the extra 'mcu' is not installed")
    whole = member((1, 12, 12), 0, outputs)
    weights = random_weights(whole, rng_for(0, "weights"))
    x, folder = raw(whole, 64), tmp_path / "m"
    y = run_torch(whole, weights, x)
    names = ("price", "size")[:outputs]
    judge = NumberJudge.of(y, names, "x")
    formats = ("source", "onnx", "onnx-int8", "tflite-int8")
    info = {"id": "m", "judge": judge.to_json(), "classes": names}
    made = export_model(
        folder, whole, weights, formats=formats, calibration=x, golden_inputs=x[:4], info=info
    )

    def metrics(answers, labels):
        return judge.metrics(answers, labels, "x")

    def verified():
        rest = {"prefer": ("onnx",), "integer": made.integer, "measure": None}
        rest["details"] = lambda answers, _: judge.details(answers, y)
        return verify(folder, whole, weights, x, y, metrics, **rest)

    result = verified()
    assert result.passed, result.reason
    assert all(check.kept > 0.9 and check.agreement is None for check in result.checks)
    assert "which keep" in result.checks[-1].note
    card = (folder / "card.md").read_text()
    assert "| variance kept |" in card
    assert ("## Number by number" in card) == (outputs > 1)
    assert ("| number | R² | RMSE | MAE |" in card) == (outputs > 1)
    assert "Class by class" not in card
    assert f"- Numbers, in the order of the outputs: {', '.join(f'`{n}`' for n in names)}" in card
    assert "    numbers = net(x)" in card
    source = (folder / "model.py").read_text()
    assert f"Numbers, in order: {', '.join(names)}." in source
    assert "Output: numbers" in source
    said = card + json.dumps(result.to_json())
    assert not [word for word in ("logit", "same class", "Classes") if word in said]
    with pytest.raises(ExportError, match="answers with numbers, not with classes"):
        copy_or_write(folder, tmp_path / "p", (), lambda: whole, softmax=True)
    own = verifying.run_file
    monkeypatch.setattr(  # what the auditor did
        verifying,
        "run_file",
        lambda file, *rest: own(file, *rest) * (-50 if ".int8." in file.name else 1),
    )
    result = verified()
    assert [check.file for check in result.checks if check.reason] == ["model.int8.onnx"]
    assert not result.passed


def test_a_format_that_is_written_later_is_compared_as_numbers_too(tmp_path: Path):
    whole = member((1, 12, 12), 0, 1)
    weights, x = random_weights(whole, rng_for(0, "weights")), raw(whole, 8)
    judge = NumberJudge(("price",), (0.0,), (1.0,))
    info = {"id": "m", "judge": judge.to_json(), "classes": judge.names}
    folder = tmp_path / "m"
    export_model(folder, whole, weights, formats=("source",), golden_inputs=x, info=info)
    out = copy_or_write(folder, tmp_path / "copy", ("onnx",), lambda: whole)
    assert "verification.json" in read_manifest(out)["files"]
    (check,) = json.loads((out / "verification.json").read_text())["checks"]
    assert check["agreement"] is None
    assert check["kept"] == pytest.approx(1, abs=1e-5)


def test_names_of_classes_are_told_apart():
    card = write_card({"classes": ["10", "a,b", "a`b", "<b>"]})
    assert "- Classes, in the order of the outputs: `10`, `a,b`, `` a`b ``, `<b>`\n" in card
