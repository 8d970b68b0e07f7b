"""Uniform random search: the yardstick for all others."""

from __future__ import annotations

from brickwork.strategies.base import Asked, Problem
from brickwork.trial import Proposal, Trial, rng_for

__all__ = ["Random"]


class Random:
    """Draws every active decision uniformly; what is known to break a limit is drawn again.

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        self._seed = seed
        self._asked = Asked(problem, seed)
        self._count = 0

    def ask(self, n: int) -> list[Proposal]:
        proposals: list[Proposal] = []
        for _ in range(n):
            arch = self._asked.fresh(rng_for(self._seed, "strategy", self._count))
            self._count += 1
            if arch is not None:
                proposals.append(Proposal(arch))
        return proposals

    def tell(self, trial: Trial) -> None:
        self._asked.note(trial.proposal.arch)
