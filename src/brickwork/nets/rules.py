"""How an operation behaves in a mixture: its width, its kernel, what a silent channel does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # its usual name

from brickwork.nets.elastic import makes_channels
from brickwork.nets.live import Weight
from brickwork.space import Choice, Op, Option, Shape, ops
from brickwork.space.holes import filled

__all__ = ["is_centred", "is_joint", "kernel_mask", "wakes", "width_field", "with_option"]

_SILENT = (  # zero in, zero out
    ops.Add,
    ops.Attend,
    ops.Concat,
    ops.Dropout,
    ops.Flatten,
    ops.GlobalPool,
    ops.MaskedMean,
    ops.Multiply,
    ops.Normalize,
    ops.Pool,
    ops.Select,
    ops.Tokens,
    ops.Zero,
)
_LIVELY = ("sigmoid", "hard_sigmoid")  # activations that are not zero at zero


def with_option(op: Op, field: str, choice: Choice[Any], option: Option) -> Op:
    """An operation with an option in the place of a choice."""

    def put(hole: Choice[Any]) -> Any:
        return option if hole == choice else hole

    return replace(op, **{field: filled(getattr(op, field), put)})  # type: ignore[type-var]  # a dataclass


def width_field(op: Op) -> str | None:
    """The field that says how many channels come out; None where the input says it."""
    if makes_channels(op) or (isinstance(op, ops.Zero) and op.out is not None):
        return "out"
    return "width" if isinstance(op, ops.Columns) else None


def is_centred(op: Op) -> bool:
    """Whether a smaller kernel sees the centre of what a larger one sees."""
    if not isinstance(op, ops.Conv | ops.Depthwise) or op.padding is not None:
        return False
    return isinstance(op.kernel, Choice) and len({size % 2 for size in op.kernel.options}) == 1


def is_joint(op: Op) -> bool:
    """Whether an operation treats channels together in a way that depends on how many there are."""
    if isinstance(op, ops.Norm):
        return op.how != "batch"
    if isinstance(op, ops.Softmax):
        return True
    if isinstance(op, ops.Position):
        return op.how == "sinusoidal"
    return isinstance(op, ops.Conv | ops.ConvTranspose) and op.groups != 1


def wakes(op: Op) -> bool:
    """Whether a channel of zeros may come out as something else."""
    if isinstance(op, ops.Activation):
        return op.how in _LIVELY
    if isinstance(op, ops.Depthwise):
        return op.bias
    return not isinstance(op, _SILENT)


def kernel_mask(op: Any, shape: Shape, kernel: Sequence[tuple[int, Weight]]) -> Tensor | float:
    """The weight of each position of a kernel at its largest."""
    axes, most = len(shape) - 1, op.kernel
    total: Tensor | float = 0.0
    for size, weight in kernel:
        edge = (most - size) // 2
        total = total + weight * F.pad(torch.ones((size,) * axes), (edge, edge) * axes)
    return total
