"""The examples run as they stand."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_known_costs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "known_costs.py"), run_name="__main__")
    out = capsys.readouterr().out
    assert "parameters 78,186 (counted)" in out
    assert "(predicted)" in out


def test_digits(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["digits.py", str(tmp_path / "study"), "30s"])
    runpy.run_path(str(EXAMPLES / "digits.py"), run_name="__main__")
    assert "10 logits" in capsys.readouterr().out


def test_sounds(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["sounds.py", str(tmp_path), "20s"])
    runpy.run_path(str(EXAMPLES / "sounds.py"), run_name="__main__")
    assert "log-mel values" in capsys.readouterr().out


def test_series(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["series.py", str(tmp_path / "study"), "20s"])
    runpy.run_path(str(EXAMPLES / "series.py"), run_name="__main__")
    assert "from series of (3, 60)" in capsys.readouterr().out
