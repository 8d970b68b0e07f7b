"""Look-up tables: a row of weights for each id.

Networks take float32, so ids are floats that hold whole numbers. An id out of range is moved to the
nearest one in range, in training as in every exported file: a runtime would fail on the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from brickwork.errors import ShapeError
from brickwork.space.choice import Width
from brickwork.space.ops.base import Op, Shape

__all__ = ["Columns", "Embedding"]

_EXACT = 2**24  # float32 holds every whole number up to here


@dataclass(frozen=True, slots=True)
class Embedding(Op):
    """A learned vector for each id: ids ``(length,)`` become a sequence ``(out, length)``.

    Attributes:
        entries: How many ids there are, from 0.
        out: Output channels.
    """

    entries: int
    out: Width
    kind: ClassVar[str] = "embedding"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        if len(shape) != 1:
            raise ShapeError(f"embedding needs ids of shape (length,), got {shape}")
        if not 1 <= self.entries <= _EXACT:
            raise ShapeError(
                f"embedding has {self.entries:,} entries: 1 to {_EXACT:,} are possible, "
                "since float32 ids are exact up to there"
            )
        return self.out, shape[0]  # type: ignore[return-value]  # concrete in a graph

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        return {"weight": (self.entries, self.out)}  # type: ignore[dict-item]  # concrete in a graph


@dataclass(frozen=True, slots=True)
class Columns(Op):
    """A row of a table: numbers stay as they are, each category becomes a learned vector.

    ``(numbers + columns,)`` becomes ``(numbers + columns * width,)``. All columns share one weight
    ``(sum(categories), width)``, a stretch of rows for each. Since codes out of range are moved
    into it, the last code of a column serves the categories that training did not see.

    Attributes:
        numbers: How many numbers come first.
        categories: For each column after them, how many codes it has, from 0.
        width: Numbers for each category.
    """

    numbers: int
    categories: tuple[int, ...]
    width: Width
    kind: ClassVar[str] = "columns"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        if not self.categories or min(self.categories) < 1:
            raise ShapeError(
                f"columns has categories {self.categories}: at least one column with at least "
                "one code is needed (without categories, leave it out)"
            )
        if shape != (self.numbers + len(self.categories),):
            raise ShapeError(
                f"columns needs a row of {self.numbers} numbers and {len(self.categories)} "
                f"categories, got {shape}"
            )
        return (self.numbers + len(self.categories) * self.width,)  # type: ignore[operator]  # concrete in a graph

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        return {"weight": (sum(self.categories), self.width)}  # type: ignore[dict-item]  # concrete in a graph
