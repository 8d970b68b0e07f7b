"""The search: ask, check what can be known for free, train the rest, tell; in an order that a seed
determines.

Proposal number n is made when the trials up to n - W have been told (W is the lag: the number of
workers, and one proposal that waits so that none of them has to), and trials are told in the order
of their numbers. A strategy that has no proposal then is told one more trial and asked again, until
all are told. So the history depends on the seed and on W, not on which worker happens to finish
first, and a study that was interrupted is continued by asking and telling the same again.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from brickwork.engine.executors import Executor, Outcome
from brickwork.engine.store import Store
from brickwork.errors import SpaceError, StudyCorrupt
from brickwork.objective import Limit, Objective, broken
from brickwork.quantity import Quantity
from brickwork.trial import Proposal, State, Trial

__all__ = ["AHEAD", "Candidate", "Describe", "Loop", "Progress", "Strategy"]

log = logging.getLogger(__name__)

AHEAD = 1
"""Proposals that are ready before a worker is: what asking takes is not waited for."""

_BARREN = 20_000  # proposals in a row that cost nothing, after which a search gives up
_FIRST = 1.0  # the grace for a search that has no score yet


class Strategy(Protocol):
    """See ``brickwork.strategies.base``."""

    def ask(self, n: int) -> list[Proposal]: ...

    def tell(self, trial: Trial) -> None: ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of an architecture before training.

    Attributes:
        key: Equal for architectures that compute the same and are trained the same way.
        metrics: Counted and predicted costs.
    """

    key: str
    metrics: Mapping[str, Quantity]


Describe = Callable[[Proposal], Candidate]


@dataclass(slots=True)
class Progress:
    """Where a search stands, for whoever shows it."""

    elapsed_s: float = 0.0
    trials: list[Trial] = field(default_factory=list)
    running: int = 0
    counts: Counter[State] = field(default_factory=Counter)
    trained: int = 0
    last_done: int = -1

    def note(self, trial: Trial) -> None:
        """Take in a trial that has ended."""
        self.trials[trial.number] = trial
        self.counts[trial.state] += 1
        self.trained += trial.twin_of is None and trial.state in (State.DONE, State.FAILED)
        if trial.state is State.DONE:
            self.last_done = max(self.last_done, trial.number)


