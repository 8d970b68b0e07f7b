"""Random changes to a batch of log-mel features that keep what is heard."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from brickwork.tasks.changing.stretching import masked, signed, stretched

__all__ = ["SoundChanges"]

_SHIFT, _TEMPO = 0.2, 0.2
"""Ranges at strength 1: part of the clip, part of its length."""
_GAIN_DB = 12.0
_TIME_MASK, _BAND_MASK = 0.2, 0.2
"""Part of all frames, of all bands: Park et al., "SpecAugment", 2019."""


@dataclass(frozen=True, slots=True)
class SoundChanges:
    """Shifts and stretches in time, makes louder or softer, and masks times and bands.

    What is higher or lower is left alone: it cost as much as it brought on spoken digits, also for
    speakers that were not in training (``docs/sound.md``).

    Attributes:
        mean: Of the features; fills masks.
        steps_per_db: How much a feature grows for a decibel.
    """

    mean: float
    steps_per_db: float

    @property
    def said(self) -> str:
        """See ``Changes``."""
        return "shifted and stretched in time, louder or softer, and lack times and bands"

    def __call__(
        self, x: Tensor, y: Tensor, strength: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """See ``Changes``; ``x`` is ``(batch, 1, frames, mels)``, 0 to 255."""
        if strength <= 0.0:
            return x, y
        count, frames = len(x), x.shape[2]
        moved = signed(count, generator, x) * strength * _SHIFT * frames
        grown = 1 + signed(count, generator, x) * strength * _TEMPO
        x = stretched(x, moved, grown, 2)
        gain = signed(count, generator, x) * strength * _GAIN_DB * self.steps_per_db
        louder = (x + gain.view(-1, 1, 1, 1)).clamp_(0, 255)
        x = torch.where(x > 0, louder, x)  # silence stays silent
        fill = x.new_tensor(self.mean)
        x = masked(x, _TIME_MASK * strength, fill, 2, generator)
        return masked(x, _BAND_MASK * strength, fill, 3, generator), y
