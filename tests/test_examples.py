"""The examples run as they stand."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.alone
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


def test_estimator(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["estimator.py", "20s"])
    runpy.run_path(str(EXAMPLES / "estimator.py"), run_name="__main__")
    out = capsys.readouterr().out
    assert "on new wines: " in out
    assert "class_0 " in out


@pytest.mark.parametrize(
    ("name", "budget", "says"),
    [
        ("amounts", "20s", "series-regression: "),
        ("cells", "20s", "for pictures of (1, 32, 32)"),
        ("scans", "20s", "for volumes of (1, 16, 16, 16)"),
        ("series", "20s", "from series of (3, 60)"),
        ("sounds", "20s", "log-mel values"),
        ("tables", "20s", "-> rich: yes"),
        ("texts", "15s", "-> time"),
        ("volumes", "20s", "for volumes of (1, 8, 8, 8)"),
    ],
)
def test_kinds_of_data(
    name: str,
    budget: str,
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", [f"{name}.py", str(tmp_path / "study"), budget])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert says in capsys.readouterr().out
