"""What leads in a search, read without parsing ten thousand trials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brickwork.averaging import mean_trials
from brickwork.engine.store import Store
from brickwork.final import candidates, corrected
from brickwork.objective import Objective, front
from brickwork.trial import Trial

__all__ = ["leading"]


def leading(store: Store, objectives: Sequence[Objective]) -> list[Trial]:
    """The trials that no other dominates; of a network that was trained again, the mean.

    Args:
        store: Of a search that may still run.
        objectives: What is wanted.
    """
    numbers, fidelities, losses = store.scores()
    again = store.repeated()
    repeated = {(trial.proposal.arch.id, trial.proposal.fidelity) for trial in again}
    left = ~np.isin(numbers, [trial.number for trial in again])
    found: dict[int, Trial] = {}
    while left.any():
        for fidelity in np.unique(fidelities[left]):  # none that one of its own dominates
            rows = np.flatnonzero(left & (fidelities == fidelity))
            for number in numbers[rows[front(losses[rows])]].tolist():
                found.setdefault(number, store.trial(number))
        means = [
            number
            for number, trial in found.items()
            if (trial.proposal.arch.id, trial.proposal.fidelity) in repeated
        ]
        lucky = left & np.isin(numbers, means)
        if not lucky.any():
            break
        left &= ~lucky  # its mean may be worse: what stands behind it comes forward
    known = {trial.number: trial for trial in mean_trials([*found.values(), *again])}
    return [known[t.number] for t in candidates(corrected(list(known.values())), objectives)]
