"""The front in a terminal: as much of it as there is room for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from brickwork.live import print_front
from brickwork.quantity import How, Quantity
from brickwork.space import Arch
from brickwork.study import Model


def _study(quality: str) -> Any:
    def part(value: float, spread: float) -> Quantity:
        return Quantity(value, "fraction", How.MEASURED, spread)

    metrics = {
        "accuracy": part(0.95, 0.0123),
        "balanced_accuracy": part(0.9, 0.0234),
        "parameters": Quantity(528, "1", How.COUNTED),
        "flash_bytes": Quantity(2000, "B", How.COUNTED),
        "peak_sram_bytes": Quantity(128, "B", How.COUNTED),
        "latency_ms": Quantity(0.00667, "ms", How.MEASURED),
    }
    arch = Arch("mlp", {})
    model = Model(Path(), "aa3fa96f1234", arch, metrics, {}, {}, (), 0, {})
    return SimpleNamespace(front=[model], models=[model], quality=quality, objectives=())


@pytest.mark.parametrize(
    ("quality", "columns", "shown", "hidden"),
    [
        (
            "balanced_accuracy",
            100,
            ["95.00 % m", "90.00 % ± 2.34 m", "± half an 80 % interval"],
            [],
        ),
        ("balanced_accuracy", 80, ["90.00 % ± 2.34 m", "0.00667 ms m"], ["95.00 %", "…"]),
        ("accuracy", 76, ["95.00 % ± 1.23 m"], ["90.00 %", "…"]),
        ("accuracy", 68, ["95.00 % m", "0.00667 ms m"], ["±", "…"]),
    ],
)
def test_what_has_no_room_is_left_out(
    capsys: Any, monkeypatch: Any, quality: str, columns: int, shown: list[str], hidden: list[str]
) -> None:
    monkeypatch.setattr("brickwork.verdict.verdict", lambda _: [])
    monkeypatch.setenv("COLUMNS", str(columns))
    print_front(_study(quality), brief=True)
    out = capsys.readouterr().out
    assert all(text in out for text in shown)
    assert not any(text in out for text in hidden)
    assert max(map(len, out.splitlines())) <= columns
