"""What is suggested is trained first, inside the limits; then the default search goes on."""

from __future__ import annotations

import pytest
from strategy_toys import NESTED, TABLE, done, ended, problem, search, size

from brickwork.oneshot.preparing import Suggestion, Suggestions
from brickwork.oneshot.suggested import Suggested
from brickwork.space import Arch
from brickwork.trial import Proposal, rng_for

LOW = 0.25


def some(n: int, seed: int = 0) -> list[Arch]:
    rng = rng_for(seed, "suggested")
    return [NESTED.sample(rng) for _ in range(n)]


def made(archs: list[Arch], **settings) -> Suggested:
    suggestions = [Suggestion(arch) for arch in archs]
    return Suggested(problem(NESTED, **settings), 0, low=LOW, suggestions=suggestions)


def test_suggestions_come_first_in_their_order_at_full_length():
    archs = some(6)
    trials = search(made(archs), 60, lag=3)
    assert [trial.proposal for trial in trials[:6]] == [Proposal(arch) for arch in archs]
    assert {trial.proposal.fidelity for trial in trials[6:]} == {LOW, 1.0}


def test_what_breaks_a_limit_is_not_proposed():
    archs = sorted(some(9), key=size)
    trials = search(made(archs, limits=[f"parameters<={size(archs[4])}"]), 30, end=done)
    assert [t.proposal.arch for t in trials[:5]] == archs[:5]
    assert not {t.proposal.arch for t in trials} & set(archs[5:])


def test_what_is_no_member_of_the_space_is_not_proposed():
    stranger = TABLE.extremes()[0]
    trials = search(made([stranger, *some(2)]), 20)
    assert [t.proposal.arch for t in trials[:2]] == some(2)
    assert stranger not in {t.proposal.arch for t in trials}


def test_nothing_is_asked_twice_at_one_fidelity():
    archs = [NESTED.extremes()[0], *some(4), *some(4), NESTED.extremes()[1]]
    for low in (LOW, 1.0):
        suggestions = [Suggestion(arch) for arch in archs]
        strategy = Suggested(problem(NESTED), 0, low=low, suggestions=suggestions)
        looks = [(t.proposal.arch.id, t.proposal.fidelity) for t in search(strategy, 120, lag=4)]
        assert len(set(looks)) == len(looks)


def test_the_search_learns_from_what_was_suggested():
    """It knows their outcome: whole trainings of them are not asked for again, nor first looks."""
    archs = some(6)
    trials = search(made(archs), 60, lag=1, end=done)
    assert not {t.proposal.arch for t in trials[6:]} & set(archs)


@pytest.mark.parametrize("lag", [1, 3])
def test_the_same_suggestions_and_answers_give_the_same_proposals(lag):
    runs = [search(made(some(6)), 40, lag, ended) for _ in range(2)]
    assert [t.proposal for t in runs[0]] == [t.proposal for t in runs[1]]


def test_those_of_several_workers_are_taken_in_turn_and_once():
    a, b, c = some(3)
    first = Suggestions((Suggestion(a, 0.9), Suggestion(b, 0.5)), "One collapsed.")
    second = Suggestions((Suggestion(b, 0.8), Suggestion(c), Suggestion(a)), "One collapsed.")
    merged = Suggestions.merged([first, Suggestions(), second])
    assert [one.arch for one in merged.found] == [a, b, c]
    assert [one.score for one in merged.found] == [0.9, 0.8, None]
    assert merged.said == "One collapsed."
    assert Suggestions.from_json(merged.to_json()) == merged
    assert Suggestions.merged([]) == Suggestions()
