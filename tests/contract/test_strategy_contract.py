"""What every strategy that can be named keeps."""

from __future__ import annotations

import functools
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from strategy_toys import (
    NESTED,
    ONE,
    SPACES,
    TABLE,
    TINY,
    accuracy,
    done,
    ended,
    known,
    problem,
    search,
    size,
    unfit,
)

from brickwork.errors import SpaceError
from brickwork.names import STRATEGIES, load
from brickwork.objective import hypervolume
from brickwork.space import Arch
from brickwork.strategies.base import every
from brickwork.trial import State, Trial, rng_for

SETTINGS = {
    "two objectives": {},
    "one objective": {"objectives": ["accuracy"]},
    "three objectives": {"objectives": ["accuracy", "parameters", "macs"]},
    "a cost that is measured": {"objectives": ["accuracy", "latency_ms"]},
    "only known costs": {"objectives": ["parameters", "macs"]},
    "a limit": {"limits": ["parameters<=3000"]},  # one in twelve of the nested space keeps it
    "limits on what is learned": {"limits": ["latency_ms<=20", "accuracy>=70%"]},
    "a limit that nothing keeps": {"limits": ["parameters<=1"]},
}


# Names that lead to the same class differ in their preparation, which has tests of its own.
DISTINCT = sorted({entry: name for name, entry in STRATEGIES.items()}.values())


YARDSTICKS = ("random", "grid", "optuna-nsga2", "optuna-tpe")
"""What others are compared with: it learns nothing from what it is told, or is not our own."""


@pytest.fixture(params=DISTINCT)
def make(request: pytest.FixtureRequest):
    return load(STRATEGIES, "strategy", request.param)


@pytest.fixture(params=SETTINGS)
def setting(request: pytest.FixtureRequest):
    return SETTINGS[request.param]


def asked(trials: list[Trial]) -> list[tuple[str, float, int | None]]:
    proposals = [trial.proposal for trial in trials]
    return [(p.arch.id, p.fidelity, p.continues) for p in proposals]


def test_the_same_answers_give_the_same_proposals(make, setting):
    runs = [search(make(problem(NESTED, **setting), 3), 30, lag=3) for _ in range(2)]
    assert len(runs[0]) == 30
    assert asked(runs[0]) == asked(runs[1])


def test_another_seed_gives_other_proposals(make):
    first, second = (search(make(problem(NESTED), seed), 20) for seed in (0, 1))
    assert asked(first) != asked(second)


def test_replaying_a_recorded_history_goes_on_as_before(make):
    """Resuming: asked again and told again, from JSON, the next proposals are the same."""
    strategy = make(problem(NESTED), 0)
    trials = search(strategy, 30)
    following = strategy.ask(1)
    again = make(problem(NESTED), 0)
    for trial in trials:
        assert again.ask(1) == [trial.proposal]
        again.tell(Trial.from_json(trial.to_json()))
    assert again.ask(1) == following


def test_several_at_once_are_as_many_one_by_one(make):
    one, several = make(problem(NESTED), 0), make(problem(NESTED), 0)
    assert several.ask(7) == [one.ask(1)[0] for _ in range(7)]


def test_proposals_are_members_and_never_repeat(make, setting):
    space = problem(NESTED, **setting).space
    trials = search(make(problem(NESTED, **setting), 0), 100, lag=4)
    assert len(trials) == 100
    assert all(space.why_invalid(trial.proposal.arch) is None for trial in trials)
    looks = [(trial.proposal.arch.id, trial.proposal.fidelity) for trial in trials]
    assert len(set(looks)) == len(looks)


def test_a_promotion_goes_on_with_a_scored_trial_of_the_same_architecture(make):
    trials = search(make(problem(NESTED), 0), 120, lag=3)
    for trial in trials:
        origin = trial.proposal.continues
        if origin is None:
            continue
        assert trials[origin].scored
        assert trials[origin].proposal.arch == trial.proposal.arch
        assert trials[origin].proposal.fidelity < trial.proposal.fidelity <= 1.0


@pytest.mark.parametrize("limit", [None, "parameters<=285", "parameters<=1"])
def test_every_sound_architecture_of_a_tiny_space_is_asked_and_then_none(make, limit):
    """All that keep the limit; all there are where none does, so that the search can say why."""
    strategy = make(problem(TINY, limits=[limit] if limit else []), 0)
    trials = search(strategy, 100, lag=2)
    members = {arch.id for arch in every(TINY, rng_for(0))}
    if limit == "parameters<=285":
        kept = {arch.id for arch in every(TINY, rng_for(0)) if size(arch) <= 285}
        assert 0 < len(kept) < len(members)
        members = kept
    assert {trial.proposal.arch.id for trial in trials} == members
    assert strategy.ask(3) == []


