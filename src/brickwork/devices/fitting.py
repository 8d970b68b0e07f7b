"""Coefficients of a latency model from measurements, and how well these determine them.

Times are ``sum of coefficient x work``. Coefficients are positive, so their logarithms are fitted,
to the logarithms of the times: the most probable ones where errors are relative and normal, and
each coefficient is near ``PRIOR`` up to a common factor, as far as a factor of e up or down is near
(a ridge regression, by Gauss and Newton's steps). So a kind of work that the networks cannot tell
from another costs what it usually does, instead of nothing.

Boards that share an engine are fitted together. A row belongs to levels (the engine, its core, a
version of the engine); each adds to the logarithms an effect of its own, common to all coefficients
or for each, that is as small as the measurements allow: what is not measured on one core is known
from the others.

The second derivatives at the most probable point are the covariance of the coefficients (Laplace's
approximation). Intervals are then scaled so that they hold 80 % of the networks that were left out
of the fit, with all their measurements and those of their twins (``conformal`` prediction).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.target import COEFFICIENTS

__all__ = [
    "COVERED",
    "ENGINE",
    "NOISE",
    "PRIOR",
    "Fit",
    "Held",
    "Level",
    "Quality",
    "Row",
    "fit",
    "interval_scale",
    "left_out",
    "quality",
]

Array = NDArray[np.float64]

PRIOR: Mapping[str, float] = {
    "conv_mac": 1.0,
    "narrow_mac": 1.5,
    "pointwise_mac": 1.0,
    "depthwise_mac": 3.0,
    "linear_mac": 2.0,
    "output": 15.0,
    "pool": 5.0,
    "elementwise": 15.0,
    "activation": 15.0,
    "copy": 5.0,
    "spill": 3.0,
    "op": 2000.0,
    "network": 5000.0,
}
"""Cycles for each unit of work on a small core, by order of magnitude; only the ratios matter."""

COVERED = 0.8
"""The share of unseen networks that an interval is to hold."""

NOISE = 0.02
"""The relative error that measurements have for which no coefficient can account."""

_NORMAL_80 = 1.2816  # half the width of a normal distribution's 80 % interval
_STEPS = 40
_STILL = 1e-5


@dataclass(frozen=True, slots=True)
class Level:
    """What some rows have in common.

    Attributes:
        name: Rows with a level of this name share its effects.
        each: How far a coefficient may move by itself, a standard deviation of its logarithm.
        common: How far all may move together.
    """

    name: str
    each: float
    common: float


ENGINE = Level("engine", 1.0, 2.0)
"""The level that all rows of one engine have in common."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    Attributes:
        network: Rows of one network, or of variants of it, are left out together.
        time: Cycles, or nanoseconds.
        work: In the order of ``COEFFICIENTS``.
        levels: What it has in common with others.
    """

    network: str
    time: float
    work: tuple[float, ...]
    levels: tuple[Level, ...] = (ENGINE,)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Fitted effects.

    Attributes:
        start: Logarithms of the coefficients without any effect.
        effects: All effects.
        covariance: Theirs.
        places: Where those of a level begin: one for each coefficient, then the common one.
        noise: The relative error that no coefficient can account for.
    """

    start: Array
    effects: Array
    covariance: Array
    places: Mapping[str, int]
    noise: float

    def coefficients(self, levels: Sequence[Level]) -> Array:
        """The coefficients of what has these levels; one that no row had adds nothing."""
        logs = self.start.copy()
        for at in (self.places[level.name] for level in levels if level.name in self.places):
            logs += self.effects[at : at + len(logs)] + self.effects[at + len(logs)]
        found: Array = np.exp(logs)
        return found

    def uncertainty(self, levels: Sequence[Level]) -> Array:
        """Covariance of the relative errors of these coefficients."""
        size = len(self.start)
        chosen = np.zeros((size, len(self.effects)))
        unknown = np.zeros((size, size))
        for level in levels:
            at = self.places.get(level.name)
            if at is None:
                unknown += level.each**2 * np.eye(size) + level.common**2
            else:
                chosen[:, at : at + size] += np.eye(size)
                chosen[:, at + size] += 1.0
        found: Array = chosen @ self.covariance @ chosen.T + unknown
        return found

    def predicted(self, row: Row) -> tuple[float, float]:
        """The time of a row, and the standard deviation of its logarithm."""
        times = self.coefficients(row.levels) * np.asarray(row.work)
        total = float(times.sum())
        shares = times / total
        variance = shares @ self.uncertainty(row.levels) @ shares
        return total, math.sqrt(float(variance) + self.noise**2)


