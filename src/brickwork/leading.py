"""What leads in a search, read without parsing ten thousand trials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brickwork.averaging import mean_trials
from brickwork.engine.store import Store
from brickwork.errors import LimitError
from brickwork.final import candidates, corrected
from brickwork.objective import Limit, Objective, broken, front, violation
from brickwork.trial import Trial

__all__ = ["leading", "some_or_raise"]


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


def some_or_raise(
    found: list[Trial], trials: Sequence[Trial], limits: Sequence[Limit]
) -> list[Trial]:
    """What was found, if it is anything.

    Args:
        found: Trials that keep all limits.
        trials: All of the search.
        limits: Those that must be kept.

    Raises:
        LimitError: Nothing was found; it says how near the search came.
    """
    if found:
        return found
    near = [trial for trial in trials if trial.scored and broken(trial.metrics, limits)]
    if not near:
        raise LimitError("no trial of the search has a score: run again with more budget")
    nearest = min(near, key=lambda trial: violation(trial.metrics, limits))
    raise LimitError(
        f"not one of {len(near)} trained networks keeps the limits; of the nearest "
        f"{broken(nearest.metrics, limits)}: relax the limits, or run again with more budget"
    )
