"""What sequences need besides layers: positions, a class token, and one token alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, sin
from typing import ClassVar

from brickwork.errors import ShapeError
from brickwork.space.choice import Choice
from brickwork.space.ops.base import Op, Shape, sequence

__all__ = ["ClassToken", "Position", "Select", "sines"]


@dataclass(frozen=True, slots=True)
class Position(Op):
    """Adds to each position of a sequence what tells it from the others.

    Attributes:
        how: ``"learned"`` (a weight ``(channels, length)``) or ``"sinusoidal"`` (sines and cosines
            of the position; Vaswani et al., "Attention is all you need", 2017, section 3.5).
    """

    how: str | Choice[str] = "learned"
    kind: ClassVar[str] = "position"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if self.how not in ("learned", "sinusoidal"):
            raise ShapeError(f"unknown position {self.how!r}: learned and sinusoidal are known")
        return sequence(self, inputs[0])

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        return {"weight": inputs[0]} if self.how == "learned" else {}


@dataclass(frozen=True, slots=True)
class ClassToken(Op):
    """Puts a learned token in front of a sequence, for what is to be said of the whole."""

    kind: ClassVar[str] = "class_token"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        channels, length = sequence(self, inputs[0])
        return channels, length + 1

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        return {"weight": inputs[0][:1]}


@dataclass(frozen=True, slots=True)
class Select(Op):
    """One token of a sequence: ``(channels, length)`` becomes ``(channels,)``.

    Attributes:
        index: Which; negative numbers count from the end.
    """

    index: int = 0
    kind: ClassVar[str] = "select"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        channels, length = sequence(self, inputs[0])
        if not -length <= self.index < length:
            raise ShapeError(f"select wants token {self.index} of {length}")
        return (channels,)


def sines(channels: int, length: int) -> list[list[float]]:
    """The sinusoidal positions, ``(channels, length)``; of an odd number the last is a sine.

    Channels ``2 i`` and ``2 i + 1`` are the sine and the cosine of the position divided by
    ``10000 ** (2 i / channels)`` (Vaswani et al., 2017, section 3.5).
    """
    rows = []
    for channel in range(channels):
        wave = cos if channel % 2 else sin
        slowness = 10_000.0 ** ((channel - channel % 2) / channels)
        rows.append([wave(place / slowness) for place in range(length)])
    return rows
