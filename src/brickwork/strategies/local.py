"""Local search: all neighbours of the best networks, one decision away.

White, Nolen, Savani: "Exploring the Loss Landscape in Neural Architecture Search", 2021; with
several objectives Pareto local search: Paquete, Chiarandini, Stuetzle: "Pareto Local Optimum Sets
in the Biobjective Traveling Salesman Problem", 2004.

Differs from the papers:
- the first improvement counts: a better network is followed as soon as it is told, and neighbours
  of what it beat are left, because trials run at once;
- limits come first; where all neighbours of the front are known, a random network is a new start.
"""

from __future__ import annotations

import numpy as np

from brickwork.space import Arch
from brickwork.strategies.base import Member, OneByOne, Problem, ranks
from brickwork.trial import Trial

__all__ = ["Local"]

_KEPT = 24  # networks whose neighbours may be asked for


class Local(OneByOne):
    """Asks for neighbours of the front that are new.

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals to the same answers.
        starts: Networks that are drawn at random first.
    """

    def __init__(self, problem: Problem, seed: int, *, starts: int = 10) -> None:
        super().__init__(problem, seed)
        self._starts = starts
        self._front: list[Member] = []
        self._explored: set[str] = set()

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        member = Member.of(self._problem, trial)
        if member is None:
            return
        members = [*self._front, member]
        rank = ranks(members)
        self._front = [one for one, r in zip(members, rank, strict=True) if r == 0][-_KEPT:]

    def _next(self, rng: np.random.Generator) -> Arch | None:
        found = self._neighbour(rng) if self._count > self._starts else None
        return found or self._asked.fresh(rng)

    def _neighbour(self, rng: np.random.Generator) -> Arch | None:
        """A new neighbour of a member of the front, inside the limits."""
        for i in rng.permutation(len(self._front)).tolist():
            parent = self._front[i].arch
            if parent.id in self._explored:
                continue
            around: list[Arch] = list(self._problem.space.neighbours(parent))
            for j in rng.permutation(len(around)).tolist():
                arch: Arch = around[j]
                if arch not in self._asked and self._problem.forecast(arch)[1] == 0.0:
                    self._asked.note(arch)
                    return arch
            self._explored.add(parent.id)
        return None
