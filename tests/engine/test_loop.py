"""The loop: deterministic in parallel, nothing trained twice, resumed from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from toy import LIMITS, OBJECTIVES, SPACE, Wanderer, describe, parameters

from brickwork.engine.executors import Executor, Inline, Processes, Setup
from brickwork.engine.loop import Loop, Progress
from brickwork.engine.store import Store
from brickwork.errors import StudyCorrupt
from brickwork.trial import Proposal, State, Trial

SETUP = Setup("toy:make", {"delay_s": 0.0})
TRIALS = 24


def history(trials: list[Trial]) -> list[tuple[Any, ...]]:
    """What must be equal in two runs: all but times."""
    return [
        (t.number, t.proposal, t.state, dict(t.metrics), t.cause, t.twin_of)
        for t in sorted(trials, key=lambda t: t.number)
    ]


def run(
    folder: Path, executor: Executor, lag: int = 2, trials: int | None = TRIALS, seed: int = 0
) -> Progress:
    with Store.create(folder, {"seed": seed}) as store:
        loop = Loop(Wanderer(seed), describe, executor, store, OBJECTIVES, LIMITS, lag=lag)
        return loop.run(120.0, trials)


@pytest.fixture
def unbroken(tmp_path: Path) -> list[tuple[Any, ...]]:
    return history(run(tmp_path / "unbroken", Inline(SETUP)).trials)


def test_two_workers_give_the_history_of_one(
    tmp_path: Path, unbroken: list[tuple[Any, ...]]
) -> None:
    pool = Processes(Setup("toy:make", {"delay_s": 0.01}), 2, 20.0)
    try:
        assert history(run(tmp_path / "two", pool).trials) == unbroken
    finally:
        pool.close()


def test_limits_are_checked_before_training(unbroken: list[tuple[Any, ...]]) -> None:
    for _, proposal, state, metrics, cause, _ in unbroken:
        choices = dict(proposal.arch.choices)
        over = parameters(choices["w"], choices["v"]) > 900
        assert (state is State.INFEASIBLE) == over
        assert ("parameters<=900" in cause) == over
        assert ("accuracy" in metrics) != over


def test_max_trials_counts_trainings(unbroken: list[tuple[Any, ...]]) -> None:
    assert sum(state is State.DONE for _, _, state, *_ in unbroken) == TRIALS


def test_a_twin_is_told_the_score_and_not_trained(tmp_path: Path) -> None:
    class Counting(Inline):
        jobs = 0

        def submit(self, number: int, job: Any) -> None:
            Counting.jobs += 1
            super().submit(number, job)

    class Twice(Wanderer):
        def ask(self, n: int) -> list[Any]:
            self.asked, count = self.asked // 2, self.asked
            proposals = super().ask(n)
            self.asked = count + 1
            self.heard.clear()
            return proposals

    with Store.create(tmp_path / "s", {}) as store:
        loop = Loop(Twice(), describe, Counting(SETUP), store, OBJECTIVES, (), lag=3)
        trials = loop.run(120.0, 6).trials
    twins = [t for t in trials if t.state is State.TWIN]
    assert twins
    assert Counting.jobs == 6
    for twin in twins:
        first = trials[twin.twin_of or 0]
        assert twin.metrics == first.metrics
        assert twin.proposal == first.proposal
    with Store.open(tmp_path / "s") as store:
        assert len(store.scores()[0]) == len(twins) + 6


class Crash(Exception):
    """Stands for kill -9."""


class Fragile(Store):
    """A store after whose n-th write the process dies."""

    left = 10**9

    def _append(self, kind: str, data: Any, number: int | None) -> None:
        super()._append(kind, data, number)
        Fragile.left -= 1

    def _maybe(self) -> None:
        if Fragile.left <= 0:
            raise Crash

    def propose(self, trials: Any) -> None:
        super().propose(trials)
        self._maybe()

    def finish(self, *args: Any, **kwargs: Any) -> None:
        super().finish(*args, **kwargs)
        self._maybe()


@pytest.mark.parametrize("lag", [1, 2])
def test_killed_after_every_event_in_turn(tmp_path: Path, lag: int) -> None:
    whole = history(run(tmp_path / "whole", Inline(SETUP), lag, 8).trials)
    events = 2 * sum(s is State.DONE for _, _, s, *_ in whole) + sum(
        s is State.INFEASIBLE for _, _, s, *_ in whole
    )
    for left in range(1, events + 1):
        folder = tmp_path / f"{lag}-{left}"
        Fragile.left = left
        with Fragile.create(folder, {"seed": 0}) as store:
            loop = Loop(Wanderer(), describe, Inline(SETUP), store, OBJECTIVES, LIMITS, lag=lag)
            try:
                loop.run(120.0, 8)
            except Crash:
                pass
            else:
                pytest.fail(f"write {left} of {events} did not happen")
        Fragile.left = 10**9
        assert history(run(folder, Inline(SETUP), lag, 8).trials) == whole
        with Store.open(folder) as store:
            assert history(store.trials()) == whole


def test_a_longer_run_continues_a_shorter_one(
    tmp_path: Path, unbroken: list[tuple[Any, ...]]
) -> None:
    run(tmp_path / "s", Inline(SETUP), trials=5)
    assert history(run(tmp_path / "s", Inline(SETUP)).trials) == unbroken


def test_a_history_of_another_strategy_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "s", Inline(SETUP), trials=5)
    with Store.create(tmp_path / "s", {"seed": 0}) as store:
        loop = Loop(Wanderer(7), describe, Inline(SETUP), store, OBJECTIVES, LIMITS, lag=2)
        with pytest.raises(StudyCorrupt, match="trial 0"):
            loop.run(120.0, 8)


def test_time_ends_a_search(tmp_path: Path) -> None:
    pool = Processes(Setup("toy:make", {"delay_s": 0.1}), 2, 20.0)
    try:
        progress = run_for(tmp_path / "s", pool, 1.5)
    finally:
        pool.close()
    assert 1.4 < progress.elapsed_s < 3.0
    assert progress.counts[State.DONE] > 2


def run_for(folder: Path, executor: Executor, seconds: float) -> Progress:
    with Store.create(folder, {"seed": 0}) as store:
        loop = Loop(Wanderer(), describe, executor, store, OBJECTIVES, LIMITS, lag=2)
        return loop.run(seconds)


def test_an_exhausted_strategy_ends_a_search(tmp_path: Path) -> None:
    class Three(Wanderer):
        def ask(self, n: int) -> list[Any]:
            return super().ask(n) if self.asked < 3 else []

    with Store.create(tmp_path / "s", {}) as store:
        loop = Loop(Three(), describe, Inline(SETUP), store, OBJECTIVES, (), lag=2)
        assert len(loop.run(120.0).trials) == 3


class Generations(Wanderer):
    """Proposes six, then waits for what they came to, which decides the next six."""

    def ask(self, n: int) -> list[Any]:
        waits = self.asked > len(self.heard) and self.asked % 6 == 0
        return [] if waits or self.asked == 18 else super().ask(n)


@pytest.mark.parametrize("lag", [1, 2, 4, 9])
def test_a_strategy_may_wait_for_results(tmp_path: Path, lag: int) -> None:
    """Its history is that of any number of workers, and survives a crash after any event."""

    def searched(
        folder: Path, kind: type[Store] = Store, executor: Executor | None = None
    ) -> list[Any]:
        works = executor or Inline(SETUP)
        with kind.create(folder, {"seed": 0}) as store:
            loop = Loop(Generations(), describe, works, store, OBJECTIVES, LIMITS, lag=lag)
            return history(loop.run(120.0).trials)

    whole = searched(tmp_path / "whole")
    assert len(whole) == 18
    pool = Processes(Setup("toy:make", {"delay_s": 0.01}), 2, 20.0)
    try:
        assert searched(tmp_path / "two", executor=pool) == whole
    finally:
        pool.close()
    events = 36 - sum(state is State.INFEASIBLE for _, _, state, *_ in whole)
    for left in range(1, events + 1):
        Fragile.left = left
        with pytest.raises(Crash):
            searched(tmp_path / f"{left}", Fragile)
        Fragile.left = 10**9
        assert searched(tmp_path / f"{left}") == whole


def test_failed_trials_are_recorded_and_told(tmp_path: Path) -> None:
    class Failing(Inline):
        def __init__(self) -> None:
            super().__init__(SETUP)
            self._work = lambda _job: (_ for _ in ()).throw(RuntimeError("no luck"))

    strategy = Wanderer()
    with Store.create(tmp_path / "s", {}) as store:
        loop = Loop(strategy, describe, Failing(), store, OBJECTIVES, (), lag=1)
        trials = loop.run(120.0, 4).trials
    assert {t.state for t in trials} <= {State.FAILED}
    assert trials[0].cause == "RuntimeError: no luck"
    assert strategy.heard[0] == "0failed"
    assert SPACE.why_invalid(trials[0].proposal.arch) is None


def test_a_repetition_is_trained_again_and_a_twin_is_not(tmp_path: Path) -> None:
    arch = SPACE.arch({"w": 6, "v": 3})

    class Again(Wanderer):
        def ask(self, n: int) -> list[Any]:
            self.asked += 1
            return [Proposal(arch, repetition=self.asked // 2)] if self.asked < 4 else []

    jobs: list[Mapping[str, Any]] = []

    class Noting(Inline):
        def submit(self, number: int, job: Mapping[str, Any]) -> None:
            jobs.append(job)
            super().submit(number, job)

    with Store.create(tmp_path / "s", {}) as store:
        loop = Loop(Again(), describe, Noting(SETUP), store, OBJECTIVES, (), lag=1)
        trials = loop.run(120.0).trials
    assert [t.proposal.repetition for t in trials] == [0, 1, 1]
    assert [t.state for t in trials] == [State.DONE, State.DONE, State.TWIN]
    assert [job["repetition"] for job in jobs] == [0, 1]
    with Store.open(tmp_path / "s") as store:
        assert [t.proposal.repetition for t in store.trials()] == [0, 1, 1]


class Chosen(Wanderer):
    """Asks for the first of its samples again and again, then for others."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def ask(self, n: int) -> list[Any]:
        self.asked = self.calls if self.calls >= 4 else 0
        self.calls += 1
        self.heard.clear()
        return super().ask(n)


