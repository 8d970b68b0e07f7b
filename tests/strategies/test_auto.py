"""The default strategy: what it trains again, where it starts, what it thinks is bad."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from strategy_toys import NESTED, TINY, accuracy, done, problem, search, size

from brickwork.names import make_strategy
from brickwork.objective import hypervolume
from brickwork.quantity import Quantity
from brickwork.strategies.auto import Auto
from brickwork.strategies.base import every
from brickwork.trial import Proposal, Trial, rng_for

NOISE = 0.02
CHEAP = 0.3


def noisy(number: int, proposal: Proposal) -> Trial:
    """A training whose score depends on its seed."""
    trial = done(number, proposal)
    seen = trial.metrics["accuracy"]
    off = NOISE * rng_for(9, proposal.arch.id, proposal.repetition).standard_normal()
    return replace(
        trial, metrics={**trial.metrics, "accuracy": replace(seen, value=seen.value + off)}
    )


def again(repetitions: int, seed: int = 0, n: int = 80, **settings) -> list[Trial]:
    task = replace(problem(**settings), repetitions=repetitions)
    return search(Auto(task, seed, low=1.0), n, lag=2, end=noisy)


def test_the_best_few_are_trained_again_with_other_seeds() -> None:
    trials = again(3)
    repeated = [t for t in trials if t.proposal.repetition > 0]
    assert 6 <= len(repeated) <= len(trials) / 5
    looks = [(t.proposal.arch.id, t.proposal.repetition) for t in trials]
    assert len(set(looks)) == len(looks)
    assert max(t.proposal.repetition for t in trials) <= 2
    for trial in repeated:  # hardly any of those before were better and smaller
        before = [t for t in trials[: trial.number] if t.proposal.repetition == 0]
        own = next(t for t in before if t.proposal.arch == trial.proposal.arch)
        ahead = sum(
            t.metrics["accuracy"].value > own.metrics["accuracy"].value + NOISE
            and t.metrics["parameters"].value < own.metrics["parameters"].value
            for t in before
        )
        assert ahead <= len(before) / 10


def test_where_a_seed_changes_nothing_nothing_is_trained_again() -> None:
    assert all(t.proposal.repetition == 0 for t in again(1))


def test_looks_are_not_repeated_whole_trainings_are() -> None:
    task = replace(problem(NESTED), repetitions=4)
    trials = search(Auto(task, 0, low=0.2), 120, lag=3, end=noisy)
    repeated = [t for t in trials if t.proposal.repetition > 0]
    assert repeated
    assert all(t.proposal.fidelity == 1.0 for t in repeated)
    whole = sum(t.proposal.fidelity == 1.0 for t in trials)
    assert len(repeated) <= 1 + whole / 6


def test_what_was_trained_several_times_counts_by_its_mean() -> None:
    """A lucky first seed is no longer ahead once others were seen."""
    task = replace(problem(TINY, ["accuracy"]), repetitions=4)
    first, second, *_ = every(TINY, rng_for(0))
    strategy = Auto(task, 0, low=1.0, starts=2)
    for number, (arch, value, repetition) in enumerate(
        [(first, 0.95, 0), (second, 0.9, 0), (first, 0.7, 1), (first, 0.72, 2)]
    ):
        trial = done(number, Proposal(arch, repetition=repetition))
        score = replace(trial.metrics["accuracy"], value=value)
        strategy.tell(replace(trial, metrics={**trial.metrics, "accuracy": score}))
    strategy.ask(3)
    assert strategy._elite == [second]


def test_a_history_with_repetitions_is_replayed_from_json() -> None:
    task = replace(problem(), repetitions=3)
    strategy = Auto(task, 0, low=1.0)
    trials = search(strategy, 60, end=noisy)
    assert any(t.proposal.repetition for t in trials)
    following = strategy.ask(1)
    second = Auto(task, 0, low=1.0)
    for trial in trials:
        assert second.ask(1) == [trial.proposal]
        second.tell(Trial.from_json(trial.to_json()))
    assert second.ask(1) == following


def test_networks_that_learn_nothing_do_not_draw_the_search_to_them() -> None:
    """A fifth of the space is cheap and at chance: once that is seen, it is hardly asked for."""
    task = problem()

    def dead(arch) -> bool:
        return dict(arch.choices)["e0"] == "a"

    def end(number: int, proposal: Proposal) -> Trial:
        trial = done(number, proposal)
        if not dead(proposal.arch):
            return trial
        scale = {n: replace(q, value=q.value * CHEAP) for n, q in task.known(proposal.arch).items()}
        chance = replace(trial.metrics["accuracy"], value=0.1)
        return replace(trial, metrics={**trial.metrics, **scale, "accuracy": chance})

    def known(arch) -> dict[str, Quantity]:
        factor = CHEAP if dead(arch) else 1.0
        return {n: replace(q, value=q.value * factor) for n, q in task.known(arch).items()}

    trials = search(Auto(replace(task, known=known), 0, low=1.0), 60, end=end)
    assert sum(dead(t.proposal.arch) for t in trials[20:]) <= 8


@pytest.mark.parametrize(("objectives", "starts"), [(("accuracy",), 6), (("accuracy", "macs"), 10)])
def test_starting_points_cover_a_front_or_begin_a_climb(objectives, starts) -> None:
    strategy = Auto(problem(objectives=objectives), 0, low=1.0)
    first = [p.arch for p in strategy.ask(starts)]
    assert len(set(first)) == starts
    assert strategy._todo == []


def luck(arch) -> float:
    """A quality in [0, 1) that decisions say nothing of."""
    return float(rng_for(7, arch.id).random())


def informed(known: bool = True):
    """Accuracy alone, and a score of each network that goes with it, if it is known."""

    def score(arch) -> float:
        return (luck(arch) + 0.2 * float(rng_for(8, arch.id).random())) / 1.2 if known else np.nan

    return replace(problem(objectives=("accuracy",)), scores={"untrained": score})


def lucky(number: int, proposal: Proposal) -> Trial:
    trial = done(number, proposal)
    score = replace(trial.metrics["accuracy"], value=0.5 + 0.4 * luck(proposal.arch))
    return replace(trial, metrics={**trial.metrics, "accuracy": score})


@pytest.mark.parametrize("name", ["auto", "bayesian"])
def test_what_is_known_of_untrained_networks_is_learned_from(name: str) -> None:
    """Nothing else tells good from bad here: without scores a search is blind."""
    found = {}
    for known in (True, False):
        strategy = make_strategy(name, informed(known), 0, low=1.0)
        trials = search(strategy, 50, lag=2, end=lucky)
        found[known] = np.mean([luck(trial.proposal.arch) for trial in trials[20:]])
    assert found[True] > found[False] + 0.1, found


def test_scores_are_never_wanted_and_a_history_with_them_is_replayed() -> None:
    strategy = Auto(informed(), 0, low=1.0)
    trials = search(strategy, 30, lag=2, end=lucky)
    assert strategy._outlook.learned == ("accuracy",)
    second = Auto(informed(), 0, low=1.0)
    again = search(second, 30, lag=2, end=lucky)
    assert [t.proposal for t in again] == [t.proposal for t in trials]


@pytest.mark.parametrize("low", [0.2, 1.0])
def test_the_explanation_says_what_is_done_and_no_more(low: float) -> None:
    one = problem(objectives=("accuracy",), limits=["unsupported_ops<=0"])
    plain = Auto(replace(one, known=lambda _: {}), 0, low=low).explain()
    assert (
        "starts with 6 networks unlike each other; then a predictor learns accuracy from" in plain
    )
    assert "hypervolume" not in plain
    assert "scores" not in plain
    assert ("first look takes 20 %" in plain) == (low < 1)
    both = Auto(replace(informed(), objectives=problem().objectives, repetitions=3), 0, low=low)
    said = both.explain()
    assert "starts with 10 networks spread along the cost" in said
    assert "hypervolume over parameters" in said
    assert "scores of untrained networks" in said
    assert "another seed" in said
    assert "\n" not in said
    assert not said.endswith(".")


def test_the_small_end_of_the_front_survives_first_looks() -> None:
    """Short trainings are worst for small networks here, and most of the front is small."""
    task = problem(NESTED)
    members = list(every(NESTED, rng_for(0)))
    table = np.array([[1 - accuracy(a), np.log(size(a))] for a in members])
    cheap = table[:, 1] <= np.quantile(table[:, 1], 0.25)
    low = table[cheap].min(axis=0)
    width = np.quantile(table[cheap], 0.9, axis=0) - low
    whole = hypervolume((table[cheap] - low) / width, [1.0, 1.0])
    reached = []
    for seed in range(3):
        trials = search(Auto(task, seed, low=0.1), 200, lag=2, end=done)
        full = [t.proposal.arch for t in trials if t.proposal.fidelity == 1.0]
        found = np.array([[1 - accuracy(a), np.log(size(a))] for a in full])
        reached.append(hypervolume((found - low) / width, [1.0, 1.0]) / whole)
    assert np.mean(reached) > 0.9, reached
