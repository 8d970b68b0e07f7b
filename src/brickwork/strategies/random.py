"""Uniform random search: the yardstick for all others."""

from __future__ import annotations

import numpy as np

from brickwork.space import Arch
from brickwork.strategies.base import OneByOne

__all__ = ["Random"]


class Random(OneByOne):
    """Draws every active decision uniformly; what is known to break a limit is drawn again."""

    def _next(self, rng: np.random.Generator) -> Arch | None:
        return self._asked.fresh(rng)
