"""A leaf module for each operation of a graph.

Their parameters have the names of PyTorch's own layers, and they compute the same; where there is a
faster way round for small networks (``fast.py``) they take it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from math import prod, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its usual name

from brickwork.errors import ShapeError, SpaceError
from brickwork.nets import fast
from brickwork.space import (
    Activation,
    Add,
    Concat,
    Conv,
    Depthwise,
    Flatten,
    GlobalPool,
    Linear,
    Multiply,
    Node,
    Norm,
    Normalize,
    Op,
    Pool,
    Reshape,
    Shape,
    Zero,
    per_axis,
)
from brickwork.space import Dropout as DropoutOp

__all__ = ["BATCH_NORM_MOMENTUM", "BatchNorm", "Dropout", "leaf"]

BATCH_NORM_MOMENTUM = 0.1
"""Weight of a new batch in the running statistics; PyTorch's default."""


def leaf(node: Node, shapes: list[Shape], generator: torch.Generator) -> nn.Module:
    """The module of a node whose inputs have these shapes.

    Raises:
        SpaceError: The op has no module.
        ShapeError: PyTorch cannot do what the op asks for.
    """
    make = _LEAVES.get(type(node.op))
    if make is None:
        raise SpaceError(f"{node.name}: no module is known for the op {node.op.kind!r}")
    try:
        return make(node.op, shapes, generator)
    except ShapeError as error:
        raise ShapeError(f"{node.name}: {error}") from None


