"""Networks that say a class for each position, in every format: the whole way to a checked file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brickwork.devices.lacking import unsupported
from brickwork.export.artifacts import export_model
from brickwork.export.formats import FORMATS, asked_by, impossible
from brickwork.export.onnx import random_weights
from brickwork.export.runners import run_file
from brickwork.export.runtimes import batches, run_torch
from brickwork.export.softmax import export_with_softmax
from brickwork.export.verify import verify
from brickwork.names import make_space
from brickwork.space import Graph, Normalize, Shape, graph
from brickwork.tasks.judging import MaskJudge

JUDGE = MaskJudge(("0", "1", "2"))


def member(input: Shape, largest: bool = False) -> Graph:
    space = make_space("unet", input)
    return graph(space, space.extremes()[largest], input, 3, Normalize((100.0,), (60.0,)))


def samples(input: Shape, count: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (count, *input)).astype(np.uint8)


def exported(folder: Path, whole: Graph, formats: list[str]) -> tuple[dict, np.ndarray]:
    """The checks of a model's files by name, and what the network says."""
    x = samples(whole.input)
    weights = random_weights(whole, np.random.default_rng(1))
    answers = run_torch(whole, weights, x)
    y = answers.argmax(1).astype(np.uint8)  # with itself a network agrees
    info = {"id": "m", "judge": JUDGE.to_json(), "classes": JUDGE.names}
    made = export_model(
        folder, whole, weights, formats=formats, calibration=x, golden_inputs=x[:2], info=info
    )

    def metrics(found: np.ndarray, labels: np.ndarray) -> dict:
        return JUDGE.metrics(found, labels, "x")

    found = verify(folder, whole, weights, x, y, metrics, prefer=("onnx",), integer=made.integer)
    return {check.file: check for check in found.checks}, answers


def here(whole: Graph) -> list[str]:
    refused = impossible(whole, asked_by())
    return [name for name in asked_by() if name not in refused]


def test_masks_of_images_in_every_format(tmp_path):
    whole = member((1, 16, 8))
    formats = here(whole)
    assert {"source", "onnx", "onnx-int8"} <= set(formats)
    checks, answers = exported(tmp_path / "m", whole, formats)
    for name in formats:
        check = checks[FORMATS[name][0]]
        assert not check.reason, check
        assert check.agreement > 0.9
    assert answers.shape == (12, 3, 16, 8)
    card = (tmp_path / "m" / "card.md").read_text()
    assert "its class is the largest along the second axis" in card


def test_masks_of_volumes_leave_out_what_has_no_axes_for_them(tmp_path):
    whole = member((1, 8, 8, 8))
    refused = impossible(whole, [*FORMATS])
    assert {"tflite", "tflite-int8", "c"} <= refused.keys()
    assert all("3 spatial axes" in refused[name] for name in ("tflite", "tflite-int8", "c"))
    checks, _ = exported(tmp_path / "m", whole, here(whole))
    assert not any(check.reason for check in checks.values())


def test_a_float_file_gives_channels_first(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="the extra 'mcu' is not installed")
    whole = member((1, 16, 8))
    _, answers = exported(tmp_path / "m", whole, ["tflite"])
    found = run_file(tmp_path / "m" / "model.tflite", samples(whole.input))
    assert found.shape == answers.shape
    assert np.abs(found - answers).max() < 1e-3 * np.abs(answers).max()


def test_integers_say_the_classes_of_the_network(tmp_path):
    pytest.importorskip("tflite_micro", reason="the extra 'mcu' is not installed")
    whole = member((1, 16, 8), largest=True)
    checks, _ = exported(tmp_path / "m", whole, ["tflite-int8"])
    check = checks["model.int8.tflite"]
    assert check.reason == ""
    assert check.agreement > 0.9  # of positions, not of flattened answers
    assert check.metrics["dice"].value > 0.8


def test_probabilities_of_positions_sum_to_one(tmp_path):
    pytest.importorskip("tflite_micro", reason="the extra 'mcu' is not installed")
    whole = member((1, 16, 8))
    exported(tmp_path / "m", whole, ["source", "onnx", "onnx-int8", "tflite-int8"])
    out = export_with_softmax(tmp_path / "m", tmp_path / "p", (), lambda: whole)
    found = run_file(out / "model.onnx", samples(whole.input))
    assert found.shape == (12, 3, 16, 8)
    assert found.sum(1) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", ["unet", "mobile", "residual"])
def test_a_microcontroller_cannot_run_volumes_and_says_why(name):
    input = (1, 16, 16, 16)
    space = make_space(name, input)
    lacking = unsupported(graph(space, space.arch(), input, 3))
    assert lacking is not None
    assert "no integer ops on 3 spatial axes" in lacking.source


def test_few_large_samples_go_in_together():
    assert [len(part) for part in batches(np.zeros((300, 1, 8, 8)))] == [256, 44]
    assert [len(part) for part in batches(np.zeros((5, 1, 100, 100, 100), np.uint8))] == [2, 2, 1]
