"""Who is trained again, with another seed.

Within the best few the noise of a training outweighs what tells them apart: on NAS-Bench-Macro two
seeds agree at a tau of .88 over all networks and of .18 within the top tenth.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np
from numpy.typing import NDArray

from brickwork.objective import front
from brickwork.space import Arch

__all__ = ["PART", "Repeats"]

Array = NDArray[np.float64]

PART = 1 / 6
"""Of whole trainings: further ones of the best."""

_FEW = 3  # networks among which the best may be, where a front has fewer


class Repeats:
    """Hands out the best few, the least often trained of them first.

    Args:
        most: How often an architecture may be trained in full.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: dict[str, int] = {}
        self._given = 0
        self._best: list[Arch] = []

    def note(self, archs: Sequence[Arch], heights: Array) -> None:
        """Which are the best: the front, and what comes next where it has fewer than three.

        Args:
            archs: Those that were trained in full.
            heights: What each reached on average, (architectures, objectives).
        """
        self._best, left = [], np.arange(len(archs))
        while self._most > 1 and len(self._best) < _FEW and len(left):
            ahead = front(heights[left])
            self._best += [archs[i] for i in left[ahead].tolist()]
            left = left[~ahead]

    def take(self, whole: int, busy: Container[str]) -> tuple[Arch, int] | None:
        """The next one and which of its trainings it is, if it is its turn.

        Args:
            whole: How many whole trainings were asked for so far.
            busy: Ids of what is being trained.
        """
        if self._given + 1 > PART * whole:
            return None
        free = [arch for arch in self._best if arch.id not in busy]
        arch = min(free, key=lambda arch: self._times.get(arch.id, 0), default=None)
        if arch is None or self._times.get(arch.id, 0) + 1 >= self._most:
            return None
        times = self._times[arch.id] = self._times.get(arch.id, 0) + 1
        self._given += 1
        return arch, times
