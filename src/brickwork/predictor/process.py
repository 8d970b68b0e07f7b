"""Gaussian processes between encoded architectures, several at once.

Rasmussen, Williams: "Gaussian Processes for Machine Learning", 2006; the leave-one-out residuals in
closed form are those of its section 5.4.2. A kernel counts what two architectures have in common:
single decisions, pairs of decisions, a smooth decay with their Hamming distance, and the patterns
of their graphs; numbers (widths, logarithms of costs) act linearly.

No kernel is best on every space, and few trials cannot tell which is. So several are fitted, and
those predict that rank left-out trials as well as the best of them, within its standard error; the
spread holds their disagreement. A fit takes a few milliseconds.

Scores of untrained networks are looked at by half of the kernels, so they count as far as they
rank: networks of about the same score are alike. They tell bad networks from ordinary ones and say
little of which is best, so nothing is linear in them. One that is unknown is like no other, which
says nothing and makes the spread larger.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from brickwork.predictor.encoder import Encoder

__all__ = ["MIXES", "Mix", "Predictor"]

Array = NDArray[np.float64]

_NOISES = (0.01, 0.03, 0.1, 0.3)
_LEAST = 1e-9  # a variance below it is none


@dataclass(frozen=True, slots=True)
class Mix:
    """Weights of the kernels.

    Attributes:
        numbers: Linear in costs and other numbers beside.
        single: Single decisions.
        pairs: Pairs of decisions.
        decay: With the Hamming distance.
        patterns: Linear in what the graphs are made of.
        near: Decays with the distance of what they are made of.
        scores: Decays with the distance of each score; mean over the scores.
    """

    numbers: float = 0.0
    single: float = 0.0
    pairs: float = 0.0
    decay: float = 0.0
    patterns: float = 0.0
    near: float = 0.0
    scores: float = 0.0


MIXES = (
    Mix(numbers=1.0, single=1.0),
    Mix(numbers=1.0, single=1.0, pairs=1.0),
    Mix(numbers=1.0, decay=1.0),
)
"""Kernels that look at decisions."""

_MADE_OF = (
    Mix(numbers=0.6, patterns=1.0),
    Mix(numbers=0.6, patterns=1.0, near=1.0),
    Mix(numbers=0.6, patterns=1.0, single=0.5, pairs=0.5),
    Mix(numbers=0.6, patterns=1.0, near=1.0, pairs=0.5),
)
"""Kernels that look at graphs too, where the graphs of trials differ."""


@dataclass(frozen=True, slots=True)
class _Fitted:
    """One of the processes.

    Attributes:
        mix: Its kernel.
        noise: Variance of the noise, relative to the signal.
        inverse: Of the kernel matrix with the noise, (trials, trials).
        alpha: That times the targets, (trials,).
        left_out: What it predicts of each trial from all others, (trials,).
        loss: Twice the negative logarithm of its likelihood, the scale profiled out.
    """

    mix: Mix
    noise: float
    inverse: Array
    alpha: Array
    left_out: Array
    loss: float


@dataclass(frozen=True, slots=True)
class _Rows:
    """Architectures as kernels see them; each part is about 1 long.

    Attributes:
        options: Columns of options, (rows, options).
        ordered: Decisions between numbers, (rows, decisions).
        made_of: Patterns of the graphs, those that tell trials apart, (rows, patterns).
        beside: Costs and other numbers, (rows, numbers).
        lengths: Squared length of the rows of each of these, in this order.
        scores: Scores, (rows, scores).
        known: Which of them are known, 0/1, (rows, scores).
    """

    options: Array
    ordered: Array
    made_of: Array
    beside: Array
    lengths: tuple[Array, Array, Array, Array]
    scores: Array
    known: Array


class Predictor:
    """Gaussian processes on encoded architectures and numbers beside them.

    Args:
        encoder: Made the first columns of the features; any others are numbers beside them.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._chosen: list[tuple[Mix, float]] = []
        self._fitted: list[_Fitted] = []

    def fit(self, x: Array, y: Array, *, among: Array | None = None, choose: bool = True) -> None:
        """Learn from trials.

        Args:
            x: Features, (trials, columns).
            y: What was observed, (trials,).
            among: Rows of the encoder that stand for all that may be asked, (candidates, width):
                how far apart numbers are is judged by them. By default by the trials.
            choose: Choose kernels and noises anew; otherwise those of the last time stay.
        """
        self._measure(x, among)
        self._mean, self._scale = float(y.mean()), float(y.std()) or 1.0
        self._x = self._prepared(x)
        target = (y - self._mean) / self._scale
        *parts, scores = self._kernels(self._x)
        np.fill_diagonal(scores, 1.0)  # a trial is like itself, also where a score is unknown
        parts.append(scores)
        if choose or not self._chosen:
            mixes = MIXES + (_MADE_OF if len(self._telling) else ())
            if self._x.known.any():
                mixes += tuple(replace(mix, scores=1.0) for mix in mixes)
            fitted = [_likeliest(mix, parts, target) for mix in mixes]
            self._fitted = _as_good_as_the_best(fitted, target)
            self._chosen = [(one.mix, one.noise) for one in self._fitted]
        else:
            self._fitted = [_fit(mix, (noise,), parts, target) for mix, noise in self._chosen]
        self._signals = [float(target @ one.alpha) / len(y) for one in self._fitted]

    @property
    def kernels(self) -> list[Mix]:
        """The kernels that predict."""
        return [mix for mix, _ in self._chosen]

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of what is to be expected, without the noise, (rows,).

        Numbers beside the columns of the encoder may be left out; they are zero then.

        Raises:
            ValueError: Nothing was fitted.
        """
        if not self._fitted:
            raise ValueError("fit the predictor before it predicts")
        rows = self._prepared(x)
        parts, own = self._kernels(rows), _own(rows)
        means, variances = np.empty((2, len(self._fitted), len(x)))
        for i, (one, signal) in enumerate(zip(self._fitted, self._signals, strict=True)):
            cross = _mixed(one.mix, parts)
            left = _mixed(one.mix, own) - np.einsum("ij,ij->i", cross @ one.inverse, cross)
            means[i] = cross @ one.alpha
            variances[i] = signal * np.maximum(left, _LEAST)
        spread = np.sqrt(variances.mean(axis=0) + means.var(axis=0))
        return self._mean + self._scale * means.mean(axis=0), self._scale * spread

    def _measure(self, x: Array, among: Array | None) -> None:
        """Find out where numbers and patterns lie and how far apart; of no width: it says nothing.

        What a column says is judged by the candidates, but only if the trials differ in it.
        """
        start, width = self._encoder.categorical, self._encoder.width
        self._shift, self._width = x[:, start:].mean(axis=0), x[:, start:].std(axis=0)
        still = self._width < _LEAST
        if among is not None and len(among) > 1:
            self._shift[: width - start] = among[:, start:].mean(axis=0)
            self._width[: width - start] = among[:, start:].std(axis=0)
        self._width[still | (self._width < _LEAST)] = np.inf
        first, last = self._encoder.decisions - start, self._encoder.scored - start
        self._telling = np.flatnonzero(np.isfinite(self._width[first:last]))
        self._active = max(1.0, float(x[:, :start].sum(axis=1).mean()))

    def _prepared(self, x: Array) -> _Rows:
        e, start = self._encoder, self._encoder.categorical
        first, last = e.decisions - start, e.beside - start
        telling = first + self._telling

        def scaled(which: slice | NDArray[np.int64], length: float) -> Array:
            shift, width = self._shift[which], self._width[which] * math.sqrt(length)
            return np.asarray((x[:, start:][:, which] - shift) / width)

        options = x[:, :start] / math.sqrt(self._active)
        ordered = scaled(slice(0, first), max(1, first))
        made_of = scaled(telling, max(1, len(telling)))
        numbers = np.zeros((len(x), len(self._shift) - last))
        numbers[:, : x.shape[1] - e.beside] = x[:, e.beside :]
        beside = (numbers - self._shift[last:]) / (self._width[last:] * math.sqrt(2.0))
        lengths = _squares(options), _squares(ordered), _squares(made_of), _squares(beside)
        scores, known = x[:, e.scored : e.beside : 2], x[:, e.scored + 1 : e.beside : 2]
        return _Rows(options, ordered, made_of, beside, lengths, scores, known)

    def _kernels(self, rows: _Rows) -> tuple[Array, ...]:
        """Each kernel between some rows and the trials, (rows, trials), in the order of ``Mix``."""
        trials = self._x
        options = rows.options @ trials.options.T
        shared = options + rows.ordered @ trials.ordered.T
        made_of = rows.made_of @ trials.made_of.T
        decay = _decayed(options, rows.lengths[0], trials.lengths[0], 1.0)
        near = np.zeros(())
        if len(self._telling):
            near = _decayed(made_of, rows.lengths[2], trials.lengths[2], 0.5)
        scores = _alike(rows, trials)
        return rows.beside @ trials.beside.T, shared, options**2, decay, made_of, near, scores


def _own(rows: _Rows) -> tuple[Array, ...]:
    """Each kernel between each row and itself, (rows,)."""
    options, ordered, made_of, beside = rows.lengths
    ones = np.ones(len(options))
    return beside, options + ordered, options**2, ones, made_of, ones, ones


def _alike(rows: _Rows, trials: _Rows) -> Array:
    """How near the scores of rows and trials are, where both are known, (rows, trials)."""
    alike = np.zeros((len(rows.scores), len(trials.scores)))
    for one, other, known, told in zip(
        rows.scores.T, trials.scores.T, rows.known.T, trials.known.T, strict=True
    ):
        near = np.exp(-0.5 * (one[:, None] - other[None, :]) ** 2)
        alike += known[:, None] * told[None, :] * near
    return np.asarray(alike / max(1, rows.scores.shape[1]))


def _decayed(product: Array, ones: Array, others: Array, rate: float) -> Array:
    """``exp(-rate * squared distance)``, from the products and the squared lengths of rows."""
    return np.asarray(np.exp(rate * (2.0 * product - ones[:, None] - others[None, :])))


def _squares(rows: Array) -> Array:
    return np.asarray(np.einsum("ij,ij->i", rows, rows))


def _mixed(mix: Mix, parts: Sequence[Array]) -> Array:
    return sum((w * part for w, part in zip(astuple(mix), parts, strict=True) if w), np.zeros(()))


def _likeliest(mix: Mix, parts: Sequence[Array], target: Array) -> _Fitted:
    return _fit(mix, _NOISES, parts, target)


def _fit(mix: Mix, noises: Sequence[float], parts: Sequence[Array], target: Array) -> _Fitted:
    """A process with the noise, of several, of the largest marginal likelihood."""
    values, vectors = np.linalg.eigh(_mixed(mix, parts))
    along = vectors.T @ target
    spectrum = np.maximum(values, 0.0)[:, None] + np.asarray(noises)[None, :]
    fit = (along[:, None] ** 2 / spectrum).sum(axis=0)
    losses = len(target) * np.log(fit + 1e-12) + np.log(spectrum).sum(axis=0)
    best = int(losses.argmin())
    inverse = (vectors / spectrum[:, best]) @ vectors.T
    alpha = inverse @ target
    left_out = target - alpha / np.diag(inverse)
    return _Fitted(mix, float(noises[best]), inverse, alpha, left_out, float(losses[best]))


def _as_good_as_the_best(fitted: Sequence[_Fitted], target: Array) -> list[_Fitted]:
    """Those whose rank correlation with left-out trials is that of the best, within its error.

    The standard error of a rank correlation r of n pairs is taken as (1 - r**2) / sqrt(n - 1).
    """
    if len(target) < 4:
        return list(fitted)
    ranked = [_ranks(one.left_out) for one in fitted]
    truth = _ranks(target)
    found = np.array([float(one @ truth) for one in ranked])
    best = float(found.max())
    error = (1.0 - min(best, 1.0) ** 2) / math.sqrt(len(target) - 1)
    return [one for one, r in zip(fitted, found, strict=True) if r >= best - error]


def _ranks(values: Array) -> Array:
    """Ranks, ties broken by order, shifted and scaled so that a product is a correlation."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    ranks -= ranks.mean()
    return np.asarray(ranks / np.linalg.norm(ranks))
