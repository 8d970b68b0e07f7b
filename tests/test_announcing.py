"""What is said of the data before a search begins."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import numpy as np
import pytest

import brickwork as bw
from brickwork.announcing import announced
from brickwork.campaign import Campaign, Watch
from brickwork.config import Run
from brickwork.live import Live
from brickwork.study import Study
from brickwork.summary import summary
from brickwork.tasks.task import is_warning, warnings_first

RUN = Run(data="x.csv", task="table-classification", objectives=("accuracy", "latency_ms"))
LEAK = "leak: column 'code' tells the label by itself"
FACTS: dict[str, Any] = {
    "name": "x",
    "title": "x",
    "classes": ["no", "yes"],
    "splits": {"train": {"size": 1200}, "val": {"size": 40}, "test": {"size": 41}},
    "limits": ["latency_ms<=20"],
    "notes": [LEAK, "table-classification, because x.csv has 6 columns", "3 numbers"],
}


def test_warnings_come_first_then_what_was_recognised_and_why() -> None:
    lines = announced(RUN, FACTS)
    assert [line.head for line in lines] == [
        "!", "data", "task", "classes", "samples", "improved", "notes", "change",
    ]  # fmt: skip
    assert [line.text for line in lines if line.warning] == [LEAK]
    said = {line.head: line.text for line in lines}
    assert said["task"] == "table-classification, because x.csv has 6 columns"
    assert said["samples"] == "train 1,200, val 40, test 41"
    assert said["improved"] == "accuracy, latency; limits latency_ms<=20"
    assert said["notes"] == "3 numbers"
    assert all(f"--{name}" in said["change"] for name in ("task", "label", "group", "test"))


def test_what_was_asked_for_is_not_said_to_be_recognised() -> None:
    lines = announced(RUN, {**FACTS, "notes": []})
    assert next(line.text for line in lines if line.head == "task").endswith("as was asked for")


def test_a_study_that_goes_on_repeats_its_warnings_only() -> None:
    assert [line.head for line in announced(RUN, FACTS, whole=False)] == [
        "!", "data", "task", "samples",
    ]  # fmt: skip


def test_many_classes_are_not_listed() -> None:
    lines = announced(RUN, {**FACTS, "classes": [str(i) for i in range(100)]})
    assert next(line.text for line in lines if line.head == "classes").endswith("11 and 88 more")


def test_notes_keep_their_order_behind_warnings() -> None:
    assert warnings_first(["b", "hint: x", "a", "leak: y"]) == ["leak: y", "hint: x", "b", "a"]
    assert is_warning("leak: y")
    assert not is_warning("leaks are none")


def test_lines_are_as_wide_as_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    Live().recognised(announced(RUN, FACTS))
    err = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().err)
    assert max(map(len, err.splitlines())) <= 40
    assert "\n          label by itself" in err  # goes on below the text, not below its head
    Live(quiet=True).recognised(announced(RUN, FACTS))
    assert capsys.readouterr() == ("", "")


def _table() -> tuple[Any, Any]:
    """240 rows of which one column is the label under another name."""
    rng = np.random.default_rng(0)
    y = np.array(["no", "yes"])[(rng.random(240) < 0.3).astype(int)]
    return np.stack([rng.normal(size=240).astype(str), y], axis=1).astype(object), y


def test_a_search_says_it_before_it_begins_and_again_in_json(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[list[Any]] = []

    class Ear(Watch):
        def recognised(self, lines: Any) -> None:
            said.append(list(lines))

    def stop(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(Campaign, "_executor", stop)
    settings: Any = {"target": "cpu", "study": tmp_path / "s", "inline": True}
    for _ in range(2):
        with pytest.raises(InterruptedError):
            bw.search(_table(), watch=Ear(), **settings)
    first, again = said
    assert first[0].warning
    assert "tells the label by itself" in first[0].text
    assert len(again) < len(first)
    with caplog.at_level(logging.WARNING), pytest.raises(InterruptedError):
        bw.search(_table(), **settings)
    assert ["tells the label" in record.message for record in caplog.records] == [True]
    found = json.loads(json.dumps(summary(Study(tmp_path / "s"))))["data"]
    assert found["task"] == "table-classification"
    assert found["splits"] == {"train": 144, "val": 48, "test": 48}
    assert is_warning(found["notes"][0])
    assert any(note.startswith("table-classification, because") for note in found["notes"])
    assert any(note.startswith("classes are uneven") for note in found["notes"])
