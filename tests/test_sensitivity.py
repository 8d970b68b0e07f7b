"""A threshold for a wanted sensitivity: chosen on what no weights have learned from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import brickwork as bw
from brickwork.config import Run
from brickwork.errors import BrickworkError, DataError
from brickwork.summary import command, summary
from brickwork.tasks.judging import point, threshold_for
from brickwork.verdict import verdict

RNG = np.random.default_rng(5)


def _logits(n: int) -> tuple[Any, Any]:
    labels = (RNG.random(n) < 0.4).astype(np.int64)
    labels[:2] = 0, 1
    score = RNG.normal(size=n) + 1.5 * labels
    return np.stack([np.zeros(n), score], 1), labels


@pytest.mark.parametrize("wanted", [0.8, 0.9, 0.95])
def test_on_new_samples_so_many_are_found_on_average(wanted: float) -> None:
    found = []
    for _ in range(300):
        threshold = threshold_for(wanted, *_logits(120))
        found.append(point(wanted, threshold, *_logits(400))["sensitivity"])
    assert wanted - 0.01 < np.mean(found) < wanted + 0.02


def test_of_too_few_samples_the_lowest_is_taken() -> None:
    logits, labels = _logits(12)
    threshold = threshold_for(0.99, logits, labels)
    assert point(0.99, threshold, logits, labels)["sensitivity"] == 1.0


@pytest.mark.parametrize("wanted", [0.8, 0.9, 0.95])
def test_neither_print_nor_the_last_bit_decides(wanted: float) -> None:
    """An int8 file has few answers, and a threshold that is one of them would be on the edge."""
    logits, labels = _logits(300)
    steps = np.round(logits / 0.056556039)
    threshold = threshold_for(wanted, steps * 0.056556039, labels)
    assert threshold == float(f"{threshold:.10g}")
    whole = point(wanted, threshold, steps * 0.056556039, labels)
    for other in (np.float32(0.056556039) * steps.astype(np.float32), steps * 0.0565560390001):
        assert point(wanted, threshold, other, labels) == whole
    nearest = np.abs(1 / (1 + np.exp(-steps[:, 1] * 0.056556039)) - threshold).min()
    assert nearest > 1e-3


def test_final_trainings_leave_the_validation_split_alone_only_for_it() -> None:
    assert Run(data="x").learned == ("train", "val")
    assert Run(data="x", sensitivity=0.9).learned == ("train",)
    with pytest.raises(BrickworkError, match="a part such as"):
        Run.of(data="x", sensitivity=95)


def test_it_is_for_two_classes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="for two classes, and digits has 10"):
        bw.search("digits", sensitivity=0.9, study=tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_the_test_split_tells_what_the_threshold_is_worth(tmp_path: Path) -> None:
    y = (RNG.random(300) < 0.4).astype(int)
    x = RNG.normal(size=(300, 3)) + y[:, None]
    study = bw.search(
        (x, np.array(["well", "ill "])[y]),
        budget="20s",
        max_trials=2,
        sensitivity=0.9,
        study=tmp_path / "s",
        inline=True,
    )
    for model in study.front:
        told = json.loads((model.folder / "verification.json").read_text())
        (row,) = told["details"]["points"]
        assert row["wanted"] == 0.9
        assert 0 < row["± sensitivity"] < 0.5
        assert summary(study)["points"][model.id] == row
        card = (model.folder / "card.md").read_text()
        assert "chosen on the validation split, on which no weights were trained" in card
        assert "weights were trained on training data." in card
        assert told["judged"] in card.split("## Class by class")[1].split("##")[0]
        recall = [one["found (recall)"] for one in told["details"]["classes"]]
        assert np.mean(recall) == pytest.approx(told["metrics"]["balanced_accuracy"]["value"])
    assert "to find 90 %, it has a test sensitivity of **" in " ".join(verdict(study))
    assert "--sensitivity 0.9" in command(study)
