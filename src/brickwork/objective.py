"""What a search wants and what it must keep: objectives, limits, dominance, fronts, hypervolume."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import BudgetError, LimitError, UnknownName
from brickwork.quantity import METRICS, How, Quantity, metric

__all__ = [
    "Limit",
    "Objective",
    "broken",
    "dominates",
    "front",
    "hypervolume",
    "parse_amount",
    "parse_duration",
    "quality_of",
    "violation",
]

_SUFFIXES: Mapping[str, float] = {
    "": 1.0,
    "k": 1e3,
    "m": 1e6,
    "g": 1e9,
    "b": 1.0,
    "kb": 1e3,
    "mb": 1e6,
    "gb": 1e9,
    "kib": 1024.0,
    "mib": 1024.0**2,
    "gib": 1024.0**3,
}
_LIMIT = re.compile(r"\s*([A-Za-z_][A-Za-z_0-9]*)\s*(<=|>=|=<|=>|<|>|==|=)?\s*(\S.*?)?\s*")
_AMOUNT = re.compile(r"([0-9][0-9_]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+)\s*([A-Za-z%]*)")


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric to improve; its direction is the metric's own.

    Raises:
        UnknownName: No metric has this name.
    """

    metric: str

    def __post_init__(self) -> None:
        metric(self.metric)

    @property
    def maximize(self) -> bool:
        return metric(self.metric).maximize

    def loss(self, metrics: Mapping[str, Quantity]) -> float:
        """The value to be minimised: negated where more is better; infinite without a number."""
        if self.metric not in metrics:
            return float("inf")
        value = metrics[self.metric].value
        if not math.isfinite(value):
            return float("inf")
        return -value if self.maximize else value


def quality_of(objectives: Sequence[Objective]) -> str:
    """The first objective that training decides; accuracy where there is none."""
    return next((o.metric for o in objectives if metric(o.metric).quality), "accuracy")


@dataclass(frozen=True, slots=True)
class Limit:
    """A hard bound on a metric: ``metric <= bound`` or ``metric >= bound``.

    Attributes:
        metric: The name of the metric.
        upper: True for ``<=``, False for ``>=``.
        bound: The bound, in the metric's unit.
    """

    metric: str
    upper: bool
    bound: float

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read ``"latency_ms<=20"``, ``"flash_bytes <= 30kB"`` or ``"accuracy>=95%"``.

        Raises:
            LimitError: The text is not a limit.
            UnknownName: No metric has this name.
        """
        match = _LIMIT.fullmatch(text)
        if match is None or match[2] not in ("<=", ">=") or match[3] is None:
            raise LimitError(
                f"cannot read the limit {text!r}: write METRIC<=NUMBER or METRIC>=NUMBER, "
                "such as 'latency_ms<=20' or 'flash_bytes<=30kB'"
            )
        name, operator, amount = match[1], match[2], match[3]
        if name not in METRICS:
            raise UnknownName("metric", name, METRICS)
        try:
            bound = parse_amount(amount)
        except ValueError:
            raise LimitError(
                f"cannot read the number {amount!r} in the limit {text!r}: "
                "write a number, optionally with k, M, kB, KiB, MB, MiB or %"
            ) from None
        return cls(name, operator == "<=", bound)

    def excess(self, value: float) -> float:
        """By how much a value breaks the limit, relative to the bound; 0.0 when it is kept."""
        if value != value:
            return float("inf")
        over = value - self.bound if self.upper else self.bound - value
        return max(0.0, over) / max(abs(self.bound), 1e-12)

    def __str__(self) -> str:
        bound = Quantity(self.bound, metric(self.metric).unit, How.COUNTED).text()
        return f"{metric(self.metric).label} {'≤' if self.upper else '≥'} {bound}"

    @property
    def text(self) -> str:
        """The limit as ``parse`` reads it."""
        bound = repr(float(self.bound)).removesuffix(".0")
        return f"{self.metric}{'<=' if self.upper else '>='}{bound}"


def parse_amount(text: str) -> float:
    """Read a number with an optional suffix: ``"20"``, ``"30kB"``, ``"1.5M"``, ``"95%"``.

    Raises:
        ValueError: The text is not such a number.
    """
    match = _AMOUNT.fullmatch(text.strip())
    suffix = match[2].lower() if match else ""
    if match is None or suffix not in (*_SUFFIXES, "%"):
        raise ValueError(f"not a number with a known suffix: {text!r}")
    number = float(match[1].replace("_", ""))
    amount = number / 100 if suffix == "%" else number * _SUFFIXES[suffix]  # 95 * 0.01 > 0.95
    if math.isinf(amount):
        raise ValueError(f"too large: {text!r}")
    return amount


def parse_duration(text: str | float) -> float:
    """Seconds in ``"90"``, ``"60s"``, ``"10m"``, ``"1.5h"`` or ``"1d"``.

    Raises:
        BudgetError: The text is no duration.
    """
    if isinstance(text, int | float):
        return float(text)
    units = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "min": 60.0, "sec": 1.0}
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text.strip()[len(number) :].strip() or "s"
    try:
        if unit not in units:
            raise ValueError(unit)
        return parse_amount(number) * units[unit]
    except ValueError:
        raise BudgetError(
            f"cannot read the duration {text!r}: write a number with s, m, h or d, such as '10m'"
        ) from None


def violation(metrics: Mapping[str, Quantity], limits: Sequence[Limit]) -> float:
    """Total relative violation of all limits whose metric is known; 0.0 when none is broken."""
    return sum(
        limit.excess(metrics[limit.metric].value) for limit in limits if limit.metric in metrics
    )


def broken(metrics: Mapping[str, Quantity], limits: Sequence[Limit]) -> str:
    """Which limits are broken and by which values, as a sentence; empty when none is."""
    return "; ".join(
        f"{limit.metric} {metrics[limit.metric].text()} breaks {limit.text}"
        for limit in limits
        if limit.metric in metrics and limit.excess(metrics[limit.metric].value) > 0
    )


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether losses ``a`` are nowhere worse than ``b`` and somewhere better (minimisation)."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(
        x < y for x, y in zip(a, b, strict=True)
    )


def front(losses: NDArray[np.float64] | Sequence[Sequence[float]]) -> NDArray[np.bool_]:
    """Which rows of a (points, objectives) table of losses are not dominated.

    Of several equal rows the first is kept. Rows with a value that is not finite never are.
    """
    import moocore

    table = np.asarray(losses, dtype=np.float64)
    if table.size == 0:
        return np.zeros(len(table), dtype=np.bool_)
    finite = np.isfinite(table).all(axis=1)
    keep = np.zeros(len(table), dtype=np.bool_)
    if finite.any():
        keep[finite] = moocore.is_nondominated(table[finite])
    return keep


def hypervolume(
    losses: NDArray[np.float64] | Sequence[Sequence[float]], reference: Sequence[float]
) -> float:
    """Volume between the non-dominated losses and a reference point (minimisation)."""
    import moocore

    table = np.asarray(losses, dtype=np.float64)
    if table.size == 0:
        return 0.0
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) == 0:
        return 0.0
    return float(moocore.hypervolume(table, ref=np.asarray(reference, dtype=np.float64)))
