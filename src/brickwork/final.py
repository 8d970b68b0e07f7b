"""After the search: which models are worth retraining, and how far the search could be trusted.

Everything here is arithmetic on trials and results; the training itself runs in the executor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.averaging import mean_trials
from brickwork.kendall import interval, tau
from brickwork.objective import Objective, dominates, front, hypervolume, quality_of
from brickwork.predictor import Axis, Encoder, Observation, Outlook
from brickwork.quantity import How, Quantity, metric
from brickwork.trial import State, Trial, rng_for

__all__ = [
    "HALF",
    "Gap",
    "by_need",
    "candidates",
    "corrected",
    "expected",
    "gap",
    "improvements",
    "luck",
    "on_new_data",
    "overhead",
    "runners_up",
    "scaled",
    "shared_hypervolume",
    "spread_out",
    "table",
]

HALF = 1.2816
"""Standard errors in half an 80 % interval."""

_LEARNED = 300  # trials that a predictor learns from, and no fewer than
_ENOUGH = 12
_DRAWS = 1000  # of the scores of all models, to tell how lucky the front was
_LEAST_ERROR = 0.002  # below it two errors are not told apart


def scaled(objective: Objective, metrics: Mapping[str, Quantity]) -> float:
    """The loss on the scale on which it is compared: the logarithm of a cost or of an error.

    With errors as they are, the small end of a front, where errors are large, would count for most.
    """
    if not np.isfinite(objective.loss(metrics)):
        return float("inf")
    return Axis(objective.metric).target(metrics[objective.metric].value)


def table(
    objectives: Sequence[Objective], rows: Sequence[Mapping[str, Quantity]]
) -> NDArray[np.float64]:
    """Scaled losses, (rows, objectives)."""
    values = [[scaled(o, row) for o in objectives] for row in rows]
    return np.asarray(values, np.float64).reshape(len(rows), len(objectives))


def candidates(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    """The trials that no other dominates, each architecture at its highest fidelity.

    Args:
        trials: With scores that can be compared: ``corrected`` or ``expected``.
        objectives: What is wanted.
    """
    scored = _at_highest(trials)
    keep = front(table(objectives, [trial.metrics for trial in scored]))
    chosen = [trial for trial, kept in zip(scored, keep, strict=True) if kept]
    return sorted(chosen, key=lambda trial: objectives[-1].loss(trial.metrics))


def runners_up(
    trials: Sequence[Trial], objectives: Sequence[Objective], ahead: Sequence[Trial], most: int
) -> list[Trial]:
    """The trials that may be as good as those ahead of them: beaten, but within the noise.

    On a small validation split one lucky small network would else hide every larger one. They
    come in the order of their fronts, once those ahead are taken away.

    Args:
        trials: All, as for ``candidates``.
        objectives: What is wanted.
        ahead: The candidates that they come after.
        most: How many at most.
    """
    taken = {trial.proposal.arch.id for trial in ahead}
    rest = [
        trial
        for trial in _at_highest(trials)
        if trial.proposal.arch.id not in taken
        and not any(_surely_better(other, trial, objectives) for other in ahead)
    ]
    return _layered(rest, objectives, most)


def _layered(trials: Sequence[Trial], objectives: Sequence[Objective], most: int) -> list[Trial]:
    """At most so many trials in the order of their fronts: the next without those before it."""
    losses = table(objectives, [trial.metrics for trial in trials])
    rest, found = np.arange(len(trials)), list[Trial]()
    while len(rest) and len(found) < most:
        keep = front(losses[rest])
        if not keep.any():
            break
        layer = [trials[i] for i in rest[keep].tolist()]
        found += sorted(layer, key=lambda trial: objectives[0].loss(trial.metrics))
        rest = rest[~keep]
    return found[:most]


def _surely_better(a: Trial, b: Trial, objectives: Sequence[Objective]) -> bool:
    """Whether ``a`` dominates ``b`` even when the intervals of both scores are counted in."""

    def certain(trial: Trial, objective: Objective, side: float) -> float:
        spread = 0.0
        if metric(objective.metric).quality and objective.metric in trial.metrics:
            spread = trial.metrics[objective.metric].spread or 0.0
        return objective.loss(trial.metrics) + side * spread

    losses = [(certain(a, o, 1.0), certain(b, o, -1.0)) for o in objectives]
    return dominates([x for x, _ in losses], [y for _, y in losses])


def _at_highest(trials: Sequence[Trial]) -> list[Trial]:
    """Each scored architecture at its highest fidelity, the mean of its trainings there."""
    best: dict[str, Trial] = {}
    for trial in mean_trials(trial for trial in trials if trial.scored):
        known = best.get(trial.proposal.arch.id)
        if known is None or trial.proposal.fidelity >= known.proposal.fidelity:
            best[trial.proposal.arch.id] = trial
    return list(best.values())


def corrected(trials: Sequence[Trial]) -> list[Trial]:
    """The scored trials, with the errors at lower fidelity made comparable to those at the highest.

    An error is multiplied by the geometric mean of what a longer training made of it, over the
    architectures that were trained at both fidelities; where there are none it stays as it is.
    """
    factors = {
        key: min(1.0, float(np.exp(np.mean(np.log([after / before for before, after in errors])))))
        for key, errors in improvements(trials).items()
    }
    return [_adjusted(trial, factors) for trial in trials if trial.scored]


def improvements(trials: Sequence[Trial]) -> dict[tuple[float, str], list[tuple[float, float]]]:
    """By fidelity and quality the errors of networks at it, and after a longer training.

    Args:
        trials: Of a search; of interest are architectures that were trained at the highest fidelity
            and at a lower one.
    """
    found: dict[tuple[float, str], list[tuple[float, float]]] = {}
    for trial, longer in _promoted(mean_trials(t for t in trials if t.scored)):
        for name in _qualities(trial):
            errors = (_error(trial, name), _error(longer, name))
            found.setdefault((trial.proposal.fidelity, name), []).append(errors)
    return found


def expected(
    trials: Sequence[Trial], encoder: Encoder, objectives: Sequence[Objective]
) -> list[Trial]:
    """The scored trials, with the qualities that are to be expected at the highest fidelity.

    A score is a short training on one seed, judged on a small split: the best of many scores is a
    lucky one, and hides what is as good. So a predictor learns from all of them, and what it
    expects, marked as predicted, stands in place of what was seen. Of many trials it learns from
    the best; with few of them, they are ``corrected`` only.

    Args:
        trials: Of a search.
        encoder: Of its space, with the costs that are known of every architecture.
        objectives: What is wanted.
    """
    scored = {trial.number: trial for trial in trials if trial.scored}
    best = _layered(corrected(trials), objectives, _LEARNED)
    if len(best) < _ENOUGH:
        return corrected(trials)
    seen = [scored[trial.number] for trial in best]
    rows = np.array([encoder.encode(trial.proposal.arch, trial.metrics) for trial in seen])
    outlook = Outlook(encoder, objectives, ())
    told = [
        Observation(row, outlook.targets(trial.metrics), trial.proposal.fidelity >= 1)
        for trial, row in zip(seen, rows, strict=True)
    ]
    outlook.learn(told, rows)
    values = {name: outlook.values(name, rows) for name in outlook.learned if metric(name).quality}
    source = f"expected of a long training, learned from {len(seen)} trials"
    return [
        replace(
            trial,
            metrics={
                **trial.metrics,
                **{
                    name: replace(
                        trial.metrics[name], value=column[i], how=How.PREDICTED, source=source
                    )
                    for name, column in values.items()
                    if name in trial.metrics
                },
            },
        )
        for i, trial in enumerate(seen)
    ]


def overhead(trials: Sequence[Trial], passes_of: Callable[[Trial], float]) -> float:
    """Seconds of a trial that do not grow with the training: start, sampling, scoring.

    The median over the architectures that were trained at two fidelities; 0 where there are none.

    Args:
        trials: Of a search.
        passes_of: How often a trial saw the training data.
    """
    found = []
    for trial, longer in _promoted([trial for trial in trials if trial.state is State.DONE]):
        part = passes_of(trial) / passes_of(longer)
        if part < 1:
            found.append((trial.seconds - part * longer.seconds) / (1 - part))
    return max(0.0, float(np.median(found))) if found else 0.0


def _promoted(trials: Sequence[Trial]) -> Iterator[tuple[Trial, Trial]]:
    """Each trial below the highest fidelity, and the one of its architecture at the highest."""
    highest = max((trial.proposal.fidelity for trial in trials), default=1.0)
    top = {t.proposal.arch.id: t for t in trials if t.proposal.fidelity == highest}
    for trial in trials:
        longer = top.get(trial.proposal.arch.id)
        if longer is not None and trial.proposal.fidelity < highest:
            yield trial, longer


def _adjusted(trial: Trial, factors: Mapping[tuple[float, str], float]) -> Trial:
    metrics = dict(trial.metrics)
    for name in _qualities(trial):
        factor = factors.get((trial.proposal.fidelity, name))
        if factor is not None:
            value = 1.0 - factor * (1.0 - metrics[name].value)
            source = f"score at low fidelity, its error times {factor:.2f}; {metrics[name].source}"
            metrics[name] = replace(metrics[name], value=value, how=How.PREDICTED, source=source)
    return replace(trial, metrics=metrics)


def _qualities(trial: Trial) -> list[str]:
    return [name for name in trial.metrics if metric(name).quality and metric(name).right_part]


def _error(trial: Trial, name: str) -> float:
    return max(1.0 - trial.metrics[name].value, _LEAST_ERROR)


def spread_out(trials: Sequence[Trial], objectives: Sequence[Objective], most: int) -> list[Trial]:
    """At most ``most`` of some trials, and at least one: those that are needed most."""
    needed = {trial.number for trial in by_need(trials, objectives)[: max(1, most)]}
    return [trial for trial in trials if trial.number in needed]


def by_need(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    """Some trials, the most needed first.

    One after another is taken away, each time that without which the hypervolume shrinks least; the
    last to go is the first. Hypervolume is taken to a point far beyond the worst values, so that
    the ends of the front count.
    """
    kept, gone = list(trials), list[Trial]()
    while len(kept) > 1:
        losses = table(objectives, [trial.metrics for trial in kept])
        reference = _reference(losses, 0.5)
        rest = [
            hypervolume(np.delete(losses, i, axis=0), reference.tolist()) for i in range(len(kept))
        ]
        gone.append(kept.pop(int(np.argmax(rest))))
    return kept + gone[::-1]


@dataclass(frozen=True, slots=True)
class Gap:
    """How the scores of the search compare with those after retraining.

    Attributes:
        pairs: Search score and final score of each model.
        mean: Mean of final minus search.
        tau: Kendall's rank correlation; NaN below three models.
        low: Lower end of its 80 % bootstrap interval.
        high: Upper end.
    """

    pairs: tuple[tuple[float, float], ...]
    mean: float
    tau: float
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        def number(value: float) -> float | None:
            return None if np.isnan(value) else value

        tau = {"value": number(self.tau), "low": number(self.low), "high": number(self.high)}
        return {"mean": number(self.mean), "tau": {**tau, "n": len(self.pairs)}}


def gap(pairs: Sequence[tuple[float, float]], seed: int) -> Gap:
    """Compare scores, ``(search, final)`` for each model, with a bootstrap over the models."""
    values = np.asarray(pairs, np.float64).reshape(-1, 2)
    mean = float(np.mean(values[:, 1] - values[:, 0])) if len(values) else float("nan")
    if len(values) < 3:
        return Gap(tuple((a, b) for a, b in values.tolist()), mean, *(float("nan"),) * 3)
    low, high = interval(values, rng_for(seed, "gap"))
    return Gap(tuple((a, b) for a, b in values.tolist()), mean, tau(values), low, high)


def on_new_data(
    models: Sequence[Mapping[str, Quantity]], objectives: Sequence[Objective], seed: int
) -> list[Quantity]:
    """What to expect of models on new data whose front was read off the test split: estimated.

    Args:
        models: All that were tested, with their test scores; those of the first quality have a
            spread.
        objectives: What the front was chosen by.
        seed: Of the study.
    """
    name = quality_of(objectives)
    others = [objective for objective in objectives if objective.metric != name]
    sign = -1.0 if metric(name).maximize else 1.0
    scores = [model[name] for model in models]
    losses = np.array(
        [[sign * model[name].value, *(o.loss(model) for o in others)] for model in models]
    )
    errors = np.array([(score.spread or 0.0) / HALF for score in scores])
    surplus = luck(losses, errors, rng_for(seed, "luck")).tolist()
    source = f"test score, less what choosing among {len(scores)} by it gains on average"
    return [
        replace(score, value=score.value + sign * extra, how=How.ESTIMATED, source=source)
        for score, extra in zip(scores, surplus, strict=True)
    ]


def luck(
    losses: NDArray[np.float64], errors: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """By how much better than they are those models look that were chosen because they looked good.

    Of several models the front is read off the very scores that are reported, so what is on it was
    lucky, too (the winner's curse). How lucky, a parametric bootstrap says: scores are drawn again
    around those that were seen, the front is read off, and what it gained on average is its luck.

    Args:
        losses: To be minimised, (models, objectives); the first is uncertain, the others exact.
        errors: Standard error of the first, (models,).
        rng: Draws.

    Returns:
        To be added to the first loss of each model, if it is on the front, (models,).
    """
    draws = rng.normal(0.0, 1.0, (_DRAWS, len(losses))) * errors
    gained, times = np.zeros(len(losses)), np.zeros(len(losses))
    for draw in draws:
        seen = losses.copy()
        seen[:, 0] += draw
        keep = front(seen)
        gained[keep] -= draw[keep]
        times += keep
    return np.asarray(np.maximum(0.0, gained / np.maximum(times, 1)))


def shared_hypervolume(*fronts: NDArray[np.float64]) -> list[float]:
    """Hypervolume of several fronts, each (points, objectives), on one scale from 0 to 1.

    The scale runs from the best to the worst value of each objective over all fronts, plus a
    tenth, so the numbers can be compared with each other and with nothing else.
    """
    every = np.concatenate([f for f in fronts if len(f)])
    low, reference = every.min(axis=0), _reference(every)
    span = np.maximum(reference - low, 1e-12)
    ones = [1.0] * every.shape[1]
    return [hypervolume((f - low) / span, ones) if len(f) else 0.0 for f in fronts]


def _reference(losses: NDArray[np.float64], margin: float = 0.1) -> NDArray[np.float64]:
    """A point that is worse than the worst by a part of the range."""
    worst, best = losses.max(axis=0), losses.min(axis=0)
    reference: NDArray[np.float64] = worst + margin * np.maximum(worst - best, 1e-9)
    return reference
