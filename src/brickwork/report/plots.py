"""The picture of the front, as SVG.

It is drawn at two widths, for a desk and for a phone: scaling one drawing would make its text
unreadable on the other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from brickwork.quantity import METRICS, How, Quantity
from brickwork.report.axes import Axis, axis_for
from brickwork.report.front import Point, View, staircase
from brickwork.report.svg import (
    Labels,
    clip,
    steps,
    tag,
    text,
    text_width,
    trim,
)

__all__ = ["draw_front"]

_LOG_FROM = 20.0  # a cost that spans more than this factor has a logarithmic axis
_STRIP = 15.0  # height of a row of marks that have a cost and no score
_NARROW = 500.0  # below this width a drawing is one for a phone


@dataclass(slots=True)
class _Sheet:
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

    def shown(self, points: Sequence[Point]) -> list[Point]:
        """Those that lie in the plot area."""
        return [
            p
            for p in points
            if self.x.holds(p.x.value) and (p.y is not None and self.y.holds(p.y.value))
        ]


def draw_front(view: View, width: float, height: float) -> tuple[Markup, list[str]]:
    """The front along one cost.

    Args:
        view: What to draw.
        width, height: The size in pixels.

    Returns:
        The SVG, and sentences on what could not be drawn inside it.
    """
    notes: list[str] = []
    sheet = _sheet(view, width, height)
    _reserve(sheet)
    _limits(sheet, notes)
    _grid(sheet)
    _dots(sheet, notes)
    _controls(sheet)
    _front(sheet)
    _references(sheet, notes)
    _refused(sheet, notes)
    _models(sheet)
    title = f"{METRICS[view.y].label} over {METRICS[view.x].label}"
    frame = {
        "x": view.x,
        "y": view.y,
        "sx": _frame(sheet.x),
        "sy": _frame(sheet.y),
        "dots": int(bool(view.trials)),
    }
    svg = tag(
        "svg",
        *sheet.parts,
        viewBox=f"0 0 {trim(width)} {trim(height)}",
        role="group",
        aria_label=f"The front: {title}",
        data_frame=json.dumps(frame, separators=(",", ":")),
        class_="front",
    )
    return svg, notes


def _frame(axis: Axis) -> list[float]:
    scale = axis.scale
    return [
        scale.low * axis.factor,
        scale.high * axis.factor,
        round(scale.start, 1),
        round(scale.end, 1),
        int(scale.log),
    ]


def _sheet(view: View, width: float, height: float) -> _Sheet:
    left, right, top = 50.0, width - 10.0, 34.0
    rows = bool(view.refused) + min(2, sum(p.y is None for p in view.references))
    floor = height - 40.0
    bottom = floor - (rows * _STRIP + 6 if rows else 0)
    xs = [p.x.value for p in (*view.models, *view.trials)]
    for members in view.controls.values():
        xs += [p.x.value for p in members]
    xs = xs or [p.x.value for p in view.refused] or [1.0]
    log = min(xs) > 0 and max(xs) > _LOG_FROM * min(xs)
    reach = 10.0 if log else 2.5
    others = [p.x.value for p in view.references]
    if view.x_bound is not None:
        others.append(view.x_bound.bound * (1.3 if log else 1.06))
    xs += [v for v in others if min(xs) / reach <= v <= max(xs) * reach and v > 0]
    low, high = min(xs), max(xs)
    if log:
        low, high = low / 1.25, high * 1.25
    else:
        pad = 0.04 * (high - low) or 0.1 * abs(high)
        low, high = max(0.0, low - pad) if low > 0.3 * high else 0.0, high + pad
    x = axis_for(view.x, (low, high), left, right, log)
    y = axis_for(view.y, _heights(view), bottom, top)
    labels = Labels((left + 2, top - 2, right + 6, floor))
    return _Sheet(view, width, height, left, right, top, bottom, floor, x, y, labels)


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


def _reserve(sheet: _Sheet) -> None:
    """Keep all labels off the marks and the staircases, before the first is placed."""
    for point in sheet.shown(sheet.view.models):
        x, y = sheet.at(point)
        sheet.labels.solid.append((x - 8, y - 8, x + 8, y + 8))
        for low, high in [_bar(sheet, point)]:
            sheet.labels.light.append((x - 2, high, x + 2, low))
    for point in sheet.shown(sheet.view.references):
        x, y = sheet.at(point)
        sheet.labels.solid.append((x - 6, y - 6, x + 6, y + 6))
    for members in (sheet.view.models, *sheet.view.controls.values()):
        path = _path(sheet, members)
        if path:
            sheet.labels.avoid_steps(path, sheet.right)


def _bar(sheet: _Sheet, point: Point) -> tuple[float, float]:
    """The pixels of the interval of a score, inside the plot."""
    score = point.y or Quantity(0.0, "", How.UNKNOWN)
    spread = score.spread or 0.0
    return (
        min(sheet.bottom, sheet.y(score.value - spread)),
        max(sheet.top, sheet.y(score.value + spread)),
    )


def _path(sheet: _Sheet, members: Sequence[Point]) -> list[tuple[float, float]]:
    return [sheet.at(p) for p in sheet.shown(staircase(members))]


def _limits(sheet: _Sheet, notes: list[str]) -> None:
    view = sheet.view
    if view.x_bound is not None:
        bound = view.x_bound
        shown = Quantity(bound.bound, METRICS[view.x].unit, How.COUNTED).text()
        if sheet.x.holds(bound.bound):
            x = sheet.x(bound.bound)
            start, end = (x, sheet.right) if bound.upper else (sheet.left, x)
            _shade(sheet, start, sheet.top, end, sheet.floor)
            sheet.parts.append(
                tag("path", d=f"M{trim(x)} {trim(sheet.top)}V{trim(sheet.floor)}", class_="edge")
            )
            words = f"over {shown}" if bound.upper else f"under {shown}"
            inside = text_width(words) < abs(end - start) - 8
            y = sheet.top + 12
            spots = [
                ((start + end) / 2, y, "middle") if inside else (x - 5, y, "end"),
                (x - 5, sheet.bottom - 6, "end"),
                (x + 5, sheet.bottom - 6, "start"),
                (x - 5, y + 16, "end"),
            ]
            _label(sheet, words, spots, "note")
        elif (bound.bound > sheet.x.scale.high * sheet.x.factor) == bound.upper:
            side = "right" if bound.upper else "left"
            notes.append(f"The limit of {shown} lies beyond the axis, to the {side}.")
    if view.y_bound is not None and sheet.y.holds(view.y_bound.bound):
        y = sheet.y(view.y_bound.bound)
        top, bottom = (sheet.top, y) if view.y_bound.upper else (y, sheet.bottom)
        _shade(sheet, sheet.left, top, sheet.right, bottom)


def _shade(sheet: _Sheet, left: float, top: float, right: float, bottom: float) -> None:
    sheet.parts.append(
        tag("rect", x=left, y=top, width=right - left, height=bottom - top, class_="shade")
    )


def _label(
    sheet: _Sheet, words: str, spots: Sequence[tuple[float, float, str]], kind: str
) -> bool:
    spot = sheet.labels.place(words, spots)
    if spot is not None:
        sheet.parts.append(text(spot[0], spot[1], words, text_anchor=spot[2], class_=kind))
    return spot is not None


def _grid(sheet: _Sheet) -> None:
    how = "of the exported file, test split" if sheet.view.tested else "in the search, validation"
    title = f"{sheet.y.title} · {how} · {sheet.view.y_how}"
    if sheet.small:
        title = f"{sheet.y.title} · {'exported file, test' if sheet.view.tested else 'validation'}"
    sheet.parts.append(text(0, 13, title, class_="axis"))
    for y, label in sheet.y.ticks(5):
        sheet.parts.append(
            tag("path", d=f"M{trim(sheet.left)} {trim(y)}H{trim(sheet.right)}", class_="grid")
        )
        sheet.parts.append(text(sheet.left - 8, y + 4, label, text_anchor="end", class_="tick"))
    sheet.parts.append(
        tag(
            "path", d=f"M{trim(sheet.left)} {trim(sheet.floor)}H{trim(sheet.right)}", class_="base"
        )
    )
    free = -10.0
    for x, label in sheet.x.ticks(5 if sheet.small else 8):
        half = text_width(label) / 2
        if x - half < free + 6 or x + half > sheet.width:
            continue
        free = x + half
        sheet.parts.append(
            tag("path", d=f"M{trim(x)} {trim(sheet.floor)}v4", class_="base"),
        )
        sheet.parts.append(text(x, sheet.floor + 17, label, text_anchor="middle", class_="tick"))
    scale = " · log scale" if sheet.x.scale.log else ""
    title = f"{sheet.x.title} · {sheet.view.x_how}{scale}"
    sheet.parts.append(
        text(sheet.right, sheet.height - 4, title, text_anchor="end", class_="axis")
    )


def _dots(sheet: _Sheet, notes: list[str]) -> None:
    shown = sheet.shown(sheet.view.trials)
    spots = {tuple(round(v) for v in sheet.at(point)) for point in shown}
    if spots:
        path = "".join(f"M{x} {y}h0" for x, y in sorted(spots))
        sheet.parts.append(tag("path", d=path, class_="dots"))
    below = len(sheet.view.trials) - len(shown)
    if below:
        notes.append(f"{below} of {len(sheet.view.trials)} trials lie outside the axes.")


def _controls(sheet: _Sheet) -> None:
    for name, members in sheet.view.controls.items():
        path = _path(sheet, members)
        if not path:
            continue
        sheet.parts.append(tag("path", d=steps(path, sheet.right), class_="control"))
        ends = [*[x for x, _ in path[1:]], sheet.right]
        spots = []
        for (x, y), end in sorted(
            zip(path, ends, strict=True), key=lambda item: item[0][0] - item[1]
        ):
            for dy in (14, -6):
                spots += [
                    ((x + end) / 2, y + dy, "middle"),
                    (end - 4, y + dy, "end"),
                    (x + 4, y + dy, "start"),
                ]
        spots += [(sheet.right - 4, sheet.bottom - 8 - 15 * i, "end") for i in range(6)]
        _label(sheet, name, spots, "note")


def _front(sheet: _Sheet) -> None:
    path = _path(sheet, sheet.view.models)
    if path:
        sheet.parts.append(tag("path", d=steps(path, sheet.right), class_="line"))


def _references(sheet: _Sheet, notes: list[str]) -> None:
    """Known networks: a cross in the plot where they have a score, else one in a row below it."""
    beyond = []
    row = sheet.bottom + 6 + (_STRIP if sheet.view.refused else 0)
    rows = Labels((sheet.left, row, sheet.width, sheet.floor + 1))
    for point in sorted(sheet.view.references, key=lambda p: p.x.value):
        name = clip(point.name, 110 if sheet.small else 150)
        shown = point.x.text()
        if not sheet.x.holds(point.x.value):
            beyond.append(f"{point.name} ({shown})")
            continue
        x = sheet.x(point.x.value)
        tip = f"{point.name}\n{METRICS[sheet.view.x].label} {shown} ({point.x.how})"
        if point.y is not None and sheet.y.holds(point.y.value):
            y = sheet.y(point.y.value)
            tip += f"\n{METRICS[sheet.view.y].label} {point.y.text()} ({point.y.how})"
            spots = _around(x, y, 9)
            _label(sheet, name, spots, "ref")
        else:
            spot = rows.place(
                name,
                [
                    s
                    for i in range(2)
                    for s in (
                        (x + 8, row + 11 + i * _STRIP, "start"),
                        (x - 8, row + 11 + i * _STRIP, "end"),
                    )
                ],
            )
            y = row + 7 if spot is None else spot[1] - 4
            if spot is None:
                notes.append(f"Unlabelled mark at {shown}: {point.name}.")
            else:
                rows.solid.append((x - 6, y - 6, x + 6, y + 6))
                sheet.parts.append(
                    text(spot[0], spot[1], name, text_anchor=spot[2], class_="ref")
                )
        if point.note:
            tip += f"\n{point.note}"
        mark = tag("path", d=f"M{trim(x - 5)} {trim(y)}h10m-5-5v10", class_="cross")
        hit = tag("circle", cx=x, cy=y, r=10, class_="hit")
        sheet.parts.append(tag("g", mark, hit, data_tip=tip))
    if beyond:
        notes.append(f"Beyond the axis: {', '.join(beyond)}.")


def _around(x: float, y: float, far: float) -> list[tuple[float, float, str]]:
    return [
        (x + far, y + 4, "start"),
        (x - far, y + 4, "end"),
        (x, y + far + 10, "middle"),
        (x, y - far - 2, "middle"),
        (x + far, y + 18, "start"),
        (x - far, y + 18, "end"),
        (x + far, y - 10, "start"),
        (x - far, y - 10, "end"),
    ]


def _refused(sheet: _Sheet, notes: list[str]) -> None:
    """Candidates that break a limit, in a row below the plot: they have a cost and no score."""
    points = sheet.view.refused
    if not points:
        return
    y = sheet.bottom + 6 + _STRIP / 2
    inside = sorted({round(sheet.x(p.x.value)) for p in points if sheet.x.holds(p.x.value)})
    path = "".join(f"M{x - 2} {trim(y - 2)}l4 4m0-4l-4 4" for x in inside)
    tip = f"{len(points)} candidates break a limit: refused before any training"
    if path:
        sheet.parts.append(tag("path", d=path, class_="refused", data_tip=tip))
    sheet.parts.append(text(sheet.left - 8, y + 4, "refused", text_anchor="end", class_="tick"))
    beyond = sum(not sheet.x.holds(p.x.value) for p in points)
    if beyond:
        notes.append(f"{beyond} refused candidates lie beyond the axis.")


def _models(sheet: _Sheet) -> None:
    shown = sheet.shown(sheet.view.models)
    for point in shown:
        x, _ = sheet.at(point)
        low, high = _bar(sheet, point)
        path = f"M{trim(x)} {trim(low)}V{trim(high)}" if low - high > 1 else ""
        spread = point.x.spread
        if spread:
            ends = [v for v in (point.x.value - spread, point.x.value + spread)]
            pixels = [sheet.x(v) if sheet.x.holds(v) else x for v in ends]
            path += f"M{trim(pixels[0])} {trim(sheet.at(point)[1])}H{trim(pixels[1])}"
        if path:
            sheet.parts.append(tag("path", d=path, class_="bar"))
    for place, point in enumerate(sorted(shown, key=lambda p: p.x.value), start=1):
        x, y = sheet.at(point)
        score = point.y or point.x
        words = (
            f"Model {place} of {len(shown)}: {METRICS[sheet.view.y].label} {score.text()} "
            f"{score.how}, {METRICS[sheet.view.x].label} {point.x.text()} {point.x.how}"
        )
        sheet.parts.append(
            tag(
                "g",
                tag("circle", cx=x, cy=y, r=11, class_="hit"),
                tag("circle", cx=x, cy=y, r=5, class_="mark"),
                data_model=point.index,
                tabindex=0,
                role="button",
                aria_pressed="false",
                aria_label=words,
                class_="model",
            )
        )
