"""Fidelities around a strategy: who goes on, when, and from where networks come."""

from __future__ import annotations

from collections import Counter

import pytest
from strategy_toys import NESTED, ONE, TINY, accuracy, done, problem, search

from brickwork.errors import BrickworkError, UnknownName
from brickwork.names import make_strategy, strategy_or_raise
from brickwork.objective import dominates
from brickwork.space import Arch
from brickwork.strategies.base import every
from brickwork.strategies.halving import Asha, Halving, Hyperband, Pasha
from brickwork.trial import Proposal, State, Trial, rng_for

RUNGS = (1 / 9, 1 / 3, 1.0)


class Listed:
    """Proposes all networks in order and remembers what it was told."""

    def __init__(self, archs: list[Arch]) -> None:
        self.left = list(archs)
        self.told: list[Trial] = []

    def ask(self, n: int) -> list[Proposal]:
        return [Proposal(self.left.pop(0)) for _ in range(min(n, len(self.left)))]

    def tell(self, trial: Trial) -> None:
        self.told.append(trial)


class Generations(Listed):
    """Proposes six, then waits for what they came to; ``left`` in all."""

    def __init__(self, archs: list[Arch]) -> None:
        super().__init__(archs)
        self.out: set[str] = set()

    def ask(self, n: int) -> list[Proposal]:
        if self.out and len(self.left) % 6 == 0:
            return []
        proposals = super().ask(n)
        self.out |= {proposal.arch.id for proposal in proposals}
        return proposals

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self.out.discard(trial.proposal.arch.id)


def counts(trials: list[Trial]) -> list[int]:
    found = Counter(trial.proposal.fidelity for trial in trials)
    return [found[rung] for rung in RUNGS]


@pytest.mark.parametrize("make", [Asha, Halving, Hyperband, Pasha])
def test_networks_come_from_the_inner_strategy_which_is_told_every_score(make) -> None:
    inner = Listed(list(every(NESTED, rng_for(0)))[:40])
    wanted = [arch.id for arch in inner.left]
    trials = search(make(problem(NESTED), 0, inner=lambda *_: inner), 40, end=done)
    first = [t.proposal.arch.id for t in trials if t.proposal.continues is None]
    assert first == wanted[: len(first)]
    assert inner.told == trials


@pytest.mark.parametrize("lag", [1, 3, 8])
@pytest.mark.parametrize("make", [Asha, Halving, Hyperband, Pasha])
def test_an_inner_strategy_may_wait_for_what_it_is_to_hear(make, lag: int) -> None:
    """Nothing is drawn in its place until it has heard all and proposes nothing."""
    inner = Generations(list(every(NESTED, rng_for(0)))[:36])
    wanted = [arch.id for arch in inner.left]
    trials = search(make(problem(NESTED), 0, inner=lambda *_: inner), 120, lag=lag, end=done)
    first = sorted((t.number, t.proposal.arch.id) for t in trials if t.proposal.continues is None)
    assert [id for _, id in first][: len(wanted)] == wanted
    assert len(trials) > 36
    whole = {t.proposal.arch.id for t in trials if t.proposal.fidelity == 1}
    assert whole & set(wanted)


def test_asha_promotes_one_in_three_of_each_rung_as_soon_as_it_is_due() -> None:
    trials = search(Asha(problem(NESTED, ["accuracy"]), 0), 200, end=done)
    low, middle, high = counts(trials)
    assert low // 3 <= middle <= low // 2  # more than a third: the best third changes as it grows
    assert middle // 3 <= high <= middle // 2
    early = trials[:4]
    assert [trial.proposal.fidelity for trial in early] == [1 / 9, 1 / 9, 1 / 9, 1 / 3]
    best = max(early[:3], key=lambda trial: accuracy(trial.proposal.arch, 1 / 9))
    assert early[3].proposal.arch == best.proposal.arch
    assert early[3].proposal.continues == best.number


def test_of_several_objectives_nothing_goes_on_before_what_dominates_it() -> None:
    task = problem(NESTED)
    trials = search(Asha(task, 1), 120, end=done)
    low = [trial for trial in trials if trial.proposal.fidelity == 1 / 9]
    losses = {trial.proposal.arch.id: task.losses(trial.metrics) for trial in low}
    for trial in trials:
        if trial.proposal.fidelity != 1 / 3:
            continue
        before = [t for t in low if t.number < trial.number]
        gone = {
            t.proposal.arch.id
            for t in trials
            if t.proposal.fidelity == 1 / 3 and t.number <= trial.number
        }
        ahead = [
            t
            for t in before
            if dominates(losses[t.proposal.arch.id], losses[trial.proposal.arch.id])
            and t.proposal.arch.id not in gone
        ]
        assert not ahead


