"""Several inputs become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from brickwork.errors import ShapeError
from brickwork.space.choice import Choice
from brickwork.space.ops.base import Op, Shape, sequence

__all__ = ["Add", "Attend", "Concat", "MaskedMean", "Multiply"]


@dataclass(frozen=True, slots=True)
class Add(Op):
    """The sum of inputs of one shape."""

    kind: ClassVar[str] = "add"
    commutes: ClassVar[bool] = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(set(inputs)) != 1:
            raise ShapeError(f"cannot add shapes {', '.join(map(str, inputs))}")
        return inputs[0]


@dataclass(frozen=True, slots=True)
class Concat(Op):
    """The inputs side by side along the channels."""

    kind: ClassVar[str] = "concat"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if len({shape[1:] for shape in inputs}) != 1:
            raise ShapeError(f"cannot concatenate shapes {', '.join(map(str, inputs))}")
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])


@dataclass(frozen=True, slots=True)
class Multiply(Op):
    """The product of two inputs; the second may have size 1 along spatial axes (a gate)."""

    kind: ClassVar[str] = "multiply"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs) != 2:
            raise ShapeError(f"multiply takes two inputs, got {len(inputs)}")
        a, b = inputs
        fits = len(a) == len(b) and a[0] == b[0]
        if not fits or any(y not in (1, x) for x, y in zip(a, b, strict=True)):
            raise ShapeError(f"cannot multiply shapes {a} and {b}")
        return a


@dataclass(frozen=True, slots=True)
class Attend(Op):
    """Scaled dot-product attention with several heads (Vaswani et al., "Attention is all you
    need", 2017).

    Query, key and value are sequences ``(channels, length)`` of one shape; so is the output. Each
    position attends to all of them. A head is a stretch of channels.

    Attributes:
        head: Channels of each head.
    """

    head: int | Choice[int] = 16
    kind: ClassVar[str] = "attend"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs) != 3:
            raise ShapeError(f"attend takes query, key and value, got {len(inputs)} inputs")
        if len(set(inputs)) != 1:
            raise ShapeError(
                f"attend needs query, key and value of one shape, got {', '.join(map(str, inputs))}"
            )
        channels, _ = sequence(self, inputs[0])
        if channels % self.head:  # type: ignore[operator]  # concrete in a graph
            raise ShapeError(f"heads of {self.head} channels do not divide {channels} channels")
        return inputs[0]

    def macs(self, inputs: Sequence[Shape], out: Shape) -> int:
        channels, length = out
        return 2 * length * length * channels


@dataclass(frozen=True, slots=True)
class MaskedMean(Op):
    """The mean over the positions of a sequence whose id is not 0; zeros where all ids are 0.

    The first input holds the values ``(channels, length)``, the second the ids ``(length,)``, as
    in ``Parallel((Seq(Embedding(1000, 32), encoder), Identity()), MaskedMean())``: with it a text
    may be padded with id 0. (Attention does see the padding.)
    """

    kind: ClassVar[str] = "masked_mean"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs) != 2:
            raise ShapeError(f"masked_mean takes values and ids, got {len(inputs)} inputs")
        values, ids = inputs
        channels, length = sequence(self, values)
        if ids != (length,):
            raise ShapeError(f"masked_mean needs ids of shape ({length},) for {values}, got {ids}")
        return (channels,)
