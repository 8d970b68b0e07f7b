"""Convolutions in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from brickwork.errors import ShapeError
from brickwork.space.choice import Choice, Width
from brickwork.space.ops.base import (
    Extent,
    Op,
    Shape,
    per_axis,
    same_padding,
    spatial_axes,
    window,
)

__all__ = ["Conv", "ConvTranspose", "Depthwise"]


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

    out: Width | str
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


@dataclass(frozen=True, slots=True)
class ConvTranspose(Op):
    """A transposed convolution, which enlarges where a convolution with a stride shrinks.

    Attributes:
        out: Output channels.
        kernel: Window, one number or one for each axis.
        stride: How far apart the input's pixels lie in the output.
        padding: Pixels that are cut off on both sides.
        output_padding: Pixels that are added at the end; smaller than the stride.
        groups: Groups of channels.
        bias: Whether a bias is added; not needed before a batch norm.
    """

    out: Width
    kernel: Extent | Choice[int] = 2
    stride: Extent | Choice[int] = 2
    padding: Extent = 0
    output_padding: Extent = 0
    groups: int | Choice[int] = 1
    bias: bool = False
    kind: ClassVar[str] = "conv_transpose"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        spatial = spatial_axes(self, shape)
        axes = len(spatial)
        if shape[0] % self.groups or self.out % self.groups:  # type: ignore[operator]  # concrete in a graph
            raise ShapeError(
                f"{self.groups} groups do not divide {shape[0]} -> {self.out} channels"
            )
        steps = per_axis(self.stride, axes)  # type: ignore[arg-type]  # concrete in a graph
        extra = per_axis(self.output_padding, axes)
        if any(e >= s for e, s in zip(extra, steps, strict=True)):
            raise ShapeError(
                f"output_padding {self.output_padding} must be smaller than stride {self.stride}"
            )
        kernel, padding = per_axis(self.kernel, axes), per_axis(self.padding, axes)  # type: ignore[arg-type]  # concrete in a graph
        out = tuple(
            (n - 1) * s - 2 * p + k + e
            for n, k, s, p, e in zip(spatial, kernel, steps, padding, extra, strict=True)
        )
        if min(out) < 1:
            raise ShapeError(
                f"{self.kind} with kernel {self.kernel} and padding {self.padding} "
                f"leaves no pixel of {shape}"
            )
        return (self.out, *out)  # type: ignore[arg-type]  # concrete in a graph

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        channels, *spatial = inputs[0]
        out: int = self.out  # type: ignore[assignment]  # concrete in a graph
        kernel = per_axis(self.kernel, len(spatial))  # type: ignore[arg-type]  # concrete in a graph
        weight: Shape = (channels, out // self.groups, *kernel)  # type: ignore[operator]  # concrete in a graph
        return {"weight": weight, "bias": (out,)} if self.bias else {"weight": weight}

    def macs(self, inputs: Sequence[Shape], out: Shape) -> int:
        return prod(self.weights(inputs)["weight"]) * prod(inputs[0][1:])
