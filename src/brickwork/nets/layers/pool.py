"""Pooling over a window and over all positions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its usual name

from brickwork.errors import ShapeError
from brickwork.space import Shape, ops, per_axis

__all__ = ["GlobalPool", "Pool"]


class Pool(nn.Module):
    """Over a window; padding does not count in an average."""

    def __init__(self, op: ops.Pool, shapes: list[Shape], _: torch.Generator | None) -> None:
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


class GlobalPool(nn.Module):
    """Over all positions."""

    def __init__(self, op: ops.GlobalPool, shapes: list[Shape], _: torch.Generator | None) -> None:
        super().__init__()
        self.axes = tuple(range(2, len(shapes[0]) + 1))
        self.keep = op.keep
        self.largest = op.how == "max"

    def forward(self, x: Tensor) -> Tensor:
        if self.largest:
            return x.amax(self.axes, self.keep)
        return x.mean(self.axes, self.keep)


_MAX_POOLS: Sequence[Callable[..., Tensor]] = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
_AVERAGE_POOLS: Sequence[Callable[..., Tensor]] = tuple(
    functools.partial(pool, count_include_pad=False)
    for pool in (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)
)
