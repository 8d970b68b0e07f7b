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
    again = [trial for trial in store.repeated() if trial.scored]
    left = ~np.isin(numbers, [trial.number for trial in again])
    found = []
    for fidelity in np.unique(fidelities[left]):  # none that one of its own dominates
        rows = np.flatnonzero(left & (fidelities == fidelity))
        found += [store.trial(number) for number in numbers[rows[front(losses[rows])]].tolist()]
    known = {trial.number: trial for trial in [*found, *mean_trials(again)]}
    return [known[t.number] for t in candidates(corrected(list(known.values())), objectives)]
