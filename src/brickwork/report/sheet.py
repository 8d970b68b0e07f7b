"""The sheet that the front is drawn on: its size, its axes and where labels may stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from brickwork.quantity import METRICS
from brickwork.report.axes import Axis, axis_for
from brickwork.report.front import Point, View, staircase
from brickwork.report.svg import Labels

__all__ = ["STRIP", "Sheet", "sheet_for"]

STRIP = 15.0  # height of a row of marks that have a cost and no score

_LOG_FROM = 20.0  # a cost that spans more than this factor has a logarithmic axis
_NARROW = 500.0  # below this width a drawing is one for a phone


@dataclass(slots=True)
class Sheet:
    """A drawing in the making: its plot area, axes, parts and labels.

    The plot area ends at ``bottom``; rows of marks without a score lie between it and ``floor``.
    """

    view: View
    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    floor: float
    x: Axis
    y: Axis
    labels: Labels
    parts: list[Markup] = field(default_factory=list)

    @property
    def small(self) -> bool:
        return self.width < _NARROW

    def at(self, point: Point) -> tuple[float, float]:
        """The pixel of a point that has a score."""
        return self.x(point.x.value), self.y(point.y.value if point.y is not None else 0.0)

    @property
    def end(self) -> float:
        """How far to the right a staircase goes: to the edge, or to the limit on the cost."""
        bound = self.view.x_bound
        inside = bound is not None and bound.upper and self.x.holds(bound.bound)
        return self.x(bound.bound) if bound is not None and inside else self.right

    def shown(self, points: Sequence[Point]) -> list[Point]:
        """Those that lie in the plot area."""
        return [
            p
            for p in points
            if self.x.holds(p.x.value) and (p.y is not None and self.y.holds(p.y.value))
        ]


def sheet_for(view: View, width: float, height: float) -> Sheet:
    """An empty sheet whose axes hold what the view shows.

    The models and trials decide how far the cost axis reaches; limits and known networks widen it
    only where they are near.
    """
    left, right, top = 52.0, width - 8.0, 32.0
    rows = bool(view.refused) + min(2, sum(p.y is None for p in view.references))
    if not view.scored:
        height = 110.0
    floor = height - 42.0
    bottom = floor - (rows * STRIP + 6 if rows else 0)
    xs = [p.x.value for p in (*view.models, *view.trials)]
    for members in view.controls.values():
        xs += [p.x.value for p in members]
    xs = xs or [p.x.value for p in view.refused] or [1.0]
    xs = _widened(xs, [p.x.value for p in view.refused], 2.0)
    near = [p.x.value for p in view.references]
    if view.x_bound is not None:
        near.append(1.1 * view.x_bound.bound)
    wide = _widened(xs, near, 10.0)
    log = min(xs) > 0 and max(wide) > _LOG_FROM * min(wide)
    xs = wide if log else _widened(xs, near, 2.0)
    low, high = min(xs), max(xs)
    if log:
        low, high = low / 1.25, high * 1.25
    else:
        pad = 0.04 * (high - low) or 0.1 * abs(high)
        low, high = max(0.0, low - pad) if low > 0.3 * high else 0.0, high + pad
    x = axis_for(view.x, (low, high), left, right, log)
    y = axis_for(view.y, _heights(view), bottom, top)
    labels = Labels((left + 2, top - 2, right + 6, bottom))
    return Sheet(view, width, height, left, right, top, bottom, floor, x, y, labels)


def _widened(values: Sequence[float], others: Sequence[float], reach: float) -> list[float]:
    """The values, and those of the others that are within a factor of them."""
    low, high = min(values) / reach, max(values) * reach
    return [*values, *(v for v in others if low <= v <= high and v > 0)]


def _heights(view: View) -> tuple[float, float]:
    """The range of scores: the front decides, so that the weakest trials do not flatten it."""
    models = [(p.y.value, p.y.spread or 0.0) for p in view.models if p.y is not None]
    trials = [p.y.value for p in view.trials if p.y is not None]
    others = [p.y.value for p in view.references if p.y is not None]
    for members in view.controls.values():
        others += [p.y.value for p in staircase(members) if p.y is not None]
    if not models:
        trials.sort()
        low, high = (trials[len(trials) // 10], trials[-1]) if trials else (0.0, 1.0)
    else:
        low = min(value - min(spread, 0.05) for value, spread in models)
        high = max(value + min(spread, 0.05) for value, spread in models)
        others = [v for v in others if v > low - (high - low)]
        low, high = min([low, *others]), max([high, *others])
        low -= 0.35 * (high - low) if trials and min(trials) < low else 0.0
        high = max([high, *trials])
    pad = 0.06 * (high - low) or 0.02
    fraction = METRICS[view.y].unit == "fraction"
    ceiling = 1.0 + (0.02 * (high - low) if fraction else 0.0)
    return (
        max(0.0, low - pad) if fraction else low - pad,
        min(ceiling, high + pad) if fraction else high + pad,
    )
