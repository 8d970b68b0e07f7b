"""Shared weights as first looks, if they rank networks as whole trainings do.

A supernet that ranks badly misleads a search at any speed, so its scores have to earn their place:
a few networks, spread along their cost and inside the limits, are scored with shared weights and
trained on their own. Only where the two agree are shared weights the first look of the search; else
short trainings are. Many do not: Yu et al., "Evaluating the search phase of neural architecture
search", ICLR 2020. Agreement is Kendall's tau.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from brickwork.kendall import tau
from brickwork.objective import quality_of
from brickwork.oneshot import SHARED
from brickwork.quantity import Quantity
from brickwork.space import Arch
from brickwork.strategies.auto import Auto
from brickwork.strategies.base import Asked, Problem
from brickwork.trial import Proposal, Trial, rng_for

__all__ = ["ENOUGH", "PAIRS", "Gated", "agreement", "believable", "pairs"]

PAIRS = 8
"""Networks that are both scored with shared weights and trained on their own."""

ENOUGH = 0.5
"""Kendall's tau from which shared weights are trusted."""

_DRAWN = 300  # networks among which those of the gate are chosen


class Gated:
    """Shared weights first; the default search either way, with or without them.

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals to the same answers.
        low: Fidelity of a short training, where shared weights are not trusted.
    """

    def __init__(self, problem: Problem, seed: int, *, low: float = 0.25) -> None:
        self._problem = problem
        self._seed = seed
        self._short = low
        self._asked = Asked(problem, seed)
        self._told: list[Trial] = []
        self._count = 0
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

    def ask(self, n: int) -> list[Proposal]:
        proposals: list[Proposal] = []
        for _ in range(n):
            rng = rng_for(self._seed, "gated", self._count)
            self._count += 1
            proposal = self._next(rng)
            if proposal is not None:
                proposals.append(proposal)
        return proposals

    def tell(self, trial: Trial) -> None:
        self._told.append(trial)
        self._asked.note(trial.proposal.arch)
        if self._inner is not None:
            self._inner.tell(trial)

    def _next(self, rng: np.random.Generator) -> Proposal | None:
        if self._gate is None:
            self._gate = [
                Proposal(arch, fidelity) for arch in self._chosen(rng) for fidelity in (1.0, SHARED)
            ]
        if self._gate:
            return self._gate.pop(0)
        if self._inner is None and (len(pairs(self._told)) >= PAIRS or self._hopeless()):
            self._decide()
        if self._inner is None:  # some are still in training, or failed: one more of each kind
            arch = self._asked.fresh(rng)
            if arch is not None:
                self._gate = [Proposal(arch, 1.0)]
                return Proposal(arch, SHARED)
            self._decide()
        found = self._inner.ask(1) if self._inner is not None else []
        return found[0] if found else None

    def _decide(self) -> None:
        """Begin the search proper, from what was learned so far."""
        trusted = agreement(self._told, quality_of(self._problem.objectives)) >= ENOUGH
        self._inner = Auto(self._problem, self._seed, low=SHARED if trusted else self._short)
        for trial in self._told:
            if trusted or trial.proposal.fidelity >= 1:
                self._inner.tell(trial)

    def _hopeless(self) -> bool:
        """Whether shared weights give no scores, such as after a training that diverged."""
        looks = [t for t in self._told if t.proposal.fidelity == SHARED]
        return len(looks) >= PAIRS // 2 and not any(trial.scored for trial in looks)

    def _cost(self, costs: Mapping[str, Quantity]) -> float:
        """The cost that is wanted low; any, where none is."""
        wanted = [o.metric for o in self._problem.objectives if o.metric in costs]
        names = wanted or list(costs)
        return costs[names[0]].value if names else 0.0

    def _chosen(self, rng: np.random.Generator) -> list[Arch]:
        """Networks inside the limits, spread along their cost."""
        ends = self._problem.space.extremes()
        found: dict[str, tuple[float, Arch]] = {}
        for i in range(_DRAWN):
            arch = self._problem.space.sample(rng)
            if i % 3:  # towards an end: uniform samples of many decisions hardly come near it
                arch = self._problem.space.cross(ends[i % 3 - 1], arch, rng)
            costs, over = self._problem.forecast(arch)
            if over == 0.0 and arch not in self._asked:
                found[arch.id] = (self._cost(costs), arch)
        ordered = [arch for _, arch in sorted(found.values(), key=lambda pair: pair[0])]
        places = np.linspace(0, len(ordered) - 1, min(PAIRS, len(ordered))).round().astype(int)
        chosen = [ordered[i] for i in dict.fromkeys(places.tolist())]
        for arch in chosen:
            self._asked.note(arch)
        return chosen


def pairs(trials: Sequence[Trial]) -> list[tuple[Trial, Trial]]:
    """The networks that were scored with shared weights and trained alone: both trials of each."""
    alone = {t.proposal.arch.id: t for t in trials if t.scored and t.proposal.fidelity >= 1}
    return [
        (trial, alone[trial.proposal.arch.id])
        for trial in trials
        if trial.scored and trial.proposal.fidelity == SHARED and trial.proposal.arch.id in alone
    ]


def believable(trials: Sequence[Trial], quality: str) -> list[Trial]:
    """The trials without scores of shared weights, unless those are trusted."""
    if agreement(trials, quality) >= ENOUGH:
        return list(trials)
    return [trial for trial in trials if trial.proposal.fidelity != SHARED]


def agreement(trials: Sequence[Trial], quality: str) -> float:
    """Kendall's tau between scores with shared weights and those of networks trained alone.

    Over the first ``PAIRS`` of them; zero where there are fewer, or where all scores are equal.
    """
    first = sorted(pairs(trials), key=lambda pair: max(pair[0].number, pair[1].number))[:PAIRS]
    scored = [pair for pair in first if all(quality in trial.metrics for trial in pair)]
    if len(scored) < PAIRS:
        return 0.0
    value = tau(np.array([[trial.metrics[quality].value for trial in pair] for pair in scored]))
    return value if value == value else 0.0  # NaN: all scores are equal
