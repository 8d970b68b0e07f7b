"""Pooling over a window and over all positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from brickwork.errors import ShapeError
from brickwork.space.choice import Choice
from brickwork.space.ops.base import Extent, Op, Shape, spatial_axes, window

__all__ = ["GlobalPool", "Pool"]


@dataclass(frozen=True, slots=True)
class Pool(Op):
    """Max or average pooling over a window (padding does not count in the average).

    Attributes:
        how: ``"max"`` or ``"average"``.
        kernel: Window.
        stride: Step; None for the window.
        padding: On both sides; None for 0.
    """

    how: str | Choice[str] = "max"
    kernel: Extent | Choice[int] = 2
    stride: Extent | Choice[int] | None = None
    padding: Extent | None = None
    kind: ClassVar[str] = "pool"

    @property
    def steps(self) -> Extent:
        """The stride in effect."""
        return self.kernel if self.stride is None else self.stride  # type: ignore[return-value]  # concrete in a graph

    @property
    def pads(self) -> Extent:
        """The padding in effect."""
        return 0 if self.padding is None else self.padding

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        if self.how not in ("max", "average"):
            raise ShapeError(f"unknown pooling {self.how!r}: max and average are known")
        return (shape[0], *window(self, shape, self.kernel, self.steps, self.pads))  # type: ignore[arg-type]  # concrete in a graph


@dataclass(frozen=True, slots=True)
class GlobalPool(Op):
    """Pooling over all positions.

    Attributes:
        how: ``"average"`` or ``"max"``.
        keep: Whether the spatial axes stay, with size 1.
    """

    how: str | Choice[str] = "average"
    keep: bool = False
    kind: ClassVar[str] = "global_pool"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        if self.how not in ("max", "average"):
            raise ShapeError(f"unknown pooling {self.how!r}: max and average are known")
        ones = (1,) * len(spatial_axes(self, shape))
        return (shape[0], *ones) if self.keep else shape[:1]
