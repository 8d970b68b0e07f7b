"""Before the search: what is prepared is kept, what was prepared is read, and time lost counts."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from strategy_toys import NESTED, accuracy, done

from brickwork import preparation, zerocost
from brickwork.config import Context, Run, task_for
from brickwork.engine.executors import Job, Outcome
from brickwork.engine.store import Store
from brickwork.errors import StudyCorrupt
from brickwork.objective import violation
from brickwork.oneshot import SHARED as LOOK
from brickwork.oneshot.gated import PAIRS
from brickwork.oneshot.preparing import Allowance, Suggestion, Suggestions
from brickwork.preparation import SHARED, Preparation, needed, suggestions
from brickwork.quantity import How, Quantity
from brickwork.study import Study
from brickwork.trial import Proposal, Trial, rng_for
from brickwork.verdict import _preparation_sentences

SEARCH_S = 20.0


def context(space: str = "mobile", strategy: str = "zero-cost", **settings: Any) -> Context:
    values = {"data": "digits", "target": "stm32f746", "workers": 2, **settings}
    run = Run.of(space=space, strategy=strategy, **values)
    return Context.of(run, task_for(run))


def found(number: int, count: int = 3) -> Suggestions:
    rng = rng_for(number, "found")
    return Suggestions(tuple(Suggestion(NESTED.sample(rng), 1.0 - i / 10) for i in range(count)))


class Hands:
    """An executor that answers each job at once; ``stops`` after so many answers."""

    workers = 2

    def __init__(self, stops: int = 9, fails: tuple[int, ...] = ()) -> None:
        self.jobs: list[Job] = []
        self.stops = stops
        self.fails = fails
        self._open: list[int] = []

    def submit(self, number: int, job: Job) -> None:
        self.jobs.append(job)
        self._open.append(number)

    def wait(self, timeout_s: float) -> list[Outcome]:
        time.sleep(0.05)
        if not self.stops:
            raise KeyboardInterrupt
        self.stops -= 1
        number = self._open.pop(0)
        if number in self.fails:
            return [Outcome(number, None, "out of memory")]
        return [Outcome(number, {"suggestions": found(number).to_json(), "seconds": 1.0})]

    def withdraw(self) -> list[int]:
        return []

    def cancel(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def mobile() -> Context:
    return context()


def carried_out(context: Context, folder: Path, hands: Hands) -> float:
    with Store.create(folder, context.run.model_dump(mode="json")) as store:
        return Preparation(context, store, hands, folder).carry_out(SEARCH_S)


def test_what_was_suggested_is_read_and_not_made_again(mobile, tmp_path):
    first, second = Hands(), Hands()
    spent = carried_out(mobile, tmp_path / "s", first)
    assert [job["number"] for job in first.jobs] == [0, 1]
    assert suggestions(tmp_path / "s") == Suggestions.merged([found(0), found(1)])
    assert carried_out(mobile, tmp_path / "s", second) == spent > 0
    assert second.jobs == []


def test_when_it_is_interrupted_the_rest_is_made_later_and_the_time_counts(mobile, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        carried_out(mobile, tmp_path / "s", Hands(stops=1))
    with Store.open(tmp_path / "s") as store:
        lost = Preparation(mobile, store, Hands(), tmp_path / "s").spent()
    assert lost >= 0.1
    again = Hands()
    assert carried_out(mobile, tmp_path / "s", again) > lost
    assert [job["number"] for job in again.jobs] == [1]
    assert again.jobs[0]["seconds"] == pytest.approx(SEARCH_S / 2 - lost)
    assert suggestions(tmp_path / "s") == Suggestions.merged([found(0), found(1)])


def test_the_time_is_recorded_while_it_passes(mobile, tmp_path, monkeypatch):
    """So that what kills all of it, parent included, loses no more than a few seconds of it."""
    monkeypatch.setattr(preparation, "_NOTED_S", 0.0)
    carried_out(mobile, tmp_path / "s", Hands())
    with Store.open(tmp_path / "s") as store:
        assert len(list(store.events("spent"))) == 3


def test_one_that_fails_is_recorded_and_the_others_are_used(mobile, tmp_path):
    carried_out(mobile, tmp_path / "s", Hands(fails=(0,)))
    assert suggestions(tmp_path / "s") == found(1)
    with Store.open(tmp_path / "s") as store:
        assert [e["cause"] for e in store.events("prepared")] == ["out of memory", ""]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / SHARED).mkdir()
    (tmp_path / SHARED / "0.json").write_text('{"found": [')
    with pytest.raises(StudyCorrupt, match=r"0\.json is corrupt"):
        suggestions(tmp_path)


@pytest.mark.parametrize("strategy", ["sandwich", "zero-cost"])
def test_nothing_is_prepared_for_a_space_of_one_network(strategy):
    assert not needed(context("resnet8", strategy))
    assert needed(context("mobile", strategy))
    assert not needed(context("mobile", "auto"))


# --- untrained networks ---------------------------------------------------------------------------


def allowance(number: int = 0, search_s: float = 1.0, seconds: float = 600.0) -> Allowance:
    return Allowance(number, search_s, time.monotonic() + seconds, Path("unused"))


def test_untrained_networks_inside_the_limits_are_ranked():
    here = context(limits=("parameters<=1500",))
    made = zerocost.suggest(here, allowance())
    assert len(made.found) == zerocost.how_many(here, 1.0) == 16
    values = [one.score for one in made.found]
    assert values == sorted(values, reverse=True)
    assert 0 < values[-1] < 0.5 < values[0] < 1
    for one in made.found:
        assert violation(here.known(one.arch), here.limits) == 0
        assert here.space.why_invalid(one.arch) is None
    recipes = [here.space.recipe(one.arch) for one in made.found]
    assert all(recipe == recipes[0] for recipe in recipes)
    assert zerocost.suggest(here, allowance()) == made
    other = zerocost.suggest(here, allowance(1))
    assert {one.arch for one in other.found} != {one.arch for one in made.found}


def test_members_that_do_not_fit_are_neither_looked_at_nor_scored(unfit: Context) -> None:
    assert zerocost.how_many(unfit, 100.0) > zerocost.how_many(unfit, 0.1) == 16
    found = zerocost.suggest(unfit, allowance(search_s=0.1)).found
    assert len(found) == 16
    assert all(unfit.problem.forecast(one.arch)[1] == 0 for one in found)


def test_how_many_are_scored_follows_from_the_budget_and_not_from_a_clock(mobile):
    few, more = (zerocost.how_many(mobile, seconds) for seconds in (20.0, 200.0))
    assert 16 < few < more
    assert more == pytest.approx(10 * few, rel=0.05)
    assert zerocost.how_many(mobile, 1e9) == 1000  # by each of two workers


def test_scoring_ends_when_its_time_is_over(mobile):
    made = zerocost.suggest(mobile, allowance(search_s=200.0, seconds=0.0))
    assert len(made.found) == 16 < zerocost.how_many(mobile, 200.0)


# --- what the report says -------------------------------------------------------------------------


def finished(folder: Path, strategy: str, sign: float = 1.0, whole: int = PAIRS) -> Study:
    """A study that was prepared and in which so many suggestions were trained."""
    run = context(strategy=strategy, objectives=("accuracy", "parameters")).run
    rng = rng_for(0, "pool")
    archs = [NESTED.sample(rng) for _ in range(40)]  # one comes twice
    pool = [Suggestion(arch, sign * accuracy(arch)) for arch in archs]
    with Store.create(folder, run.model_dump(mode="json")) as store:
        store.record("prepared", {"number": 0, "cause": ""})
        for number, arch in enumerate(archs[:whole]):
            trial = done(number, Proposal(arch))
            store.propose([Trial(number, trial.proposal)])
            store.finish(trial)
    (folder / SHARED).mkdir()
    text = json.dumps(Suggestions(tuple(pool), "A hint.").to_json())
    (folder / SHARED / "0.json").write_text(text)
    return Study(folder)


@pytest.mark.parametrize(
    ("sign", "whole", "said"),
    [
        (1.0, PAIRS, r"The ranks of 39 untrained networks and whole trainings of 8 agree with tau "
         r"1\.00 \(80 % interval 1\.00 to 1\.00\): those of the best ranks were trained first\."),
        (-1.0, PAIRS, r"agree with tau -1\.00 \(80 % interval -1\.00 to -1\.00\), below 0\.5: they "
         r"were not used, and the search went on as the default one\."),
        (1.0, 5, r"The ranks of 39 untrained networks could be compared with the trainings of 5 "
         r"networks, too few to be trusted \(8 are needed\): they were not used"),
    ],
)  # fmt: skip
def test_the_report_says_how_far_scores_agreed_and_what_was_done(tmp_path, sign, whole, said):
    study = finished(tmp_path / "s", "zero-cost", sign, whole)
    hint, gate = _preparation_sentences(study)
    assert hint == "A hint."
    assert re.search(said, gate), gate


def test_a_supernet_has_its_interval_too(tmp_path):
    study = finished(tmp_path / "s", "sandwich")
    with Store.create(study.folder, study.run.model_dump(mode="json")) as store:
        for trial in study.trials():
            value = Quantity(0.5 * trial.metrics["accuracy"].value, "fraction", How.ESTIMATED)
            number = PAIRS + trial.number
            look = Trial(number, Proposal(trial.proposal.arch, LOOK), trial.state)
            store.finish(look.finished(look.state, metrics={"accuracy": value}))
    assert _preparation_sentences(study)[-1] == (
        "Shared weights and whole trainings of 8 agree with tau 1.00 (80 % interval 1.00 to 1.00): "
        "shared weights were the first looks of the search."
    )


def test_nothing_is_said_where_nothing_is_prepared(tmp_path):
    assert _preparation_sentences(finished(tmp_path / "s", "auto")) == []
