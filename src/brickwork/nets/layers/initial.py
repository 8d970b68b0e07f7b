"""Initial weights."""

from __future__ import annotations

import torch
from torch import nn

from brickwork.space import Shape

__all__ = ["normal"]


def normal(shape: Shape, std: float, generator: torch.Generator | None) -> nn.Parameter:
    """A parameter from a normal distribution around 0."""
    if generator is None:
        return nn.Parameter(torch.empty(shape, device="meta"))
    return nn.Parameter(torch.empty(shape).normal_(0.0, std, generator=generator))