def test_small_networks_stay_in_the_race() -> None:
    """Short trainings under-rank them, but they are on the front by their size."""
    trials = search(Asha(problem(NESTED), 0), 150, end=done)
    sizes = {t.proposal.fidelity: [] for t in trials}
    for trial in trials:
        sizes[trial.proposal.fidelity].append(trial.metrics["parameters"].value)
    assert min(sizes[1.0]) <= sorted(sizes[1 / 9])[len(sizes[1 / 9]) // 10]


def test_halving_waits_for_all_of_a_bracket() -> None:
    trials = search(Halving(problem(NESTED, ["accuracy"]), 0), 13, end=done)
    assert counts(trials) == [9, 3, 1]
    assert [t.proposal.fidelity for t in trials] == [1 / 9] * 9 + [1 / 3] * 3 + [1.0]
    ranked = sorted(trials[:9], key=lambda t: -accuracy(t.proposal.arch, 1 / 9))
    assert {t.proposal.arch.id for t in trials[9:12]} == {t.proposal.arch.id for t in ranked[:3]}


def test_halving_begins_another_bracket_rather_than_wait() -> None:
    strategy = Halving(problem(NESTED, ["accuracy"]), 0)
    asked = strategy.ask(12)
    assert [proposal.fidelity for proposal in asked] == [1 / 9] * 12
    for number, proposal in enumerate(asked[:9]):
        strategy.tell(done(number, proposal))
    assert [proposal.fidelity for proposal in strategy.ask(4)] == [1 / 3] * 3 + [1 / 9]


def test_a_bracket_goes_on_without_what_failed() -> None:
    def end(number: int, proposal: Proposal) -> Trial:
        if number < 7:
            return Trial(number, proposal, State.FAILED, cause="out of memory")
        return done(number, proposal)

    trials = search(Halving(problem(NESTED), 0), 14, end=end)
    assert [t.proposal.fidelity for t in trials[9:11]] == [1 / 3] * 2  # the two that are left
    assert {t.proposal.arch for t in trials[9:11]} == {t.proposal.arch for t in trials[7:9]}


def test_hyperband_begins_at_each_rung_in_turn() -> None:
    trials = search(Hyperband(problem(NESTED, ["accuracy"]), 0), 22, end=done)
    first = [t.proposal.fidelity for t in trials if t.proposal.continues is None]
    assert first == [1 / 9] * 9 + [1 / 3] * 5 + [1.0] * 3
    assert counts(trials) == [9, 8, 5]


def test_pasha_trains_longer_only_while_rungs_disagree() -> None:
    def steady(number: int, proposal: Proposal) -> Trial:
        return done(number, Proposal(proposal.arch))  # the same score at every fidelity

    agree = search(
        Pasha(problem(NESTED, ["accuracy"]), 0), 90, end=lambda n, p: _as(p, steady(n, p))
    )
    differ = search(Pasha(problem(NESTED, ["accuracy"]), 0), 90, end=done)
    asha = search(Asha(problem(NESTED, ["accuracy"]), 0), 90, end=done)
    assert counts(agree)[2] == 0
    assert counts(agree)[1] >= counts(agree)[0] // 3
    assert counts(differ)[2] <= counts(asha)[2]


def _as(proposal: Proposal, trial: Trial) -> Trial:
    return Trial(trial.number, proposal, trial.state, trial.metrics)


@pytest.mark.parametrize("make", [Asha, Halving, Hyperband, Pasha])
@pytest.mark.parametrize("space", [ONE, TINY])
def test_the_best_of_a_small_space_is_trained_in_full(make, space) -> None:
    trials = search(make(problem(space), 0), 60, end=done)
    whole = [t.proposal.arch for t in trials if t.proposal.fidelity == 1]
    best = max((t.proposal.arch for t in trials), key=accuracy)
    assert best in whole


def test_with_one_fidelity_all_trainings_are_whole() -> None:
    trials = search(Asha(problem(NESTED), 0, rungs=(1.0,)), 30, end=done)
    assert {trial.proposal.fidelity for trial in trials} == {1.0}
    for rungs in [(), (0.5,), (1.0, 0.5), (0.5, 0.5, 1.0)]:
        with pytest.raises(ValueError, match="rise to 1"):
            Asha(problem(NESTED), 0, rungs=rungs)


def test_a_strategy_around_another_is_named_with_a_colon() -> None:
    made = make_strategy("asha:evolution", problem(NESTED), 0, low=0.5, rungs=(0.5, 1.0))
    trials = search(made, 60, end=done)
    assert {trial.proposal.fidelity for trial in trials} == {0.5, 1.0}
    other = search(make_strategy("asha", problem(NESTED), 0, rungs=(0.5, 1.0)), 60, end=done)
    assert [t.proposal for t in trials] != [t.proposal for t in other]
    with pytest.raises(UnknownName, match="evolutoin"):
        strategy_or_raise("asha:evolutoin")
    with pytest.raises(BrickworkError, match=r"'evolution' takes no other strategy.*asha"):
        strategy_or_raise("evolution:asha")
    with pytest.raises(BrickworkError, match="name the one that it stands around"):
        strategy_or_raise("asha:")
    for name in ("asha:asha", "halving:hyperband"):
        with pytest.raises(BrickworkError, match="trains in several steps itself"):
            strategy_or_raise(name)
    with pytest.raises(BrickworkError, match="runs by itself only"):
        strategy_or_raise("asha:sandwich")
