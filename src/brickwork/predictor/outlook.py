"""What is to be expected of candidates: known costs are exact, the rest is predicted."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brickwork.objective import Limit, Objective
from brickwork.predictor.encoder import Axis, Encoder
from brickwork.predictor.gain import Prospects
from brickwork.predictor.process import Predictor
from brickwork.quantity import Quantity, metric

__all__ = ["Observation", "Outlook"]

Array = NDArray[np.float64]

_NODES = 5  # of the quadrature over one predicted objective; 3 each over several
_WORST = 0.9  # quantile of observed losses beyond which a loss is as bad as any
_COUNTS = 0.9  # of the way from good to bad
_BEYOND = 0.5  # of the range of a cost: so far beyond the dearest candidate it is as bad as any
_FAR = 3.0  # times as far from the best as an ordinary network is as bad as any
_MIDDLE = 0.75  # quantile of observed losses up to which they count in any case
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
        # what is counted, such as ops that a runtime lacks, is known wherever there is any of it
        limited = (limit.metric for limit in limits if metric(limit.metric).unit != "1")
        named = dict.fromkeys([*wanted, *limited])
        self.learned = tuple(name for name in named if name not in encoder.costs)
        self._wanted = wanted
        self._limits = [limit for limit in limits if limit.metric in self.learned]
        self._column = {name: encoder.beside + i for i, name in enumerate(encoder.costs)}
        sizes = (encoder.column(name) for name in (*wanted, *encoder.costs, "macs"))
        self.size: int | None = next((column for column in sizes if column is not None), None)
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

    def learn(
        self,
        observations: Sequence[Observation],
        candidates: Array,
        typical: Array | None = None,
    ) -> Array:
        """Fit the predictors, and find out what is good and what is bad on each axis.

        Args:
            observations: What trials told.
            candidates: Rows that stand for all that may be asked, (candidates, width).
            typical: Rows drawn from all of the space, (rows, width), if there are any: they say
                what a bad quality is, where many trials were worse than that.

        Returns:
            Heights that the trials reached, (observations, objectives), scaled so that 0 is good
            and 1 is bad; infinite where one is missing. A quality that was found at a lower
            fidelity is replaced by what is expected at 1.
        """
        rows = np.array([o.row for o in observations])
        full = np.array([o.full for o in observations])
        table = np.array([o.targets for o in observations]).reshape(len(rows), -1)
        choose = len(rows) >= self._chosen_at * _MORE
        if choose:
            self._chosen_at = len(rows)
        for name, target in zip(self.learned, table.T, strict=True):
            told = np.isfinite(target)
            if told.any():
                x = self._features(name, rows[told], full[told])
                y = target[told]
                if metric(name).quality:  # how much worse than bad says little, and misleads
                    y = np.minimum(y, np.quantile(y, _WORST) + math.log(1.5))
                self._predictors[name].fit(x, y, among=candidates, choose=choose)
                self._fitted.add(name)
        reached = self._reached(rows, full, table)
        sound = np.array([o.violation == 0 for o in observations])
        self._scale(reached[sound] if sound.any() else reached, candidates, typical)
        return (reached - self._low) / self._width

    def expected(self, rows: Array) -> Array:
        """Heights that are expected at fidelity 1, scaled, (rows, objectives)."""
        return np.asarray(self._nodes(rows, 0.0)[0][0])

    def values(self, name: str, rows: Array) -> list[float]:
        """Values of a learned metric that are expected at fidelity 1, one for each row."""
        return [Axis(name).value(target) for target in self._predicted(name, rows)[0].tolist()]

    def prospects(self, rows: Array, curiosity: float = 1.0) -> Prospects:
        """What candidates may reach at fidelity 1.

        Args:
            rows: Features of the candidates, (rows, width).
            curiosity: How much of the predicted spread counts.
        """
        heights, weights = self._nodes(rows, curiosity)
        return Prospects(heights, weights, self._kept(rows))

    def _reached(self, rows: Array, full: NDArray[np.bool_], table: Array) -> Array:
        """Heights of trials, not scaled, (trials, objectives)."""
        heights = np.empty((len(rows), len(self._wanted)))
        for axis, name in enumerate(self._wanted):
            if name in self._column:
                heights[:, axis] = Axis(name).height(rows[:, self._column[name]])
                continue
            target = table[:, self.learned.index(name)].copy()
            told = np.isfinite(target)
            short = told & ~full & metric(name).quality
            if short.any():
                target[short] = self._predicted(name, rows[short])[0]
            heights[:, axis] = np.where(told, Axis(name).height(target), np.inf)
        return heights

    def _scale(self, reached: Array, candidates: Array, typical: Array | None) -> None:
        """Set what is good and what is bad on each axis.

        Known costs reach from the cheapest candidate to half of that range beyond the dearest: else
        the most accurate networks, which are dear, would add nothing. Of qualities the worst tenth
        that was found is as bad as any. A search that looks at the small end finds many networks
        that learn nothing. So bad is also what is worse than all but a tenth of typical networks,
        and what is three times as far from the best as an ordinary one; and what is hardly better
        than bad counts for nothing, however cheap it is.
        """
        for axis, name in enumerate(self._wanted):
            values = reached[:, axis]
            if name in self._column:
                some = [candidates] if typical is None else [candidates, typical]
                known = np.concatenate([rows[:, self._column[name]] for rows in some])
                values = Axis(name).height(known)
            values = values[np.isfinite(values)]
            if not len(values):
                continue
            low, high = values.min(), values.max()
            if metric(name).quality:
                high, middle = np.quantile(values, _WORST), np.quantile(values, _MIDDLE)
                if typical is not None and len(typical):
                    means, spreads = self._predicted(name, typical)
                    bad = np.quantile(Axis(name).height(means + spreads), _WORST)
                    ordinary = np.median(Axis(name).height(means))
                    high = min(high, max(bad, middle), low + _FAR * max(0.0, ordinary - low))
                high = low + _COUNTS * (high - low)
            elif name in self._column:
                high += _BEYOND * (high - low)
            self._low[axis] = low
            self._width[axis] = max(high - low, 1e-9)

    def _features(self, name: str, rows: Array, full: NDArray[np.bool_]) -> Array:
        """Rows, and what a short training does to a quality: a shift that depends on the size."""
        short = (~full & metric(name).quality).astype(np.float64)
        size = np.zeros(len(rows)) if self.size is None else rows[:, self.size]
        return np.column_stack([rows, short, short * size])

    def _predicted(self, name: str, rows: Array) -> tuple[Array, Array]:
        if name not in self._fitted:
            return np.zeros(len(rows)), np.ones(len(rows))
        return self._predictors[name].predict(rows)  # as if all were trained at fidelity 1

    def _nodes(self, rows: Array, curiosity: float) -> tuple[Array, Array]:
        """Scaled heights at the nodes of a quadrature over what is predicted, and their weights."""
        predicted = [name for name in self._wanted if name in self.learned]
        count = 1 if curiosity == 0 else _NODES if len(predicted) == 1 else 3
        grid, weights = _quadrature(count, len(predicted))
        heights = np.empty((len(grid), len(rows), len(self._wanted)))
        for axis, name in enumerate(self._wanted):
            if name in self._column:
                target, step = rows[:, self._column[name]], np.zeros(len(grid))
                spread = np.zeros(len(rows))
            else:
                target, spread = self._predicted(name, rows)
                step = curiosity * grid[:, predicted.index(name)]
            values = target[None, :] + step[:, None] * spread[None, :]
            heights[:, :, axis] = Axis(name).height(values)
        return (heights - self._low) / self._width, weights

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


@functools.cache
def _quadrature(count: int, normals: int) -> tuple[Array, Array]:
    """Nodes, (nodes, normals), and weights of a quadrature over independent normal variables."""
    points, weights = np.polynomial.hermite_e.hermegauss(count)
    grid = list(itertools.product(points, repeat=normals))
    products = np.array([math.prod(w) for w in itertools.product(weights, repeat=normals)])
    return np.array(grid).reshape(len(grid), normals), products / products.sum()
