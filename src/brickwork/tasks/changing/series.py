"""Random changes to a batch of series that keep what is to be said of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from brickwork.tasks.changing.stretching import masked, signed, stretched

__all__ = ["SeriesChanges"]

_SHIFT, _TEMPO = 0.1, 0.1
"""Ranges at strength 1: parts of the length."""
_SCALE, _JITTER = 0.2, 0.1
"""Part of the size, and standard deviations of a channel."""
_MASK = 0.2
"""Part of the length."""


@dataclass(frozen=True, slots=True)
class SeriesChanges:
    """Shifts and stretches in time, makes larger or smaller, adds noise, and masks a stretch.

    Attributes:
        mean: Of each channel.
        std: Likewise its standard deviation.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def said(self) -> str:
        """See ``Changes``."""
        return "shifted and stretched in time, scaled, given noise, and lack a stretch"

    def __call__(
        self, x: Tensor, y: Tensor, strength: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """See ``Changes``; ``x`` is ``(batch, channels, length)``."""
        if strength <= 0.0:
            return x, y
        count, channels, length = x.shape
        mean, std = (x.new_tensor(values).view(-1, 1) for values in (self.mean, self.std))
        moved = signed(count, generator, x) * strength * _SHIFT * length
        grown = 1 + signed(count, generator, x) * strength * _TEMPO
        x = stretched(x, moved, grown, 2)
        scale = 1 + signed(count * channels, generator, x).view(count, channels, 1) * (
            strength * _SCALE
        )
        noise = torch.randn(x.shape, generator=generator).to(x) * (strength * _JITTER * std)
        x = torch.addcmul(mean, x - mean, scale) + noise
        return masked(x, _MASK * strength, mean, 2, generator), y
