"""What single strategies do, as their papers say."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from strategy_toys import NESTED, TABLE, TINY, accuracy, done, problem, search, size

from brickwork.errors import BrickworkError
from brickwork.strategies.base import Asked, every
from brickwork.strategies.controllers import Ppo, Reinforce
from brickwork.strategies.evolution import Tchebycheff
from brickwork.strategies.grid import Grid, coarse
from brickwork.strategies.local import Local
from brickwork.strategies.samplers import OptunaTpe
from brickwork.trial import rng_for


def test_a_grid_begins_with_the_ends_and_halves_its_steps() -> None:
    assert coarse("abcdefghi", 0) == ["a", "i"]
    assert coarse("abcdefghi", 1) == ["a", "e", "i"]
    assert coarse("abcdefghi", 2) == ["a", "c", "e", "g", "i"]
    assert coarse("ab", 3) == ["a", "b"]
    assert coarse("a", 0) == ["a"]
    trials = search(Grid(problem(TABLE), 0), 12, end=done)
    options = {option for t in trials for _, option in t.proposal.arch.choices}
    assert options <= {"a", "e"}
    more = search(Grid(problem(TABLE), 0), 120, end=done)
    assert {option for t in more for _, option in t.proposal.arch.choices} == set("ace")


def test_local_search_asks_for_neighbours_of_the_best() -> None:
    strategy = Local(problem(TABLE, ["accuracy"]), 0, starts=5)
    trials = search(strategy, 60, end=done)
    for trial in trials[5:40]:
        best = max(trials[: trial.number], key=lambda t: accuracy(t.proposal.arch))
        differs = set(trial.proposal.arch.choices) ^ set(best.proposal.arch.choices)
        assert len(differs) == 2


def test_local_search_ends_in_an_optimum_and_starts_anew() -> None:
    trials = search(Local(problem(TINY, ["accuracy"]), 0, starts=1), 9, end=done)
    assert len({trial.proposal.arch for trial in trials}) == 9


def test_random_weights_find_ends_and_middle_of_the_front() -> None:
    trials = search(Tchebycheff(problem(TABLE), 0, population=20, sample=10), 200, end=done)
    sizes = [size(trial.proposal.arch) for trial in trials]
    every_size = sorted(size(arch) for arch in every(TABLE, rng_for(0)))
    assert min(sizes) <= every_size[len(every_size) // 50]
    early, late = trials[:20], trials[-60:]
    assert np.mean([accuracy(t.proposal.arch) for t in late]) > np.mean(
        [accuracy(t.proposal.arch) for t in early]
    )


def test_a_controller_moves_towards_what_was_better() -> None:
    """The gradient of the log-probability, by hand, of two decisions told apart by one option."""
    made = Reinforce(problem(TINY, ["accuracy"]), 0, rate=1.0, entropy=0.0)
    good, bad = (TINY.arch({"a": a, "b": False}) for a in (1, 3))
    made._learn([(good, 0.5), (bad, -0.5)])
    assert made._logits["a"] == pytest.approx(np.array([0.25, 0.0, -0.25]))
    assert made._logits["b"] == pytest.approx(np.zeros(2))
    assert made._logits["b.c"] == pytest.approx(np.zeros(2))  # was not chosen


def test_proximal_steps_stop_where_a_probability_has_moved_far() -> None:
    plain = Reinforce(problem(TINY, ["accuracy"]), 0, rate=5.0, entropy=0.0)
    near = Ppo(problem(TINY, ["accuracy"]), 0, rate=5.0, entropy=0.0)
    told = [(TINY.arch({"a": 1, "b": False}), 0.5)]
    for _ in range(4):
        plain._learn(told)
    near._learn(told)  # four steps on one batch
    assert 0 < near._logits["a"][0] < plain._logits["a"][0]
    ratio = np.exp(near._logits["a"])[0] / np.exp(near._logits["a"]).sum() * 3
    assert ratio > 1.2  # the step that crosses the bound is the last one


@pytest.mark.parametrize("make", [Reinforce, Ppo])
def test_a_controller_learns_limits_without_a_training(make) -> None:
    strategy = make(problem(TABLE, limits=["parameters<=300"]), 0)
    for _ in range(60):
        strategy.ask(1)  # nothing is told
    drawn = [size(strategy._draw(rng_for(i, "draw"))) for i in range(200)]
    free = [size(TABLE.sample(rng_for(i, "draw"))) for i in range(200)]
    assert np.mean(np.array(drawn) <= 300) > 2 * np.mean(np.array(free) <= 300)


def test_what_is_new_and_keeps_a_tight_limit_is_found_by_walking() -> None:
    """One network in 150 keeps the limit; 64 samples rarely hit one."""
    sizes = sorted(size(arch) for arch in every(NESTED, rng_for(0)))
    bound = sizes[len(sizes) // 150]
    asked = Asked(problem(NESTED, limits=[f"parameters<={bound}"]), 0)
    found = [asked.fresh(rng_for(i, "tight")) for i in range(20)]
    assert all(arch is not None and size(arch) <= bound for arch in found)
    assert len({arch.id for arch in found if arch is not None}) == 20


def test_a_sampler_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(BrickworkError, match=r"brickwork\[optuna\]"):
        OptunaTpe(problem(TABLE), 0)
