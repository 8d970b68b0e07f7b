"""Several inputs become one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Add", "Concat", "Multiply"]


class Add(nn.Module):
    """The sum."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, *inputs: Tensor) -> Tensor:
        total = inputs[0] + inputs[1] if len(inputs) > 1 else inputs[0]
        for other in inputs[2:]:
            total = total + other
        return total


class Concat(nn.Module):
    """Side by side along the channels."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.cat(inputs, 1)


class Multiply(nn.Module):
    """The product; a gate is stretched over the positions."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a * b