def test_nothing_is_asked_beyond_a_limit_that_few_keep_until_they_are_used_up(make):
    """One network in 150 keeps it; all of these are found, and nothing else is asked for."""
    sizes = sorted(size(arch) for arch in every(TABLE, rng_for(0)))
    bound = sizes[len(sizes) // 150]
    strategy = make(problem(limits=[f"parameters<={bound}"]), 0)
    trials = search(strategy, 150, end=done)
    kept = {arch.id for arch in every(TABLE, rng_for(0)) if size(arch) <= bound}
    assert {trial.proposal.arch.id for trial in trials} == kept


def test_what_does_not_fit_the_input_is_not_asked_while_anything_does(make):
    def fits(arch):
        return [option for _, option in arch.choices][:3] == ["c", "d", "a"]

    def few(arch):
        if not fits(arch):
            raise SpaceError("e2: no pixel is left")
        return known(arch)

    trials = search(make(replace(problem(), known=few), 0), 100, end=done)
    assert all(fits(trial.proposal.arch) for trial in trials)
    assert len({trial.proposal.arch.id for trial in trials}) == 25


def test_a_space_with_one_member_has_one_architecture_to_ask(make):
    trials = search(make(problem(ONE), 0), 10, end=done)
    assert {trial.proposal.arch for trial in trials} == {ONE.extremes()[0]}
    assert len(trials) <= 2  # a first look and a whole training


def test_answers_may_come_in_any_order(make, setting):
    task = problem(NESTED, **setting)
    strategy = make(task, 0)
    proposals = strategy.ask(8)
    order = rng_for(0, "order")
    waiting = [ended(i, proposal) for i, proposal in enumerate(proposals)]
    for number in range(8, 60):
        strategy.tell(waiting.pop(int(order.integers(len(waiting)))))
        (proposal,) = strategy.ask(1)
        proposals.append(proposal)
        waiting.append(ended(number, proposal))
    new_members(task.space, proposals)


def test_batches_may_be_told_backwards(make):
    strategy = make(problem(NESTED), 0)
    proposals = []
    for _ in range(4):
        batch = strategy.ask(50)
        assert len(batch) == 50
        trials = [ended(len(proposals) + i, proposal) for i, proposal in enumerate(batch)]
        proposals += batch
        for trial in reversed(trials):
            strategy.tell(trial)
    new_members(NESTED, proposals)


def test_a_trial_may_be_told_twice(make):
    """As when a worker that was given up answers after all."""
    strategy = make(problem(NESTED), 0)
    proposals = []
    for number in range(80):
        (proposal,) = strategy.ask(1)
        proposals.append(proposal)
        trial = ended(number, proposal)
        for _ in range(1 + (number % 3 == 0)):
            strategy.tell(trial)
    new_members(NESTED, proposals)


def test_a_trial_may_never_be_told(make):
    strategy = make(problem(NESTED), 0)
    proposals = []
    for number in range(80):
        (proposal,) = strategy.ask(1)
        proposals.append(proposal)
        if number not in (0, 1, 7, 30):
            strategy.tell(done(number, proposal))
    new_members(NESTED, proposals)
    assert not {0, 1, 7, 30} & {proposal.continues for proposal in proposals}


@pytest.mark.parametrize("objectives", [["accuracy"], ["accuracy", "parameters"]])
@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf")])
def test_scores_that_are_no_numbers_are_survived(make, odd, objectives):
    """Some, from the first on: it goes on, and what has no number is not trained for longer."""
    strategy = make(problem(NESTED, objectives), 0)
    proposals = []
    for number in range(80):
        (proposal,) = strategy.ask(1)
        proposals.append(proposal)
        trial = done(number, proposal)
        if number % 4 == 0:
            score = replace(trial.metrics["accuracy"], value=odd)
            trial = replace(trial, metrics={**trial.metrics, "accuracy": score})
        strategy.tell(trial)
    new_members(NESTED, proposals)
    assert not any(proposal.continues in range(0, 80, 4) for proposal in proposals)


def new_members(space, proposals):
    """All are members of the space, and none repeats at a fidelity."""
    assert all(space.why_invalid(proposal.arch) is None for proposal in proposals)
    looks = [(proposal.arch.id, proposal.fidelity) for proposal in proposals]
    assert len(set(looks)) == len(looks)


def test_nothing_but_failures_is_survived(make):
    def failed(number, proposal):
        return Trial(number, proposal, State.FAILED, cause="out of memory")

    assert len(search(make(problem(NESTED), 0), 60, end=failed)) == 60


def test_nothing_but_infeasible_trials_is_survived(make):
    def infeasible(number, proposal):
        return Trial(number, proposal, State.INFEASIBLE, known(proposal.arch), cause="too slow")

    trials = search(make(problem(NESTED, limits=["latency_ms<=1"]), 0), 60, end=infeasible)
    assert len(trials) == 60


def test_trials_that_it_never_asked_for_are_taken_in(make):
    """From another study, say: they are not proposed again, and they count."""
    strategy = make(problem(TINY), 0)
    foreign = list(every(TINY, rng_for(0)))[:5]
    source = make(problem(TINY), 1).ask(1)[0]
    for number, arch in enumerate(foreign):
        strategy.tell(done(number, replace(source, arch=arch, fidelity=1.0)))
    trials = search(strategy, 30, end=done)
    assert not {trial.proposal.arch for trial in trials} & set(foreign)
    assert {trial.proposal.arch for trial in trials} | set(foreign) == set(every(TINY, rng_for(0)))


def test_what_is_known_to_break_a_limit_is_not_asked(make):
    """The limit leaves about a third of the space."""
    bound = float(np.quantile([size(arch) for arch in every(TABLE, rng_for(0))], 0.33))
    trials = search(make(problem(limits=[f"parameters<={bound}"]), 0), 80, end=done)
    assert max(size(trial.proposal.arch) for trial in trials) <= bound


def test_what_does_not_fit_the_input_is_not_asked_under_limits(make):
    task = replace(problem(limits=["parameters<=100000"]), known=unfit)
    trials = search(make(task, 0), 60, end=done)
    assert not {dict(trial.proposal.arch.choices)["e0"] for trial in trials} & {"a", "b"}


def test_a_limit_that_nothing_keeps_leads_to_what_is_near(make):
    """So that the user is told the nearest candidate."""
    sizes = sorted(size(arch) for arch in every(TABLE, rng_for(0)))
    trials = search(make(problem(limits=["parameters<=1"]), 0), 40, end=done)
    nearest = min(size(trial.proposal.arch) for trial in trials)
    assert nearest <= sizes[len(sizes) // 50]


@functools.cache
def bounds() -> tuple[np.ndarray, np.ndarray]:
    """The best and the 90th percentile of (error, log size) in the table."""
    rows = [(1.0 - accuracy(arch), np.log(size(arch))) for arch in every(TABLE, rng_for(0))]
    return np.min(rows, axis=0), np.quantile(rows, 0.9, axis=0)


def volume(archs: list[Arch]) -> float:
    """Hypervolume of (error, log size), scaled to the table."""
    low, high = bounds()
    found = np.array([(1.0 - accuracy(arch), np.log(size(arch))) for arch in archs])
    return hypervolume((found - low) / (high - low), (1.0, 1.0))


def within(strategy, compute: float) -> list[Arch]:
    """What it asks for with the compute of so many whole trainings."""
    spent, archs = 0.0, []
    while proposals := strategy.ask(1):
        spent += proposals[0].fidelity
        if spent > compute:
            break
        strategy.tell(done(len(archs), proposals[0]))
        archs.append(proposals[0].arch)
    return archs


@pytest.mark.parametrize("name", [name for name in DISTINCT if name not in YARDSTICKS])
def test_better_than_random_on_a_table(name):
    """At equal compute, mean of seeds: a fifth of the way from random to the whole table."""
    random = mean_volume("random")
    assert mean_volume(name) > random + 0.2 * (whole_volume() - random)


@functools.cache
def mean_volume(name: str) -> float:
    """What a strategy finds in the table, mean of four seeds."""
    make = load(STRATEGIES, "strategy", name)
    return float(np.mean([volume(within(make(problem(), seed), 120)) for seed in range(4)]))


@functools.cache
def whole_volume() -> float:
    """What there is to be found."""
    return volume(list(every(TABLE, rng_for(0))))


def test_one_objective_is_improved_faster_than_at_random(make):
    if make in [load(STRATEGIES, "strategy", name) for name in YARDSTICKS]:
        pytest.skip("it is a yardstick")
    assert mean_best(make) > mean_best(load(STRATEGIES, "strategy", "random"))


@functools.cache
def mean_best(make) -> float:
    """The best accuracy in the table that a strategy finds, mean of four seeds."""
    found = []
    for seed in range(4):
        archs = within(make(problem(objectives=["accuracy"]), seed), 100)
        found.append(max(map(accuracy, archs)))
    return float(np.mean(found))


def test_it_is_told_nothing_but_answers(make):
    """No global random state: drawing from it in between changes nothing."""
    first = search(make(problem(NESTED), 0), 30)
    strategy = make(problem(NESTED), 0)
    trials = []
    for number in range(30):
        np.random.seed(number)  # noqa: NPY002  # on purpose: it must not matter
        proposal = strategy.ask(1)[0]
        np.random.random(number)  # noqa: NPY002
        trials.append(ended(number, proposal))
        strategy.tell(trials[-1])
    assert asked(trials) == asked(first)


def test_the_toy_spaces_are_what_they_are_said_to_be():
    assert [space.size() for space in SPACES] == [3125, 5652, 9, 1]
    ids = [arch.id for arch in every(NESTED, rng_for(0))]
    assert len(set(ids)) == len(ids) == NESTED.size()
    assert all(a != b for a, b in pairwise(ids))
