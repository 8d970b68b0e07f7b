"""Networks inside the limits, from the cheapest to the most expensive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from brickwork.space import Arch, Space
from brickwork.strategies.base import Problem

__all__ = ["by_cost", "drawn", "plain", "quick", "spread"]


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


def quick(problem: Problem, ordered: Sequence[Arch]) -> list[Arch]:
    """The half of some networks that takes least time to train, in their order.

    Time goes with MACs. A gate trains its networks in full: of those that are spread over all sizes
    the last few take most of the time, and leave too little for what the gate is there for.
    """
    macs = [problem.forecast(arch)[0].get("macs") for arch in ordered]
    known = [quantity.value for quantity in macs if quantity is not None]
    if len(known) < len(ordered):
        return list(ordered)
    most = float(np.median(known)) if known else 0.0
    return [arch for arch, value in zip(ordered, known, strict=True) if value <= most]


def plain(space: Space, arch: Arch) -> Arch:
    """A network with the middle option of each setting of its training."""
    middle = {
        decision.name: sorted(decision.options)[len(decision.options) // 2]
        for decision in space.decisions()
        if decision.name.startswith("recipe.")
    }
    return space.arch({**dict(arch.choices), **middle})
