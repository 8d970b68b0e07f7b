"""How many models are retrained, how often and how long, so that the time is kept.

Arithmetic on seconds; the clock is read by whoever calls.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from brickwork.final import by_need, improvements
from brickwork.objective import Objective
from brickwork.trial import Trial

__all__ = ["MOST", "Pace", "Plan", "length", "plan"]

MOST = 12
"""Models that are retrained at most, where there is time for all but not for several seeds."""

_USUAL = 8  # models that are retrained at most, with several seeds or in little time
_REPETITIONS = 3
_LEAST_PART = 0.3  # of a full training
_SHORTEST = 0.1  # of one, where there is not even time for that: better than no model
_GOOD_PART = 0.8  # below it fewer models are retrained instead, down to half of the most
_MARGIN = 1.05  # of the time, for what was not foreseen
_LONGEST = 3.0  # times a full training
_FAR = 0.2  # error of the best network of a search, from which a task is far from learned
_WORTH = 0.95  # part of the error that three times the training leaves, where it is worth it
_FADES = 0.7  # what a step brings, relative to the one before: of four networks on CIFAR-10, by eye
_PAIRS = 3  # networks that were trained at two fidelities, at least, to tell what more brings


@dataclass(frozen=True, slots=True)
class Plan:
    """What is retrained.

    Attributes:
        trials: Numbers of the trials whose architectures are retrained.
        repetitions: Seeds of each.
        part: Of a full training, for every one of them unless the pace turns out another.
        expected_s: CPU seconds this should take.
        reserves: Numbers of those that come next, the best first, should time be left.
    """

    trials: tuple[int, ...]
    repetitions: int
    part: float
    expected_s: float
    reserves: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "trials": list(self.trials),
            "repetitions": self.repetitions,
            "part": self.part,
            "expected_s": self.expected_s,
            "reserves": list(self.reserves),
        }


def plan(
    found: Sequence[Trial],
    objectives: Sequence[Objective],
    seconds_of: Callable[[Trial], float],
    budget_s: float,
    workers: int,
    extra: int = 0,
) -> Plan:
    """As many models and seeds, trained as fully, as the time allows.

    Fewer seeds come first, then fewer models, then shorter trainings, and at last the model whose
    training is the quickest, for as long as there is time. With one seed there may be more models
    than with several: time that is left shows more of the front. A model whose own training does
    not fit into the time is left out, so that it does not shorten all the others.

    Args:
        found: The candidates.
        objectives: What was wanted.
        seconds_of: CPU seconds that a full training of a trial's network should take.
        budget_s: Time there is.
        workers: Trainings that run at once.
        extra: Further networks of the same size, trained once, for each model (controls). With
            them there are no reserves: the front would have more models than its controls.
    """
    options = [(_USUAL, n, 1.0) for n in range(_REPETITIONS, 1, -1)]
    options += [(count, 1, 1.0) for count in range(MOST, _USUAL - 1, -1)]
    options += [(count, 1, _GOOD_PART) for count in range(_USUAL, _USUAL // 2, -1)]
    options += [(count, 1, _LEAST_PART) for count in range(_USUAL // 2, 0, -1)]
    ordered = by_need(_in_time(found, seconds_of, budget_s), objectives)[:MOST]

    def affordable(times: Sequence[float]) -> float:
        return min(1.0, _tenths(budget_s / max(1e-9, _MARGIN * _makespan(times, workers))))

    for count, repetitions, least in options:
        chosen = ordered[:count]
        times = [seconds_of(trial) for trial in chosen for _ in range(repetitions + extra)]
        part = affordable(times)
        if part >= least:
            break
    if part < _LEAST_PART:
        chosen = [min(ordered, key=seconds_of)]
        times = [seconds_of(chosen[0])] * (1 + extra)
        part = max(affordable(times), _SHORTEST)
    planned = tuple(trial.number for trial in chosen)
    after = () if extra else tuple(t.number for t in ordered if t.number not in planned)
    return Plan(planned, repetitions, part, part * sum(times), after)


def _in_time(
    found: Sequence[Trial], seconds_of: Callable[[Trial], float], budget_s: float
) -> Sequence[Trial]:
    """Those whose training fits into the time, nearly in full; all, where that leaves too few."""
    fits = [t for t in found if _GOOD_PART * _MARGIN * seconds_of(t) <= budget_s]
    return fits if len(fits) >= _USUAL // 2 else found


def length(trials: Sequence[Trial], quality: str, scale: float) -> float:
    """How many times as long as usual the final trainings should be: 1, or ``_LONGEST``.

    A full training is as long as most tasks need. Of one that is far from learned the networks that
    were trained at two fidelities say what more training brings: a step of the logarithm of the
    error. Each further step, up to a full training and once beyond, is taken to be shorter.

    Args:
        trials: Of the search, each trained by itself.
        quality: What is improved.
        scale: The part of a full training that fidelity 1 stood for.
    """
    changes = {low: e for (low, name), e in improvements(trials).items() if name == quality}
    if not changes:
        return 1.0
    low = max(changes)
    before, after = np.array(changes[low]).T
    if len(after) < _PAIRS or after.min() < _FAR:
        return 1.0
    steps = 1 + math.log(1.0 / scale) / math.log(1.0 / low)
    change = float(np.log(after / before).mean()) * _FADES**steps
    return _LONGEST if math.exp(change) < _WORTH else 1.0


class Pace:
    """Keeps the trainings of a plan within its time, when they take longer than expected.

    What has not begun is shortened; where they take less time it is trained more fully.

    Args:
        expected: Seconds that a full training of each network should take, by key.
        part: Of a full training, as planned.
        end: When all should be done, on the clock of ``now``.
        workers: Trainings that run at once.
    """

    def __init__(self, expected: Mapping[str, float], part: float, end: float, workers: int):
        self._waiting = dict(expected)
        self._part = part
        self._end = end
        self._workers = workers
        self._running: dict[str, tuple[float, float]] = {}  # seconds expected, when it began
        self._expected = self._taken = 0.0

    def begin(self, key: str, now: float) -> float:
        """A training begins: the part of a full one that it may be, in tenths."""
        pace = self._pace
        open_ = sum(max(0.0, pace * s - (now - began)) for s, began in self._running.values())
        left = (self._end - now) / _MARGIN
        rest, own = (pace * s for s in (sum(self._waiting.values()), self._waiting[key]))
        affordable = min((self._workers * left - open_) / max(1e-9, rest), left / max(1e-9, own))
        part = min(1.0, _tenths(affordable)) if self._taken else self._part
        part = max(part, min(self._part, _LEAST_PART))
        self._running[key] = (part * self._waiting.pop(key), now)
        return part

    def spare(self, key: str, full_s: float, now: float) -> bool:
        """Whether there is time for one more, nearly in full; then it may begin as well."""
        if self._waiting or not self._taken:
            return False
        if (self._end - now) / _MARGIN < _GOOD_PART * self._pace * full_s:
            return False
        self._waiting[key] = full_s
        return True

    def ended(self, key: str, now: float) -> None:
        """A training has ended."""
        expected, began = self._running.pop(key)
        self._expected += expected
        self._taken += now - began

    @property
    def _pace(self) -> float:
        """What trainings take, relative to what was expected."""
        return self._taken / self._expected if self._taken else 1.0


def _tenths(part: float) -> float:
    """Rounded down, so that it is not noise that decides."""
    return math.floor(10.0 * part + 1e-6) / 10.0


def _makespan(times: Sequence[float], workers: int) -> float:
    """When the last of some jobs ends, where the longest is begun first."""
    ends = [0.0] * workers
    for seconds in sorted(times, reverse=True):
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)
