"""Other shapes: of the same numbers, or of zeros."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brickwork.space import Shape, ops

__all__ = ["Flatten", "Reshape", "Tokens", "Zero"]


class Flatten(nn.Module):
    """All axes into one."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


class Reshape(nn.Module):
    """Another shape."""

    def __init__(self, op: ops.Reshape, *_: object) -> None:
        super().__init__()
        self.to_shape = op.to

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], *self.to_shape)


class Tokens(nn.Module):
    """All positions in one row."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2)


class Zero(nn.Module):
    """Zeros, also where the input is infinite."""

    def __init__(self, op: ops.Zero, shapes: list[Shape], _: torch.Generator | None) -> None:
        super().__init__()
        self.to_shape = op.shape(shapes)

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(x.shape[0], *self.to_shape)
