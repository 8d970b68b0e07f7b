"""NSGA-II.

Deb, Pratap, Agarwal, Meyarivan: "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II",
2002.

Differs from the paper:
- steady state: each trial that is told competes with the population at once and the worst leaves
  (Durillo, Nebro, Luna, Alba: "On the Effect of the Steady-State Selection Scheme in
  Multi-Objective Genetic Algorithms", 2009), because trials are asked for one at a time;
- crossover takes each decision from one of the parents, mutation changes one decision.
"""

from __future__ import annotations

import numpy as np

from brickwork.space import Arch
from brickwork.strategies.base import Member, OneByOne, Problem, crowding, ranks
from brickwork.trial import Trial

__all__ = ["NSGA2"]


class NSGA2(OneByOne):
    """Crosses and mutates winners of binary tournaments; fronts and crowding decide who stays.

    Feasible beats infeasible; of two infeasible the smaller total violation wins; of two feasible
    the better front, then the larger crowding distance.

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals to the same answers.
        population: Members that are kept; as many are drawn at random first.
        crossover: Probability that a child has two parents.
        mutation: Probability that the child of two parents is mutated; that of one always is.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        population: int = 20,
        crossover: float = 0.9,
        mutation: float = 0.6,
    ) -> None:
        if population < 2:
            raise ValueError(f"the population holds at least 2 members, got {population}")
        super().__init__(problem, seed)
        self._size = population
        self._crossover = crossover
        self._mutation = mutation
        self._population: list[Member] = []
        self._rank = np.zeros(0, dtype=np.int64)
        self._crowding = np.zeros(0)

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        member = Member.of(self._problem, trial)
        if member is None:
            return
        self._population.append(member)
        self._judge()
        if len(self._population) > self._size:
            worst = np.lexsort((-self._crowding, self._rank))[-1]
            del self._population[worst]
            self._judge()

    def _judge(self) -> None:
        self._rank = ranks(self._population)
        self._crowding = crowding(self._population, self._rank)

    def _next(self, rng: np.random.Generator) -> Arch | None:
        if self._count <= self._size or not self._population:
            return self._asked.fresh(rng)
        return self._asked.fresh(rng, lambda: self._child(rng))

    def _child(self, rng: np.random.Generator) -> Arch:
        space = self._problem.space
        mother = self._tournament(rng)
        if rng.random() >= self._crossover:
            return space.mutate(mother, rng)
        child = space.cross(mother, self._tournament(rng), rng)
        return space.mutate(child, rng) if rng.random() < self._mutation else child

    def _tournament(self, rng: np.random.Generator) -> Arch:
        a, b = (int(i) for i in rng.integers(len(self._population), size=2))
        first = (self._rank[a], -self._crowding[a]) <= (self._rank[b], -self._crowding[b])
        return self._population[a if first else b].arch
