"""Grid search: every combination of options, from coarse to fine.

First the ends of each decision, then what lies between them, in steps that are halved each time.
The whole grid of many decisions is out of reach, so its points come in a random order. It is here
as a yardstick, as random search is (Bergstra and Bengio, "Random Search for Hyper-Parameter
Optimization", 2012, say when it is worse).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brickwork.space import Arch, Option
from brickwork.strategies.base import OneByOne, Problem

__all__ = ["Grid", "coarse"]

_MISSES = 24  # points in a row that were asked before, after which the grid becomes finer


class Grid(OneByOne):
    """Points of a grid of the space, which becomes finer.

    Args:
        problem: What is searched.
        seed: Decides the order of the points.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        super().__init__(problem, seed)
        self._level = 0
        self._misses = 0

    def _next(self, rng: np.random.Generator) -> Arch | None:
        return self._asked.fresh(rng, lambda: self._point(rng))

    def _point(self, rng: np.random.Generator) -> Arch:
        """A point of the grid as fine as it is now."""
        chosen: dict[str, Option] = {}
        for decision in self._problem.space.decisions():
            if decision.active(chosen):
                options = coarse(decision.options, self._level)
                chosen[decision.name] = options[int(rng.integers(len(options)))]
        arch = self._problem.space.arch(chosen)
        self._misses = self._misses + 1 if arch in self._asked else 0
        if self._misses > _MISSES:
            self._level, self._misses = self._level + 1, 0
        return arch


def coarse(options: Sequence[Option], level: int) -> list[Option]:
    """The options of a decision at a level: both ends at 0, and halved steps from there on."""
    points = np.linspace(0, len(options) - 1, 2**level + 1)
    return [options[i] for i in dict.fromkeys(np.round(points).astype(int).tolist())]
