"""What is to be expected of candidates: known costs are exact, the rest is predicted."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brickwork.objective import Limit, Objective, front
from brickwork.predictor.encoder import Axis, Encoder
from brickwork.predictor.gain import expected_gain
from brickwork.predictor.process import Predictor
from brickwork.quantity import Quantity, metric

__all__ = ["Observation", "Outlook"]

Array = NDArray[np.float64]

_NODES = 5  # of the quadrature over one predicted objective; 3 each over several
_CURIOSITY = 0.25  # how much of the predicted spread counts; more explores too much for few trials
_WORST = 0.9  # quantile of observed losses beyond which a loss is as bad as any
_MORE = 1.25  # kernel and noise are chosen anew when there are so many times more observations


@dataclass(frozen=True, slots=True)
class Observation:
    """What a trial told.

    Attributes:
        row: Features of its architecture, by ``Encoder``.
        targets: A value for each learned metric, by ``Outlook.targets``; NaN where it is missing.
        full: Whether it was trained at fidelity 1.
        violation: By how much it breaks the limits.
    """

    row: Array
    targets: tuple[float, ...]
    full: bool = True
    violation: float = 0.0


class Outlook:
    """Learns the metrics that are not known, and judges candidates.

    Args:
        encoder: Makes the rows; the metrics it does not carry are learned.
        objectives: What is wanted.
        limits: What must be kept; those on learned metrics are kept with a probability.

    Attributes:
        learned: Names of the metrics that are learned.
        size: The column of the rows that tells small from large; None if no cost is known.
    """

    def __init__(
        self, encoder: Encoder, objectives: Sequence[Objective], limits: Sequence[Limit]
    ) -> None:
        wanted = tuple(dict.fromkeys(o.metric for o in objectives))
        named = dict.fromkeys([*wanted, *(limit.metric for limit in limits)])
        self.learned = tuple(name for name in named if name not in encoder.costs)
        self._wanted = wanted
        self._limits = [limit for limit in limits if limit.metric in self.learned]
        self._column = {name: encoder.decisions + i for i, name in enumerate(encoder.costs)}
        known = [self._column[name] for name in wanted if name in self._column]
        self.size: int | None = next(iter(known or self._column.values()), None)
        self._predictors = {name: Predictor(encoder) for name in self.learned}
        self._fitted: set[str] = set()
        self._chosen_at = 0.0
        self._low = np.zeros(len(wanted))
        self._width = np.ones(len(wanted))

    def targets(self, metrics: Mapping[str, Quantity]) -> tuple[float, ...]:
        """What is learned from the metrics of a trial."""
        return tuple(
            Axis(name).target(metrics[name].value) if name in metrics else math.nan
            for name in self.learned
        )

    def learn(self, observations: Sequence[Observation], candidates: Array) -> None:
        """Fit the predictors, and find out what is good and what is bad on each axis.

        Args:
            observations: What trials told.
            candidates: Rows that stand for all that may be asked, (candidates, width).
        """
        rows = np.array([o.row for o in observations])
        full = np.array([o.full for o in observations])
        table = np.array([o.targets for o in observations]).reshape(len(rows), -1)
        choose = not self._chosen_at / _MORE < len(rows) < self._chosen_at * _MORE
        if choose:
            self._chosen_at = len(rows)
        for name, target in zip(self.learned, table.T, strict=True):
            told = np.isfinite(target)
            if told.any():
                x = self._features(name, rows[told], full[told])
                y = target[told]
                if metric(name).quality:  # how much worse than bad says little, and misleads
                    y = np.minimum(y, np.quantile(y, _WORST) + math.log(1.5))
                self._predictors[name].fit(x, y, choose=choose)
                self._fitted.add(name)
        self._low, self._width = np.zeros(len(self._wanted)), np.ones(len(self._wanted))
        reached = self.reached([o for o in observations if o.violation == 0] or observations)
        for axis, name in enumerate(self._wanted):
            values = reached[:, axis]
            if name in self._column:
                values = candidates[:, self._column[name]]
            values = values[np.isfinite(values)]
            if len(values):
                high = np.quantile(values, _WORST) if metric(name).quality else values.max()
                self._low[axis] = values.min()
                self._width[axis] = max(high - values.min(), 1e-9)

    def expected(self, rows: Array) -> Array:
        """Heights that are expected at fidelity 1, scaled so that 0 is good and 1 is bad.

        Args:
            rows: Features, (rows, width).

        Returns:
            (rows, objectives).
        """
        heights, weights = self._nodes(rows, 0.0)
        return np.asarray(np.tensordot(weights, heights, axes=1))

    def reached(self, observations: Sequence[Observation]) -> Array:
        """Heights that trials reached, (observations, objectives); infinite where one is missing.

        A quality that was found at a lower fidelity is replaced by what is expected at 1.
        """
        if not observations:
            return np.zeros((0, len(self._wanted)))
        heights = self.expected(np.array([o.row for o in observations]))
        full = np.array([o.full for o in observations])
        for axis, name in enumerate(self._wanted):
            if name in self.learned:
                i = self.learned.index(name)
                target = np.array([o.targets[i] for o in observations])
                exact = full | (not metric(name).quality)
                told = self._scaled(axis, Axis(name).height(target))
                heights[exact, axis] = told[exact]
                heights[~np.isfinite(target), axis] = np.inf
        return heights

    def gains(self, rows: Array, taken: Array) -> Array:
        """Expected gain of hypervolume from candidates, (rows,).

        Args:
            rows: Features of the candidates, (rows, width).
            taken: Heights that there are already, (points, objectives).
        """
        heights, weights = self._nodes(rows, _CURIOSITY)
        gain = expected_gain(heights, weights, taken)
        return np.asarray(gain * self._kept(rows))

    def missing(self, rows: Array, taken: Array) -> Array:
        """What each of several first looks is expected to add at fidelity 1, (rows,).

        Hypervolume is reckoned up to the ends of the front of these looks, so that its small end
        counts however bad its quality seems after a short training.

        Args:
            rows: Features of the looks, (rows, width).
            taken: Heights that there are already, (points, objectives).
        """
        heights, weights = self._nodes(rows, 1.0)
        middle = np.tensordot(weights, heights, axes=1)
        edge = middle[front(middle)]
        low = edge.min(axis=0)
        width = 1.05 * np.maximum(edge.max(axis=0) - low, 0.05)
        return expected_gain((heights - low) / width, weights, (taken - low) / width)

    def _scaled(self, axis: int, heights: Array) -> Array:
        return np.asarray((heights - self._low[axis]) / self._width[axis])

    def _features(self, name: str, rows: Array, full: NDArray[np.bool_]) -> Array:
        """Rows, and what a short training does to a quality: a shift that depends on the size."""
        short = (~full & metric(name).quality).astype(np.float64)
        size = np.zeros(len(rows)) if self.size is None else rows[:, self.size]
        return np.column_stack([rows, short, short * size])

    def _predicted(self, name: str, rows: Array) -> tuple[Array, Array]:
        if name not in self._fitted:
            return np.zeros(len(rows)), np.ones(len(rows))
        features = self._features(name, rows, np.ones(len(rows), dtype=np.bool_))
        return self._predictors[name].predict(features)

    def _nodes(self, rows: Array, curiosity: float) -> tuple[Array, Array]:
        """Scaled heights at the nodes of a quadrature over what is predicted, and their weights."""
        predicted = [name for name in self._wanted if name in self.learned]
        count = 1 if curiosity == 0 else _NODES if len(predicted) == 1 else 3
        points, weight = np.polynomial.hermite_e.hermegauss(count)
        grid = np.array(list(itertools.product(points, repeat=len(predicted))))
        weights = np.array([math.prod(w) for w in itertools.product(weight, repeat=len(predicted))])
        heights = np.empty((len(grid), len(rows), len(self._wanted)))
        for axis, name in enumerate(self._wanted):
            if name in self._column:
                target, step = rows[:, self._column[name]], np.zeros(len(grid))
                spread = np.zeros(len(rows))
            else:
                target, spread = self._predicted(name, rows)
                step = curiosity * grid[:, predicted.index(name)]
            values = target[None, :] + step[:, None] * spread[None, :]
            heights[:, :, axis] = self._scaled(axis, Axis(name).height(values))
        return heights, weights / weights.sum()

    def _kept(self, rows: Array) -> Array:
        """Probability that candidates keep the limits on what is learned, (rows,)."""
        probability = np.ones(len(rows))
        for limit in self._limits:
            mean, spread = self._predicted(limit.metric, rows)
            bound = Axis(limit.metric).target(limit.bound)
            below = limit.upper != metric(limit.metric).maximize
            distance = (bound - mean if below else mean - bound) / spread
            probability *= 1.0 / (1.0 + np.exp(-1.7 * np.clip(distance, -20.0, 20.0)))
        return probability