class Answering(Inline):
    """The first network fails, or breaks a limit when it is measured; all others have a score."""

    def __init__(self, first: str) -> None:
        super().__init__(SETUP)
        self.jobs = 0
        work, name = self._work, ""

        def answer(job: Any) -> Any:
            nonlocal name
            self.jobs += 1
            name = name or str(job["arch"])
            if str(job["arch"]) != name:
                return work(job)
            if first == "fails":
                raise RuntimeError("no luck")
            return {**work(job), "infeasible": "too slow"}

        self._work = answer


def searched(folder: Path, executor: Executor, trials: int) -> list[Trial]:
    with Store.create(folder, {}) as store:
        return (
            Loop(Chosen(), describe, executor, store, OBJECTIVES, (), lag=1).run(99, trials).trials
        )


def test_twins_of_a_failure_are_no_trainings(tmp_path: Path) -> None:
    executor = Answering("fails")
    trials = searched(tmp_path / "s", executor, 6)
    assert sum(trial.twin_of is not None for trial in trials) >= 2
    assert executor.jobs == 6


def test_what_broke_a_limit_in_a_measurement_is_not_measured_again(tmp_path: Path) -> None:
    """Not either when the study is gone on with."""
    whole = searched(tmp_path / "whole", Answering("slow"), 6)
    assert [trial.twin_of for trial in whole[:4]] == [None, 0, 0, 0]
    assert {trial.state for trial in whole[:4]} == {State.INFEASIBLE}
    broken_off, folder = Answering("slow"), tmp_path / "b"
    Fragile.left = 2  # proposed and ended
    with Fragile.create(folder, {}) as store, pytest.raises(Crash):
        Loop(Chosen(), describe, broken_off, store, OBJECTIVES, (), lag=1).run(99, 6)
    Fragile.left = 10**9
    assert history(searched(folder, broken_off, 6)) == history(whole)
