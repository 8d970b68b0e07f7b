"""Initial weights."""

from __future__ import annotations

import torch
from torch import nn

from brickwork.space import Shape

__all__ = ["normal"]


def normal(shape: Shape, std: float, generator: torch.Generator) -> nn.Parameter:
    """A parameter from a normal distribution around 0."""
    return nn.Parameter(torch.empty(shape).normal_(0.0, std, generator=generator))
