"""Several trainings of one network, each with a seed of its own, as one trial."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean

from brickwork.quantity import metric
from brickwork.trial import Trial

__all__ = ["mean_trials"]


def mean_trials(trials: Iterable[Trial]) -> list[Trial]:
    """Each network once at each fidelity: the first of its trials, with the mean of all qualities.

    The best of several trainings is a lucky one, and the last is any.

    Args:
        trials: With scores.
    """
    found: dict[tuple[str, float], list[Trial]] = {}
    for trial in trials:
        found.setdefault((trial.proposal.arch.id, trial.proposal.fidelity), []).append(trial)
    return [group[0] if len(group) == 1 else _mean(group) for group in found.values()]


def _mean(group: Sequence[Trial]) -> Trial:
    first = min(group, key=lambda trial: trial.number)
    metrics = dict(first.metrics)
    for name, quantity in first.metrics.items():
        values = [trial.metrics[name].value for trial in group if name in trial.metrics]
        if metric(name).quality and len(values) > 1:
            source = f"mean of {len(values)} trainings; {quantity.source}"
            metrics[name] = replace(quantity, value=fmean(values), source=source)
    return replace(first, metrics=metrics)
