"""The end keeps its time, but for the first of its results."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from brickwork.config import Context
from brickwork.engine.executors import Job, Outcome
from brickwork.engine.store import Store
from brickwork.finish import Finish, Net
from brickwork.space import Arch
from brickwork.verdict import _length_sentence


class Slow:
    """One worker that takes so many seconds for each job."""

    workers = 1

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.job: tuple[int, float] | None = None
        self.asked: list[Job] = []

    def submit(self, number: int, job: Job) -> None:
        self.asked.append(job)
        self.job = (number, time.monotonic() + self.seconds)

    def wait(self, timeout_s: float) -> list[Outcome]:
        time.sleep(0.01)
        if self.job is None or time.monotonic() < self.job[1]:
            return []
        number, self.job = self.job[0], None
        return [Outcome(number, {"done": True})]

    def withdraw(self) -> list[int]:
        return []

    def cancel(self) -> None:
        self.job = None

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("each_s", "done"),
    [(0.1, ["a", "b", "c"]), (0.4, ["a", "b"]), (0.7, ["a"]), (1.5, ["a"]), (2.5, [])],
)
def test_what_takes_too_long_is_lost_but_the_first_result_may_be_late(
    tmp_path: Path, each_s: float, done: list[str]
) -> None:
    nothing: Any = None
    finish = Finish(nothing, nothing, Slow(each_s), tmp_path)
    found = dict(finish._done("abc", lambda _key: {}, 1.0))
    assert list(found) == ["a", "b", "c"]
    assert [key for key, outcome in found.items() if outcome.result] == done
    assert all(o.result or o.cause == "no time was left" for o in found.values())


def test_more_begins_when_nothing_planned_is_left_to_begin(tmp_path: Path) -> None:
    nothing: Any = None
    spare, steps = ["d"], []
    executor = Slow(0.05)
    finish = Finish(nothing, nothing, executor, tmp_path, lambda *step: steps.append(step))
    begun = []

    def job(key: str) -> Job:
        begun.append(key)
        return {}

    found = finish._done("abc", job, 5.0, lambda: spare.pop() if spare else None)
    assert [key for key, outcome in found if outcome.result] == ["a", "b", "c", "d"]
    assert begun == ["a", "b", "c", "d"]
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3), (4, 4)]


def test_nothing_is_trained_once_the_test_split_was_opened(tmp_path: Path) -> None:
    nothing: Any = None
    executor = Slow(0.0)
    net = Net("front", Arch.of("space", {}), 0, 1, 1.0)
    with Store.create(tmp_path / "s", {}) as store:
        store.record("plan", {"nets": [net.to_json()], "reserves": [], "part": 1.0})
        store.record("lost", {"key": f"{net.arch.id}-0", "cause": "no time was left"})
        store.record("test opened", {"at": 0.0})
        Finish(nothing, store, executor, tmp_path).retrain(60.0)
        assert executor.job is None
        assert not any(store.events("retrained"))


@pytest.mark.parametrize(("said", "part"), [({}, 0.8), ({"length": 3.0}, 2.4)])
def test_final_trainings_are_as_long_as_planned(
    tmp_path: Path, said: dict[str, float], part: float
) -> None:
    """Studies of earlier versions say nothing of a length."""
    nothing: Any = None
    executor = Slow(0.5)
    net = Net("front", Arch.of("space", {}), 0, 1, 0.1)
    with Store.create(tmp_path / "s", {}) as store:
        store.record("plan", {"nets": [net.to_json()], "reserves": [], "part": 0.8, **said})
        with pytest.raises(KeyError, match="weights"):  # this worker has none to give
            Finish(nothing, store, executor, tmp_path).retrain(60.0)
    assert executor.asked[0]["part"] == pytest.approx(part)


@pytest.mark.parametrize(
    ("said", "sentences"), [({}, 0), ({"length": 1.0}, 0), ({"length": 3.0}, 1)]
)
def test_the_verdict_says_where_final_trainings_were_longer(said, sentences) -> None:
    study: Any = SimpleNamespace(events=lambda _kind: [{"part": 1.0, **said}])
    found = _length_sentence(study)
    assert len(found) == sentences
    assert all("up to 3 times as long" in sentence for sentence in found)


def test_the_control_of_size_takes_members_that_fit(unfit: Context, tmp_path: Path) -> None:
    nothing: Any = None
    drawn, forecast = list(unfit.members("front", 90)), unfit.problem.forecast
    assert 40 < len(drawn) < 80  # about a third of them was left out
    front = [arch for arch in dict.fromkeys(drawn) if forecast(arch)[1] == 0][:8]
    nets = [Net("front", arch, i, 1, 1.0) for i, arch in enumerate(front)]
    found = Finish(unfit, nothing, Slow(0.1), tmp_path)._of_size(nets)
    assert len(found) == len(nets)
    assert not {net.arch for net in found} & set(front)
    for net in found:
        assert unfit.known(net.arch)["parameters"].value <= 400
