"""Shared weights as first looks, if they rank networks as whole trainings do.

A supernet that ranks badly misleads a search at any speed, so its scores have to earn their place:
a few networks, spread along their cost, inside the limits and no slower to train than an ordinary
one, are scored with shared weights and trained on their own. Only where the two agree are shared
weights the first look of the search; else short trainings are. Many do not: Yu et al., "Evaluating
the search phase of neural architecture search", ICLR 2020. Agreement is Kendall's tau.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from brickwork.kendall import tau
from brickwork.objective import quality_of
from brickwork.oneshot import SHARED
from brickwork.oneshot.pool import drawn, quick, spread
from brickwork.space import Space
from brickwork.strategies.auto import Auto
from brickwork.strategies.base import OneByOne, Problem
from brickwork.trial import Proposal, Trial

__all__ = ["ENOUGH", "PAIRS", "Gated", "agreement", "alone", "believable", "comparable", "compared"]

PAIRS = 8
"""Networks that are both scored cheaply and trained on their own."""

ENOUGH = 0.5
"""Kendall's tau from which cheap scores are trusted."""

_DRAWN = 300  # networks among which those of the gate are chosen


class Gated(OneByOne):
    """Shared weights first; the default search either way, with or without them.

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals to the same answers.
        low: Fidelity of a short training, where shared weights are not trusted.
    """

    stream = "gated"

    def __init__(self, problem: Problem, seed: int, *, low: float = 0.25) -> None:
        super().__init__(problem, seed)
        self._short = low
        self._told: list[Trial] = []
        self._open: list[Proposal] = []  # asked and not told, before the search proper
        self._gate: list[Proposal] | None = None  # still to be asked; None: not chosen yet
        self._inner: Auto | None = None

    def explain(self) -> str:
        """One sentence: what is done, and why."""
        return (
            f"a supernet is trained, and {PAIRS} networks are trained alone beside it: its scores "
            f"are the first looks of the search if both rank alike (Kendall's tau at least "
            f"{ENOUGH}), else short trainings are; then a predictor learns from all trials and the "
            "candidate of the largest expected gain comes next"
        )

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        if self._inner is not None:
            self._inner.tell(trial)
            return
        self._told.append(trial)
        self._open = [proposal for proposal in self._open if proposal != trial.proposal]

    def _next(self, rng: np.random.Generator) -> Proposal | None:
        if self._inner is None:
            proposal = self._of_the_gate(rng)
            if proposal is not None:
                self._open.append(proposal)
                return proposal
            self._inner = self._decided()
        return next(iter(self._inner.ask(1)), None)

    def _of_the_gate(self, rng: np.random.Generator) -> Proposal | None:
        """The next proposal that the decision needs; None when it can be made."""
        if not comparable(self._problem.space):
            return None  # no supernet was trained
        if self._gate is None:
            new = [a for a in drawn(self._problem, rng, _DRAWN) if a not in self._asked]
            chosen = spread(quick(self._problem, new, PAIRS), PAIRS)
            self._gate = [Proposal(arch, part) for arch in chosen for part in (1.0, SHARED)]
            for arch in chosen:
                self._asked.note(arch)
        if self._gate:
            return self._gate.pop(0)
        if len(compared(self._told, self._quality)) >= PAIRS or self._hopeless():
            return None
        more = self._asked.fresh(rng)  # some are still in training, or failed: one more
        if more is None:
            return None
        self._gate = [Proposal(more, 1.0)]
        return Proposal(more, SHARED)

    def _decided(self) -> Auto:
        """The search proper, from what was learned so far."""
        trusted = agreement(self._told, self._quality) >= ENOUGH
        inner = Auto(self._problem, self._seed, low=SHARED if trusted else self._short)
        for trial in believable(self._told, self._quality):
            inner.tell(trial)
        for proposal in self._open:
            if trusted or proposal.fidelity >= 1:
                inner.expect(proposal)
        return inner

    @property
    def _quality(self) -> str:
        return quality_of(self._problem.objectives)

    def _hopeless(self) -> bool:
        """Whether shared weights give no scores, such as after a training that diverged."""
        looks = [t for t in self._told if t.proposal.fidelity == SHARED]
        return len(looks) >= PAIRS // 2 and not any(_has(trial, self._quality) for trial in looks)


def comparable(space: Space) -> bool:
    """Whether a space has so many networks, its recipes not counted, that a gate can be passed."""
    return Space(space.name, space.body).size() >= PAIRS


def believable(trials: Sequence[Trial], quality: str) -> list[Trial]:
    """The trials without scores of shared weights, unless those are trusted."""
    if agreement(trials, quality) >= ENOUGH:
        return list(trials)
    return alone(trials)


def alone(trials: Sequence[Trial]) -> list[Trial]:
    """Those that were trained by themselves, not scored with shared weights."""
    return [trial for trial in trials if trial.proposal.fidelity != SHARED]


def agreement(
    trials: Sequence[Trial], quality: str, scores: Mapping[str, float] | None = None
) -> float:
    """Kendall's tau between cheap scores and those of networks trained alone.

    Zero where fewer than ``PAIRS`` networks have both, or where all scores are equal.

    Args:
        trials: Of a search.
        quality: Which score.
        scores: As for ``compared``.
    """
    values = compared(trials, quality, scores)
    value = tau(values) if len(values) == PAIRS else 0.0
    return value if value == value else 0.0  # NaN: all scores are equal


def compared(
    trials: Sequence[Trial], quality: str, scores: Mapping[str, float] | None = None
) -> NDArray[np.float64]:
    """Cheap score and score when trained alone, of the first ``PAIRS`` networks that have both.

    Args:
        trials: Of a search.
        quality: Which score.
        scores: Cheap scores by architecture; by default those with shared weights.

    Returns:
        ``(networks, 2)``, in the order in which the second of both was known.
    """
    cheap, alone = dict(scores or {}), dict[str, float]()
    both = dict[str, None]()
    for trial in sorted(trials, key=lambda trial: trial.number):
        if not _has(trial, quality):
            continue
        id, value = trial.proposal.arch.id, trial.metrics[quality].value
        if trial.proposal.fidelity >= 1:
            alone[id] = value
        elif trial.proposal.fidelity == SHARED and scores is None:
            cheap[id] = value
        if id in cheap and id in alone:
            both[id] = None
    rows = [(cheap[id], alone[id]) for id in islice(both, PAIRS)]
    return np.array(rows, np.float64).reshape(len(rows), 2)


def _has(trial: Trial, quality: str) -> bool:
    """Whether a trial has a score that is a number."""
    value = trial.metrics.get(quality)
    return trial.scored and value is not None and math.isfinite(value.value)
