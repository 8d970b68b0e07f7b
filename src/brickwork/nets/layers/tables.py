"""Look-up tables. Ids come as floats; those out of range are moved to the nearest one in range."""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its usual name

from brickwork.nets.layers.initial import normal
from brickwork.space import Shape, ops

__all__ = ["Columns", "Embedding"]

_STD = 0.15  # of the first weights of ids: Kim, 2014 (even, up to .25); see docs/decisions.md
_CATEGORY_STD = 1.0  # of those of categories; PyTorch's default


class Embedding(nn.Module):
    """A learned vector for each id."""

    def __init__(
        self, op: ops.Embedding, shapes: list[Shape], random: torch.Generator | None
    ) -> None:
        super().__init__()
        self.weight = normal(op.weights(shapes)["weight"], _STD, random)

    def forward(self, ids: Tensor) -> Tensor:
        return F.embedding(ids.long().clamp(0, len(self.weight) - 1), self.weight).transpose(1, 2)


class Columns(nn.Module):
    """Numbers as they are, and a learned vector for each category."""

    last: Tensor
    first: Tensor

    def __init__(
        self, op: ops.Columns, shapes: list[Shape], random: torch.Generator | None
    ) -> None:
        super().__init__()
        self.numbers = op.numbers
        self.weight = normal(op.weights(shapes)["weight"], _CATEGORY_STD, random)
        sizes = torch.tensor(op.categories)
        first = torch.tensor([0, *accumulate(op.categories[:-1])])
        self.register_buffer("last", sizes - 1, persistent=False)
        self.register_buffer("first", first, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        codes = x[:, self.numbers :].long().clamp(min=0).minimum(self.last)
        vectors = F.embedding(codes + self.first, self.weight).flatten(1)
        return torch.cat((x[:, : self.numbers], vectors), 1)
