"""Random changes to a batch of table rows that keep their labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["RowChanges"]


@dataclass(frozen=True, slots=True)
class RowChanges:
    """Forgets some categories, so that the code for those that training never saw is learned.

    Attributes:
        forgotten: That code, for each of the last columns.
        part: Of the categories, at strength 1.
    """

    forgotten: tuple[int, ...]
    part: float = 0.05

    @property
    def said(self) -> str:
        """See ``Changes``."""
        return "read with some of their categories unknown"

    def __call__(
        self, x: Tensor, y: Tensor, strength: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """See ``Changes``; ``x`` is ``(batch, columns)``, the categories last."""
        numbers, codes = x[:, : -len(self.forgotten)], x[:, -len(self.forgotten) :]
        lost = torch.rand(codes.shape, generator=generator).to(x.device) < self.part * strength
        return torch.cat((numbers, torch.where(lost, x.new_tensor(self.forgotten), codes)), 1), y
