"""Bayesian optimization that learns everything, costs too: the textbook, beside ``auto``.

Ru, Wan, Dong, Osborne: "Interpretable Neural Architecture Search via Bayesian Optimisation with
Weisfeiler-Lehman Kernels", 2021 (``Bayesian``); White, Neiswanger, Savani: "BANANAS: Bayesian
Optimization with Neural Architectures for Neural Architecture Search", 2021 (``Bananas``).

Differs from the papers:
- the kernel counts decisions, pairs of decisions and their distance, not labels of a graph: in a
  space of decisions these are its subtrees;
- several objectives: the largest gain of hypervolume instead of the largest improvement;
- the networks of ``Bananas`` are linear in random features of single decisions and of pairs (so
  they are fitted in a millisecond), and differ by the trials that each is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brickwork.objective import front
from brickwork.predictor import Axis, Encoder, Predictor, expected_gain
from brickwork.space import Arch
from brickwork.strategies.base import Member, OneByOne, Problem, ranks
from brickwork.trial import Trial, rng_for

__all__ = ["Bananas", "Bayesian"]

Array = NDArray[np.float64]

_LEARNED = 200  # trials that are learned from: the best half and the latest of more
_PARENTS = 10
_CANDIDATES = 60
_AFRESH = 4  # trials after which the model is fitted again


@dataclass(frozen=True, slots=True)
class _Seen:
    member: Member
    row: Array
    targets: Array


class Bayesian(OneByOne):
    """A Gaussian process for each objective; the candidate of the largest expected gain is next.

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals to the same answers.
        starts: Networks that are drawn at random first.
    """

    def __init__(self, problem: Problem, seed: int, *, starts: int = 10) -> None:
        super().__init__(problem, seed)
        self._starts = starts
        self._encoder = Encoder(problem.space, (), problem.graph, problem.scores.values())
        self._axes = [Axis(objective.metric) for objective in problem.objectives]
        self._told = 0
        self._learned = -_AFRESH
        self._seen: list[_Seen] = []
        self._models: list[Predictor] = []

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self._told += 1
        member = Member.of(self._problem, trial)
        if member is None or not np.isfinite(member.losses).all():
            return
        values = [trial.metrics[axis.metric].value for axis in self._axes]
        targets = [axis.target(value) for axis, value in zip(self._axes, values, strict=True)]
        row = self._encoder.encode(trial.proposal.arch, trial.metrics)
        self._seen.append(_Seen(member, row, np.array(targets)))
        if len(self._seen) > 2 * _LEARNED:
            rank = ranks([one.member for one in self._seen[:-_LEARNED]])
            best = np.sort(np.argsort(rank, kind="stable")[: _LEARNED // 2])
            self._seen = [self._seen[i] for i in best.tolist()] + self._seen[-_LEARNED:]

    def _next(self, rng: np.random.Generator) -> Arch | None:
        if self._count <= self._starts or len(self._seen) < 3:
            return self._asked.fresh(rng)
        if self._told - self._learned >= max(_AFRESH, len(self._seen) // 8):
            self._fit(rng)
            self._learned = self._told
        best = self._best(self._candidates(rng), rng)
        if best is None:
            return self._asked.fresh(rng)
        self._asked.note(best)
        return best

    def _candidates(self, rng: np.random.Generator) -> list[Arch]:
        """New mutations of the best networks, and some drawn at random, inside the limits."""
        rank = ranks([one.member for one in self._seen])
        best = np.argsort(rank, kind="stable")[:_PARENTS].tolist()
        space, found = self._problem.space, dict[str, Arch]()
        for i in range(_CANDIDATES):
            parent = self._seen[best[i % len(best)]].member.arch
            arch = space.sample(rng) if i % 4 == 3 else space.mutate(parent, rng)
            if arch not in self._asked and self._problem.forecast(arch)[1] == 0.0:
                found[arch.id] = arch
        return list(found.values())

    def _best(self, archs: Sequence[Arch], rng: np.random.Generator) -> Arch | None:
        if not archs:
            return None
        rows = np.array([self._encoder.encode(arch, {}) for arch in archs])
        kept = [one for one in self._seen if one.member.violation == 0] or self._seen
        reached = self._heights(np.array([one.targets for one in kept]))
        low, high = reached.min(axis=0), np.quantile(reached, 0.9, axis=0)
        width = np.maximum(high - low, 1e-9)
        taken = (reached[front(reached)] - low) / width
        drawn = np.stack([self._heights(nodes) for nodes in self._nodes(rows, rng)])
        weights = np.full(len(drawn), 1.0 / len(drawn))
        gains = expected_gain((drawn - low) / width, weights, taken)
        return archs[int(np.argmax(gains + 1e-12 * rng.random(len(archs))))]

    def _heights(self, targets: Array) -> Array:
        columns = zip(self._axes, targets.T, strict=True)
        return np.column_stack([axis.height(column) for axis, column in columns])

    def _fit(self, rng: np.random.Generator) -> None:
        """Learn each objective from what was told."""
        rows = np.array([one.row for one in self._seen])
        targets = np.array([one.targets for one in self._seen])
        self._models = self._models or [Predictor(self._encoder) for _ in self._axes]
        for model, column in zip(self._models, targets.T, strict=True):
            model.fit(rows, np.minimum(column, np.quantile(column, 0.95)))

    def _nodes(self, rows: Array, rng: np.random.Generator) -> list[Array]:
        """What may be reached, several times: targets of the candidates, (rows, objectives)."""
        found = [model.predict(rows) for model in self._models]
        mean, spread = (np.column_stack(parts) for parts in zip(*found, strict=True))
        steps = rng.standard_normal((16, 1, mean.shape[1]))
        return [mean + step * spread for step in steps]


class Bananas(Bayesian):
    """An ensemble that differs by what each was shown; one of them, drawn each time, decides."""

    _MEMBERS = 5
    _FEATURES = 64
    _RIDGE = 3.0

    def _fit(self, rng: np.random.Generator) -> None:
        rows = np.array([one.row for one in self._seen])
        targets = np.array([one.targets for one in self._seen])
        targets = np.minimum(targets, np.quantile(targets, 0.95, axis=0))
        self._mean = targets.mean(axis=0)
        mix = rng_for(self._seed, "features")
        width = rows.shape[1]
        self._pairs = mix.integers(width, size=(2, self._FEATURES))
        features = self._features(rows)
        self._weights: list[Array] = []
        for _ in range(self._MEMBERS):
            shown = rng.integers(len(rows), size=len(rows))
            x, y = features[shown], (targets - self._mean)[shown]
            penalty = self._RIDGE * np.eye(x.shape[1])
            self._weights.append(np.linalg.solve(x.T @ x + penalty, x.T @ y))

    def _features(self, rows: Array) -> Array:
        a, b = self._pairs
        return np.hstack([rows, rows[:, a] * rows[:, b], np.ones((len(rows), 1))])

    def _nodes(self, rows: Array, rng: np.random.Generator) -> list[Array]:
        weights = self._weights[int(rng.integers(self._MEMBERS))]
        return [self._mean + self._features(rows) @ weights]
