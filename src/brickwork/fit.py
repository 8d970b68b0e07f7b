"""``brickwork fit``: a target's latency model from measurements, and how far it can be trusted."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.fitting import (
    COVERED,
    ENGINE,
    PRIOR,
    Fit,
    Held,
    Level,
    Quality,
    Row,
    fit,
    left_out,
    quality,
)
from brickwork.devices.target import COEFFICIENTS, Target, load_target
from brickwork.devices.writing import determined, latency_table, target_table, toml_text
from brickwork.errors import DataError
from brickwork.measurements import Measured, read_measurements

__all__ = ["fit_measurements"]

_LIKE_TARGET = Level("engine", 0.5, 2.0)  # near to another engine's: its kernels are alike
_FACTOR = Level("engine", 1e-3, 2.0)  # its coefficients as they are, but for a common factor
_HOPELESS = 0.5  # mean relative error
_JUDGES = 5  # networks: fewer do not tell where 80 % of them lie
_FEW = 100  # networks; more are left out in groups


def fit_measurements(
    csv: Path,
    target: str | None = None,
    out: Path | None = None,
    *,
    factor: bool = False,
    about: Mapping[str, Any] | None = None,
    judges: Collection[str] = (),
) -> dict[str, Any]:
    """Fit a latency model to measurements and write the target.

    Args:
        csv: The measurements; see ``brickwork.measurements``.
        target: Name or file of the target that was measured: its memory and clock are kept, and
            coefficients are near to those of its model, if it has one.
        out: The TOML to write; else one named like the CSV, in the current folder.
        factor: Whether only one factor for all coefficients of the target's model is fitted.
        about: What the target is, by key of its TOML, where more is known of it than from these.
        judges: Networks (their entries in the column ``family``) by which the fit is judged and
            its intervals are scaled, if there are enough: those that are like what will be
            predicted, where others only tell kinds of work apart.

    Returns:
        How well networks that were left out are predicted, the coefficients, and the file.

    Raises:
        DataError: The CSV cannot be used, the networks are too few, or no linear model of their
            work describes them.
        TargetError: The target cannot be used.
    """
    path = out or Path(f"{csv.stem}.toml")
    if out is None and path.exists():
        raise DataError(f"{path} is there already: say with --out what to write")
    base = None if target is None else load_target(target)
    measured = read_measurements(csv)
    clock = measured.clock_mhz or (None if base is None else base.clock_mhz)
    unit, scale = ("cycles", clock * 1e3) if clock else ("ns", 1e6)
    prior, level = _start(base, factor)
    rows = [replace(r, time=r.time * scale, levels=(level,)) for r in measured.rows]
    networks = len({row.network for row in rows})
    if networks < 2:
        raise DataError(f"{csv}: {networks} network: at least two are needed, to leave one out")
    make = partial(fit, prior=prior)
    made = make(rows)
    _enough(csv, made, rows, networks, factor)
    held = _judged(left_out(rows, make, None if networks <= _FEW else 10), judges)
    found = quality(held)
    if found.mean_error > _HOPELESS:
        raise DataError(
            f"{csv}: left-out networks are missed by {found.mean_error:.0%} on average: their "
            "times do not follow from their work; are all of one engine, clock and precision?"
        )
    source = f"brickwork fit {csv.name}: {_described(found, networks)}"
    table = _table(base, path.stem, csv.name, clock, measured) | dict(about or {})
    table["latency"] = latency_table(
        made,
        (level,),
        rows,
        held,
        unit=unit,
        source=source,
        fit_by=f"brickwork fit {csv.name}",
        judges=[one.row for one in held],
    )
    path.write_text(toml_text(table), encoding="utf-8")
    written = load_target(path)
    return {
        "target": written.name,
        "file": str(path),
        "networks": networks,
        "unit": unit,
        "clock_mhz": clock,
        "left_out": asdict(found) | {"rank_correlation": _finite(found.rank_correlation)},
        "coefficients": {
            k: v for k, v in table["latency"]["coefficients"].items() if k != "source"
        },
        "fitted": table["latency"]["fitted"],
        "macs": table["latency"]["macs"],
        "energy": written.power_source,
    }


def _start(base: Target | None, factor: bool) -> tuple[NDArray[np.float64] | None, Level]:
    """What coefficients are near to, and how near."""
    if base is None or base.latency is None:
        if factor:
            raise DataError("--factor needs a --target that has a latency model")
        return None, ENGINE
    own = base.latency.coefficients
    usual = np.array([PRIOR[name] for name in COEFFICIENTS])
    ratio = float(np.median(own[own > 0] / usual[own > 0]))
    return np.where(own > 0, own, ratio * usual), _FACTOR if factor else _LIKE_TARGET


def _judged(held: list[Held], judges: Collection[str]) -> list[Held]:
    """Those that count, if they are enough to scale an interval by."""
    own = [one for one in held if one.row.network in judges]
    return own if len({one.row.network for one in own}) >= _JUDGES else held


def _enough(csv: Path, made: Fit, rows: Sequence[Row], networks: int, factor: bool) -> None:
    needed = determined(made, rows)
    if not factor and networks < len(needed):
        raise DataError(
            f"{csv}: {networks} networks for {len(needed)} coefficients ({', '.join(needed)}): "
            f"measure {len(needed) - networks} more, or fit one factor to a target's model "
            "(--target NAME --factor)"
        )


def _table(
    base: Target | None, name: str, csv: str, clock: float | None, measured: Measured
) -> dict[str, Any]:
    """The target but for its latency."""
    table: dict[str, Any] = {
        "name": name,
        "title": name,
        "family": "board",
        "precision": "int8",
        "engine": f"the engine of {csv}",
    }
    if base is not None:
        table = target_table(base) | {"name": name, "title": f"{base.title}, fitted to {csv}"}
    if clock and measured.clock_mhz:
        table["clock_mhz"] = {"value": clock, "source": f"{csv}, its column of clocks"}
    power = measured.power_mw
    if power:
        ordered = np.abs(np.array(power) - np.mean(power))
        spread = float(np.quantile(ordered, COVERED)) if len(power) > 1 else 0.0
        table["active_power_mw"] = {
            "value": float(f"{np.mean(power):.4g}"),
            "spread": float(f"{spread:.3g}"),
            "source": f"{csv}: mean of {len(power)} measurements, 80 % of which lie within",
        }
    return table


def _described(found: Quality, networks: int) -> str:
    judged = f"fit of {networks} networks, judged by " if networks > found.networks else ""
    return (
        f"{judged}{found.rows} measurements of {found.networks} networks; left out, they are met "
        f"with a mean error of {found.mean_error:.1%}, {found.within_10:.0%} within 10 %, and "
        f"{found.coverage:.0%} lie in their 80 % interval"
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
