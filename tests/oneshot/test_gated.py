"""Shared weights are first looks only where they rank as whole trainings do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from strategy_toys import NESTED, ONE, accuracy, done, problem, search, size

from brickwork.oneshot import SHARED
from brickwork.oneshot.gated import ENOUGH, PAIRS, Gated, agreement, believable, compared
from brickwork.quantity import How, Quantity
from brickwork.trial import Proposal, State, Trial, rng_for

SHORT = 0.25


def scored(number: int, proposal: Proposal, sign: float) -> Trial:
    """A trial whose score with shared weights ranks as a whole training, or the other way round."""
    trial = done(number, proposal)
    if proposal.fidelity != SHARED:
        return trial
    value = 0.5 + sign * 0.4 * (accuracy(proposal.arch) - 0.5)
    score = Quantity(value, "fraction", How.ESTIMATED)
    return replace(trial, metrics={**trial.metrics, "accuracy": score})


def run(sign: float, lag: int = 3) -> list[Trial]:
    strategy = Gated(problem(NESTED), 0, low=SHORT)
    return search(strategy, 60, lag, lambda number, proposal: scored(number, proposal, sign))


def test_the_gate_comes_first_and_has_both_scores_of_each_network():
    trials = run(1.0)
    gate = trials[: 2 * PAIRS]
    assert {t.proposal.fidelity for t in gate} == {1.0, SHARED}
    assert len(compared(gate, "accuracy")) == PAIRS
    sizes = [t.metrics["parameters"].value for t in gate if t.proposal.fidelity == 1.0]
    assert max(sizes) > 2 * min(sizes)  # spread along the cost
    drawn = sorted(size(NESTED.sample(rng_for(0, i))) for i in range(200))
    assert max(sizes) < 1.3 * drawn[100]  # the larger half would take most of the time


def test_shared_weights_that_rank_well_are_the_first_looks():
    later = run(1.0)[2 * PAIRS + 4 :]
    assert {t.proposal.fidelity for t in later} == {SHARED, 1.0}
    assert agreement(run(1.0), "accuracy") == pytest.approx(1.0)


def test_shared_weights_that_rank_badly_are_not_used_again():
    trials = run(-1.0)
    assert agreement(trials, "accuracy") < ENOUGH
    assert {t.proposal.fidelity for t in trials[2 * PAIRS + 4 :]} == {SHORT, 1.0}
    assert all(t.proposal.fidelity != SHARED for t in believable(trials, "accuracy"))
    assert believable(run(1.0), "accuracy") == run(1.0)


def test_without_one_shared_score_the_search_goes_on():
    def broken(number: int, proposal: Proposal) -> Trial:
        if proposal.fidelity == SHARED:
            return Trial(number, proposal, State.FAILED, cause="no supernet")
        return done(number, proposal)

    trials = search(Gated(problem(NESTED), 0, low=SHORT), 60, 3, broken)
    assert {t.proposal.fidelity for t in trials[-20:]} == {SHORT, 1.0}


def test_too_few_pairs_and_equal_scores_are_no_agreement():
    trials = run(1.0)
    assert agreement(trials[:6], "accuracy") == 0.0
    assert agreement(run(0.0), "accuracy") == 0.0
    assert agreement(trials, "auc") == 0.0


def test_a_space_of_one_network_has_no_gate():
    trials = search(Gated(problem(ONE), 0, low=SHORT), 10, 3, done)
    assert {t.proposal.fidelity for t in trials} == {SHORT, 1.0}


def test_what_is_open_when_the_gate_closes_is_not_asked_again():
    trials = run(1.0, lag=7)
    looks = [(t.proposal.arch.id, t.proposal.fidelity) for t in trials]
    assert len(set(looks)) == len(looks)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf")])
def test_scores_that_are_no_numbers_are_not_compared(odd):
    """Shared weights that give nothing else are as good as none."""

    def lost(number, proposal):
        trial = done(number, proposal)
        score = replace(trial.metrics["accuracy"], value=odd)
        return replace(trial, metrics={**trial.metrics, "accuracy": score})

    strategy = Gated(problem(NESTED), 0)
    trials = search(
        strategy, 60, end=lambda i, p: lost(i, p) if p.fidelity == SHARED else done(i, p)
    )
    assert len(compared(trials, "accuracy")) == 0
    assert any(trial.proposal.fidelity == 0.25 for trial in trials)
