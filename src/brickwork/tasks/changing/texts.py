"""Random changes to a batch of texts as ids that keep their labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["TextChanges"]


@dataclass(frozen=True, slots=True)
class TextChanges:
    """Makes some tokens unknown: what a text is about can be told without any single one of them.

    Source: word dropout of Iyyer et al., "Deep unordered composition rivals syntactic methods for
    text classification", 2015; they leave the token out, here it becomes the one that would stand
    for it if training had never seen it, which so gets a meaning.

    Attributes:
        unknown: For each id, that id.
        part: Of the tokens, at strength 1.
    """

    unknown: tuple[int, ...]
    part: float = 0.4

    @property
    def said(self) -> str:
        """See ``Changes``."""
        return "read with some of their words unknown"

    def __call__(
        self, x: Tensor, y: Tensor, strength: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """See ``Changes``; ``x`` is ``(batch, length)``, 0 is padding."""
        rate = self.part * strength
        if rate <= 0:
            return x, y
        lost = torch.rand(x.shape, generator=generator).to(x.device) < rate
        unknown = torch.tensor(self.unknown, dtype=x.dtype, device=x.device)
        return torch.where(lost, unknown[x.long()], x), y
