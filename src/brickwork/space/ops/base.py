"""What all operations share, and the rules of sliding windows.

An operation is a frozen record. Its fields may hold a ``Choice`` while it stands in a space; in a
graph they are concrete. Shapes are channels first and without a batch: ``(channels, *spatial)``
with one, two or three spatial dimensions, or ``(channels,)`` after global pooling; a sequence is
``(channels, length)``. Every op gives its output shape, the shapes of its weights and its
multiply-accumulates; biases, additions and activations are not counted as MACs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from brickwork.errors import ShapeError

__all__ = [
    "OUTPUTS",
    "Extent",
    "Input",
    "Op",
    "Shape",
    "per_axis",
    "same_padding",
    "sequence",
    "spatial_axes",
    "window",
]

Shape = tuple[int, ...]
Extent = int | tuple[int, ...]

OUTPUTS = "outputs"
"""The width of the last layer: as many as the task has outputs."""


class Op:
    """What all operations share: by default one input, the same shape out, nothing to count."""

    __slots__ = ()
    kind: ClassVar[str]
    follows: ClassVar[bool] = False  # runtimes fuse it into the op before it
    commutes: ClassVar[bool] = False  # the order of its inputs does not matter

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """The output shape.

        Raises:
            ShapeError: The inputs do not fit the op or each other.
        """
        return inputs[0]

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """Names and shapes of the trained weights, as in PyTorch's state dict."""
        return {}

    def buffers(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        """Names and shapes of the state that is not trained (running statistics)."""
        return {}

    def macs(self, inputs: Sequence[Shape], out: Shape) -> int:
        """Multiply-accumulates for one sample."""
        return 0


@dataclass(frozen=True, slots=True)
class Input(Op):
    """Where the data comes in."""

    kind: ClassVar[str] = "input"


def per_axis(extent: Extent, axes: int) -> tuple[int, ...]:
    """One number for each of ``axes`` spatial axes.

    Raises:
        ShapeError: A tuple of another length was given.
    """
    if isinstance(extent, int):
        return (extent,) * axes
    if len(extent) != axes:
        raise ShapeError(f"{extent} names {len(extent)} axes, the tensor has {axes} spatial axes")
    return extent


def spatial_axes(op: Op, shape: Shape) -> Shape:
    """The sizes of the spatial axes.

    Raises:
        ShapeError: There are none.
    """
    if len(shape) < 2:
        raise ShapeError(f"{op.kind} needs a shape (channels, *spatial), got {shape}")
    return shape[1:]


def sequence(op: Op, shape: Shape) -> tuple[int, int]:
    """Channels and length of a sequence.

    Raises:
        ShapeError: It is none.
    """
    if len(shape) != 2:
        raise ShapeError(
            f"{op.kind} needs a sequence (channels, length), got {shape}: put Tokens() before it"
        )
    return shape[0], shape[1]


def window(
    op: Op, shape: Shape, kernel: Extent, stride: Extent, padding: Extent, dilation: Extent = 1
) -> Shape:
    """Spatial output of a sliding window; the formula of PyTorch's convolutions."""
    spatial = spatial_axes(op, shape)
    axes = len(spatial)
    out = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(
            spatial,
            per_axis(kernel, axes),
            per_axis(stride, axes),
            per_axis(padding, axes),
            per_axis(dilation, axes),
            strict=True,
        )
    )
    if min(out) < 1:
        raise ShapeError(
            f"{op.kind} with kernel {kernel} and stride {stride} leaves no pixel of {shape}"
        )
    return out


def same_padding(kernel: Extent, dilation: Extent) -> Extent:
    """The symmetric padding that keeps the size at stride 1 (odd kernels)."""
    if isinstance(kernel, int) and isinstance(dilation, int):
        return dilation * (kernel - 1) // 2
    axes = len(kernel) if isinstance(kernel, tuple) else len(dilation)  # type: ignore[arg-type]  # one of them is a tuple
    pairs = zip(per_axis(kernel, axes), per_axis(dilation, axes), strict=True)
    return tuple(d * (k - 1) // 2 for k, d in pairs)
