"""Activations of a mixture: values, and which of their channels are alive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # its usual name

from brickwork.errors import SpaceError
from brickwork.nets.live import Live, Weight, agreeing, from_the_first

__all__ = [
    "Signal",
    "aligned",
    "all_give",
    "along_channels",
    "any_gives",
    "cut",
    "fitted",
    "mixed",
    "padded",
    "resized",
    "shuffled",
]


class Signal(NamedTuple):
    """An activation ``(batch, channels, *spatial)`` and which of its channels are alive."""

    x: Tensor
    live: tuple[Live, ...]
    gives: Tensor | float = 1.0
    """Inside a cell: 0 where it gives nothing, else 1 (``wiring.py``)."""


def mixed(parts: Sequence[tuple[Signal, Weight]], name: str) -> Signal:
    """The weighted mean of the options of a choice."""
    if len(parts) == 1 and not isinstance(parts[0][1], Tensor):
        return parts[0][0]
    shapes = {tuple(signal.x.shape[1:]) for signal, _ in parts}
    if len(shapes) > 1:
        raise SpaceError(
            f"{name}: its options give {', '.join(map(str, sorted(shapes)))}: they cannot be mixed"
        )
    total = sum((weight * signal.x for signal, weight in parts[1:]), parts[0][1] * parts[0][0].x)
    first = parts[0][0].live
    gives = any_gives([(signal.gives, weight) for signal, weight in parts])
    if all(signal.live == first for signal, _ in parts):
        return Signal(total, first, gives)
    if all(stretch.whole for signal, _ in parts for stretch in signal.live):
        return Signal(total, (Live(total.shape[1], (total.shape[1],)),), gives)
    if len({tuple(stretch.most for stretch in signal.live) for signal, _ in parts}) > 1:
        raise SpaceError(f"{name}: its options join other channels: they cannot be mixed")
    means = (_mean([(s.live[i], w) for s, w in parts]) for i in range(len(first)))
    return Signal(total, tuple(means), gives)


def _mean(parts: Sequence[tuple[Live, Weight]]) -> Live:
    """The widths of several options, each as likely as its option."""
    if all(live.whole for live, _ in parts):
        return parts[0][0]
    widths = ((w, weight * more) for live, weight in parts for w, more in live.parts())
    return Live.of(parts[0][0].most, widths)


def aligned(signals: Sequence[Signal]) -> bool:
    """Whether the stretches of all activations lie at the same places."""
    return len({tuple(stretch.most for stretch in signal.live) for signal in signals}) == 1


def along_channels(values: Tensor, like: Tensor) -> Tensor:
    """One value for each channel, shaped to multiply an activation."""
    return values.reshape(-1, *(1,) * (like.dim() - 2))


def fitted(signal: Signal, end: Signal, equal: Sequence[tuple[int, Weight]]) -> Tensor:
    """A skip connection where it is one: for the widths in which both ends agree."""
    x, channels = signal.x, end.x.shape[1]
    if signal.live != end.live and not (from_the_first(signal.live) and from_the_first(end.live)):
        return _moved(signal, end.live)
    if x.shape[1] != channels:
        x = _widened(x[:, :channels], channels)
    if len(equal) == 1 and not isinstance(equal[0][1], Tensor) and equal[0][1] == 1.0:
        return x
    return x * along_channels(Live.of(channels, equal).mask(x), x)


def _moved(signal: Signal, live: Sequence[Live]) -> Tensor:
    """The channels of an activation at other places, for the widths in which they agree."""
    channels = sum(stretch.most for stretch in live)
    total = signal.x.new_zeros(len(signal.x), channels, *signal.x.shape[2:])
    for width, weight in agreeing((signal.live, live)):
        total = total + weight * padded(cut(signal, width), live, width)
    return total


def cut(signal: Signal, width: Mapping[Live, int]) -> Tensor:
    """The channels that are alive."""
    parts = torch.split(signal.x, [stretch.most for stretch in signal.live], 1)
    alive = [x[:, : width[s]] for x, s in zip(parts, signal.live, strict=True)]
    return alive[0] if len(alive) == 1 else torch.cat(alive, 1)


def padded(x: Tensor, live: Sequence[Live], width: Mapping[Live, int]) -> Tensor:
    """Channels in their places again, the others zero."""
    parts = torch.split(x, [width[s] for s in live], 1)
    wide = [_widened(part, s.most) for part, s in zip(parts, live, strict=True)]
    return wide[0] if len(wide) == 1 else torch.cat(wide, 1)


def _widened(x: Tensor, channels: int) -> Tensor:
    """An activation with zeros behind its channels, so that there are so many."""
    return F.pad(x, (*(0, 0) * (x.dim() - 2), 0, channels - x.shape[1]))


def resized(x: Tensor, like: Tensor) -> Tensor:
    """An activation at the size of another: the largest value of each region."""
    size = like.shape[2:]
    if x.shape[2:] == size:
        return x
    pool = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)[len(size) - 1]
    return pool(x, size)


def shuffled(x: Tensor, groups: int) -> Tensor:
    """Channels dealt out: the first of each group, then the second of each, and so on."""
    parts = x.reshape(len(x), groups, x.shape[1] // groups, *x.shape[2:])
    return parts.transpose(1, 2).reshape(x.shape)


def any_gives(parts: Sequence[tuple[Weight, Weight]]) -> Weight:
    """Whether one of several gives something: pairs of whether it does, and its weight."""
    best: Weight = 0.0
    for gives, weight in parts:
        if isinstance(weight, Tensor):
            gives = gives * (weight.detach() > 0).to(weight.dtype)
        elif weight == 0.0:
            gives = 0.0
        best = _larger(best, gives)
    return best


def all_give(gives: Sequence[Weight]) -> Weight:
    """Whether each of several gives something."""
    least: Weight = 1.0
    for one in gives:
        least = one if not isinstance(least, Tensor) and least == 1.0 else least * one
    return least


def _larger(a: Weight, b: Weight) -> Weight:
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        return max(a, b)
    if not isinstance(a, Tensor):
        a, b = b, a
    return torch.clamp(a, min=b)  # type: ignore[arg-type]  # a is a tensor
