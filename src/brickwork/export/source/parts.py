"""Classes and functions that a file gets where it uses them: PyTorch has none that do the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

__all__ = ["PARTS", "used"]

PARTS: Mapping[str, str] = {
    "chain": '''def chain(**modules: nn.Module) -> nn.Sequential:
    """Modules one after another, with names."""
    return nn.Sequential(OrderedDict(modules))''',
    "ChannelNorm": '''class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels, at each position."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)''',
    "IdEmbedding": '''class IdEmbedding(nn.Embedding):
    """A vector for each id; ids (batch, length) are floats, those out of range are moved."""

    def forward(self, ids: Tensor) -> Tensor:
        last = self.num_embeddings - 1
        return super().forward(ids.long().clamp(0, last)).transpose(1, 2)''',
    "ColumnEmbedding": '''class ColumnEmbedding(nn.Embedding):
    """A row of a table: numbers stay, each category becomes a vector."""

    def __init__(self, numbers: int, categories: tuple[int, ...], width: int) -> None:
        super().__init__(sum(categories), width)
        self.numbers = numbers
        sizes = torch.tensor(categories)
        self.register_buffer("last", sizes - 1, persistent=False)
        self.register_buffer("first", sizes.cumsum(0) - sizes, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        codes = x[:, self.numbers :].long().clamp(min=0).minimum(self.last)
        vectors = super().forward(codes + self.first).flatten(1)
        return torch.cat((x[:, : self.numbers], vectors), 1)''',
    "LearnedPosition": '''class LearnedPosition(nn.Module):
    """Adds a weight to each position."""

    def __init__(self, channels: int, length: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, length))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight''',
    "SinusoidalPosition": '''class SinusoidalPosition(nn.Module):
    """Adds sines and cosines of each position."""

    def __init__(self, channels: int, length: int) -> None:
        super().__init__()
        channel = torch.arange(channels, dtype=torch.float64)
        slowness = 10000 ** ((channel - channel % 2) / channels)
        angle = torch.arange(length, dtype=torch.float64) / slowness[:, None]
        table = torch.where(channel[:, None] % 2 == 0, angle.sin(), angle.cos())
        self.register_buffer("table", table.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table''',
    "FirstToken": '''class FirstToken(nn.Module):
    """Puts a learned token in front of a sequence."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.weight[:, None].expand(len(x), -1, 1), x), 2)''',
    "attend": '''def attend(query: Tensor, key: Tensor, value: Tensor, head: int) -> Tensor:
    """Attention over sequences (batch, channels, length), in heads of so many channels."""
    q, k, v = (x.unflatten(1, (-1, head)) for x in (query, key, value))
    weights = ((k * head**-0.5).transpose(2, 3) @ q).softmax(2)
    return (v @ weights).flatten(1, 2)''',
    "masked_mean": '''def masked_mean(values: Tensor, ids: Tensor) -> Tensor:
    """The mean over the positions whose id is not 0."""
    mask = (ids != 0).to(values.dtype)[:, None]
    return (values * mask).sum(2) / mask.sum(2).clamp(min=1)''',
}
"""Name and text of each."""


def used(body: str) -> Iterator[str]:
    """The names of the parts that a text calls."""
    return (name for name in PARTS if re.search(rf"(?<![\w.]){name}\(", body))
