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
    text classification", 2015; they leave the token out, here it becomes the id that stands for
    what training never saw, which so gets a meaning.

    Attributes:
        unknown: That id.
        part: Of the tokens, at strength 1.
    """

    unknown: int = 1
    part: float = 0.4

    def __call__(
        self, x: Tensor, y: Tensor, strength: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """See ``Changes``; ``x`` is ``(batch, length)``, 0 is padding."""
        rate = self.part * strength
        if rate <= 0:
            return x, y
        lost = torch.rand(x.shape, generator=generator).to(x.device) < rate
        return x.masked_fill(lost & (x != 0), self.unknown), y
