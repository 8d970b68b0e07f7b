"""Other shapes: of the same numbers, or of zeros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from brickwork.errors import ShapeError
from brickwork.space.choice import Choice, Width
from brickwork.space.ops.base import Extent, Op, Shape, per_axis, spatial_axes

__all__ = ["Flatten", "Reshape", "Tokens", "Zero"]


@dataclass(frozen=True, slots=True)
class Flatten(Op):
    """All axes into one."""

    kind: ClassVar[str] = "flatten"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return (prod(inputs[0]),)


@dataclass(frozen=True, slots=True)
class Reshape(Op):
    """The same numbers in another shape ``(channels, *spatial)``."""

    to: Shape
    kind: ClassVar[str] = "reshape"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if prod(self.to) != prod(inputs[0]):
            raise ShapeError(f"cannot reshape {inputs[0]} to {self.to}")
        return self.to


@dataclass(frozen=True, slots=True)
class Tokens(Op):
    """All positions in one row: ``(channels, *spatial)`` becomes ``(channels, length)``."""

    kind: ClassVar[str] = "tokens"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0][0], prod(spatial_axes(self, inputs[0]))


@dataclass(frozen=True, slots=True)
class Zero(Op):
    """Zeros, whatever comes in: a connection that is not there.

    Attributes:
        stride: What the spatial sizes are divided by, rounded up, as by a window of one pixel.
        out: Output channels; None for as many as come in.
        to: Another shape altogether; set where the op stands for a whole cell.
    """

    stride: Extent | Choice[int] = 1
    out: Width | None = None
    to: Shape | None = None
    kind: ClassVar[str] = "zero"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if self.to is not None:
            return self.to
        channels, *spatial = inputs[0]
        steps = per_axis(self.stride, len(spatial))  # type: ignore[arg-type]  # concrete in a graph
        width = channels if self.out is None else self.out
        return (width, *(-(-n // s) for n, s in zip(spatial, steps, strict=True)))  # type: ignore[arg-type]  # concrete in a graph
