"""The pictures behind "can I believe it?": each at one size that suits a phone and a desk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from brickwork.quantity import METRICS
from brickwork.report.axes import Axis, Scale, axis_for, tick_text
from brickwork.report.data import bare
from brickwork.report.numbers import duration, minus
from brickwork.report.svg import Labels, clip, tag, text, text_width, trim

__all__ = ["draw_agreement", "draw_progress", "draw_seeds"]

_WIDTH = 336.0
_HEIGHT = 290.0
_SEED_ROWS = 24  # more models than this would make the picture of seeds longer than a page


def draw_agreement(
    pairs: Sequence[Mapping[str, Any]], metric: str, places: Mapping[str, int]
) -> Markup | None:
    """Search score against final score, with the line on which both agree.

    Args:
        pairs: ``id``, ``search`` and ``final`` of each model.
        metric: The score.
        places: The place of each model among the models of the page, by id.
    """
    known = [
        (str(pair.get("id", "")), search, final)
        for pair in pairs
        if (search := bare(pair.get("search"))) is not None
        and (final := bare(pair.get("final"))) is not None
    ]
    if not known:
        return None
    values = [v for _, search, final in known for v in (search, final)]
    pad = 0.08 * (max(values) - min(values)) or 0.01
    span = (min(values) - pad, max(values) + pad)
    left, right, top, bottom = 36.0, _WIDTH - 8, 28.0, _HEIGHT - 42
    x, y = axis_for(metric, span, left, right), axis_for(metric, span, bottom, top)
    unit = " %" if METRICS[metric].unit == "fraction" else ""
    parts = _axes(x, y, f"score in the search,{unit}", f"final score,{unit}")
    parts.append(
        tag(
            "path",
            d=f"M{trim(left)} {trim(bottom)}L{trim(right)} {trim(top)}",
            class_="diagonal",
        )
    )
    labels = Labels((left, top, right, bottom))
    for _, search, final in known:
        px, py = x(search), y(final)
        labels.solid.append((px - 6, py - 6, px + 6, py + 6))
    spots = [
        (px + side * 8, py + (12 if side > 0 else -4), "start" if side > 0 else "end")
        for share in (0.12, 0.3, 0.6, 0.8)
        for side in (1, -1)
        for px, py in [(left + share * (right - left), bottom - share * (bottom - top))]
    ]
    spot = labels.place("equal", spots)
    if spot is not None:
        parts.append(text(spot[0], spot[1], "equal", "note", spot[2]))
    parts += [_pair(x, y, metric, pair, places) for pair in known]
    return _svg(parts, _HEIGHT, "Score in the search against final score")


def _pair(
    x: Axis,
    y: Axis,
    metric: str,
    pair: tuple[str, float, float],
    places: Mapping[str, int],
) -> Markup:
    name, search, final = pair
    tip = (
        f"{name}\n{METRICS[metric].label} in the search {_percent(search, metric)}\n"
        f"final {_percent(final, metric)} ({_signed(final - search, metric)})"
    )
    return tag(
        "g",
        tag("circle", cx=x(search), cy=y(final), r=10, class_="hit"),
        tag("circle", cx=x(search), cy=y(final), r=4, class_="mark"),
        data_tip=tip,
        data_model=places.get(name),
        class_="model",
    )


def draw_progress(curves: Mapping[str, Sequence[Sequence[float]]]) -> Markup | None:
    """Hypervolume over the time of the search, one staircase for each curve."""
    known = {
        name: [(float(p[0]), float(p[1])) for p in points or () if None not in p]
        for name, points in curves.items()
    }
    known = {name: points for name, points in known.items() if points}
    if not known:
        return None
    last = max(s for points in known.values() for s, _ in points) or 1.0
    volumes = [v for points in known.values() for _, v in points]
    names = {"search": "this search", "random": "random search"}
    room = max(text_width(names.get(name, name)) for name in known) + 10
    left, right, top, bottom = 36.0, _WIDTH - min(room, 120.0), 28.0, _HEIGHT - 42
    low, high = min(volumes), max(volumes)
    low = 0.0 if low < 0.6 * high else low - 0.1 * (high - low)
    unit, factor = ("s", 1.0) if last < 180 else ("min", 60.0) if last < 10800 else ("h", 3600.0)
    x = Axis(f"time of search, {unit}", factor, Scale(0.0, last / factor, left, right))
    y = Axis("hypervolume", 1.0, Scale(low, high + 0.05 * (high - low or 1.0), bottom, top))
    parts = _axes(x, y, x.title, "hypervolume of the front")
    ends = []
    for name, points in known.items():
        path = [f"M{trim(x(points[0][0]))} {trim(y(points[0][1]))}"]
        path += [f"H{trim(x(s))}V{trim(y(v))}" for s, v in points[1:]]
        path.append(f"H{trim(right)}")
        kind = "line" if name == "search" else "control"
        parts.append(tag("path", d="".join(path), class_=kind))
        tip = f"{names.get(name, name)}: {points[-1][1]:.4g} after {duration(points[-1][0])}"
        ends.append((y(points[-1][1]), names.get(name, name), tip))
    ends.sort()
    free = top
    for place, (height, name, tip) in enumerate(ends):
        baseline = max(height + 4, free)
        baseline = min(baseline, bottom - 14 * (len(ends) - 1 - place))
        free = baseline + 14
        label = text(right + 6, baseline, clip(name, _WIDTH - right - 6), "note")
        parts.append(tag("g", label, data_tip=tip))
    return _svg(parts, _HEIGHT, "Hypervolume over the time of the search")


def draw_seeds(
    rows: Sequence[tuple[int, float, float | None, Sequence[float]]], metric: str
) -> Markup | None:
    """One row a model: the score of each seed, their mean and its 80 % interval.

    Args:
        rows: Place on the page, score, half the width of its interval, and the scores of the seeds.
        metric: The score.
    """
    known = [row for row in rows if row[3]][:_SEED_ROWS]
    if not known:
        return None
    values = [v for _, mean, spread, seeds in known for v in (mean, *seeds)]
    values += [mean + side * (spread or 0.0) for _, mean, spread, _ in known for side in (-1, 1)]
    low, high = min(values), max(values)
    if METRICS[metric].unit == "fraction":
        high = min(high, 1.0)
    step = 22.0 if len(known) <= 12 else 14.0
    left, right, top = 42.0, _WIDTH - 8, 28.0
    bottom = top + step * len(known)
    pad = 0.04 * (high - low) or 0.005
    x = axis_for(metric, (low - pad, high + pad), left, right)
    parts = [text(0, 13, "model", "axis")]
    parts += _ticks_below(x, bottom, f"test {x.title}", grid=top)
    for row, (place, mean, spread, seeds) in enumerate(known):
        y = top + step * (row + 0.5)
        tip = f"Model {place}: {_percent(mean, metric)}, {len(seeds)} seeds"
        marks = [text(left - 8, y + 4, str(place), "tick", "end")]
        if spread:
            ends = [min(max(mean + s * spread, low), high) for s in (-1, 1)]
            line = f"M{trim(x(ends[0]))} {trim(y)}H{trim(x(ends[1]))}"
            marks.append(tag("path", d=line, class_="bar"))
        ticks = "".join(f"M{trim(x(v))} {trim(y - 5)}v10" for v in seeds)
        marks.append(tag("path", d=ticks, class_="seed"))
        marks.append(tag("circle", cx=x(mean), cy=y, r=3.5, class_="mark"))
        parts.append(tag("g", *marks, data_tip=tip))
    return _svg(parts, bottom + 42, "Score of each seed")


def _axes(x: Axis, y: Axis, x_title: str, y_title: str) -> list[Markup]:
    left, right = x.scale.start, x.scale.end
    parts, lines = [text(0, 13, y_title, "axis")], ""
    for py, label in y.ticks(5):
        lines += f"M{trim(left)} {trim(py)}H{trim(right)}"
        parts.append(text(left - 8, py + 4, label, "tick", "end"))
    parts.insert(0, tag("path", d=lines, class_="rule"))
    return parts + _ticks_below(x, y.scale.start, x_title)


def _ticks_below(x: Axis, bottom: float, title: str, grid: float | None = None) -> list[Markup]:
    left, right = x.scale.start, x.scale.end
    parts = [tag("path", d=f"M{trim(left)} {trim(bottom)}H{trim(right)}", class_="base")]
    free = 0.0
    for px, label in x.ticks(5):
        if grid is not None:
            parts.append(tag("path", d=f"M{trim(px)} {trim(grid)}V{trim(bottom)}", class_="rule"))
        half = text_width(label) / 2
        if px - half > free:
            free = px + half + 6
            parts.append(text(px, bottom + 18, label, "tick", "middle"))
    parts.append(text(right, bottom + 37, title, "axis", "end"))
    return parts


def _svg(parts: Sequence[Markup], height: float, title: str) -> Markup:
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {trim(_WIDTH)} {trim(height)}",
        role="group",
        aria_label=title,
    )


def _percent(value: float, metric: str) -> str:
    fraction = METRICS[metric].unit == "fraction"
    return f"{100 * value:.2f} %" if fraction else tick_text(value)


def _signed(value: float, metric: str) -> str:
    fraction = METRICS[metric].unit == "fraction"
    shown = f"{100 * value:+.2f} points" if fraction else f"{value:+.4g}"
    return minus(shown)
