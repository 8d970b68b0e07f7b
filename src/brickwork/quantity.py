"""A number that knows where it came from, and the table of metric names.

A prediction can never print as a measurement: the value, its unit, how it is known and its source
travel together from the device model to the report.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from brickwork.errors import UnknownName

__all__ = ["METRICS", "How", "Metric", "Quantity", "metric", "weakest"]


class How(StrEnum):
    """How a number is known, from the strongest kind to the weakest."""

    COUNTED = "counted"
    MEASURED = "measured"
    SIMULATED = "simulated"
    PREDICTED = "predicted"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


def weakest(*hows: How) -> How:
    """The weakest of several kinds of knowledge: what a number derived from all of them is."""
    order = list(How)
    return max(hows, key=order.index)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with its unit and its provenance.

    Attributes:
        value: The number, in ``unit``; NaN when unknown.
        unit: ``"ms"``, ``"B"``, ``"mJ"``, ``"1"`` (a count) or ``"fraction"``.
        how: How the number is known.
        spread: Half the width of an 80 % interval, in ``unit``; None where the number is exact
            or its error is not known (the source says which).
        source: Where the number, or the formula behind it, comes from.
    """

    value: float
    unit: str
    how: How
    spread: float | None = None
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        value = None if math.isnan(self.value) else self.value
        return {
            "value": value,
            "unit": self.unit,
            "how": str(self.how),
            "spread": self.spread,
            "source": self.source,
        }

    @classmethod
    def unknown(cls, unit: str, why: str) -> Quantity:
        """A number that is not known, and why."""
        return cls(math.nan, unit, How.UNKNOWN, None, why)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Quantity:
        value = math.nan if data["value"] is None else float(data["value"])
        return cls(value, data["unit"], How(data["how"]), data["spread"], data["source"])

    def scaled(self, factor: float, unit: str, how: How, source: str) -> Quantity:
        """This quantity times an uncertain factor: labelled by the weaker of the two."""
        spread = None if self.spread is None else abs(self.spread * factor)
        return replace(
            self,
            value=self.value * factor,
            unit=unit,
            how=weakest(self.how, how),
            spread=spread,
            source=f"{source}; {self.source}" if self.source else source,
        )

    def __str__(self) -> str:
        return f"{self.text()} ({self.how})"

    def interval(self) -> str:
        """Its text with its spread, if it has one: ``"97.21 % ± 1.05"``."""
        return " ".join(filter(None, (self.text(), self.spread_text())))

    def spread_text(self) -> str:
        """Its spread with the sign, empty where it has none: ``"± 1.05"``, ``"± 2 ms"``."""
        if not self.spread:
            return ""
        if self.unit == "fraction":
            return f"± {100 * self.spread:.2f}"
        return f"± {replace(self, value=self.spread).text()}"

    def text(self) -> str:
        """The value as a person reads it, without its provenance: ``"14.9 ms"``, ``"25.9 KiB"``."""
        if math.isnan(self.value):
            return "?"
        if self.unit == "fraction":
            return f"{100 * self.value:.2f} %"
        if self.unit == "B":
            return _bytes(self.value)
        unit = "" if self.unit == "1" else f" {self.unit}"
        counted = self.unit == "1" and self.value == round(self.value)
        if counted or abs(self.value) >= 1000:  # three digits would print it as 1.23e+03
            return f"{self.value:,.0f}{unit}"
        return f"{self.value:.3g}{unit}"


def _bytes(value: float) -> str:
    if value < 1024:
        return f"{value:.0f} B"
    if value < 1024**2:
        return f"{value / 1024:.1f} KiB"
    return f"{value / 1024**2:.2f} MiB"


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric name means.

    Attributes:
        name: The name used everywhere; it carries the unit.
        unit: The unit of its quantities.
        maximize: Whether more is better.
        label: What a person calls it.
        quality: Whether it is learned by training (accuracy) rather than known before it (cost).
    """

    name: str
    unit: str
    maximize: bool
    label: str
    quality: bool = False

    @property
    def right_part(self) -> bool:
        """Whether 1 is perfect, so that what is missing to it is an error."""
        return self.maximize and self.unit == "fraction"


METRICS: Mapping[str, Metric] = {
    m.name: m
    for m in (
        Metric("accuracy", "fraction", True, "accuracy", quality=True),
        Metric("balanced_accuracy", "fraction", True, "balanced accuracy", quality=True),
        Metric("macro_f1", "fraction", True, "macro F1", quality=True),
        Metric("auc", "fraction", True, "AUC", quality=True),
        Metric("sensitivity", "fraction", True, "sensitivity", quality=True),
        Metric("specificity", "fraction", True, "specificity", quality=True),
        Metric("dice", "fraction", True, "Dice", quality=True),
        Metric("r2", "fraction", True, "R²", quality=True),
        Metric("rmse", "1", False, "RMSE", quality=True),
        Metric("mae", "1", False, "mean absolute error", quality=True),
        Metric("calibration_error", "fraction", False, "calibration error", quality=True),
        Metric("parameters", "1", False, "parameters"),
        Metric("macs", "1", False, "MACs"),
        Metric("flash_bytes", "B", False, "flash"),
        Metric("flash_total_bytes", "B", False, "flash with runtime"),
        Metric("peak_sram_bytes", "B", False, "peak SRAM"),
        Metric("latency_ms", "ms", False, "latency"),
        Metric("energy_mj", "mJ", False, "energy"),
        Metric("unsupported_ops", "1", False, "ops that the runtime lacks"),
    )
}


def metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        UnknownName: The table has no such metric.
    """
    if name not in METRICS:
        raise UnknownName("metric", name, METRICS)
    return METRICS[name]
