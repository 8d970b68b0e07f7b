"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from brickwork.errors import ShapeError
from brickwork.space.choice import Width
from brickwork.space.ops.base import OUTPUTS, Op, Shape

__all__ = ["Linear"]


@dataclass(frozen=True, slots=True)
class Linear(Op):
    """A fully connected layer on ``(channels,)``.

    Attributes:
        out: Output channels, or ``OUTPUTS``.
        bias: Whether a bias is added.
    """

    out: Width | str = OUTPUTS
    bias: bool = True
    kind: ClassVar[str] = "linear"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        if len(shape) != 1:
            raise ShapeError(
                f"linear needs a shape (channels,), got {shape}: pool or flatten first"
            )
        return (self.out,)  # type: ignore[return-value]  # concrete in a graph

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        weight: Shape = (self.out, inputs[0][0])  # type: ignore[assignment]  # concrete in a graph
        return {"weight": weight, "bias": (weight[0],)} if self.bias else {"weight": weight}

    def macs(self, inputs: Sequence[Shape], out: Shape) -> int:
        return prod(self.weights(inputs)["weight"])
