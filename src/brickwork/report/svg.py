"""The few tools that the drawings share: elements, and labels that do not collide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

__all__ = [
    "SIZE",
    "Box",
    "Labels",
    "clip",
    "dots",
    "steps",
    "tag",
    "text",
    "text_width",
    "trim",
    "wrap",
]

Box = tuple[float, float, float, float]  # left, top, right, bottom

SIZE = 11.5  # of text, in pixels; report.css says the same

_THIN = frozenset("iljI|.,:;'· ")
_NARROW = frozenset('tfr-()[]/!"')
_BROAD = frozenset("mwMW@%—+±≤≥→<>=×&")


def trim(value: float) -> str:
    """A coordinate in as few characters as a tenth of a pixel needs."""
    short = f"{value:.1f}".removesuffix(".0")
    return "0" if short == "-0" else short


def tag(name: str, *content: str, **attributes: object) -> Markup:
    """An element. Strings that are not Markup are escaped.

    ``class_`` is written ``class``, ``stroke_width`` ``stroke-width``; None and False leave an
    attribute out.
    """
    parts = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        shown = trim(value) if isinstance(value, float) else value
        parts.append(f' {key.rstrip("_").replace("_", "-")}="{escape(shown)}"')
    inner = Markup("").join(escape(part) for part in content)
    end = f">{inner}</{name}>" if content else "/>"
    return Markup(f"<{name}{''.join(parts)}{end}")


def text(x: float, y: float, content: str, kind: str, anchor: str = "start") -> Markup:
    """A line of text.

    Args:
        x, y: Where it is anchored, on its baseline.
        content: The words.
        kind: Its class in the style sheet.
        anchor: ``"start"``, ``"middle"`` or ``"end"``.
    """
    side = {"start": "", "middle": " mid", "end": " end"}[anchor]
    return tag("text", content, x=float(x) or None, y=float(y), class_=kind + side)


def text_width(content: str, size: float = SIZE) -> float:
    """About the width of a text in a sans serif font, in pixels; if wrong, then too much."""
    return size * sum(map(_ems, content))


def _ems(char: str) -> float:
    """About the width of a character, of the broadest of the usual fonts."""
    if char in _THIN:
        return 0.33
    if char in _NARROW:
        return 0.42
    if char in _BROAD:
        return 0.9
    if ord(char) > 0x2E80:  # from here on mostly full-width scripts
        return 1.1
    return 0.7 if char.isupper() else 0.62


def clip(content: str, width: float, size: float = SIZE, keep_end: bool = False) -> str:
    """The text, cut with an ellipsis where it is wider than ``width``; at its start if asked so."""
    if text_width(content, size) <= width:
        return content
    while content and text_width(content + "…", size) > width:
        content = content[1:] if keep_end else content[:-1]
    return f"…{content.lstrip(' .')}" if keep_end else f"{content.rstrip()}…"


def wrap(content: str, width: float, lines: int) -> list[str]:
    """The text in at most so many lines; the last is clipped where there is more."""
    words, found = content.split(" "), [""]
    for place, word in enumerate(words):
        longer = f"{found[-1]} {word}".strip()
        if text_width(longer) <= width or not found[-1]:
            found[-1] = longer
        elif len(found) < lines:
            found.append(word)
        else:
            found[-1] = " ".join([found[-1], *words[place:]])
            break
    return [clip(line, width) for line in found]


def dots(places: Iterable[tuple[int, int]], mark: str, back: tuple[int, int]) -> str:
    """A path with the same mark at each place, each once, in few characters.

    Args:
        places: Whole pixels.
        mark: The path of the mark, relative to its place.
        back: Where the mark leaves the pen, relative to its place.
    """
    path, (px, py) = "", (0, 0)
    for x, y in sorted(set(places)):
        path += f"m{x - px} {y - py}{mark}"
        px, py = x + back[0], y + back[1]
    return path.replace(" -", "-")


def steps(points: Sequence[tuple[float, float]], end: float | None = None) -> str:
    """The path of a staircase through points from left to right; ``end`` prolongs the last step."""
    if not points:
        return ""
    path = [f"M{trim(points[0][0])} {trim(points[0][1])}"]
    for x, y in points[1:]:
        path.append(f"H{trim(x)}V{trim(y)}")
    if end is not None and end > points[-1][0]:
        path.append(f"H{trim(end)}")
    return "".join(path)


@dataclass(slots=True)
class Labels:
    """Finds places for labels where they cover nothing that matters.

    Attributes:
        bounds: The area that labels must stay in.
        solid: What must not be covered: marks, and the labels that were placed.
        light: What had better not be covered: lines.
    """

    bounds: Box
    solid: list[Box] = field(default_factory=list)
    light: list[Box] = field(default_factory=list)

    def place(
        self, content: str, spots: Iterable[tuple[float, float, str]], size: float = SIZE
    ) -> tuple[float, float, str] | None:
        """The best of the spots (x, baseline, anchor), reserved; None where none is free.

        Earlier spots are preferred among those that cover equally few lines.
        """
        width = text_width(content, size)
        best: tuple[int, tuple[float, float, str], Box] | None = None
        for x, y, anchor in spots:
            left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
            box = (left - 2, y - size, left + width + 2, y + 0.3 * size)
            if not _within(box, self.bounds) or any(_overlap(box, other) for other in self.solid):
                continue
            crossed = sum(_overlap(box, other) for other in self.light)
            if best is None or crossed < best[0]:
                best = (crossed, (x, y, anchor), box)
            if crossed == 0:
                break
        if best is None:
            return None
        self.solid.append(best[2])
        return best[1]

    def avoid_steps(self, points: Sequence[tuple[float, float]], end: float) -> None:
        """Keep labels off a staircase."""
        for (x, y), (nx, ny) in zip(points, [*points[1:], (end, points[-1][1])], strict=True):
            self.light.append((x, y - 1, nx, y + 1))
            self.light.append((nx - 1, min(y, ny), nx + 1, max(y, ny)))


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _within(inner: Box, outer: Box) -> bool:
    return (
        inner[0] >= outer[0]
        and inner[1] >= outer[1]
        and inner[2] <= outer[2]
        and inner[3] <= outer[3]
    )
