"""Scores of untrained networks decide only where they rank as whole trainings do."""

from __future__ import annotations

import numpy as np
import pytest
from strategy_toys import NESTED, ONE, accuracy, done, problem, search, size

from brickwork.objective import front
from brickwork.oneshot.gated import ENOUGH, PAIRS, agreement, compared
from brickwork.oneshot.preparing import Suggestion
from brickwork.oneshot.zero_cost import ZeroCost
from brickwork.space import Arch
from brickwork.trial import Proposal, State, Trial, rng_for

LOW = 0.25


def pool(sign: float = 1.0, count: int = 200) -> list[Suggestion]:
    """Networks with scores that rank as their accuracy does, or the other way round."""
    rng = rng_for(0, "pool")
    archs = [NESTED.sample(rng) for _ in range(count)]
    found = [Suggestion(arch, sign * accuracy(arch)) for arch in archs]
    return sorted(found, key=lambda one: -one.score)


def run(suggestions: list[Suggestion], end=done, lag: int = 3, **settings) -> list[Trial]:
    strategy = ZeroCost(problem(NESTED, **settings), 0, low=LOW, suggestions=suggestions)
    return search(strategy, 60, lag, end)


def whole(trials: list[Trial]) -> list[Arch]:
    return [trial.proposal.arch for trial in trials if trial.proposal.fidelity == 1.0]


def best(suggestions: list[Suggestion]) -> set[Arch]:
    """Those that no other beats in score and size."""
    keep = front([[-one.score, size(one.arch)] for one in suggestions])
    return {one.arch for one, kept in zip(suggestions, keep, strict=True) if kept}


def scores(suggestions: list[Suggestion]) -> dict[str, float]:
    return {one.arch.id: one.score for one in suggestions}


def test_the_gate_comes_first_and_is_spread_along_the_cost():
    found = pool()
    gate = run(found)[:PAIRS]
    assert {trial.proposal.fidelity for trial in gate} == {1.0}
    sizes = [size(trial.proposal.arch) for trial in gate]
    assert sizes == sorted(sizes)
    every = sorted(size(one.arch) for one in found)
    ordinary = float(np.median([size(NESTED.sample(rng_for(0, i))) for i in range(400)]))
    assert sizes[0] == every[0]
    assert 0.5 * ordinary < sizes[-1] < 1.3 * ordinary  # larger ones would take most of the time


def test_scores_that_rank_well_are_trained_first():
    found = pool()
    trials = run(found)
    assert agreement(trials, "accuracy", scores(found)) == pytest.approx(1.0)
    gate = set(whole(trials[:PAIRS]))
    next_ones = [t for t in trials[PAIRS : PAIRS + 3 + 4] if t.proposal.fidelity == 1.0]
    assert len(next_ones) >= 4  # what was begun before the gate was decided is a first look
    assert {trial.proposal.arch for trial in next_ones} <= best(found) - gate
    assert {trial.proposal.fidelity for trial in trials[-20:]} == {LOW, 1.0}


def test_scores_that_rank_badly_are_not_used():
    found = pool(-1.0)
    trials = run(found)
    assert agreement(trials, "accuracy", scores(found)) < ENOUGH
    assert not set(whole(trials[PAIRS:])) & (best(found) - set(whole(trials[:PAIRS])))
    assert {trial.proposal.fidelity for trial in trials[PAIRS:]} == {LOW, 1.0}


def test_equal_scores_are_no_agreement():
    found = [Suggestion(one.arch, 0.5) for one in pool()]
    assert agreement(run(found), "accuracy", scores(found)) == 0.0


def test_a_gate_network_that_fails_is_replaced_and_the_gate_still_decides():
    found = pool()

    def end(number: int, proposal: Proposal) -> Trial:
        if number in (1, 4):
            return Trial(number, proposal, State.FAILED, cause="worker died")
        return done(number, proposal)

    trials = run(found, end)
    assert len(compared(trials, "accuracy", scores(found))) == PAIRS
    assert len(set(whole(trials)) & best(found) - set(whole(trials[:PAIRS]))) >= 4


def test_nothing_but_failures_ends_in_the_default_search():
    def end(number: int, proposal: Proposal) -> Trial:
        if proposal.fidelity == 1.0:
            return Trial(number, proposal, State.FAILED, cause="worker died")
        return done(number, proposal)

    trials = run(pool(), end)
    assert len(trials) == 60
    assert {trial.proposal.fidelity for trial in trials[20:30]} >= {LOW}


def test_what_breaks_a_limit_is_no_part_of_the_gate():
    found = pool()
    bound = sorted(size(one.arch) for one in found)[100]
    trials = run(found, limits=[f"parameters<={bound}"])
    assert max(size(trial.proposal.arch) for trial in trials) <= bound
    assert len(compared(trials, "accuracy", scores(found))) == PAIRS


def test_too_few_scores_are_the_default_search():
    found = pool(count=PAIRS - 1)
    plain = run([])
    assert [t.proposal for t in run(found)] == [t.proposal for t in plain]
    assert plain[0].proposal.fidelity == LOW


def test_a_space_of_one_network_is_simply_trained():
    trials = search(ZeroCost(problem(ONE), 0, low=LOW), 10, 3, done)
    assert {trial.proposal.arch for trial in trials} == {ONE.extremes()[0]}