class Loop:
    """One search in a study.

    Args:
        strategy: What to try.
        describe: What is known of an architecture for free.
        executor: Trains; a job is ``{"number", "arch", "fidelity", "checkpoint"}``, its result
            ``{"metrics", "seconds", "checkpoint", "infeasible"}``.
        store: Remembers.
        objectives: What is wanted.
        limits: What is never trained beyond.
        lag: W; by default the number of workers and ``AHEAD``.
    """

    def __init__(
        self,
        strategy: Strategy,
        describe: Describe,
        executor: Executor,
        store: Store,
        objectives: Sequence[Objective],
        limits: Sequence[Limit],
        lag: int | None = None,
    ) -> None:
        self.strategy = strategy
        self.describe = describe
        self.executor = executor
        self.store = store
        self.objectives = tuple(objectives)
        self.limits = tuple(limits)
        self.lag = lag or executor.workers + AHEAD
        self.progress = Progress()
        self._keys: dict[str, int] = {}  # of a candidate at a fidelity: the first trial with it
        self._told = 0
        self._dispatched: set[int] = set()
        self._dry = False  # asked since the last was told, without an answer
        self._exhausted = False
        self._start = 0.0

    def run(
        self,
        seconds: float = float("inf"),
        max_trials: int | None = None,
        watch: Callable[[Progress], None] = lambda _: None,
        grace: float = 0.1,
    ) -> Progress:
        """Search until the time is over, enough trials were trained or nothing is left to try.

        Args:
            seconds: Time for the search, over all sessions of the study.
            max_trials: How many trials may be trained, over all sessions.
            watch: Called about twice a second, and after every trial.
            grace: Jobs that run when the time is over get this part of ``seconds`` to end; more
                as long as not one has ended.

        Raises:
            StudyCorrupt: The stored history is not the one of this strategy and seed.
        """
        self._resume()
        limit = float("inf") if max_trials is None else max_trials
        try:
            while True:
                more = self._now() < seconds and not self._exhausted
                while more and self._fill(limit) and self._now() < seconds:
                    pass
                if self._now() >= seconds and self.progress.last_done >= 0:
                    self._dispatched -= set(self.executor.withdraw())
                self.progress.running = min(len(self._dispatched), self.executor.workers)
                watch(self.progress)
                if not self._dispatched:
                    break
                patience = grace if self.progress.last_done >= 0 else _FIRST
                if self._now() >= seconds * (1.0 + patience):
                    break
                for outcome in self.executor.wait(0.5):
                    self._ended(outcome)
                    watch(self.progress)
        finally:
            self.executor.cancel()
            self.progress.elapsed_s = self._now()
            self.store.record("clock", {"elapsed_s": self.progress.elapsed_s})
        return self.progress

    def _now(self) -> float:
        self.progress.elapsed_s = time.monotonic() - self._start
        return self.progress.elapsed_s

    def _resume(self) -> None:
        """Ask and tell again what the store holds; queue again what did not end."""
        self._start = time.monotonic() - self.store.elapsed_s()
        stored = self.store.trials()
        for trial in stored:
            proposal = self._ask(trial.number)
            if proposal is None or _identity(proposal) != _identity(trial.proposal):
                raise StudyCorrupt(
                    f"the history of {self.store.folder} is not the one that this version of the "
                    f"strategy makes from this seed (trial {trial.number}): start in another folder"
                )
            self.progress.trials.append(trial)
            if trial.state is not State.WAITING:
                self.progress.note(trial)
            self._note_key(trial)
        for trial in stored:
            if trial.state is State.WAITING:
                self._dispatch(trial, record=False)
        self._settle()
        if stored:
            log.info("resumed with %d trials", len(stored))

    def _note_key(self, trial: Trial) -> None:
        """Remember a stored trial that was carried out, so that it is not a second time."""
        if trial.twin_of is not None:
            return
        try:
            candidate = self.describe(trial.proposal)
        except SpaceError:
            return
        if not broken(candidate.metrics, self.limits):  # it may have broken one in a measurement
            self._keys[self._key(trial.proposal, candidate)] = trial.number

    def _ask(self, number: int) -> Proposal | None:
        """Proposal ``number``, made when all trials up to ``number - lag`` are told.

        A strategy that has none then, because it waits for results, is told one more and asked
        again, until all are told: what it proposes still follows from the order of trials alone.
        """
        self._tell_until(number - self.lag + 1)
        while True:
            if not self._dry:
                if proposals := self.strategy.ask(1):
                    return proposals[0]
                self._dry = True
            if self._told == number or self.progress.trials[self._told].state is State.WAITING:
                return None
            self._tell_until(self._told + 1)

    def _tell_until(self, end: int) -> None:
        while self._told < end:
            self.strategy.tell(self.progress.trials[self._told])
            self._told += 1
            self._dry = False

    def _fill(self, max_trials: float) -> bool:
        """Propose one more trial if its turn has come; whether it did."""
        trials = self.progress.trials
        number = len(trials)
        if any(trials[i].state is State.WAITING for i in range(self._told, number - self.lag + 1)):
            return False
        trained = self.progress.trained + len(self._dispatched)
        if trained >= max_trials or number - self.progress.last_done > _BARREN:
            return False
        proposal = self._ask(number)
        if proposal is None:
            self._exhausted = self._told == number
            return False
        self._consider(Trial(number, proposal))
        return True

    def _consider(self, trial: Trial) -> None:
        """Give a proposal to the executor, unless it is known already or breaks a limit."""
        self.progress.trials.append(trial)
        try:
            candidate = self.describe(trial.proposal)
        except SpaceError as error:  # it does not fit the input: as good as breaking a limit
            self._finish(trial.finished(State.INFEASIBLE, cause=str(error)))
            return
        trial = self.progress.trials[trial.number] = replace(trial, metrics=candidate.metrics)
        cause = broken(candidate.metrics, self.limits)
        if cause:
            self._finish(trial.finished(State.INFEASIBLE, cause=cause))
            return
        first = self._keys.setdefault(self._key(trial.proposal, candidate), trial.number)
        if first == trial.number:
            self._dispatch(trial)
        else:
            waiting = trial.finished(State.WAITING, twin_of=first)
            self.progress.trials[trial.number] = waiting
            self.store.propose([waiting])
            self._settle()

    def _dispatch(self, trial: Trial, record: bool = True) -> None:
        if trial.twin_of is not None:
            return
        if record:
            self.store.propose([trial])
        origin = trial.proposal.continues
        self._dispatched.add(trial.number)
        self.executor.submit(
            trial.number,
            {
                "number": trial.number,
                "arch": trial.proposal.arch.to_json(),
                "fidelity": trial.proposal.fidelity,
                "repetition": trial.proposal.repetition,
                "checkpoint": None if origin is None else self.store.checkpoint(origin),
            },
        )

    def _ended(self, outcome: Outcome) -> None:
        """Record what a job came to."""
        self._dispatched.discard(outcome.number)
        trial = self.progress.trials[outcome.number]
        if outcome.result is None:
            self._finish(trial.finished(State.FAILED, cause=outcome.cause))
        else:
            result = outcome.result
            metrics = dict(trial.metrics)
            metrics |= {name: Quantity.from_json(q) for name, q in result["metrics"].items()}
            state = State.INFEASIBLE if result.get("infeasible") else State.DONE
            self._finish(
                trial.finished(
                    state,
                    metrics=metrics,
                    cause=result.get("infeasible") or "",
                    seconds=result["seconds"],
                ),
                result.get("checkpoint"),
            )
        self._settle()

    def _settle(self) -> None:
        """Give twins the outcome of the trial that they repeat, once it has one."""
        trials = self.progress.trials
        for trial in trials[self._told :]:
            if trial.state is not State.WAITING or trial.twin_of is None:
                continue
            first = trials[trial.twin_of]
            if first.state is State.WAITING:
                continue
            state = State.TWIN if first.scored else first.state
            cause = first.cause and f"as trial {first.number}: {first.cause}"
            self._finish(trial.finished(state, metrics=first.metrics, cause=cause))

    def _finish(self, trial: Trial, checkpoint: bytes | None = None) -> None:
        trial = trial.finished(trial.state, finished_s=self._now())
        losses = [o.loss(trial.metrics) for o in self.objectives] if trial.scored else None
        self.store.finish(trial, losses, checkpoint)
        self.progress.note(trial)

    def _key(self, proposal: Proposal, candidate: Candidate) -> str:
        return f"{candidate.key}@{proposal.fidelity:.6g}#{proposal.repetition}"


def _identity(proposal: Proposal) -> str:
    """What makes two proposals the same."""
    return json.dumps(
        [
            proposal.arch.to_json(),
            round(proposal.fidelity, 9),
            proposal.continues,
            proposal.repetition,
        ]
    )
