"""Candidates whose costs are known, and where among them to start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from brickwork.predictor.encoder import Encoder
from brickwork.quantity import Quantity
from brickwork.space import Arch

__all__ = ["Pool"]

Array = NDArray[np.float64]

_ROOM = 2048  # rows that there is room for at first
_NEAREST = 64  # architectures beyond the limits that are remembered
_REACH = 0.75  # of the scale on which starting points are spread
_UNLIKE = 30  # samples in a stratum, of which the one least like the others is a starting point


class Pool:
    """Candidates that keep the limits as far as that is known, with their features.

    Args:
        encoder: Makes the rows.
        forecast: The known costs of an architecture and by how much they break the limits.

    Attributes:
        archs: The candidates.
    """

    def __init__(
        self, encoder: Encoder, forecast: Callable[[Arch], tuple[Mapping[str, Quantity], float]]
    ) -> None:
        self._forecast = forecast
        self._encoder = encoder
        self._ids: set[str] = set()
        self._others: dict[str, tuple[float, Arch]] = {}
        self.archs: list[Arch] = []
        self._rows: Array = np.zeros((_ROOM, encoder.width))

    @property
    def rows(self) -> Array:
        """Their features, (candidates, width); a view, until candidates are added or forgotten."""
        return self._rows[: len(self.archs)]

    @property
    def nearest(self) -> list[Arch]:
        """Those that break the limits least of all that were not taken in."""
        return [arch for _, arch in self._others.values()]

    def add(self, archs: Iterable[Arch]) -> None:
        """Take in those that keep the limits."""
        for arch in archs:
            if arch.id in self._ids:
                continue
            costs, over = self._forecast(arch)
            if over > 0:
                self._others[arch.id] = over, arch
                continue
            if len(self.archs) == len(self._rows):
                self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
            self._rows[len(self.archs)] = self._encoder.encode(arch, costs)
            self._ids.add(arch.id)
            self.archs.append(arch)
        closest = sorted(self._others.items(), key=lambda entry: (entry[1][0], entry[0]))
        self._others = dict(closest[:_NEAREST])

    def keep(self, which: NDArray[np.int64]) -> None:
        """Forget all others."""
        if len(which) < len(self.archs):
            self._ids.difference_update(
                self.archs[i].id for i in np.setdiff1d(np.arange(len(self.archs)), which)
            )
            self._rows[: len(which)] = self._rows[which]
            self.archs = [self.archs[i] for i in which]

    def spread(
        self, n: int, column: int | None, rng: np.random.Generator, proxy: int | None = None
    ) -> list[Arch]:
        """Candidates all along a cost, unlike each other, in random order.

        Strata are even in the middle between the rank and the logarithm of the cost: by rank alone
        few would be small, by the logarithm alone few would be ordinary. The dearest quarter of
        that scale is left out: it takes most of the time and is seldom on a front.

        Args:
            n: How many strata; one candidate from each that is not empty.
            column: Of the cost in the rows; None if no cost is known.
            rng: Decides between candidates.
            proxy: A column that tends to grow with quality: in every second stratum the candidate
                in which it is largest is taken instead of the one least like the others.
        """
        if not self.archs:
            return []
        size = np.zeros(len(self.archs)) if column is None else self.rows[:, column]
        size = (size - size.min()) / max(float(np.ptp(size)), 1e-9)
        place = size + np.argsort(np.argsort(size, kind="stable")) / len(size)
        stratum = (n * place / max(_REACH * float(place.max()), 1e-9)).astype(np.int64)
        options = self.rows[:, : self._encoder.categorical]
        chosen: list[int] = []
        for level in range(n):
            inside = np.flatnonzero(stratum == level)
            if len(inside):
                drawn = rng.choice(inside, min(_UNLIKE, len(inside)), replace=False)
                alike = (options[drawn] @ options[chosen].T).max(axis=1, initial=0.0)
                best = alike.argmin()
                if proxy is not None and level % 2:
                    best = self.rows[drawn, proxy].argmax()
                chosen.append(int(drawn[best]))
        return [self.archs[chosen[i]] for i in rng.permutation(len(chosen))]
