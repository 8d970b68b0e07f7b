"""The curves of searches on a table, as a picture of its own (SVG)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from brickwork.report.axes import Scale, tick_text
from brickwork.report.svg import tag, text, text_width, trim

__all__ = ["draw"]

_WIDTH, _HEIGHT = 860.0, 460.0
_LEFT, _TOP, _BOTTOM = 56.0, 46.0, 44.0
_LINE = 15.0  # between two labels, at least
_COLOURS = ("#b3432b", "#2a6f97", "#3a7d44", "#8e5aa8", "#b8860b", "#5d6470", "#c2185b", "#00796b")
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #5d6470; }
.title { font-size: 14px; font-weight: 600; fill: #1c1e22; }
.mid { text-anchor: middle; } .end { text-anchor: end; }
.rule { stroke: #e7e4df; } .curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
.peer { stroke-dasharray: 5 4; } .band { opacity: .10; }
"""


def draw(
    found: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str], peers: Sequence[str]
) -> str:
    """Mean over the seeds at each mark, and one standard deviation around it.

    Args:
        found: By name of the search what ``protocol.summary`` gives.
        titles: What stands above, by the score: a picture for each, beside each other.
        peers: Names that are drawn with broken lines.
    """
    parts: list[Markup] = []
    for kind, title in titles.items():
        curves = {name: _points(one[kind]) for name, one in found.items()}
        curves = {name: points for name, points in curves.items() if points}
        if curves:
            drawn = _panel(curves, title, peers)
            x, size = _WIDTH * len(parts), {"width": _WIDTH, "height": _HEIGHT}
            parts.append(tag("svg", *drawn, x=x, **size))
    width = _WIDTH * max(1, len(parts))
    return str(
        tag(
            "svg",
            tag("style", Markup(_STYLE)),
            tag("rect", width="100%", height="100%", fill="#fff"),
            *parts,
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {trim(width)} {trim(_HEIGHT)}",
            width=width,
            height=_HEIGHT,
        )
    )


def _panel(
    curves: Mapping[str, Sequence[tuple[float, float, float]]], title: str, peers: Sequence[str]
) -> list[Markup]:
    """The curves of one score, with axes and names."""
    right = _WIDTH - 30.0 - max(text_width(f"{name} 0.000", 12.0) for name in curves)
    every = [point for points in curves.values() for point in points]
    x = Scale(min(p[0] for p in every), max(p[0] for p in every) + 1e-9, _LEFT, right)
    low, high = min(p[1] for p in every), max(p[1] for p in every)
    y = Scale(low - 0.04 * (high - low), high + 0.04 * (high - low) + 1e-9, _HEIGHT - _BOTTOM, _TOP)
    parts = [text(_LEFT, 22.0, title, "title"), *_grid(x, y, right)]
    ends: list[tuple[float, str, str]] = []
    for i, (name, points) in enumerate(curves.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        upper = [(x(at), y(min(mean + sd, y.high))) for at, mean, sd in points]
        lower = [(x(at), y(max(mean - sd, y.low))) for at, mean, sd in reversed(points)]
        middle = [(x(at), y(mean)) for at, mean, _ in points]
        parts.append(tag("path", d=_path(upper + lower) + "Z", fill=colour, class_="band"))
        class_ = "curve peer" if name in peers else "curve"
        parts.append(tag("path", d=_path(middle), stroke=colour, class_=class_))
        ends.append((middle[-1][1], f"{name} {tick_text(round(points[-1][1], 3))}", colour))
    return parts + _named(ends, right + 8.0)


def _points(marks: Mapping[str, Mapping[str, float | None]]) -> list[tuple[float, float, float]]:
    """Evaluations, mean and standard deviation, where there is a mean."""
    found = [(float(mark), one["mean"], one["sd"] or 0.0) for mark, one in marks.items()]
    return [(mark, mean, sd) for mark, mean, sd in found if mean is not None]


def _grid(x: Scale, y: Scale, right: float) -> list[Markup]:
    parts = []
    for value in y.ticks(6):
        parts.append(tag("path", d=f"M{trim(_LEFT)} {trim(y(value))}H{trim(right)}", class_="rule"))
        parts.append(text(_LEFT - 8.0, y(value) + 4.0, tick_text(value), "tick", "end"))
    for value in x.ticks(6):
        parts.append(text(x(value), _HEIGHT - _BOTTOM + 18.0, tick_text(value), "tick", "middle"))
    middle = (_LEFT + right) / 2
    parts.append(text(middle, _HEIGHT - 8.0, "evaluations (whole trainings)", "tick", "middle"))
    return parts


def _named(ends: Sequence[tuple[float, str, str]], x: float) -> list[Markup]:
    """A label at the end of each curve, moved down where it would hit the one above."""
    parts, last = [], float("-inf")
    for y, name, colour in sorted(ends):
        last = max(y + 4.0, last + _LINE)
        parts.append(tag("text", name, x=x, y=last, style=f"fill:{colour}"))
    return parts


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{trim(px)} {trim(py)}" for px, py in points)
