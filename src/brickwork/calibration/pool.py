"""Members of the catalogue that may become benchmark networks of a device.

Spaces differ in the work that their members do: ``residual`` convolves, ``mobile`` is depthwise and
pointwise, ``nasbench201`` and ``dag`` pool and add, ``darts`` has activations of their own and
copies, ``speech`` begins with wide windows over one channel, ``mlp`` is linear. Inputs of half and
of twice the size, and of one channel, spread the sizes of tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from brickwork.devices import Target, known_costs, parameters
from brickwork.devices.lowering import why_not
from brickwork.devices.work import Work, work_of
from brickwork.errors import DataError, ShapeError, SpaceError
from brickwork.names import SPACES, load
from brickwork.space import Arch, Graph, Shape, Space, graph
from brickwork.trial import rng_for

__all__ = ["OUTPUTS", "Candidate", "candidates", "fits", "witnesses"]

OUTPUTS = 10
"""Outputs of every network: they hardly change its time."""

_ROUTES: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("mobile", {}),
    ("residual", {}),
    ("speech", {}),
    ("series", {}),
    ("dag", {}),
    ("hierarchy", {}),
    ("nasbench201", {"channels": 16, "cells": 1}),
    ("darts", {"channels": 16, "cells": 3}),
    ("resnet8", {}),
    ("dscnn", {}),
    ("mlp", {}),
)
"""Spaces, and how they are made where not as usual."""

_MEMBERS = 6  # of a space and input
_IMAGE: Shape = (3, 32, 32)  # where what is asked for is none: images tell most
_ROWS: tuple[Shape, ...] = ((16,), (64,), (256,))
_SEARCHED = {1: "mlp", 2: "mobile", 3: "mobile"}  # what is searched if nothing is said
_DRAWN = 6  # members for each witness
_SMALLEST = 8  # pixels of a side
_LARGEST = 2**15  # elements of an input

MOST_MACS = 50_000_000
"""A network that takes longer tells nothing more."""

_MOST_PARAMETERS = 300_000  # larger files tell nothing more either
_SHARE = 8  # of a flash no network takes more than this part, so that few programs hold them all
_ROOM = 0.7  # the part of a memory that a network may take: what runs it needs some, too


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A network that may be measured.

    Attributes:
        space: The name of its space.
        settings: How the space was made, where not as usual.
        arch: The network in it.
        graph: The network.
        work: What it does.
    """

    space: str
    settings: Mapping[str, Any]
    arch: Arch
    graph: Graph
    work: Work


def candidates(input: Shape, seed: int) -> list[Candidate]:
    """The pool, in a fixed order; no two members are twins.

    Args:
        input: Shape of the samples that will be searched, channels first.
        seed: Chooses members.

    Raises:
        DataError: Samples have more than two spatial axes.
    """
    if len(input) > 3:
        raise DataError(
            f"samples of shape {input} cannot be calibrated for: 8-bit files have at most two "
            "spatial axes; give --input as channels, height and width"
        )
    found: dict[str, Candidate] = {}
    for name, settings in _ROUTES:
        for shape in _shapes(input):
            for one in _members(name, settings, shape, seed):
                found.setdefault(one.graph.hash, one)
    return list(found.values())


def witnesses(input: Shape, count: int, target: Target | None, seed: int) -> list[Candidate]:
    """Members of the space that is usually searched, from small to large as they occur there.

    They are to networks that a search will ask for as any of these to the others, so how well a
    model predicts them is how well it will predict those.

    Args:
        input: As for ``candidates``.
        count: How many; fewer where fewer fit the target.
        target: What they have to fit.
        seed: Chooses members.
    """
    name = _SEARCHED[len(input)]
    space = _space(name, {}, input)
    if space is None:
        return []
    rng = rng_for(seed, "calibrate", "witnesses")
    drawn = []
    for _ in range(_DRAWN * count):
        arch = space.sample(rng)
        whole = graph(space, arch, input, OUTPUTS)
        one = Candidate(name, {}, arch, whole, work_of(whole))
        if fits(one, target):
            drawn.append(one)
    drawn.sort(key=lambda one: one.work.macs)
    count = min(count, len(drawn))
    found = [drawn[len(drawn) * (2 * i + 1) // (2 * count)] for i in range(count)]
    return list({one.graph.hash: one for one in found}.values())


def fits(one: Candidate, target: Target | None) -> bool:
    """Whether a candidate leaves room on a device, and is no larger than it need be."""
    if one.work.macs > MOST_MACS or parameters(one.graph) > _MOST_PARAMETERS:
        return False
    if target is None:
        return True
    if target.flash_bytes is not None and parameters(one.graph) > target.flash_bytes / _SHARE:
        return False
    costs = known_costs(one.graph, target)
    return all(
        costs[limit.metric].value <= _ROOM * limit.bound
        for limit in target.limits()
        if limit.metric in costs
    )


def _shapes(input: Shape) -> list[Shape]:
    """Inputs that networks are made for: what is asked for comes first."""
    shapes = [input, *_ROWS]
    for whole in dict.fromkeys((input, _IMAGE)) if len(input) < 3 else (input,):
        channels, *sides = whole
        if not sides:
            continue
        half = tuple([max(_SMALLEST, side // 2) for side in sides])
        twice = tuple([2 * side for side in sides])
        shapes += [(channels, *size) for size in (tuple(sides), half, twice)]
        shapes += [(1, *sides), (1, *half)]
    kept = [shape for shape in shapes if _elements(shape) <= _LARGEST]
    return list(dict.fromkeys([input, *kept]))


def _elements(shape: Shape) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _members(
    name: str, settings: Mapping[str, Any], shape: Shape, seed: int
) -> Iterator[Candidate]:
    """The extremes and some members of a space that lower to 8-bit operations."""
    space = _space(name, settings, shape)
    if space is None:
        return
    rng = rng_for(seed, "calibrate", name, str(settings), str(shape))
    archs = [space.arch()] if space.size() == 1 else list(space.extremes())
    if space.size() > 1:
        archs += [space.sample(rng) for _ in range(_MEMBERS)]
    for arch in archs:
        try:
            whole = graph(space, arch, shape, OUTPUTS)
        except ShapeError:  # a published network whose windows do not fit this input
            continue
        if not why_not(whole):
            yield Candidate(name, settings, arch, whole, work_of(whole))


def _space(name: str, settings: Mapping[str, Any], shape: Shape) -> Space | None:
    """A space for an input; None where it takes other samples."""
    make = load(SPACES, "space", name)
    try:
        space: Space = make() if name in ("resnet8", "dscnn") else make(shape, **settings)
    except SpaceError:
        return None
    return space