def fit(rows: Sequence[Row], prior: Array | None = None, noise: float = NOISE) -> Fit:
    """The most probable coefficients of rows.

    Args:
        rows: The measurements; those of one network weigh together as the root of their number.
        prior: What coefficients are near to, up to a common factor; else ``PRIOR``.
        noise: The relative error of a measurement that no coefficient accounts for.
    """
    work = np.array([row.work for row in rows])
    times = np.log([row.time for row in rows])
    usual = np.array([PRIOR[name] for name in COEFFICIENTS]) if prior is None else prior
    start = np.log(usual) + np.mean(times - np.log(work @ usual))
    size = len(start)
    places: dict[str, int] = {}
    deviations: list[float] = []
    for level in (level for row in rows for level in row.levels):
        if level.name not in places:
            places[level.name] = len(deviations)
            deviations += [level.each] * size + [level.common]
    precision = np.asarray(deviations) ** -2.0
    counts = Counter(row.network for row in rows)
    weight = np.array([counts[row.network] ** -0.5 for row in rows]) / noise**2
    members = [[places[level.name] for level in row.levels] for row in rows]
    effects = np.zeros(len(deviations))
    for _ in range(_STEPS):
        slopes = np.zeros((len(rows), len(effects)))
        errors = np.empty(len(rows))
        for n, own in enumerate(members):
            logs = start + sum(effects[at : at + size] + effects[at + size] for at in own)
            parts = work[n] * np.exp(logs)
            total = parts.sum()
            errors[n] = times[n] - np.log(total)
            for at in own:
                slopes[n, at : at + size] += parts / total
                slopes[n, at + size] += 1.0
        curvature = (slopes * weight[:, None]).T @ slopes + np.diag(precision)
        step = np.linalg.solve(curvature, slopes.T @ (weight * errors) - precision * effects)
        largest = float(np.abs(step).max())
        effects += step * min(1.0, 1.0 / largest) if largest else 0.0
        if largest < _STILL:
            break
    covariance: Array = np.asarray(np.linalg.inv(curvature), dtype=np.float64)
    return Fit(start, effects, covariance, places, noise)


@dataclass(frozen=True, slots=True)
class Held:
    """A row beside what a fit that has not seen its network says of it.

    Attributes:
        row: The row.
        time: Its predicted time.
        deviation: The predicted standard deviation of the logarithm of it.
    """

    row: Row
    time: float
    deviation: float

    @property
    def error(self) -> float:
        """The relative error of the prediction."""
        return self.time / self.row.time - 1

    @property
    def surprise(self) -> float:
        """How many standard deviations the measurement is away."""
        return abs(math.log(self.time / self.row.time)) / self.deviation


def left_out(
    rows: Sequence[Row],
    make: Callable[[Sequence[Row]], Fit] = fit,
    folds: int | None = None,
) -> list[Held]:
    """Each row, predicted from the rows of other networks.

    Args:
        rows: The measurements.
        make: The fit.
        folds: Networks are left out in so many groups; else one by one.
    """
    networks = sorted({row.network for row in rows})
    fold_of = {name: i if folds is None else i % folds for i, name in enumerate(networks)}
    found = []
    for fold in sorted(set(fold_of.values())):
        made = make([row for row in rows if fold_of[row.network] != fold])
        found += [Held(row, *made.predicted(row)) for row in rows if fold_of[row.network] == fold]
    return found


def interval_scale(held: Sequence[Held]) -> float:
    """By what a standard deviation grows to half of an interval that holds 80 % of networks.

    The 80 % quantile of how surprising rows that were left out are, a little more where they are
    few; with fewer than five it is what a normal distribution has, or more.
    """
    return _scale(np.array([one.surprise for one in held]))


def _scale(surprises: Array) -> float:
    if not len(surprises):
        return _NORMAL_80
    share = COVERED * (len(surprises) + 1) / len(surprises)
    if share > 1:
        return max(_NORMAL_80, float(surprises.max()))
    return float(np.quantile(surprises, share, method="higher"))


@dataclass(frozen=True, slots=True)
class Quality:
    """How well networks that were left out are predicted.

    Attributes:
        rows: How many measurements there are.
        networks: Of how many networks.
        mean_error: Mean of the relative errors without their sign.
        within_10: The share with an error of at most a tenth.
        rank_correlation: Spearman's, of predicted and measured times; NaN for a single row.
        coverage: The share that lies in its 80 % interval, scaled without its network.
    """

    rows: int
    networks: int
    mean_error: float
    within_10: float
    rank_correlation: float
    coverage: float


def quality(held: Sequence[Held]) -> Quality:
    """How good predictions of left-out networks are.

    Raises:
        ValueError: There are none.
    """
    if not held:
        raise ValueError("there is no prediction to judge")
    errors = np.abs([one.error for one in held])
    surprises = np.array([one.surprise for one in held])
    names = np.array([one.row.network for one in held])
    inside = np.zeros(len(held))
    for name in set(names):
        own = names == name
        inside[own] = surprises[own] <= _scale(surprises[~own])
    return Quality(
        len(held),
        len(set(names)),
        float(errors.mean()),
        float((errors <= 0.1).mean()),
        _spearman(np.array([one.time for one in held]), np.array([one.row.time for one in held])),
        float(inside.mean()),
    )


def _spearman(a: Array, b: Array) -> float:
    """Rank correlation; equal values share their mean rank."""
    first, second = _ranks(a), _ranks(b)
    if not (first.std() and second.std()):
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: Array) -> Array:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Array = (last - (counts - 1) / 2)[place]
    return ranks
