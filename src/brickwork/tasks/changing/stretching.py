"""Shifting, stretching and masking along an axis, as a few tensor operations on a batch."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["masked", "signed", "stretched"]


def signed(count: int, generator: torch.Generator, like: Tensor) -> Tensor:
    """Random numbers in -1..1, ``(count,)``."""
    return (2 * torch.rand(count, generator=generator) - 1).to(like)


def stretched(x: Tensor, shift: Tensor, zoom: Tensor, axis: int) -> Tensor:
    """Every sample moved and stretched along an axis; beyond its ends the ends go on.

    Args:
        x: ``(batch, channels, ...)``.
        shift: For each sample, in places along the axis.
        zoom: For each sample, how much longer it gets; 1 for not at all.
        axis: Of ``x``.
    """
    size = x.shape[axis]
    middle = (size - 1) / 2
    places = torch.arange(size, device=x.device) - middle
    at = (places / zoom[:, None] + middle - shift[:, None]).clamp_(0, size - 1)
    below = at.floor().clamp_(max=max(0, size - 2))
    part = at - below
    shape = [len(x), *[1] * (axis - 1), size, *[1] * (x.dim() - axis - 1)]
    whole = [len(x), *x.shape[1:]]
    first = below.long().view(shape).expand(whole)
    lower = torch.gather(x, axis, first)
    upper = torch.gather(x, axis, (first + 1).clamp_(max=size - 1))
    return torch.lerp(lower, upper, part.view(shape).to(x.dtype))


def masked(x: Tensor, most: float, fill: Tensor, axis: int, generator: torch.Generator) -> Tensor:
    """One stretch of every sample, along an axis, filled in.

    Args:
        x: ``(batch, channels, ...)``.
        most: The longest stretch, as a part of the axis; the shortest is nothing.
        fill: What with, to be spread over ``x``.
        axis: Of ``x``.
        generator: Source of randomness.
    """
    size = x.shape[axis]
    long, start = torch.rand((2, len(x), 1), generator=generator).to(x.device)
    long = long * most * size
    start = start * (size - long)
    places = torch.arange(size, device=x.device)
    inside = (places >= start) & (places + 1 <= start + long)
    shape = [len(x), *[1] * (axis - 1), size, *[1] * (x.dim() - axis - 1)]
    return torch.where(inside.view(shape), fill, x)
