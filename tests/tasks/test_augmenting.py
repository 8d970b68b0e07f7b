"""Which random changes training makes is said, and can be said otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import brickwork as bw
from brickwork.campaign import Campaign
from brickwork.config import Run, task_for
from brickwork.errors import DataError, StudyMismatch
from brickwork.study import Study
from brickwork.summary import command
from brickwork.tasks.samples import DataTask, load_saved

RNG = np.random.default_rng(0)
Y = np.arange(40) % 2
GREY = RNG.integers(0, 255, (40, 12, 12), dtype=np.uint8)
COLOURED = RNG.integers(0, 255, (40, 3, 48, 48), dtype=np.uint8)
ROWS = RNG.normal(size=(40, 3))


def _task(x: Any, augment: str = "") -> DataTask:
    reading = {"augment": augment} if augment else {}
    task = task_for(Run.of(data="arrays", reading=reading), (x, Y))
    assert isinstance(task, DataTask)
    return task


@pytest.mark.parametrize(
    ("x", "augment", "said"),
    [
        (GREY, "", "turned, scaled and shifted, not mirrored"),
        (GREY, "mirror", "turned, scaled and shifted, mirrored"),
        (COLOURED, "", "turned, scaled and shifted, mirrored, in other light"),
        (COLOURED, "no-mirror", "turned, scaled and shifted, not mirrored, in other light"),
        (COLOURED, "none", "left as they are, as was asked for"),
        (ROWS, "", "left as they are"),
    ],
)
def test_what_training_does_to_samples_is_said(x: Any, augment: str, said: str) -> None:
    task = _task(x, augment)
    assert task.notes[-1].startswith(f"in training samples are {said}")
    for form in task.forms:
        assert said in task.in_form(form).notes[-1]


def test_no_change_is_none_in_each_form_and_in_workers(tmp_path: Path) -> None:
    task = _task(COLOURED, "none")
    assert len(task.forms) > 1
    task.save(tmp_path / "t")
    for known in (task, load_saved(tmp_path / "t")):
        for form in known.forms:
            x = torch.as_tensor(np.array(known.in_form(form).data["train"][0][:4])).float()
            y = torch.zeros(4)
            random = torch.Generator().manual_seed(0)
            assert torch.equal(known.in_form(form).augment(x, y, 1.0, random)[0], x)
    usual = _task(COLOURED)
    x = torch.as_tensor(usual.data["train"][0][:4]).float()
    assert not torch.equal(usual.augment(x, y, 1.0, random)[0], x)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(DataError, match="--augment mirror: what arrays can have is none"):
        _task(ROWS, "mirror")
    with pytest.raises(DataError, match="mirror, no-mirror, none"):
        _task(GREY, "upside-down")


def test_it_is_kept_with_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(Campaign, "_executor", stop)
    settings: Any = {"target": "stm32f746", "study": tmp_path / "s", "inline": True}
    with pytest.raises(InterruptedError):
        bw.search("digits", augment="none", **settings)
    study = Study(tmp_path / "s")
    assert study.run.reading == {"augment": "none"}
    assert "--augment none" in command(study)
    assert "in training samples are left as they are, as was asked for" in study.task["notes"]
    with pytest.raises(StudyMismatch, match="reading was"):
        bw.search("digits", **settings)
