"""Networks inside the limits, from the cheapest to the most expensive."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from brickwork.space import Arch, Space
from brickwork.strategies.base import Problem
from brickwork.trial import rng_for

__all__ = ["by_cost", "drawn", "plain", "quick", "spread"]

_TYPICAL = 100  # samples that say what an ordinary network costs


def drawn(problem: Problem, rng: np.random.Generator, tries: int) -> list[Arch]:
    """Networks inside the limits, the cheapest first: what so many draws find.

    Two of three draws lean towards an end of the space: uniform samples of many decisions hardly
    come near it.
    """
    ends = problem.space.extremes()
    found: dict[str, Arch] = {}
    for i in range(tries):
        arch = problem.space.sample(rng)
        if i % 3:
            arch = problem.space.cross(ends[i % 3 - 1], arch, rng)
        found[arch.id] = arch
    return [arch for _, arch in by_cost(problem, found.values())]


def by_cost(problem: Problem, archs: Iterable[Arch]) -> list[tuple[float, Arch]]:
    """Those of some networks that are inside the limits, with their cost, the cheapest first.

    The cost is the first objective that is known without training; where there is none, any cost.
    """
    wanted = [objective.metric for objective in problem.objectives]
    found: list[tuple[float, Arch]] = []
    for arch in archs:
        costs, over = problem.forecast(arch)
        if over == 0.0:
            name = next((name for name in (*wanted, *costs) if name in costs), "")
            found.append((costs[name].value if name else 0.0, arch))
    return sorted(found, key=lambda pair: pair[0])


def spread(ordered: Sequence[Arch], most: int) -> list[Arch]:
    """At most so many of some networks, evenly spaced along their order, both ends included."""
    places = np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(int)
    return [ordered[i] for i in dict.fromkeys(places.tolist())]


def quick(problem: Problem, ordered: Sequence[Arch], least: int) -> list[Arch]:
    """Those of some networks that take no more time to train than an ordinary one, in their order.

    All of them, where those are fewer than ``least``.

    Time goes with MACs; an ordinary network has the median of samples inside the limits. A gate
    trains its networks in full: of those that are spread over all sizes the last few take most of
    the time, and leave too little for what the gate is there for.
    """

    def macs(arch: Arch) -> float:
        costs, over = problem.forecast(arch)
        return costs["macs"].value if "macs" in costs and over == 0.0 else math.nan

    rng = rng_for(0, "typical")
    typical = np.array([macs(problem.space.sample(rng)) for _ in range(_TYPICAL)])
    if np.isnan(typical).all():
        return list(ordered)
    most = float(np.nanmedian(typical))
    found = [arch for arch in ordered if not macs(arch) > most]
    return found if len(found) >= least else list(ordered)


def plain(space: Space, arch: Arch) -> Arch:
    """A network with the middle option of each setting of its training."""
    middle = {
        decision.name: sorted(decision.options)[len(decision.options) // 2]
        for decision in space.decisions()
        if decision.name.startswith("recipe.")
    }
    return space.arch({**dict(arch.choices), **middle})