class _Normalize(nn.Module):
    """``(x - mean) / std`` with constants, which are no part of the state dict."""

    mean: Tensor
    std: Tensor

    def __init__(self, op: Normalize, shapes: list[Shape], _: torch.Generator) -> None:
        super().__init__()
        axes = (1,) * (len(shapes[0]) - 1)
        self.register_buffer("mean", torch.tensor(op.mean).reshape(-1, *axes), persistent=False)
        self.register_buffer("std", torch.tensor(op.std).reshape(-1, *axes), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class _Convolution(nn.Module):
    """``Conv`` and ``Depthwise`` in one, two or three dimensions."""

    def __init__(self, op: Conv | Depthwise, shapes: list[Shape], random: torch.Generator) -> None:
        super().__init__()
        channels, *spatial = shapes[0]
        axes = len(spatial)
        self.groups: int = channels if isinstance(op, Depthwise) else op.groups  # type: ignore[assignment]  # concrete in a graph
        self.stride = per_axis(op.stride, axes)  # type: ignore[arg-type]  # concrete in a graph
        self.padding = per_axis(op.pads, axes)
        self.dilation = per_axis(op.dilation, axes)  # type: ignore[arg-type]  # concrete in a graph
        wanted = op.weights(shapes)
        fan_out = prod(wanted["weight"]) // wanted["weight"][1] // self.groups
        self.weight = _normal(wanted["weight"], sqrt(2 / fan_out), random)
        self.bias = nn.Parameter(torch.zeros(wanted["bias"])) if op.bias else None
        kernel = wanted["weight"][2:]
        plain = axes == 2 and set(self.dilation) == {1}
        self.wide = (
            plain
            and isinstance(op, Depthwise)
            and fast.pays_wide_depthwise(kernel, spatial[0], prod(op.shape(shapes)))
        )
        self.pointwise = (
            plain
            and prod(kernel) == prod(self.stride) == self.groups == 1
            and not any(self.padding)
            and fast.pays_pointwise(prod(spatial))
        )
        self._convolve = (torch.conv1d, torch.conv2d, torch.conv3d)[axes - 1]

    def forward(self, x: Tensor) -> Tensor:
        if self.pointwise and x.device.type == "cpu":
            return fast.pointwise(x, self.weight, self.bias)
        if self.wide and self.training and x.device.type == "cpu":
            y: Tensor = fast.WideDepthwise.apply(x, self.weight, self.stride, self.padding)  # type: ignore[no-untyped-call]
            return y if self.bias is None else y + self.bias.view(-1, 1, 1)
        return self._convolve(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


class _Linear(nn.Module):
    def __init__(self, op: Linear, shapes: list[Shape], random: torch.Generator) -> None:
        super().__init__()
        wanted = op.weights(shapes)
        self.weight = _normal(wanted["weight"], sqrt(1 / wanted["weight"][1]), random)
        self.bias = nn.Parameter(torch.zeros(wanted["bias"])) if op.bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class _Scaled(nn.Module):
    """What the norms share: a scale and a shift for each channel."""

    def __init__(self, op: Norm, shapes: list[Shape]) -> None:
        super().__init__()
        self.eps = op.eps
        self.weight = nn.Parameter(torch.ones(shapes[0][0]))
        self.bias = nn.Parameter(torch.zeros(shapes[0][0]))


class BatchNorm(_Scaled):
    """Batch norm with PyTorch's names; batches are not counted, which nothing here would read."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, op: Norm, shapes: list[Shape]) -> None:
        super().__init__(op, shapes)
        self.register_buffer("running_mean", torch.zeros(shapes[0][0]))
        self.register_buffer("running_var", torch.ones(shapes[0][0]))
        self.register_buffer("num_batches_tracked", torch.tensor(0))
        self.momentum = BATCH_NORM_MOMENTUM

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.device.type == "cpu" and fast.pays_batch_norm(x):
            running = (self.running_mean, self.running_var)
            return fast.batch_norm(x, self.weight, self.bias, running, self.momentum, self.eps)
        return torch.batch_norm(
            x,
            self.weight,
            self.bias,
            self.running_mean,
            self.running_var,
            self.training,
            self.momentum,
            self.eps,
            torch.backends.cudnn.enabled,
        )


class _GroupNorm(_Scaled):
    def __init__(self, op: Norm, shapes: list[Shape]) -> None:
        super().__init__(op, shapes)
        self.groups = op.groups

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, self.groups, self.weight, self.bias, self.eps)


class _LayerNorm(_Scaled):
    """Over the channels, at each position."""

    def forward(self, x: Tensor) -> Tensor:
        last = x.movedim(1, -1)
        normed = F.layer_norm(last, self.weight.shape, self.weight, self.bias, self.eps)
        return normed.movedim(-1, 1)


class _Activation(nn.Module):
    def __init__(self, op: Activation, *_: object) -> None:
        super().__init__()
        self._apply_to = _ACTIVATIONS[str(op.how)]

    def forward(self, x: Tensor) -> Tensor:
        return self._apply_to(x)


class _Pool(nn.Module):
    def __init__(self, op: Pool, shapes: list[Shape], _: torch.Generator) -> None:
        super().__init__()
        axes = len(shapes[0]) - 1
        self.kernel = per_axis(op.kernel, axes)  # type: ignore[arg-type]  # concrete in a graph
        self.stride = per_axis(op.steps, axes)
        self.padding = per_axis(op.pads, axes)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise ShapeError(
                f"pooling pads at most half of its window, got padding {self.padding} "
                f"for kernel {self.kernel}"
            )
        self._pool = (_MAX_POOLS if op.how == "max" else _AVERAGE_POOLS)[axes - 1]

    def forward(self, x: Tensor) -> Tensor:
        return self._pool(x, self.kernel, self.stride, self.padding)


class _GlobalPool(nn.Module):
    def __init__(self, op: GlobalPool, shapes: list[Shape], _: torch.Generator) -> None:
        super().__init__()
        self.axes = tuple(range(2, len(shapes[0]) + 1))
        self.keep = op.keep
        self.largest = op.how == "max"

    def forward(self, x: Tensor) -> Tensor:
        if self.largest:
            return x.amax(self.axes, self.keep)
        return x.mean(self.axes, self.keep)


class _Flatten(nn.Module):
    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


class _Reshape(nn.Module):
    def __init__(self, op: Reshape, *_: object) -> None:
        super().__init__()
        self.to_shape = op.to

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], *self.to_shape)


class Dropout(nn.Module):
    """Dropout whose randomness is an argument.

    Attributes:
        rate: The part that is set to zero in training.
        generator: Where the mask comes from; None for PyTorch's global generator.
    """

    def __init__(self, rate: float, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.rate = rate
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0.0:
            return x
        keep = torch.empty_like(x).bernoulli_(1.0 - self.rate, generator=self.generator)
        return x * keep.div_(1.0 - self.rate) if self.rate < 1.0 else x * 0.0


class _Add(nn.Module):
    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, *inputs: Tensor) -> Tensor:
        total = inputs[0] + inputs[1] if len(inputs) > 1 else inputs[0]
        for other in inputs[2:]:
            total = total + other
        return total


class _Concat(nn.Module):
    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.cat(inputs, 1)


class _Multiply(nn.Module):
    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a * b


class _Zero(nn.Module):
    def __init__(self, op: Zero, shapes: list[Shape], _: torch.Generator) -> None:
        super().__init__()
        self.to_shape = op.shape(shapes)

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(x.shape[0], *self.to_shape)


def _norm(op: Norm, shapes: list[Shape], _: torch.Generator) -> nn.Module:
    makers = {"batch": BatchNorm, "group": _GroupNorm, "layer": _LayerNorm}
    return makers[op.how](op, shapes)


def _dropout(op: DropoutOp, *_: object) -> nn.Module:
    return Dropout(float(op.rate))  # type: ignore[arg-type]  # concrete in a graph


def _normal(shape: Shape, std: float, generator: torch.Generator) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape).normal_(0.0, std, generator=generator))


_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "relu6": F.relu6,
    "gelu": F.gelu,
    "silu": F.silu,
    "hard_swish": F.hardswish,
    "hard_sigmoid": F.hardsigmoid,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
_MAX_POOLS: Sequence[Callable[..., Tensor]] = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
_AVERAGE_POOLS: Sequence[Callable[..., Tensor]] = tuple(
    functools.partial(pool, count_include_pad=False)
    for pool in (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)
)

_LEAVES: Mapping[type[Op], Callable[..., nn.Module]] = {
    Normalize: _Normalize,
    Conv: _Convolution,
    Depthwise: _Convolution,
    Linear: _Linear,
    Norm: _norm,
    Activation: _Activation,
    Pool: _Pool,
    GlobalPool: _GlobalPool,
    Flatten: _Flatten,
    Reshape: _Reshape,
    DropoutOp: _dropout,
    Add: _Add,
    Concat: _Concat,
    Multiply: _Multiply,
    Zero: _Zero,
}
