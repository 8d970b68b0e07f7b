"""What sequences ``(batch, channels, length)`` need besides layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brickwork.nets.layers.initial import normal
from brickwork.space import Shape, ops
from brickwork.space.ops.tokens import sines

__all__ = ["ClassToken", "LearnedPosition", "Select", "SinusoidalPosition", "position"]

_STD = 0.02  # of the first weights: Devlin et al., BERT, 2019; ViT likewise


class LearnedPosition(nn.Module):
    """Adds a weight."""

    def __init__(self, shape: Shape, random: torch.Generator | None) -> None:
        super().__init__()
        self.weight = normal(shape, _STD, random)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight


class SinusoidalPosition(nn.Module):
    """Adds sines and cosines, which are no part of the state dict."""

    table: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.register_buffer("table", torch.tensor(sines(*shape)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table


class ClassToken(nn.Module):
    """Puts a learned token in front."""

    def __init__(
        self, op: ops.ClassToken, shapes: list[Shape], random: torch.Generator | None
    ) -> None:
        super().__init__()
        self.weight = normal(op.weights(shapes)["weight"], _STD, random)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.weight.view(1, -1, 1).expand(x.shape[0], -1, 1), x), 2)


class Select(nn.Module):
    """One token."""

    def __init__(self, op: ops.Select, *_: object) -> None:
        super().__init__()
        self.index = op.index

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, self.index]


def position(op: ops.Position, shapes: list[Shape], random: torch.Generator | None) -> nn.Module:
    """The positions that an op asks for."""
    if op.how == "learned":
        return LearnedPosition(shapes[0], random)
    return SinusoidalPosition(shapes[0])
