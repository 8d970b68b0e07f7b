"""Architectures, their costs and their qualities as numbers that can be learned from."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.counts import macs
from brickwork.errors import SpaceError
from brickwork.quantity import Quantity, metric
from brickwork.space import Arch, Decision, Graph, Option, Space, Structure, patterns, structure

__all__ = ["Axis", "Encoder"]

Array = NDArray[np.float64]

_HASHED = 256  # columns that the patterns of a graph share
_REMEMBERED = 8192  # architectures whose graphs are not looked at again
_NORMAL = NormalDist()
_END = 5e-4  # the part of all that are beyond the best and the worst that can be told apart
_FLOOR = 0.002
"""Added to an error before its logarithm: below it differences are noise of the validation set."""


@dataclass(frozen=True, slots=True)
class Axis:
    """How a metric is learned and judged.

    An error of a classifier is learned as its logarithm (accuracies near 100 % differ by factors of
    their errors) and judged by its square root; a cost is learned and judged as its logarithm.

    Attributes:
        metric: The name of the metric.
    """

    metric: str

    @property
    def _error(self) -> bool:
        return metric(self.metric).right_part

    def target(self, value: float) -> float:
        """What is learned in place of a value; smaller is better."""
        if self._error:
            return math.log(max(0.0, 1.0 - value) + _FLOOR)
        target = math.log(max(value, 1e-12))
        return -target if metric(self.metric).maximize else target

    def value(self, target: float) -> float:
        """The value that ``target`` was made of."""
        if self._error:
            return 1.0 - max(0.0, math.exp(target) - _FLOOR)
        return math.exp(-target if metric(self.metric).maximize else target)

    def height(self, target: Array) -> Array:
        """Where that lies on the axis of the objective; smaller is better."""
        return np.asarray(np.exp(target / 2)) if self._error else target


class Encoder:
    """Architectures, their graphs and their known costs as rows of numbers.

    A row holds, in this order, a 0/1 column for each option of each decision, a column in [0, 1]
    for each decision between numbers, what the graph is made of, two columns for each score, the
    logarithm of each cost, and that of the graph's MACs, where they are no cost. Columns of
    inactive decisions are zero. Of a score there is the place in a normal distribution that has
    this part below it (van der Waerden's normal score: quality is spread like that rather than
    evenly), and whether it is known, 0/1; unknown is zero in both.

    How often each pattern of operations occurs in the graph (``space.patterns``) is added up, with
    a sign of its own, in one of 256 columns (Weinberger et al., "Feature Hashing for Large Scale
    Multitask Learning", 2009): what patterns there are need not be known. A column holds the
    logarithm of its sum.

    Args:
        space: Whose architectures are encoded.
        costs: Names of the metrics that are known of every architecture.
        graph: Gives the graph of an architecture; without it there are no patterns and no MACs.
        scores: Each gives a number from 0 to 1 that is known of an architecture, or NaN.

    Attributes:
        categorical: Where the columns of options end.
        decisions: Where the columns of numbers end, and those of patterns begin.
        scored: Where the columns of scores begin.
        beside: Where the columns of costs begin.
        width: How many columns there are.
    """

    def __init__(
        self,
        space: Space,
        costs: Sequence[str] = (),
        graph: Callable[[Arch], Graph] | None = None,
        scores: Iterable[Callable[[Arch], float]] = (),
    ) -> None:
        self.costs = tuple(costs)
        self._graph = graph
        self._scores = tuple(scores)
        self._columns: dict[tuple[str, Option], tuple[int, int, float]] = {}
        decisions = [d for d in space.decisions() if len(d.options) > 1]
        self.categorical = sum(len(d.options) for d in decisions)
        column, number = 0, self.categorical
        for decision in decisions:
            scaled = _scaled(decision)
            for i, option in enumerate(decision.options):
                place = number if scaled else -1
                self._columns[decision.name, option] = (column, place, scaled[i] if scaled else 0.0)
                column += 1
            number += bool(scaled)
        self.decisions = number
        self.scored = number + (_HASHED if graph is not None else 0)
        self.beside = self.scored + 2 * len(self._scores)
        self._counted = graph is not None and "macs" not in self.costs
        self._seen = functools.lru_cache(maxsize=_REMEMBERED)(self._looked_at)
        self.width = self.beside + len(self.costs) + self._counted

    def column(self, cost: str) -> int | None:
        """Where a cost, or ``"macs"``, stands in a row; None if it does not."""
        if cost in self.costs:
            return self.beside + self.costs.index(cost)
        return self.width - 1 if cost == "macs" and self._counted else None

    def encode(self, arch: Arch, costs: Mapping[str, Quantity]) -> Array:
        """The row of an architecture, (width,)."""
        row = np.zeros(self.width)
        for choice in arch.choices:
            if choice in self._columns:
                column, number, value = self._columns[choice]
                row[column] = 1.0
                if number >= 0:
                    row[number] = value
        for i, name in enumerate(self.costs, start=self.beside):
            if name in costs and math.isfinite(costs[name].value):
                row[i] = Axis(name).target(costs[name].value)
        for i, score in enumerate(self._scores):
            known = score(arch)
            if math.isfinite(known):
                place = self.scored + 2 * i
                row[place : place + 2] = _NORMAL.inv_cdf(min(max(known, _END), 1.0 - _END)), 1.0
        if self._graph is not None:
            made_of, size = self._seen(arch)
            row[self.decisions : self.scored] = made_of
            if self._counted:
                row[-1] = size
        return row

    def _looked_at(self, arch: Arch) -> tuple[NDArray[np.float32], float]:
        """What the graph of an architecture is made of, and the logarithm of its MACs."""
        found = np.zeros(_HASHED, np.float32)
        try:
            whole = self._graph(arch) if self._graph is not None else None
        except SpaceError:  # it does not fit the input
            whole = None
        if whole is None:
            return found, 0.0
        for part in whole.parts:
            found += _hashed(structure(part))
        made_of = np.copysign(np.log1p(np.abs(found)), found)
        return made_of, math.log(max(1, macs(whole))) if self._counted else 0.0


@functools.lru_cache(maxsize=16_384)
def _hashed(made: Structure) -> NDArray[np.float32]:
    """The patterns of a piece of a network, each in its column and with its sign."""
    found = np.zeros(_HASHED, np.float32)
    for pattern, count in patterns(made).items():
        digest = hashlib.blake2b(pattern.encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "little")
        found[number // 2 % _HASHED] += count if number % 2 else -count
    return found


def _scaled(decision: Decision) -> list[float]:
    """The options of a decision between numbers, spread over [0, 1]; empty for any other."""
    numbers = [float(o) for o in decision.options if isinstance(o, int | float)]
    if len(numbers) < len(decision.options) or isinstance(decision.options[0], bool):
        return []
    if min(numbers) > 0:
        numbers = [math.log(number) for number in numbers]
    low, high = min(numbers), max(numbers)
    return [(number - low) / (high - low) for number in numbers]
