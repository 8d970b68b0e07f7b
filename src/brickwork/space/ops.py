"""Primitive operations: what a graph is made of, and the leaves of every space.

Each is a frozen record. Its fields may hold a ``Choice`` while it stands in a space; in a graph
they are concrete. Shapes are channels first and without a batch: ``(channels, *spatial)`` with
one, two or three spatial dimensions, or ``(channels,)`` after global pooling. Every op gives its
output shape, the shapes of its weights and its multiply-accumulates; biases, additions and
activations are not counted as MACs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from brickwork.errors import ShapeError
from brickwork.space.choice import Choice, Width

__all__ = [
    "OUTPUTS",
    "Activation",
    "Add",
    "Concat",
    "Conv",
    "Depthwise",
    "Dropout",
    "Flatten",
    "GlobalPool",
    "Input",
    "Linear",
    "Multiply",
    "Norm",
    "Normalize",
    "Op",
    "Pool",
    "Reshape",
    "Shape",
    "Zero",
    "per_axis",
]

Shape = tuple[int, ...]
Extent = int | tuple[int, ...]

OUTPUTS = "outputs"
"""The width of the last layer: as many as the task has outputs."""


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


def _spatial(op: Op, shape: Shape) -> Shape:
    if len(shape) < 2:
        raise ShapeError(f"{op.kind} needs a shape (channels, *spatial), got {shape}")
    return shape[1:]


def _window(
    op: Op, shape: Shape, kernel: Extent, stride: Extent, padding: Extent, dilation: Extent = 1
) -> Shape:
    """Spatial output of a sliding window; the formula of PyTorch's convolutions."""
    spatial = _spatial(op, shape)
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


def _same(kernel: Extent, dilation: Extent) -> Extent:
    """The symmetric padding that keeps the size at stride 1 (odd kernels)."""
    if isinstance(kernel, int) and isinstance(dilation, int):
        return dilation * (kernel - 1) // 2
    axes = len(kernel) if isinstance(kernel, tuple) else len(dilation)  # type: ignore[arg-type]  # one of them is a tuple
    pairs = zip(per_axis(kernel, axes), per_axis(dilation, axes), strict=True)
    return tuple(d * (k - 1) // 2 for k, d in pairs)


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


@dataclass(frozen=True, slots=True)
class Normalize(Op):
    """``(x - mean) / std`` with constants of the training data, so that raw values go in.

    Attributes:
        mean: One value for all channels, or one for each.
        std: Likewise.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    kind: ClassVar[str] = "normalize"
    follows: ClassVar[bool] = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        channels = inputs[0][0]
        if {len(self.mean), len(self.std)} - {1, channels}:
            raise ShapeError(f"normalize has {len(self.mean)} means for {channels} channels")
        return inputs[0]


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
        return _same(self.kernel, self.dilation) if self.padding is None else self.padding  # type: ignore[arg-type]  # concrete in a graph

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        if shape[0] % self.groups or self.out % self.groups:  # type: ignore[operator]  # concrete in a graph
            raise ShapeError(
                f"{self.groups} groups do not divide {shape[0]} -> {self.out} channels"
            )
        window = _window(self, shape, self.kernel, self.stride, self.pads, self.dilation)  # type: ignore[arg-type]  # concrete in a graph
        return (self.out, *window)  # type: ignore[arg-type]  # concrete in a graph

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
        return _same(self.kernel, self.dilation) if self.padding is None else self.padding  # type: ignore[arg-type]  # concrete in a graph

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        window = _window(self, shape, self.kernel, self.stride, self.pads, self.dilation)  # type: ignore[arg-type]  # concrete in a graph
        return (shape[0], *window)

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        channels, *spatial = inputs[0]
        weight: Shape = (channels, 1, *per_axis(self.kernel, len(spatial)))  # type: ignore[arg-type]  # concrete in a graph
        return {"weight": weight, "bias": (channels,)} if self.bias else {"weight": weight}

    def macs(self, inputs: Sequence[Shape], out: Shape) -> int:
        return prod(self.weights(inputs)["weight"]) * prod(out[1:])


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


@dataclass(frozen=True, slots=True)
class Norm(Op):
    """A normalisation with a scale and a shift for each channel.

    Attributes:
        how: ``"batch"`` (over batch and positions), ``"group"`` (over positions and the channels
            of a group), ``"layer"`` (over the channels, at each position).
        groups: Groups of channels, for ``"group"``.
        eps: Added to the variance.
    """

    how: str = "batch"
    groups: int = 1
    eps: float = 1e-5
    kind: ClassVar[str] = "norm"
    follows: ClassVar[bool] = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if self.how not in ("batch", "group", "layer"):
            raise ShapeError(f"unknown norm {self.how!r}: batch, group and layer are known")
        if self.how == "group" and inputs[0][0] % self.groups:
            raise ShapeError(f"{self.groups} groups do not divide {inputs[0][0]} channels")
        return inputs[0]

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        channels = inputs[0][:1]
        return {"weight": channels, "bias": channels}

    def buffers(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        channels = inputs[0][:1]
        if self.how != "batch":
            return {}
        return {"running_mean": channels, "running_var": channels, "num_batches_tracked": ()}


ACTIVATIONS = ("relu", "relu6", "gelu", "silu", "hard_swish", "hard_sigmoid", "sigmoid", "tanh")


@dataclass(frozen=True, slots=True)
class Activation(Op):
    """A non-linearity, element by element: one of ``ACTIVATIONS``."""

    how: str | Choice[str] = "relu"
    kind: ClassVar[str] = "activation"
    follows: ClassVar[bool] = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if self.how not in ACTIVATIONS:
            raise ShapeError(f"unknown activation {self.how!r}: known are {', '.join(ACTIVATIONS)}")
        return inputs[0]


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
        return (shape[0], *_window(self, shape, self.kernel, self.steps, self.pads))  # type: ignore[arg-type]  # concrete in a graph


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
        ones = (1,) * len(_spatial(self, shape))
        return (shape[0], *ones) if self.keep else shape[:1]


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
class Dropout(Op):
    """Sets a part of the numbers to zero in training; nothing afterwards."""

    rate: float | Choice[float] = 0.1
    kind: ClassVar[str] = "dropout"
    follows: ClassVar[bool] = True


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
class Zero(Op):
    """Zeros of the input's shape. In a ``Cell`` it stands for an edge that is not there.

    Attributes:
        stride: Divides the spatial sizes, rounding up.
        to: Another shape; it is set where the op stands for a whole cell.
    """

    stride: Extent | Choice[int] = 1
    to: Shape | None = None
    kind: ClassVar[str] = "zero"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        channels, *spatial = inputs[0]
        steps = per_axis(self.stride, len(spatial))  # type: ignore[arg-type]  # concrete in a graph
        sizes = (-(-n // s) for n, s in zip(spatial, steps, strict=True))
        return (channels, *sizes) if self.to is None else self.to
