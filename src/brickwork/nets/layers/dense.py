"""Fully connected layers."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its usual name

from brickwork.nets.layers.initial import normal
from brickwork.space import Shape, ops

__all__ = ["Linear"]


class Linear(nn.Module):
    """A matrix and a bias."""

    def __init__(self, op: ops.Linear, shapes: list[Shape], random: torch.Generator | None) -> None:
        super().__init__()
        wanted = op.weights(shapes)
        self.weight = normal(wanted["weight"], sqrt(1 / wanted["weight"][1]), random)
        self.bias = nn.Parameter(torch.zeros(wanted["bias"])) if op.bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)
