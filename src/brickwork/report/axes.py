"""Scales with round ticks, and the axes of metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from brickwork.quantity import METRICS
from brickwork.report.numbers import compact

__all__ = ["Axis", "Scale", "axis_for", "tick_text"]


@dataclass(frozen=True, slots=True)
class Scale:
    """A map from values to pixels.

    Attributes:
        low, high: The domain.
        start, end: The pixels of ``low`` and ``high``.
        log: Whether equal factors have equal lengths.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether a value lies in the domain."""
        slack = 1e-9 * abs(self.high - self.low)
        return self.low - slack <= value <= self.high + slack

    def ticks(self, count: int) -> list[float]:
        """Round values in the domain, about ``count`` of them and at least two."""
        decades = self._decades(count) if self.log else []
        return decades if len(decades) >= 2 else self._evenly(count)

    def _evenly(self, count: int) -> list[float]:
        rough = (self.high - self.low) / max(count, 1)
        power = 10.0 ** math.floor(math.log10(rough))
        found: list[float] = []
        for multiple in (10, 5, 2.5, 2, 1, 0.5):
            step = multiple * power
            first = math.ceil(self.low / step - 1e-9)
            last = math.floor(self.high / step + 1e-9)
            if multiple * power < rough * 0.999 and len(found) >= 3:
                break
            found = [round(i * step, 12) for i in range(first, last + 1)]
        return found

    def _decades(self, count: int) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        best: list[float] = []
        for multiples in ((1,), (1, 3), (1, 2, 5)):
            values = [m * 10.0**e for e in range(first, last + 1) for m in multiples]
            inside = [v for v in values if self.holds(v)]
            if len(inside) <= count or len(best) < 2:
                best = inside
        return best


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale with the unit in which its values are shown.

    Attributes:
        title: Metric and unit, such as ``"peak SRAM, KiB"``.
        factor: What a value is divided by before it is shown.
        scale: The scale of shown values.
    """

    title: str
    factor: float
    scale: Scale

    def __call__(self, value: float) -> float:
        return self.scale(value / self.factor)

    def holds(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        return (value > 0 or not self.scale.log) and self.scale.holds(value / self.factor)

    def ticks(self, count: int) -> list[tuple[float, str]]:
        """Pixel and text of each tick."""
        values = self.scale.ticks(count)
        return [(self.scale(value), tick_text(value, self.factor == 1.0)) for value in values]


def tick_text(value: float, count: bool = False) -> str:
    """A round number; a count is shortened (``"5k"``), another one is written out."""
    return compact(value) if count and abs(value) >= 1000 else f"{value:,.6g}"


def axis_for(
    name: str, values: Sequence[float], start: float, end: float, log: bool = False
) -> Axis:
    """The axis of a metric over the range of values, which is widened where it is empty."""
    metric = METRICS[name]
    low, high = min(values), max(values)
    unit, factor = {"fraction": ("%", 0.01), "1": ("", 1.0)}.get(metric.unit, (metric.unit, 1.0))
    if metric.unit == "B":
        unit, factor = ("KiB", 1024.0) if high < 4 * 1024**2 else ("MiB", 1024.0**2)
    if high <= low:
        low, high = (low / 2, high * 2) if log else (low - abs(low) / 10, high + abs(high) / 10)
        high = high if high > low else low + 1.0
    title = f"{metric.label}, {unit}" if unit else metric.label
    return Axis(title, factor, Scale(low / factor, high / factor, start, end, log))
