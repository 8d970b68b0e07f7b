"""Architectures, their costs and their qualities as numbers that can be learned from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brickwork.quantity import Quantity, metric
from brickwork.space import Arch, Decision, Option, Space

__all__ = ["Axis", "Encoder"]

Array = NDArray[np.float64]

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
        known = metric(self.metric)
        return known.maximize and known.unit == "fraction"

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
    """Architectures and their known costs as rows of numbers.

    A row holds a 0/1 column for each option of each decision, a column in [0, 1] for each decision
    between numbers, and the logarithm of each cost. Columns of inactive decisions are zero.

    Args:
        space: Whose architectures are encoded.
        costs: Names of the metrics that are known of every architecture.
    """

    def __init__(self, space: Space, costs: Sequence[str] = ()) -> None:
        self.costs = tuple(costs)
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
        self.width = number + len(self.costs)

    def encode(self, arch: Arch, costs: Mapping[str, Quantity]) -> Array:
        """The row of an architecture, (width,)."""
        row = np.zeros(self.width)
        for choice in arch.choices:
            if choice in self._columns:
                column, number, value = self._columns[choice]
                row[column] = 1.0
                if number >= 0:
                    row[number] = value
        for i, name in enumerate(self.costs, start=self.decisions):
            if name in costs and math.isfinite(costs[name].value):
                row[i] = Axis(name).target(costs[name].value)
        return row


def _scaled(decision: Decision) -> list[float]:
    """The options of a decision between numbers, spread over [0, 1]; empty for any other."""
    numbers = [float(o) for o in decision.options if isinstance(o, int | float)]
    if len(numbers) < len(decision.options) or isinstance(decision.options[0], bool):
        return []
    if min(numbers) > 0:
        numbers = [math.log(number) for number in numbers]
    low, high = min(numbers), max(numbers)
    return [(number - low) / (high - low) for number in numbers]
