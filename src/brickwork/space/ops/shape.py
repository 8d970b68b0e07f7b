"""The same numbers in another shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from brickwork.errors import ShapeError
from brickwork.space.ops.base import Op, Shape

__all__ = ["Flatten", "Reshape"]


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
