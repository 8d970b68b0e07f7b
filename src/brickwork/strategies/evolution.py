"""Regularized evolution.

Real, Aggarwal, Huang, Le: "Regularized Evolution for Image Classifier Architecture Search", 2019;
with tournaments by random weights: Liberis, Dudziak, Lane: "uNAS: Constrained Neural Architecture
Search for Microcontrollers", 2021.

Differs from the papers:
- asked one at a time while other trials run, as in the paper's own asynchronous setting; a trial
  joins the population when it is told, and the oldest member dies;
- several objectives: a tournament is won by the lowest non-dominated rank within the sample, then
  by the loneliest (Deb et al., 2002); with one objective that is the lowest loss;
- limits: feasible members win over infeasible ones, which live only while there is room.
"""

from __future__ import annotations

import numpy as np

from brickwork.space import Arch
from brickwork.strategies.base import Member, OneByOne, Problem, crowding, ranks
from brickwork.trial import Trial

__all__ = ["Evolution", "Tchebycheff"]


class Evolution(OneByOne):
    """Mutates the winner of a tournament; the oldest dies.

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals to the same answers.
        population: Members alive at a time (P in the paper); as many are drawn at random first.
        sample: Members in a tournament (S in the paper).
    """

    def __init__(
        self, problem: Problem, seed: int, *, population: int = 20, sample: int = 5
    ) -> None:
        if not 1 <= sample <= population:
            raise ValueError(f"1 <= sample <= population, got {sample} and {population}")
        super().__init__(problem, seed)
        self._size = population
        self._sample = sample
        self._population: list[Member] = []  # oldest first

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        member = Member.of(self._problem, trial)
        if member is None:
            return
        self._population.append(member)
        if len(self._population) > self._size:
            infeasible = [i for i, m in enumerate(self._population) if m.violation > 0]
            del self._population[infeasible[0] if infeasible else 0]

    def _next(self, rng: np.random.Generator) -> Arch | None:
        if self._count <= self._size or not self._population:
            return self._asked.fresh(rng)
        parent = self._tournament(rng)
        return self._asked.fresh(rng, lambda: self._problem.space.mutate(parent, rng))

    def _tournament(self, rng: np.random.Generator) -> Arch:
        size = min(self._sample, len(self._population))
        drawn = rng.choice(len(self._population), size, replace=False)
        sample = [self._population[i] for i in map(int, drawn)]
        rank = ranks(sample)
        best = int(np.lexsort((-crowding(sample, rank), rank))[0])
        return sample[best].arch


class Tchebycheff(Evolution):
    """A tournament is won by the least of the largest weighted losses; weights are drawn for each.

    Each loss runs from the best (0) to the worst (1) of the population. Differs from uNAS: limits
    that are broken lose first instead of being objectives with a target.
    """

    def _tournament(self, rng: np.random.Generator) -> Arch:
        drawn = rng.choice(len(self._population), min(self._sample, len(self._population)), False)
        sample = [self._population[i] for i in map(int, drawn)]
        losses = np.array([member.losses for member in self._population])
        losses[~np.isfinite(losses)] = np.nan
        low, high = np.zeros(losses.shape[1]), np.ones(losses.shape[1])
        for axis, column in enumerate(losses.T):
            told = column[np.isfinite(column)]
            if len(told):
                low[axis], high[axis] = told.min(), max(told.max(), told.min() + 1e-12)
        weights = rng.dirichlet(np.ones(losses.shape[1]))

        def key(member: Member) -> tuple[float, float]:
            scaled = weights * (np.array(member.losses) - low) / (high - low)
            return member.violation, float(np.max(scaled))

        return min(sample, key=key).arch
