"""Several inputs become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from brickwork.errors import ShapeError
from brickwork.space.ops.base import Op, Shape

__all__ = ["Add", "Concat", "Multiply"]


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
