"""What each picture of the front shows, before it is drawn.

A view is the front seen along one cost. All that it holds along an axis is known in one way: a
view of measured latencies holds no predicted one. What is left out for that reason is said in the
view's notes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from brickwork.objective import Limit
from brickwork.quantity import METRICS, How, Quantity
from brickwork.report.data import quantity_of
from brickwork.report.numbers import bounds

__all__ = ["Point", "View", "knee", "quality_of", "staircase", "views"]

_CONTROLS = {
    "random": "random search, same budget",
    "size_only": "same sizes, drawn at random",
}


@dataclass(frozen=True, slots=True)
class Point:
    """A mark of a view.

    Attributes:
        index: Its place in the list that it comes from.
        x: The cost.
        y: The score; None where it has none, so that it stands on the cost axis only.
        name: What to call it.
        note: What else to say of it.
    """

    index: int
    x: Quantity
    y: Quantity | None
    name: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """The front along one cost.

    Attributes:
        x, y: The names of the metrics of the two axes.
        x_how, y_how: How everything along them is known.
        x_bound, y_bound: The limits along them.
        tested: Whether the scores of the models are of the exported file on the test split.
        models, trials, refused, references: The marks; ``refused`` were never trained.
        controls: Fronts to compare with, by what to call them.
        notes: What is left out, and why; sentences.
    """

    x: str
    y: str
    x_how: How
    y_how: How
    x_bound: Limit | None
    y_bound: Limit | None
    tested: bool
    models: tuple[Point, ...]
    trials: tuple[Point, ...]
    refused: tuple[Point, ...]
    references: tuple[Point, ...]
    controls: Mapping[str, tuple[Point, ...]]
    notes: tuple[str, ...]

    @property
    def scored(self) -> bool:
        """Whether anything has a score, so that there is a vertical axis."""
        return bool(self.models or self.trials)


def quality_of(data: Mapping[str, Any]) -> str:
    """The score that the pictures show: the first objective that is learned, else accuracy."""
    for name in data.get("objectives") or ():
        if METRICS[name].quality:
            return str(name)
    return "accuracy"


def views(data: Mapping[str, Any]) -> list[View]:
    """One view for each cost that a model or a trial has, the objectives first."""
    names = [name for name, metric in METRICS.items() if not metric.quality]
    first = [name for name in data.get("objectives") or () if name in names]
    found = []
    for name in dict.fromkeys([*first, *names]):
        view = _view(data, name)
        if view is not None:
            found.append(view)
    return found


def _view(data: Mapping[str, Any], x: str) -> View | None:
    y = quality_of(data)
    kinds = data.get("kinds") or {}
    tested = any(model.get("final") for model in data.get("models") or ())
    models = [
        point
        for point in _points(data.get("models"), x, y, {})
        if not tested or data["models"][point.index].get("final")
    ]
    trials = _points(data.get("trials"), x, y, kinds.get("trials"))
    x_how = _usual(models or trials, lambda point: point.x)
    y_how = _usual(models or trials, lambda point: point.y)
    if x_how is None or not (models or trials):
        return None
    sieve = _Sieve(x, y, x_how, y_how or How.MEASURED)
    skipped = len(data.get("models") or ()) - len(models)
    if skipped:
        sieve.notes.append(
            f"{_count(skipped, 'model')} of the front not drawn: no final score or no "
            f"{METRICS[x].label} yet."
        )
    controls = _control_fronts(data, sieve)
    references = sieve.keep(
        _points(data.get("references"), x, y, kinds.get("references")), "known networks"
    )
    if not models and all(trial.y is None for trial in trials):
        references = tuple(replace(point, y=None) for point in references)
    kept_models = sieve.keep(models, "models of the front")
    if len(staircase(kept_models)) < len(kept_models):
        sieve.notes.append("Models off the line are beaten along this cost, not along all.")
    by_metric = bounds(data.get("limits") or (), data.get("target") or {})
    kept_trials = sieve.keep(trials, "trials")
    broken = {t for t in kept_trials if data["trials"][t.index].get("state") == "infeasible"}
    return View(
        x=x,
        y=y,
        x_how=sieve.x_how,
        y_how=sieve.y_how,
        x_bound=by_metric.get(x),
        y_bound=by_metric.get(y),
        tested=tested,
        models=kept_models,
        trials=tuple(t for t in kept_trials if t not in broken and t.y is not None),
        refused=tuple(t for t in kept_trials if t in broken),
        references=references,
        controls=controls,
        notes=tuple(sieve.notes),
    )


def _control_fronts(data: Mapping[str, Any], sieve: _Sieve) -> dict[str, tuple[Point, ...]]:
    """The models of each control that can be drawn, by what to call it."""
    kinds = (data.get("kinds") or {}).get("controls")
    found = {}
    for key, control in (data.get("controls") or {}).items():
        members = _points((control or {}).get("models"), sieve.x, sieve.y, kinds)
        kept = sieve.keep(members, _CONTROLS.get(key, key))
        if kept:
            found[_CONTROLS.get(key, key)] = kept
    return found


def _points(
    items: Sequence[Mapping[str, Any]] | None, x: str, y: str, kinds: Mapping[str, str] | None
) -> list[Point]:
    found = []
    for index, item in enumerate(items or ()):
        cost = quantity_of(item.get("metrics"), x, kinds)
        if cost is not None:
            score = quantity_of(item.get("metrics"), y, kinds)
            name = str(item.get("name") or item.get("id") or "")
            found.append(Point(index, cost, score, name, str(item.get("note") or "")))
    return found


def _usual(points: Iterable[Point], axis: Any) -> How | None:
    """How most of the points are known along an axis; the stronger kind where two are even."""
    counts = Counter(axis(point).how for point in points if axis(point) is not None)
    order = list(How)
    return max(counts, key=lambda how: (counts[how], -order.index(how)), default=None)


class _Sieve:
    """Keeps what is known in the way of the axes, and notes what it keeps out."""

    def __init__(self, x: str, y: str, x_how: How, y_how: How) -> None:
        self.x, self.y = x, y
        self.x_how, self.y_how = x_how, y_how
        self.notes: list[str] = []

    def keep(self, points: Sequence[Point], what: str) -> tuple[Point, ...]:
        kept = [
            point
            for point in points
            if point.x.how == self.x_how and (point.y is None or point.y.how == self.y_how)
        ]
        others = {
            (self.x, point.x.how, self.x_how): None for point in points if point.x.how != self.x_how
        } | {
            (self.y, point.y.how, self.y_how): None
            for point in points
            if point.y is not None and point.y.how != self.y_how
        }
        for name, how, axis in others:
            share = f"{len(points) - len(kept)} of {len(points)} " if kept else ""
            self.notes.append(
                f"{share}{what} not drawn here: their {METRICS[name].label} is {_known(how)}, "
                f"and this axis is {_known(axis)}."
            )
        return tuple(kept)


def _known(how: How) -> str:
    return "known in a way that was not recorded" if how is How.UNKNOWN else str(how)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def staircase(points: Iterable[Point]) -> list[Point]:
    """The points that no other beats along both axes, from the cheapest to the best."""
    found: list[Point] = []
    scored = [point for point in points if point.y is not None]
    for point in sorted(scored, key=lambda p: (p.x.value, -_score(p))):
        if not found or _score(point) > _score(found[-1]):
            found.append(point)
    return found


def knee(points: Sequence[Point]) -> Point | None:
    """The best compromise: the point that is farthest from the line between both ends.

    Costs are compared by their rank, since they may span decades.
    """
    stairs = staircase(points)
    if not stairs:
        return None
    low, high = _score(stairs[0]), _score(stairs[-1])
    rise = (high - low) or 1.0
    last = max(len(stairs) - 1, 1)
    return max(stairs, key=lambda p: (_score(p) - low) / rise - stairs.index(p) / last)


def _score(point: Point) -> float:
    return point.y.value if point.y is not None else float("-inf")
