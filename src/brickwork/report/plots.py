"""The picture of the front, as SVG.

It is drawn at two widths, for a desk and for a phone: scaling one drawing would make its text
unreadable on the other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from markupsafe import Markup

from brickwork.quantity import METRICS
from brickwork.report.axes import Axis
from brickwork.report.front import Point, View, staircase
from brickwork.report.numbers import bound_text
from brickwork.report.sheet import STRIP, Sheet, sheet_for
from brickwork.report.svg import Labels, clip, dots, steps, tag, text, text_width, trim

__all__ = ["draw_front"]

Spot = tuple[float, float, str]  # x, baseline, anchor of a label


def draw_front(view: View, width: float, height: float) -> tuple[Markup, list[str]]:
    """The front along one cost.

    Args:
        view: What to draw.
        width, height: The size in pixels.

    Returns:
        The SVG, and sentences on what could not be drawn inside it.
    """
    notes: list[str] = []
    sheet = sheet_for(view, width, height)
    _reserve(sheet)
    _limits(sheet, notes)
    _grid(sheet)
    _trials(sheet, notes)
    _references(sheet, notes)
    _controls(sheet)
    _refused(sheet, notes)
    _models(sheet)
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
        viewBox=f"0 0 {trim(sheet.width)} {trim(sheet.height)}",
        role="group",
        aria_label=f"The front: {METRICS[view.y].label} over {METRICS[view.x].label}",
        data_frame=json.dumps(frame, separators=(",", ":")),
        class_="front",
    )
    return svg, notes


def _frame(axis: Axis) -> list[float]:
    """What the script needs to find the value under the pointer."""
    scale = axis.scale
    domain = [float(f"{end * axis.factor:.6g}") for end in (scale.low, scale.high)]
    return [*domain, round(scale.start, 1), round(scale.end, 1), int(scale.log)]


def _reserve(sheet: Sheet) -> None:
    """Keep all labels off the marks and the staircases, before the first is placed."""
    for point in sheet.shown(sheet.view.models):
        x, y = sheet.at(point)
        low, high = _interval(sheet, point)
        sheet.labels.solid.append((x - 8, y - 8, x + 8, y + 8))
        sheet.labels.light.append((x - 2, high, x + 2, low))
    for point in sheet.shown(sheet.view.references):
        x, y = sheet.at(point)
        sheet.labels.solid.append((x - 6, y - 6, x + 6, y + 6))
    for members in (sheet.view.models, *sheet.view.controls.values()):
        path = _path(sheet, members)
        if path:
            sheet.labels.avoid_steps(path, sheet.end)


def _interval(sheet: Sheet, point: Point) -> tuple[float, float]:
    """The pixels of the interval of a score, inside the plot."""
    value, spread = (point.y.value, point.y.spread or 0.0) if point.y is not None else (0.0, 0.0)
    low, high = sheet.y(value - spread), sheet.y(value + spread)
    return min(sheet.bottom, low), max(sheet.top, high)


def _path(sheet: Sheet, members: Sequence[Point]) -> list[tuple[float, float]]:
    return [sheet.at(p) for p in sheet.shown(staircase(members))]


def _limits(sheet: Sheet, notes: list[str]) -> None:
    view = sheet.view
    if view.x_bound is not None:
        bound = view.x_bound
        shown = bound_text(bound)
        if sheet.x.holds(bound.bound):
            x = sheet.x(bound.bound)
            start, end = (x, sheet.right) if bound.upper else (sheet.left, x)
            _shade(sheet, start, sheet.top, end, sheet.floor)
            edge = f"M{trim(x)} {trim(sheet.top)}V{trim(sheet.floor)}"
            sheet.parts.append(tag("path", d=edge, class_="edge"))
            sheet.labels.light.append((x - 1, sheet.top, x + 1, sheet.bottom))
            words = f"over {shown}" if bound.upper else f"under {shown}"
            inside = text_width(words) < end - start - 8
            spots = [((start + end) / 2, sheet.bottom - 6, "middle")] if inside else []
            for y in (sheet.bottom - 6, sheet.top + 12, sheet.bottom - 22, sheet.top + 28):
                spots += [(x - 6, y, "end")] if bound.upper else [(x + 6, y, "start")]
            _label(sheet, words, spots, "note")
        elif (bound.bound > sheet.x.scale.high * sheet.x.factor) == bound.upper:
            side = "right" if bound.upper else "left"
            notes.append(f"The limit of {shown} lies beyond the axis, to the {side}.")
    if view.y_bound is not None and sheet.y.holds(view.y_bound.bound):
        y = sheet.y(view.y_bound.bound)
        top, bottom = (sheet.top, y) if view.y_bound.upper else (y, sheet.bottom)
        _shade(sheet, sheet.left, top, sheet.right, bottom)
        words = f"{'over' if view.y_bound.upper else 'under'} {bound_text(view.y_bound)}"
        lines = [y + 14, bottom - 6] if not view.y_bound.upper else [y - 6, top + 12]
        _label(sheet, words, [(sheet.left + 6, line, "start") for line in lines], "note")


def _shade(sheet: Sheet, left: float, top: float, right: float, bottom: float) -> None:
    area = f"M{trim(left)} {trim(top)}H{trim(right)}V{trim(bottom)}H{trim(left)}z"
    sheet.parts.append(tag("path", d=area, class_="shade"))


def _label(sheet: Sheet, words: str, spots: Sequence[Spot], kind: str) -> bool:
    spot = sheet.labels.place(words, spots)
    if spot is not None:
        sheet.parts.append(text(spot[0], spot[1], words, kind, spot[2]))
    return spot is not None


def _grid(sheet: Sheet) -> None:
    view = sheet.view
    if view.scored:
        _height_axis(sheet)
    base = f"M{trim(sheet.left)} {trim(sheet.floor)}H{trim(sheet.right)}"
    free = -10.0
    for x, label in sheet.x.ticks(5 if sheet.small else 8):
        half = text_width(label) / 2
        if x - half < free + 6 or x + half > sheet.width:
            continue
        free = x + half
        base += f"M{trim(x)} {trim(sheet.floor)}v4"
        sheet.parts.append(text(x, sheet.floor + 18, label, "tick", "middle"))
    sheet.parts.append(tag("path", d=base, class_="base"))
    scale = " · log scale" if sheet.x.scale.log else ""
    title = f"{sheet.x.title} · {view.x_how}{scale}"
    sheet.parts.append(text(sheet.right, sheet.height - 4, title, "axis", "end"))


def _height_axis(sheet: Sheet) -> None:
    view = sheet.view
    score = f"{'test' if view.tested else 'validation'} {sheet.y.title}"
    known = str(view.y_how)
    if not sheet.small:
        known += ", of the exported file" if view.tested else ", in the search"
    sheet.parts.append(text(0, 13, f"{score} · {known}", "axis"))
    lines = ""
    for y, label in sheet.y.ticks(6):
        lines += f"M{trim(sheet.left)} {trim(y)}H{trim(sheet.right)}"
        sheet.parts.append(text(sheet.left - 8, y + 4, label, "tick", "end"))
    sheet.parts.append(tag("path", d=lines, class_="rule"))


def _trials(sheet: Sheet, notes: list[str]) -> None:
    shown = sheet.shown(sheet.view.trials)
    grain = 2 if sheet.small and len(shown) > 400 else 1  # pixels: dots that coincide are one
    places = [(grain * round(x / grain), grain * round(y / grain)) for x, y in map(sheet.at, shown)]
    if places:
        sheet.parts.append(tag("path", d=dots(places, "h0", (0, 0)), class_="dots"))
    outside = len(sheet.view.trials) - len(shown)
    if outside:
        notes.append(f"{outside} of {len(sheet.view.trials)} trials lie outside the axes.")


def _controls(sheet: Sheet) -> None:
    for name, members in sheet.view.controls.items():
        path = _path(sheet, members)
        if not path:
            continue
        sheet.parts.append(tag("path", d=steps(path, sheet.end), class_="control"))
        ends = [*[x for x, _ in path[1:]], sheet.end]
        stairs = sorted(zip(path, ends, strict=True), key=lambda stair: stair[0][0] - stair[1])
        spots: list[Spot] = []
        for (x, y), end in stairs:  # the longest first
            for below in (15, -6):
                spots.append(((x + end) / 2, y + below, "middle"))
                spots.append((end - 4, y + below, "end"))
                spots.append((x + 4, y + below, "start"))
        spots += [(sheet.right - 4, sheet.bottom - 8 - 15 * i, "end") for i in range(6)]
        _label(sheet, name, spots, "note")


def _references(sheet: Sheet, notes: list[str]) -> None:
    """Known networks: a cross in the plot where they have a score, else one in a row below it."""
    beyond = []
    row = sheet.bottom + 6 + (STRIP if sheet.view.refused else 0)
    rows = Labels((sheet.left, row, sheet.width, sheet.floor + 1))
    for point in sorted(sheet.view.references, key=lambda p: p.x.value):
        if not sheet.x.holds(point.x.value):
            beyond.append(f"{point.name} ({point.x.text()})")
            continue
        x, name = sheet.x(point.x.value), clip(point.name, 110 if sheet.small else 150)
        tip = [point.name, f"{METRICS[sheet.view.x].label} {point.x}"]
        if point.y is not None and sheet.y.holds(point.y.value):
            y = sheet.y(point.y.value)
            tip.append(f"{METRICS[sheet.view.y].label} {point.y}")
            named = _label(sheet, name, _around(x, y), "ref")
            # Room on both sides, lest another label reads as this mark's.
            sheet.labels.solid.append((x - 26, y - 9, x + 26, y + 9))
        else:
            below = [row + 11 + i * STRIP for i in range(2)]
            spots = [s for b in below for s in ((x + 9, b, "start"), (x - 9, b, "end"))]
            spot = rows.place(name, spots)
            named, y = spot is not None, (below[0] if spot is None else spot[1]) - 4
            if spot is not None:
                rows.solid.append((x - 7, y - 6, x + 7, y + 6))
                sheet.parts.append(text(spot[0], spot[1], name, "ref", spot[2]))
        if not named:
            notes.append(f"The mark without a name at {point.x.text()} is {point.name}.")
        mark = tag("path", d=f"M{trim(x - 5)} {trim(y)}h10m-5-5v10", class_="cross")
        hit = tag("circle", cx=x, cy=y, r=10, class_="hit")
        tip += [point.note] if point.note else []
        sheet.parts.append(tag("g", mark, hit, data_tip="\n".join(tip)))
    if beyond:
        notes.append(f"Beyond the axis: {', '.join(beyond)}.")


def _around(x: float, y: float) -> list[Spot]:
    return [
        (x + 9, y + 4, "start"),
        (x - 9, y + 4, "end"),
        (x, y + 19, "middle"),
        (x, y - 10, "middle"),
        (x + 8, y + 17, "start"),
        (x - 8, y + 17, "end"),
        (x + 8, y - 9, "start"),
        (x - 8, y - 9, "end"),
    ]


def _refused(sheet: Sheet, notes: list[str]) -> None:
    """Candidates that break a limit, in a row below the plot: they have a cost and no score."""
    points = sheet.view.refused
    if not points:
        return
    y = round(sheet.bottom + 6 + STRIP / 2)
    inside = [p for p in points if sheet.x.holds(p.x.value)]
    places = [(5 * round(sheet.x(p.x.value) / 5) - 2, y - 2) for p in inside]
    tip = f"{len(points)} candidates break a limit: refused before any training"
    if places:
        path = dots(places, "l4 4m0-4l-4 4", (0, 4))
        sheet.parts.append(tag("path", d=path, class_="refused", data_tip=tip))
    sheet.parts.append(text(sheet.left - 8, y + 4, "refused", "tick", "end"))
    if len(inside) < len(points):
        notes.append(f"{len(points) - len(inside)} refused candidates lie beyond the axis.")


def _models(sheet: Sheet) -> None:
    view = sheet.view
    path = _path(sheet, view.models)
    if path:
        sheet.parts.append(tag("path", d=steps(path, sheet.end), class_="line"))
    shown = sorted(sheet.shown(view.models), key=lambda p: p.x.value)
    bars = "".join(_bars(sheet, point) for point in shown)
    if bars:
        sheet.parts.append(tag("path", d=bars, class_="bar"))
    for x, y, point in ((*sheet.at(point), point) for point in shown):
        hit = tag("circle", cx=x, cy=y, r=11, class_="hit")
        mark = tag("circle", cx=x, cy=y, r=5, class_="mark")
        sheet.parts.append(tag("g", hit, mark, data_model=point.index, class_="model"))


def _bars(sheet: Sheet, point: Point) -> str:
    """The 80 % intervals of a model, up and down and, where its cost is uncertain, sideways."""
    x, y = sheet.at(point)
    low, high = _interval(sheet, point)
    path = f"M{trim(x)} {trim(low)}V{trim(high)}" if low - high > 1 else ""
    spread = point.x.spread
    if spread:
        ends = [point.x.value - spread, point.x.value + spread]
        left, right = (sheet.x(v) if sheet.x.holds(v) else x for v in ends)
        path += f"M{trim(left)} {trim(y)}H{trim(right)}"
    return path
