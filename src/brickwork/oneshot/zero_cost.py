"""Scores of untrained networks decide what is trained first, if they rank as trainings do.

Source: Abdelfattah et al., "Zero-cost proxies for lightweight NAS", ICLR 2021 (warm-up: many
networks are scored, and the best of them begin the search). Differs from the paper: a gate, as for
shared weights. A score that ranks well on one task ranks badly on another, and within a narrow
range of sizes its correlation may change its sign; so some of the scored networks, spread along
their cost, are trained first, and only where the order of both agrees do the best scores follow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brickwork.objective import front, quality_of
from brickwork.oneshot.gated import ENOUGH, PAIRS, agreement, compared
from brickwork.oneshot.pool import by_cost, quick, spread
from brickwork.oneshot.preparing import Suggestion
from brickwork.oneshot.suggested import Suggested
from brickwork.space import Arch
from brickwork.strategies.base import Problem
from brickwork.trial import Proposal, Trial

__all__ = ["ZeroCost"]

_BEST = 6  # networks of the best scores that are trained first


class ZeroCost:
    """The best of many untrained networks first, if their scores pass a gate; then the default.

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals to the same answers and suggestions.
        low: Fidelity of a first look of the default search.
        suggestions: The networks that were scored, with their scores.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        low: float = 0.25,
        suggestions: Sequence[Suggestion] = (),
    ) -> None:
        self._quality = quality_of(problem.objectives)
        self._inner = Suggested(problem, seed, low=low)
        self._scores = {s.arch.id: s.score for s in suggestions if s.score is not None}
        scored = (s.arch for s in suggestions if s.arch.id in self._scores)
        self._pool = by_cost(problem, scored)
        ordered = [arch for _, arch in self._pool]
        some = quick(problem, ordered, 2 * PAIRS)
        gate = spread(some, PAIRS)
        self._spare = [arch for arch in spread(some, 2 * PAIRS) if arch not in gate]
        self._decided = len(gate) < PAIRS
        self._told: list[Trial] = []  # whole trainings of networks that were scored
        if not self._decided:
            self._inner.suggest(gate)

    def explain(self) -> str:
        """One sentence: what is done, and why."""
        return (
            f"untrained networks are scored on one batch, and {PAIRS} of them are trained: the "
            "best scores come next if both rank alike (Kendall's tau at least "
            f"{ENOUGH}); then a predictor learns from all trials and the candidate of the largest "
            "expected gain comes next"
        )

    def ask(self, n: int) -> list[Proposal]:
        return self._inner.ask(n)

    def tell(self, trial: Trial) -> None:
        self._inner.tell(trial)
        known = trial.proposal.arch.id in self._scores and trial.proposal.fidelity >= 1
        if self._decided or not known:
            return
        self._told.append(trial)
        if not trial.scored:  # another in its place
            self._inner.suggest([self._spare.pop()] if self._spare else [])
        elif len(compared(self._told, self._quality, self._scores)) >= PAIRS:
            self._decided = True
            if agreement(self._told, self._quality, self._scores) >= ENOUGH:
                self._inner.suggest(self._best())

    def _best(self) -> list[Arch]:
        """Networks that no other beats in both score and cost, spread along their cost."""
        losses = np.array([(-self._scores[arch.id], cost) for cost, arch in self._pool])
        keep = np.flatnonzero(front(losses)).tolist()
        return spread([self._pool[i][1] for i in keep], _BEST)
