"""A Gaussian process between encoded architectures.

Rasmussen, Williams: "Gaussian Processes for Machine Learning", 2006. The kernel counts what two
architectures have in common: single decisions, pairs of decisions, and a smooth decay with their
Hamming distance; numbers (widths, logarithms of costs) act linearly. With tens of trials it ranks
as well as ensembles of trees, takes about a millisecond to fit, and knows how little it knows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brickwork.predictor.encoder import Encoder

__all__ = ["MIXES", "Predictor"]

Array = NDArray[np.float64]
Mix = tuple[float, float, float, float]

MIXES: tuple[Mix, ...] = (
    (1.0, 1.0, 0.0, 0.0),
    (1.0, 1.0, 1.0, 0.0),
    (1.0, 0.5, 0.5, 0.5),
    (1.0, 0.0, 0.0, 1.0),
)
"""Weights of the kernels: numbers beside, single decisions, pairs, decay with the distance."""


class Predictor:
    """A Gaussian process on encoded architectures and numbers beside them.

    Args:
        encoder: Made the first columns of the features; any others are numbers beside them.
        mixes: Weights of the kernels to choose from.
        noises: Variances of the noise, relative to the signal, to choose from.
    """

    def __init__(
        self,
        encoder: Encoder,
        mixes: Sequence[Mix] = MIXES,
        noises: Sequence[float] = (0.01, 0.03, 0.1, 0.3),
    ) -> None:
        self._categorical = encoder.categorical
        self._numbers = encoder.decisions
        self._mixes = tuple(mixes)
        self._noises = np.asarray(noises)
        self._chosen: tuple[Mix, float] | None = None

    def fit(self, x: Array, y: Array, *, choose: bool = True) -> None:
        """Learn from trials.

        Args:
            x: Features, (trials, columns).
            y: What was observed, (trials,).
            choose: Choose kernel and noise anew by their likelihood, which takes a decomposition
                for each mix; otherwise those of the last time stay.
        """
        numbers = x[:, self._categorical :]
        self._shift, self._width = numbers.mean(axis=0), numbers.std(axis=0)
        self._width[self._width < 1e-9] = np.inf  # says nothing so far
        self._active = max(1.0, float(x[:, : self._categorical].sum(axis=1).mean()))
        self._mean, self._scale = float(y.mean()), float(y.std()) or 1.0
        self._x = self._prepared(x)
        target = (y - self._mean) / self._scale
        parts = self._kernels(self._x)
        if choose or self._chosen is None:
            self._chosen = self._choose(parts, target)
        mix, noise = self._chosen
        self._inverse = np.linalg.inv(_mixed(mix, parts) + noise * np.eye(len(y)))
        self._alpha = self._inverse @ target
        self._signal = float(target @ self._alpha) / len(y)

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of what is to be expected, without the noise, (rows,).

        Raises:
            ValueError: Nothing was fitted.
        """
        if self._chosen is None:
            raise ValueError("fit the predictor before it predicts")
        rows = self._prepared(x)
        mix, _ = self._chosen
        cross = _mixed(mix, self._kernels(rows, decay=mix[3] > 0))
        mean = self._mean + self._scale * (cross @ self._alpha)
        left = self._own(mix, rows) - np.einsum("ij,ij->i", cross @ self._inverse, cross)
        return mean, self._scale * np.sqrt(self._signal * np.maximum(left, 1e-9))

    def _prepared(self, x: Array) -> Array:
        rows = x.copy()
        rows[:, self._categorical :] -= self._shift
        rows[:, self._categorical :] /= self._width
        return rows

    def _split(self, rows: Array) -> tuple[Array, Array, Array]:
        c, n = self._categorical, self._numbers
        ordered = rows[:, c:n] / math.sqrt(max(1, n - c))
        return rows[:, :c], ordered, rows[:, n:] * math.sqrt(0.5)

    def _kernels(self, rows: Array, *, decay: bool = True) -> tuple[Array, ...]:
        """Each kernel between some rows and the trials, (rows, trials); the last if wanted."""
        (a, ordered_a, beside_a), (b, ordered_b, beside_b) = self._split(rows), self._split(self._x)
        shared = a @ b.T / self._active
        kernels = beside_a @ beside_b.T, shared + ordered_a @ ordered_b.T, shared**2
        if not decay:
            return *kernels, np.zeros(())
        active = a.sum(axis=1)[:, None] + b.sum(axis=1)[None, :]
        return *kernels, np.exp(2.0 * shared - active / self._active)

    def _own(self, mix: Mix, rows: Array) -> Array:
        """The kernel between each row and itself, (rows,)."""
        decisions, ordered, beside = self._split(rows)
        shared = decisions.sum(axis=1) / self._active
        single = shared + (ordered**2).sum(axis=1)
        own = ((beside**2).sum(axis=1), single, shared**2, np.ones(len(rows)))
        return _mixed(mix, own)

    def _choose(self, parts: tuple[Array, ...], target: Array) -> tuple[Mix, float]:
        """The mix and the noise of the largest marginal likelihood, the scale profiled out."""
        best, chosen = np.inf, (self._mixes[0], float(self._noises[-1]))
        for mix in self._mixes:
            values, vectors = np.linalg.eigh(_mixed(mix, parts))
            spectrum = np.maximum(values, 0.0)[:, None] + self._noises[None, :]
            fit = ((vectors.T @ target)[:, None] ** 2 / spectrum).sum(axis=0)
            loss = len(target) * np.log(fit + 1e-12) + np.log(spectrum).sum(axis=0)
            if loss.min() < best:
                best, chosen = float(loss.min()), (mix, float(self._noises[loss.argmin()]))
        return chosen


def _mixed(mix: Mix, parts: Sequence[Array]) -> Array:
    return sum((w * part for w, part in zip(mix, parts, strict=True) if w), np.zeros(()))
