"""How many channels of an activation are alive, when that is not decided yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product

import torch
from torch import Tensor

__all__ = [
    "ElasticWidth",
    "Live",
    "Weight",
    "agreeing",
    "from_the_first",
    "mask",
    "same",
    "tally",
    "together",
]

Weight = Tensor | float


class Live:
    """A stretch of channels of which the first few are alive, as many as a mix says.

    Two objects are one exactly when they stand for the same decision.

    Args:
        most: Channels in all.
        widths: How many may be alive.
        weights: Weight of each of ``widths``, summing to 1; None for a single certain one.
        follows: The stretches that decide on this one; nothing where it has a decision of its own.
        rule: How wide it is, of their widths.
    """

    def __init__(
        self,
        most: int,
        widths: Sequence[int],
        weights: Tensor | None = None,
        follows: Sequence[Live] = (),
        rule: Callable[..., int] | None = None,
    ) -> None:
        self.most = most
        self.widths = tuple(widths)
        self.weights = weights
        self._follows = tuple(follows)
        self._rule = rule
        self._mapped: dict[object, Live] = {}

    @classmethod
    def of(
        cls,
        most: int,
        parts: Iterable[tuple[int, Weight]],
        follows: Sequence[Live] = (),
        rule: Callable[..., int] | None = None,
    ) -> Live:
        """A stretch from widths and their weights; equal widths add up."""
        widths = tally(parts)
        return cls(most, tuple(widths), _stacked(tuple(widths.values())), follows, rule)

    @property
    def whole(self) -> bool:
        """Whether all channels are alive for certain."""
        return self.widths == (self.most,)

    def parts(self) -> list[tuple[int, Weight]]:
        """Each width with its weight."""
        if self.weights is None:
            return [(self.widths[0], 1.0)]
        return list(zip(self.widths, self.weights.unbind(), strict=True))

    def map(self, key: object, width: Callable[[int], int]) -> Live:
        """Another width that follows from this one; the same object for the same ``key``."""
        if key not in self._mapped:
            widths = tuple(width(w) for w in self.widths)
            self._mapped[key] = Live(width(self.most), widths, self.weights, (self,), width)
        return self._mapped[key]

    @classmethod
    def total(cls, live: Sequence[Live]) -> Live:
        """Several stretches as one, whose channels lie side by side."""
        if len(live) == 1:
            return live[0]
        most = sum(stretch.most for stretch in live)
        return cls.of(most, _widths(live).items(), live, lambda *alive: sum(alive))

    def roots(self) -> tuple[Live, ...]:
        """The stretches whose decisions say how wide this one is."""
        if not self._follows:
            return (self,)
        return tuple(root for stretch in self._follows for root in stretch.roots())

    def at(self, widths: Mapping[Live, int]) -> int:
        """How wide it is once its roots are."""
        if self._rule is None:
            return widths[self]
        return self._rule(*[stretch.at(widths) for stretch in self._follows])

    def mask(self, like: Tensor) -> Tensor:
        """How alive each channel is, ``(most,)``: the weight of all widths that reach it."""
        place = torch.arange(self.most, device=like.device)
        widths = torch.tensor(self.widths, device=like.device)
        alive = (place[None] < widths[:, None]).to(like.dtype)
        return alive[0] if self.weights is None else self.weights.to(like.dtype) @ alive


def mask(live: Sequence[Live], like: Tensor) -> Tensor:
    """How alive each channel of several stretches is."""
    return torch.cat([stretch.mask(like) for stretch in live])


def same(a: Sequence[Live], b: Sequence[Live]) -> list[tuple[int, Weight]]:
    """The widths in which two activations may agree, each with the weight of that.

    Different decisions are taken to be independent of each other.
    """
    if len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True)):
        return [(sum(stretch.most for stretch in a), 1.0)]
    left, right = _widths(a), _widths(b)
    return [(width, weight * right[width]) for width, weight in left.items() if width in right]


def _widths(live: Sequence[Live]) -> dict[int, Weight]:
    """How wide several stretches may be in all."""
    return tally((sum(alive), weight) for alive, weight in together(live))


def from_the_first(live: Sequence[Live]) -> bool:
    """Whether the channels that are alive are the first ones, however many they are."""
    return all(stretch.whole for stretch in live[:-1])


def tally(parts: Iterable[tuple[int, Weight]]) -> dict[int, Weight]:
    """The weight of each width."""
    found: dict[int, Weight] = {}
    for width, weight in parts:
        found[width] = found[width] + weight if width in found else weight
    return found


def together(live: Sequence[Live]) -> Iterator[tuple[tuple[int, ...], Weight]]:
    """Every way in which several stretches may be alive: their widths, and the weight of that."""
    roots = list(dict.fromkeys(root for stretch in live for root in stretch.roots()))
    for chosen in product(*[root.parts() for root in roots]):
        weight: Weight = 1.0
        for _, more in chosen:
            weight = weight * more
        widths = {root: width for root, (width, _) in zip(roots, chosen, strict=True)}
        yield tuple(stretch.at(widths) for stretch in live), weight


def agreeing(
    activations: Sequence[Sequence[Live]], besides: Sequence[Live] = ()
) -> Iterator[tuple[dict[Live, int], Weight]]:
    """Every way in which several activations are equally wide, and the weight of that.

    Args:
        activations: The stretches of each.
        besides: Others, whose widths are wanted too.
    """
    stretches = list(dict.fromkeys([s for live in activations for s in live] + list(besides)))
    for alive, weight in together(stretches):
        width = dict(zip(stretches, alive, strict=True))
        if len({sum(width[s] for s in live) for live in activations}) == 1:
            yield width, weight


def _stacked(weights: Sequence[Weight]) -> Tensor | None:
    """Weights as one tensor; None for a certain one."""
    if len(weights) == 1 and not isinstance(weights[0], Tensor):
        return None
    like = next((w for w in weights if isinstance(w, Tensor)), torch.ones(()))
    return torch.stack([w if isinstance(w, Tensor) else like.new_tensor(w) for w in weights])


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

    def __mul__(self, other: int) -> int:
        return ElasticWidth.of(self.live.map(("*", other), lambda width: width * other))

    __rmul__ = __mul__

    def __floordiv__(self, other: int) -> int:
        return ElasticWidth.of(self.live.map(("//", other), lambda width: width // other))
