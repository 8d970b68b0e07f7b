"""Convolutions in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from brickwork.errors import ShapeError
from brickwork.space.choice import Choice, Width
from brickwork.space.ops.base import Extent, Op, Shape, per_axis, same_padding, window

__all__ = ["Conv", "Depthwise"]


@dataclass(frozen=True, slots=True)
class Conv(Op):
    """A convolution in one, two or three dimensions.

    Attributes:
        out: Output channels.
        kernel: Window, one number or one for each axis.
        stride: Step.
        dilation: Spacing of the window.
        groups: Groups of channels.
        bias: Whether a bias is added; not needed before a batch norm.
        padding: Zeros on both sides; None for ``dilation * (kernel - 1) // 2``.
    """

    out: Width
    kernel: Extent | Choice[int] = 3
    stride: Extent | Choice[int] = 1
    dilation: Extent | Choice[int] = 1
    groups: int | Choice[int] = 1
    bias: bool = False
    padding: Extent | None = None
    kind: ClassVar[str] = "conv"

    @property
    def pads(self) -> Extent:
        """The padding in effect."""
        return same_padding(self.kernel, self.dilation) if self.padding is None else self.padding  # type: ignore[arg-type]  # concrete in a graph

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        if shape[0] % self.groups or self.out % self.groups:  # type: ignore[operator]  # concrete in a graph
            raise ShapeError(
                f"{self.groups} groups do not divide {shape[0]} -> {self.out} channels"
            )
        spatial = window(self, shape, self.kernel, self.stride, self.pads, self.dilation)  # type: ignore[arg-type]  # concrete in a graph
        return (self.out, *spatial)  # type: ignore[arg-type]  # concrete in a graph

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        channels, *spatial = inputs[0]
        kernel = per_axis(self.kernel, len(spatial))  # type: ignore[arg-type]  # concrete in a graph
        weight: Shape = (self.out, channels // self.groups, *kernel)  # type: ignore[operator,arg-type]  # concrete in a graph
        return {"weight": weight, "bias": (weight[0],)} if self.bias else {"weight": weight}

    def macs(self, inputs: Sequence[Shape], out: Shape) -> int:
        return prod(self.weights(inputs)["weight"]) * prod(out[1:])


@dataclass(frozen=True, slots=True)
class Depthwise(Op):
    """A convolution of each channel by itself. Attributes as in ``Conv``."""

    kernel: Extent | Choice[int] = 3
    stride: Extent | Choice[int] = 1
    dilation: Extent | Choice[int] = 1
    bias: bool = False
    padding: Extent | None = None
    kind: ClassVar[str] = "depthwise"

    @property
    def pads(self) -> Extent:
        """The padding in effect."""
        return same_padding(self.kernel, self.dilation) if self.padding is None else self.padding  # type: ignore[arg-type]  # concrete in a graph

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        spatial = window(self, shape, self.kernel, self.stride, self.pads, self.dilation)  # type: ignore[arg-type]  # concrete in a graph
        return (shape[0], *spatial)

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        channels, *spatial = inputs[0]
        weight: Shape = (channels, 1, *per_axis(self.kernel, len(spatial)))  # type: ignore[arg-type]  # concrete in a graph
        return {"weight": weight, "bias": (channels,)} if self.bias else {"weight": weight}

    def macs(self, inputs: Sequence[Shape], out: Shape) -> int:
        return prod(self.weights(inputs)["weight"]) * prod(out[1:])
