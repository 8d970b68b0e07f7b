"""Drawings of one model: its architecture, and the memory that it needs while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from brickwork.quantity import How, Quantity
from brickwork.report.numbers import compact
from brickwork.report.svg import clip, tag, text, text_width, trim

__all__ = ["draw_architecture", "draw_memory"]

_WIDTH = 360.0
_CENTRE = 72.0  # of the column of blocks
_REACH = 96.0  # width of the widest block
_ROW = 40.0
_BLOCK = 24.0  # height of a block
_TEXT = 140.0  # left edge of the words
_BAR_ROWS = 28  # more ops than this are drawn as columns, without their names


def draw_architecture(
    blocks: Sequence[Mapping[str, Any]], input_shape: Sequence[int]
) -> Markup | None:
    """The blocks from the input down; a block is as wide as it has channels.

    An arc around a block is a skip connection.
    """
    if not blocks:
        return None
    shapes = [tuple(block.get("shape") or ()) for block in blocks]
    widest = max([shape[0] for shape in (*shapes, tuple(input_shape)) if shape] or [1])
    rows = [{"label": "input", "shape": input_shape}, *blocks] if input_shape else list(blocks)
    parts: list[Markup] = []
    for place, block in enumerate(rows):
        top = 6 + place * _ROW
        if place:
            line = f"M{trim(_CENTRE)} {trim(top - _ROW + _BLOCK)}V{trim(top)}"
            parts.append(tag("path", d=line, class_="wire"))
        if block.get("skip"):
            parts.append(_skip(top, _width(block, widest)))
        parts.append(_block(block, top, _width(block, widest), is_input="macs" not in block))
    height = 6 + len(rows) * _ROW - (_ROW - _BLOCK) + 6
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {trim(_WIDTH)} {trim(height)}",
        role="img",
        aria_label=f"Architecture: {len(blocks)} blocks from input to output",
    )


def _width(block: Mapping[str, Any], widest: int) -> float:
    shape = block.get("shape") or (1,)
    return 10 + (_REACH - 10) * shape[0] / widest


def _skip(top: float, width: float) -> Markup:
    """An arc from the wire above a block to the wire below it."""
    above, below = top - (_ROW - _BLOCK) / 2, top + _BLOCK + (_ROW - _BLOCK) / 2
    out = max(4.0, _CENTRE - width / 2 - 12)
    bend = min(10.0, (_CENTRE - out) / 2)
    path = (
        f"M{trim(_CENTRE)} {trim(above)}H{trim(out + bend)}"
        f"Q{trim(out)} {trim(above)} {trim(out)} {trim(above + bend)}"
        f"V{trim(below - bend)}"
        f"Q{trim(out)} {trim(below)} {trim(out + bend)} {trim(below)}H{trim(_CENTRE)}"
    )
    return tag("path", d=path, class_="skip")


def _block(block: Mapping[str, Any], top: float, width: float, is_input: bool) -> Markup:
    shape = "×".join(str(size) for size in block.get("shape") or ())
    label = str(block.get("label", ""))
    detail = " ".join(
        part for part in (str(block.get("detail") or ""), "+ skip" if block.get("skip") else "")
        if part
    )
    counts = []
    if block.get("macs") is not None:
        counts.append(f"{compact(block['macs'])} MACs")
    if block.get("parameters") is not None:
        counts.append(f"{compact(block['parameters'])} par.")
    room = _WIDTH - _TEXT
    right, below = shape, " · ".join(counts)
    marks = [
        tag(
            "rect",
            x=_CENTRE - width / 2,
            y=top,
            width=width,
            height=_BLOCK,
            rx=3,
            class_="source" if is_input else "block",
        ),
        text(_TEXT, top + 10, clip(label, room - text_width(right) - 12), class_="name"),
        text(_WIDTH, top + 10, right, text_anchor="end", class_="tick"),
        text(_TEXT, top + 25, clip(detail, room - text_width(below) - 12), class_="tick"),
        text(_WIDTH, top + 25, below, text_anchor="end", class_="tick"),
    ]
    tip = "\n".join(part for part in (label, detail, shape, below) if part)
    return tag("g", *marks, data_tip=tip)


def draw_memory(
    memory: Sequence[Sequence[Any]], limit: float | None
) -> tuple[Markup, float] | None:
    """Live bytes at each op, in the order of execution, and their peak.

    Args:
        memory: Pairs of op and live bytes.
        limit: The memory that there is, in bytes; None where there is no limit.
    """
    if not memory:
        return None
    steps = [(str(name), float(size)) for name, size in memory]
    peak = max(size for _, size in steps)
    scale = max(peak, limit) if limit and limit < 2 * peak else peak
    draw = _rows if len(steps) <= _BAR_ROWS else _columns
    parts, height = draw(steps, peak, scale or 1.0, limit)
    svg = tag(
        "svg",
        *parts,
        viewBox=f"0 0 {trim(_WIDTH)} {trim(height)}",
        role="img",
        aria_label=f"Memory while it runs: peak {_size(peak)}",
    )
    return svg, peak


def _rows(
    steps: Sequence[tuple[str, float]], peak: float, scale: float, limit: float | None
) -> tuple[list[Markup], float]:
    names = min(130.0, max(text_width(name) for name, _ in steps))
    left, right, row = names + 10, _WIDTH - 58, 19.0
    parts = []
    for place, (name, size) in enumerate(steps):
        y = place * row
        long = max(1.0, (right - left) * size / scale)
        parts.append(
            tag(
                "g",
                text(0, y + 13, clip(name, names), class_="tick"),
                tag(
                    "rect",
                    x=left,
                    y=y + 3,
                    width=long,
                    height=row - 6,
                    class_="peak" if size == peak else "step",
                ),
                text(
                    _WIDTH,
                    y + 13,
                    _size(size),
                    text_anchor="end",
                    class_="value" if size == peak else "tick",
                ),
                data_tip=f"{name}\n{_size(size)} live",
            )
        )
    bottom = len(steps) * row
    if limit and limit <= scale:
        x = left + (right - left) * limit / scale
        parts.append(tag("path", d=f"M{trim(x)} 0V{trim(bottom + 4)}", class_="edge"))
        words = f"limit {_size(limit)}"
        parts.append(text(x, bottom + 16, words, text_anchor="end", class_="note"))
        bottom += 20
    return parts, bottom


def _columns(
    steps: Sequence[tuple[str, float]], peak: float, scale: float, limit: float | None
) -> tuple[list[Markup], float]:
    top, bottom = 34.0, 200.0
    wide = _WIDTH / len(steps)
    parts = []
    for place, (name, size) in enumerate(steps):
        high = (bottom - top) * size / scale
        parts.append(
            tag(
                "rect",
                x=place * wide,
                y=bottom - high,
                width=max(0.6, wide - (1 if wide > 4 else 0.2)),
                height=high,
                class_="peak" if size == peak else "step",
                data_tip=f"{name}\n{_size(size)} live",
            )
        )
    if limit and limit <= scale:
        y = bottom - (bottom - top) * limit / scale
        parts.append(tag("path", d=f"M0 {trim(y)}H{trim(_WIDTH)}", class_="edge"))
        words = f"limit {_size(limit)}"
        parts.append(text(_WIDTH, y - 5, words, text_anchor="end", class_="note"))
    place, name = next((i, name) for i, (name, size) in enumerate(steps) if size == peak)
    words = clip(f"{name} {_size(peak)}", _WIDTH)
    half = text_width(words) / 2
    x = min(max((place + 0.5) * wide, half), _WIDTH - half)
    y = bottom - (bottom - top) * peak / scale - 6
    if not (limit and limit <= scale and abs(y - (bottom - (bottom - top) * limit / scale)) < 18):
        parts.append(text(x, y, words, text_anchor="middle", class_="value"))
    parts.append(text(0, bottom + 16, f"first of {len(steps)} ops", class_="tick"))
    parts.append(text(_WIDTH, bottom + 16, "last", text_anchor="end", class_="tick"))
    return parts, bottom + 20


def _size(value: float) -> str:
    return Quantity(value, "B", How.COUNTED).text()
