"""Drawings of one model: its architecture, and the memory that it needs while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from brickwork.objective import Limit
from brickwork.quantity import How, Quantity
from brickwork.report.numbers import bound_text, compact
from brickwork.report.svg import clip, tag, text, text_width, trim, wrap

__all__ = ["draw_architecture", "draw_memory"]

_WIDTH = 336.0
_CENTRE = 46.0  # of the column of blocks
_REACH = 70.0  # width of the widest block
_ROW = 40.0
_LINE = 14.0
_LINES = 3  # of what a block does
_BLOCK = 24.0  # height of a block
_TEXT = 96.0  # left edge of the words
_BOLD = 14.0  # the size of regular text that is as wide as a bold name
_BAR_ROWS = 28  # more ops than this are drawn as columns, without their names


def draw_architecture(
    blocks: Sequence[Mapping[str, Any]], input_shape: Sequence[int]
) -> Markup | None:
    """The blocks from the input down; a block is as wide as it has channels.

    An arc around a block is a skip connection.
    """
    if not blocks:
        return None
    rows = [{"label": "input", "shape": input_shape}, *blocks] if input_shape else list(blocks)
    widest = max([row["shape"][0] for row in rows if row.get("shape")] or [1])
    solid = skips = ""
    words = _Words()
    top = last = 6.0
    for row in rows:
        channels = row["shape"][0] if row.get("shape") else 1
        width = 8 + (_REACH - 8) * channels / widest
        solid += _box(top, width)
        if row.get("skip"):
            skips += _arc(top, width)
        lines = words.add(row, top)
        last, top = top, top + _ROW + _LINE * max(0, lines - 1)
    wire = f"M{trim(_CENTRE)} {trim(6 + _BLOCK)}V{trim(last)}"
    return tag(
        "svg",
        tag("path", d=wire, class_="wire"),
        tag("path", d=skips, class_="skip"),
        tag("path", d=solid, class_="block"),
        *words.groups(),
        viewBox=f"0 0 {trim(_WIDTH)} {trim(max(top - _ROW, last) + _BLOCK + 6)}",
        role="img",
        aria_label=f"Architecture: {len(blocks)} blocks from input to output",
    )


def _box(top: float, width: float) -> str:
    left = trim(_CENTRE - width / 2)
    return f"M{left} {trim(top)}h{trim(width)}v{trim(_BLOCK)}h{trim(-width)}z"


def _arc(top: float, width: float) -> str:
    """A line around a block, from the wire above it to the wire below it."""
    above, below = top - 6, top + _BLOCK + 6
    out = max(2.0, _CENTRE - width / 2 - 10)
    return (
        f"M{trim(_CENTRE)} {trim(above)}H{trim(out + 6)}q-6 0-6 6"
        f"V{trim(below - 6)}q0 6 6 6H{trim(_CENTRE)}"
    )


class _Words:
    """The words beside the blocks, gathered by how they are set."""

    def __init__(self) -> None:
        self.names: list[Markup] = []
        self.details: list[Markup] = []
        self.numbers: list[Markup] = []

    def add(self, block: Mapping[str, Any], top: float) -> int:
        """Name and shape of a block, its multiplications, and what it does in so many lines."""
        shape = "×".join(str(size) for size in block.get("shape") or ())
        label, detail = str(block.get("label") or ""), str(block.get("detail") or "")
        macs, parameters = block.get("macs"), block.get("parameters")
        below = f"{compact(macs)} MACs" if macs else ""
        room = _WIDTH - _TEXT
        lines = wrap(detail, room - text_width(below) - 8, _LINES) if detail else []
        name = clip(label, room - text_width(shape) - 14, _BOLD)
        cut = [label] if name != label else []
        cut += [detail] if "…" in "".join(lines) else []
        counts = [f"{macs:,} MACs"] if macs is not None else []
        counts += [f"{parameters:,} parameters"] if parameters is not None else []
        skip = ["with a skip connection"] if block.get("skip") else []
        tip = "\n".join([*cut, *skip, ", ".join(counts)]).strip()
        self.names.append(tag("text", name, y=top + 10, data_tip=tip or None))
        for i, line in enumerate(lines):
            self.details.append(tag("text", line, y=top + 25 + _LINE * i))
        self.numbers.append(tag("text", shape, y=top + 10))
        if below:
            self.numbers.append(tag("text", below, y=top + 25))
        return len(lines)

    def groups(self) -> list[Markup]:
        left, right = f"translate({trim(_TEXT)})", f"translate({trim(_WIDTH)})"
        return [
            tag("g", *self.names, class_="name", transform=left),
            tag("g", *self.details, class_="tick", transform=left),
            tag("g", *self.numbers, class_="tick end", transform=right),
        ]


def draw_memory(
    memory: Sequence[Sequence[Any]], limit: Limit | None
) -> tuple[Markup, float] | None:
    """Live bytes at each op, in the order of execution, and their peak.

    Args:
        memory: Pairs of op and live bytes.
        limit: The memory that there is; None where there is no limit.
    """
    if not memory:
        return None
    steps = [(str(name), float(size)) for name, size in memory]
    peak = max(size for _, size in steps)
    near = limit if limit is not None and 0 < limit.bound < 2 * peak else None
    draw = _rows if len(steps) <= _BAR_ROWS else _columns
    parts, height = draw(steps, peak, near)
    svg = tag(
        "svg",
        *parts,
        viewBox=f"0 0 {trim(_WIDTH)} {trim(height)}",
        role="img",
        aria_label=f"Memory while it runs: peak {_size(peak)}",
    )
    return svg, peak


def _rows(
    steps: Sequence[tuple[str, float]], peak: float, limit: Limit | None
) -> tuple[list[Markup], float]:
    """A bar for each op, with its name and its bytes."""
    names = min(150.0, max(text_width(name) for name, _ in steps))
    left, right, row = names + 10, _WIDTH - 60, 19
    scale = (right - left) / (max(peak, limit.bound if limit else 0.0) or 1.0)
    bars = {"step": "", "peak": ""}
    labels, values = [], []
    for place, (name, size) in enumerate(steps):
        y, kind = place * row, "peak" if size == peak else "step"
        long = trim(max(1.0, scale * size))
        bars[kind] += f"M{trim(left)} {trim(y + 3)}h{long}v{row - 6}h-{long}z"
        shown = clip(name, names, keep_end=True)
        tip = name if shown != name else None
        labels.append(tag("text", shown, y=y + 14, data_tip=tip))
        values.append(tag("text", _size(size), y=y + 14, class_="value" if size == peak else None))
    bottom = float(len(steps) * row)
    found = [tag("path", d=path, class_=kind) for kind, path in bars.items() if path]
    found.append(tag("g", *labels, class_="tick"))
    found.append(tag("g", *values, class_="tick end", transform=f"translate({trim(_WIDTH)})"))
    if limit is not None:
        x = left + scale * limit.bound
        found.append(tag("path", d=f"M{trim(x)} 0V{trim(bottom + 4)}", class_="edge"))
        found.append(text(x, bottom + 18, f"limit {bound_text(limit)}", "note", "end"))
        bottom += 22
    return found, bottom


def _columns(
    steps: Sequence[tuple[str, float]], peak: float, limit: Limit | None
) -> tuple[list[Markup], float]:
    """A column for each op; only the peak is named."""
    top, bottom = 36.0, 200.0
    wide = _WIDTH / len(steps)
    scale = (bottom - top) / (max(peak, limit.bound if limit else 0.0) or 1.0)
    parts = []
    for place, (name, size) in enumerate(steps):
        path = (
            f"M{trim(place * wide)} {trim(bottom)}v{trim(-scale * size)}"
            f"h{trim(max(0.6, wide - (1 if wide > 4 else 0.2)))}V{trim(bottom)}z"
        )
        kind = "peak" if size == peak else "step"
        parts.append(tag("path", d=path, class_=kind, data_tip=f"{name}\n{_size(size)} live"))
    height = bottom - scale * peak
    edge = bottom - scale * limit.bound if limit is not None else None
    if limit is not None and edge is not None:
        parts.append(tag("path", d=f"M0 {trim(edge)}H{trim(_WIDTH)}", class_="edge"))
        above = edge - 5 if edge < height else height - 22
        parts.append(text(_WIDTH, above, f"limit {bound_text(limit)}", "note", "end"))
    place, name = next((i, name) for i, (name, size) in enumerate(steps) if size == peak)
    words = clip(f"{name}: {_size(peak)}", _WIDTH if edge is None else _WIDTH - 110)
    half = text_width(words) / 2
    x = min(max((place + 0.5) * wide, half), _WIDTH - half - (0 if edge is None else 110))
    parts.append(text(x, height - 6, words, "value", "middle"))
    parts.append(text(0, bottom + 17, f"first of {len(steps)} ops", "tick"))
    parts.append(text(_WIDTH, bottom + 17, "last", "tick", "end"))
    return parts, bottom + 22


def _size(value: float) -> str:
    return Quantity(value, "B", How.COUNTED).text()
