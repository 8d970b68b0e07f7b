"""Targets as TOML text, and a fit as the latency table of one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from brickwork.devices.fitting import COVERED, Fit, Held, Level, Row, interval_scale
from brickwork.devices.target import COEFFICIENTS, Target
from brickwork.devices.work import MACS

__all__ = ["determined", "latency_table", "target_table", "toml_text"]

_PART = 0.01  # of the time of some network: then its measurements determine a coefficient


def determined(made: Fit, rows: Sequence[Row]) -> list[str]:
    """The coefficients that rows tell something of: some network spends a hundredth on them."""
    parts = np.zeros(len(COEFFICIENTS))
    for row in rows:
        times = made.coefficients(row.levels) * np.asarray(row.work)
        parts = np.maximum(parts, times / times.sum())
    return [name for name, part in zip(COEFFICIENTS, parts, strict=True) if part >= _PART]


def latency_table(
    made: Fit,
    levels: Sequence[Level],
    rows: Sequence[Row],
    held: Sequence[Held],
    *,
    unit: str,
    source: str,
    fit_by: str,
    near: Sequence[Row] = (),
    judges: Sequence[Row] = (),
) -> dict[str, Any]:
    """The table ``[latency]`` of a target, from a fit.

    Args:
        made: The fit.
        levels: What the target has in common with the rows.
        rows: All rows of the engine.
        held: Predictions of networks that were left out: they scale the intervals, which hold at
            least 80 % of the rows themselves, too.
        unit: ``"cycles"`` or ``"ns"``.
        source: What was measured, by whom, and how well it is predicted.
        fit_by: What made the coefficients.
        near: The rows of the same core, if not all are: what they tell nothing of is borrowed.
        judges: The rows that intervals are to hold 80 % of, if not all.
    """
    scale = interval_scale(held)
    seen = np.sort([abs(math.log(made.predicted(row)[0] / row.time)) for row in judges or rows])
    within = seen[min(len(seen) - 1, math.ceil(COVERED * (len(seen) + 1)) - 1)]
    coefficients = made.coefficients(levels)
    covariance = scale**2 * made.uncertainty(levels)
    macs = [sum(row.work[MACS]) for row in rows]
    return {
        "unit": unit,
        "error": _rounded(max(scale * made.noise, float(within)), 3),
        "macs": [_rounded(min(macs), 3, math.floor), _rounded(max(macs), 3, math.ceil)],
        "fitted": determined(made, near or rows),
        "source": source,
        "coefficients": {
            **{n: _rounded(c, 4) for n, c in zip(COEFFICIENTS, coefficients, strict=True)},
            "source": f"{fit_by}: {unit} for each unit of work",
        },
        "covariance": {
            **{
                name: [_rounded(value, 4) for value in covariance[i, : i + 1]]
                for i, name in enumerate(COEFFICIENTS)
            },
            "source": f"{fit_by}: of relative errors, in squared half widths of 80 % intervals",
        },
    }


def target_table(target: Target) -> dict[str, Any]:
    """All of a target but its latency, as its TOML has it."""
    found: dict[str, Any] = {
        "name": target.name,
        "title": target.title,
        "family": target.family,
        "precision": target.precision,
        "engine": target.engine,
    }
    for key in ("sram_bytes", "flash_bytes", "clock_mhz"):
        value = getattr(target, key)
        if value is not None:
            found[key] = {"value": value, "source": target.source(key)}
    if target.power_w is not None:
        power: dict[str, Any] = {"value": 1000 * target.power_w}
        if target.power_spread_w is not None:
            power["spread"] = 1000 * target.power_spread_w
        found["active_power_mw"] = power | {"source": target.source("active_power_mw")}
    return found


def toml_text(data: Mapping[str, Any], path: str = "") -> str:
    """Texts, numbers, truths, lists of them and tables as TOML; tables come last."""
    lines = [f"[{path}]"] if path else []
    lines += [f"{k} = {_value(v)}" for k, v in data.items() if not isinstance(v, Mapping)]
    text = "\n".join(lines) + "\n" if lines else ""
    for key, value in data.items():
        if isinstance(value, Mapping):
            inner = toml_text(value, f"{path}.{key}" if path else key)
            text += ("\n" if text else "") + inner
    return text


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.15g}" if value != int(value) or abs(value) >= 1e15 else str(int(value))
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + " ".join(text.split()) + '"'


def _rounded(value: float, digits: int, to: Any = round) -> float:
    """So many significant digits."""
    if not value:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1)
    return float(f"{to(value / unit) * unit:.{digits}g}")
