"""From probabilities over options to architectures inside the limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from brickwork.oneshot.pool import plain
from brickwork.space import Arch, Space

__all__ = ["decode"]

Judge = Callable[[Arch], tuple[float, float]]
"""What a member costs, and by how much it breaks the limits (zero where it breaks none)."""


def decode(
    space: Space,
    probabilities: Mapping[str, Sequence[float]],
    judge: Judge,
    count: int,
) -> list[Arch]:
    """The likeliest member inside the limits, and smaller ones, evenly along the cost.

    From the likeliest member on, each step takes the one option that gives away least probability
    for what it saves: first until the limits hold, then down to where nothing can be saved. So one
    search gives a front. Costs and limits are those of members, not of their expectation.

    Args:
        space: The space.
        probabilities: For each decision of the network, how likely each of its options is; the
            settings of its training take their middle options.
        judge: The cost and the excess of a member.
        count: The most members that are wanted.

    Returns:
        The likeliest first; none where no step leads inside the limits.
    """
    chances = {
        d.name: np.log(np.maximum(probabilities[d.name], 1e-12))
        for d in space.decisions()
        if d.name in probabilities
    }
    best = {n: space.decision(n).options[int(np.argmax(p))] for n, p in chances.items()}
    at = plain(space, space.arch(best))
    cost, excess = judge(at)
    path: list[tuple[float, Arch]] = [(cost, at)] if excess == 0 else []
    while True:
        steps = []
        for name, option in at.choices:
            if name not in chances:
                continue
            options, chance = space.decision(name).options, chances[name]
            here = chance[options.index(option)]
            for place, other in enumerate(options):
                if other == option:
                    continue
                values = {**best, **dict(at.choices), name: other}
                neighbour = space.arch(values)
                its_cost, its_excess = judge(neighbour)
                saved = (
                    excess - its_excess
                    if excess > 0
                    else math.log(max(cost, 1e-12) / max(its_cost, 1e-12))
                )
                if saved > 1e-9 and (excess > 0 or its_excess == 0):
                    given = max(0.0, float(here - chance[place]))
                    steps.append((given / saved, its_cost, its_excess, neighbour))
        if not steps:
            break
        _, cost, excess, at = min(steps, key=lambda step: step[:3])
        if excess == 0:
            path.append((cost, at))
    return _spread(path, count)


def _spread(path: Sequence[tuple[float, Arch]], count: int) -> list[Arch]:
    """Members evenly along the logarithm of the cost, the first one always."""
    if not path or count < 1:
        return []
    costs = np.log(np.maximum([cost for cost, _ in path], 1e-12))
    wanted = np.linspace(costs[0], costs[-1], count)
    places = [int(np.abs(costs - place).argmin()) for place in wanted]
    return [path[i][1] for i in dict.fromkeys(places)]
