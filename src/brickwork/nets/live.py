"""How many channels of an activation are alive, when that is not decided yet."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import SupportsIndex

import torch
from torch import Tensor

__all__ = ["ElasticWidth", "Live", "mask", "same"]


class Live:
    """A stretch of channels of which the first few are alive, as many as a mix says.

    Two objects are one exactly when they stand for the same decision.

    Args:
        most: Channels in all.
        widths: How many may be alive.
        weights: Weight of each of ``widths``, summing to 1; None for a single certain one.
    """

    def __init__(self, most: int, widths: Sequence[int], weights: Tensor | None = None) -> None:
        self.most = most
        self.widths = tuple(widths)
        self.weights = weights
        self._mapped: dict[object, Live] = {}

    @property
    def whole(self) -> bool:
        """Whether all channels are alive for certain."""
        return self.widths == (self.most,)

    def parts(self) -> list[tuple[int, Tensor | float]]:
        """Each width with its weight."""
        if self.weights is None:
            return [(self.widths[0], 1.0)]
        return list(zip(self.widths, self.weights.unbind(), strict=True))

    def map(self, key: object, width: Callable[[int], int]) -> Live:
        """Another width that follows from this one; the same object for the same ``key``."""
        if key not in self._mapped:
            widths = tuple(width(w) for w in self.widths)
            self._mapped[key] = Live(width(self.most), widths, self.weights)
        return self._mapped[key]

    def mask(self, like: Tensor) -> Tensor:
        """How alive each channel is, ``(most,)``: the weight of all widths that reach it."""
        place = torch.arange(self.most, device=like.device)
        widths = torch.tensor(self.widths, device=like.device)
        alive = (place[None] < widths[:, None]).to(like.dtype)
        return alive[0] if self.weights is None else self.weights.to(like.dtype) @ alive


def mask(live: Sequence[Live], like: Tensor) -> Tensor:
    """How alive each channel of several stretches is."""
    return torch.cat([stretch.mask(like) for stretch in live])


def same(a: Sequence[Live], b: Sequence[Live]) -> list[tuple[int, Tensor | float]]:
    """The widths in which two activations may agree, each with the weight of that.

    Different decisions are taken to be independent of each other.
    """
    if len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True)):
        return [(sum(stretch.most for stretch in a), 1.0)]
    if len(a) > 1 or len(b) > 1:
        whole = all(stretch.whole for stretch in (*a, *b))
        total = sum(stretch.most for stretch in a)
        return [(total, 1.0)] if whole and total == sum(stretch.most for stretch in b) else []
    right: dict[int, Tensor | float] = {}
    for width, weight in b[0].parts():
        right[width] = right[width] + weight if width in right else weight
    return [(width, weight * right[width]) for width, weight in a[0].parts() if width in right]


class ElasticWidth(int):
    """The largest number of channels, which remembers how many are alive.

    It is what a composite's ``lower`` gets as ``shape[0]`` and hands on as the width of a layer.
    """

    live: Live

    @classmethod
    def of(cls, live: Live) -> ElasticWidth:
        width = cls(live.most)
        width.live = live
        return width

    def _changed(self, name: str, other: SupportsIndex | float) -> int:
        change = functools.partial(_OPERATORS[name], other=other)
        return ElasticWidth.of(self.live.map((name, other), change))

    def __mul__(self, other: int) -> int:
        return self._changed("*", other)

    __rmul__ = __mul__

    def __floordiv__(self, other: int) -> int:
        return self._changed("//", other)


_OPERATORS: Mapping[str, Callable[..., int]] = {
    "*": lambda width, other: width * other,
    "//": lambda width, other: width // other,
}
