"""Which part of a large weight a small network uses.

A supernet holds each weight once, at its largest. A member uses the first output channels (as Yu et
al., "Slimmable neural networks", 2019), the channels of its input that are alive, and the centre of
the kernel (as Cai et al., "Once-for-all", 2020, without their learned transformation). The channels
that are alive need not be the first ones: after a concatenation each branch keeps its own place. So
a *layout* says for each stretch of channels how long it is at most and how much of it is alive.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from brickwork.errors import SpaceError
from brickwork.space import Op, Shape, ops

__all__ = ["Cuts", "Layout", "cuts", "layout_of", "makes_channels"]

Layout = tuple[tuple[int, int], ...]
"""Stretches of channels: how long each is at most, and how much of it is alive."""

# What the axes of a weight are: (o)utput channels, channels of the (i)nput, (k)ernel, (-) anything
# else, which is the same in every member. One letter for each axis; the last one repeats.
_AXES: Mapping[type[Op], Mapping[str, str]] = {
    ops.ClassToken: {"weight": "i"},
    ops.Columns: {"weight": "-o"},
    ops.Conv: {"weight": "oik", "bias": "o"},
    ops.ConvTranspose: {"weight": "iok", "bias": "o"},
    ops.Depthwise: {"weight": "i-k", "bias": "i"},
    ops.Embedding: {"weight": "-o"},
    ops.Linear: {"weight": "oi", "bias": "o"},
    ops.Norm: {"weight": "i", "bias": "i", "running_mean": "i", "running_var": "i"},
    ops.Position: {"weight": "i-"},
}
_MAKES_CHANNELS = (ops.Conv, ops.ConvTranspose, ops.Embedding, ops.Linear)


def makes_channels(op: Op) -> bool:
    """Whether the channels that come out are an op's own, not those of its (first) input."""
    return isinstance(op, _MAKES_CHANNELS)


def layout_of(
    name: str, op: Op, inputs: Sequence[Layout], shapes: Sequence[Shape], most: int
) -> Layout:
    """The layout of what comes out of an op.

    Args:
        name: The op's name, for the error.
        op: The op, without choices.
        inputs: Layouts of what comes in.
        shapes: Their shapes.
        most: Channels that come out of it in the largest member, if they are its own.

    Raises:
        SpaceError: A reshape mixes channels some of which are not alive.
    """
    if makes_channels(op):
        return ((most, op.shape(shapes)[0]),)
    if isinstance(op, ops.Concat):
        return tuple(stretch for layout in inputs for stretch in layout)
    if isinstance(op, ops.Flatten):
        positions = prod(shapes[0][1:])
        return tuple((most * positions, alive * positions) for most, alive in inputs[0])
    if isinstance(op, ops.Columns):
        width: int = op.width  # type: ignore[assignment]  # concrete in a graph
        return ((op.numbers, op.numbers), *[(most, width)] * len(op.categories))
    if isinstance(op, ops.Reshape | ops.Custom) and any(m != alive for m, alive in inputs[0]):
        raise SpaceError(f"{name}: {op.kind} of elastic channels has no meaning")
    if (channels := op.shape(shapes)[0]) != shapes[0][0]:
        return ((channels, channels),)
    return inputs[0]


@dataclass(frozen=True, slots=True)
class Cuts:
    """The part of a weight that is used.

    Attributes:
        narrows: Axis, start and length of each axis of which one stretch is used.
        gathers: Axis and indices of each axis of which several stretches are used.
    """

    narrows: tuple[tuple[int, int, int], ...] = ()
    gathers: tuple[tuple[int, tuple[int, ...]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.narrows or self.gathers)

    def of(self, weight: Tensor) -> Tensor:
        """The part that is used: a view, or a copy where there are several stretches."""
        weight = self._narrowed(weight)
        for axis, places in self.gathers:
            weight = weight.index_select(axis, _index(places, weight.device))
        return weight

    def put(self, weight: Tensor, part: Tensor) -> None:
        """Write the part back where it is a copy (running statistics)."""
        weight = self._narrowed(weight)
        for axis, places in self.gathers:
            weight.index_copy_(axis, _index(places, weight.device), part)

    def _narrowed(self, weight: Tensor) -> Tensor:
        for axis, start, length in self.narrows:
            weight = weight.narrow(axis, start, length)
        return weight


@functools.lru_cache(maxsize=1024)
def _index(places: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.tensor(places, device=device)


def cuts(op: Op, weight: str, most: Shape, wanted: Shape, input: Layout) -> Cuts:
    """The part of an op's weight that a member uses.

    Args:
        op: The op.
        weight: Name of the weight, such as ``"weight"`` or ``"running_mean"``.
        most: Its shape in the supernet.
        wanted: Its shape in the member.
        input: Layout of the channels that come in.

    Raises:
        SpaceError: The weight has no elastic form, or another shape than the supernet can give.
    """
    kinds = _AXES.get(type(op), {}).get(weight, "-")
    narrows: list[tuple[int, int, int]] = []
    gathers: list[tuple[int, tuple[int, ...]]] = []
    for axis, (have, want) in enumerate(zip(most, wanted, strict=True)):
        kind = kinds[min(axis, len(kinds) - 1)]
        if have == want:
            continue
        if want > have or kind == "-":
            raise SpaceError(f"{op.kind}.{weight} is {most} in the supernet, {wanted} is asked for")
        if kind == "k":
            narrows.append((axis, (have - want) // 2, want))
        elif kind == "o" or _is_prefix(input, want):
            narrows.append((axis, 0, want))
        else:
            gathers.append((axis, _places(input)))
    return Cuts(tuple(narrows), tuple(gathers))


def _is_prefix(layout: Layout, alive: int) -> bool:
    """Whether the channels that are alive are the first ones (or no channels: groups share)."""
    if sum(width for _, width in layout) != alive:
        return True
    ended = False
    for most, width in layout:
        if ended and width:
            return False
        ended |= width < most
    return True


def _places(layout: Layout) -> tuple[int, ...]:
    places: list[int] = []
    start = 0
    for most, alive in layout:
        places += range(start, start + alive)
        start += most
    return tuple(places)
