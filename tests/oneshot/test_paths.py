"""Which members a step of weight-sharing training runs, rule by rule."""

from __future__ import annotations

from collections import Counter

import pytest
from strategy_toys import NESTED, ONE, TABLE, TINY

from brickwork.names import SUPERNETS, load
from brickwork.oneshot.paths import Fair, Progressive, Sandwich, Uniform
from brickwork.trial import rng_for


@pytest.mark.parametrize("name", SUPERNETS)
@pytest.mark.parametrize("space", [TABLE, NESTED, TINY, ONE], ids=lambda space: space.name)
def test_every_rule_gives_valid_members_that_follow_the_seed(name, space):
    rule = load(SUPERNETS, "strategy", name)(space)
    for progress in (0.0, 0.3, 0.6, 0.99):
        found = rule.paths(progress, rng_for(0, "paths"))
        assert found
        assert all(space.why_invalid(arch) is None for arch in found)
        assert list(found) == list(rule.paths(progress, rng_for(0, "paths")))


def test_uniform_draws_every_option_about_equally_often():
    rng = rng_for(0, "uniform")
    counts = Counter(dict(Uniform(TABLE).paths(0.0, rng)[0].choices)["e0"] for _ in range(1000))
    assert set(counts) == set("abcde")
    assert all(150 < count < 250 for count in counts.values())


def test_fair_trains_each_option_of_each_decision_once_in_a_step():
    found = Fair(TABLE).paths(0.0, rng_for(0, "fair"))
    for decision in TABLE.decisions():
        assert sorted(dict(arch.choices)[decision.name] for arch in found) == list("abcde")


def test_fair_goes_round_where_there_are_fewer_options():
    found = Fair(TINY).paths(0.0, rng_for(0, "fair"))
    assert len(found) == 3  # as many as the most options
    counts = Counter(dict(arch.choices)["b"] for arch in found)
    assert sorted(counts.values()) == [1, 2]


def test_a_sandwich_has_both_ends_and_the_largest_teaches():
    rule = Sandwich(NESTED, between=2)
    smallest, largest = NESTED.extremes()
    found = rule.paths(0.0, rng_for(0, "sandwich"))
    assert (found[0], found[1], len(found)) == (largest, smallest, 4)
    assert rule.teaches


def test_progressive_opens_depths_before_widths():
    rule = Progressive(NESTED)
    largest = NESTED.extremes()[1]
    assert rule.paths(0.0, rng_for(0, "p")) == [largest]
    widths, depths = set(), set()
    for seed in range(40):
        for arch in rule.paths(0.6, rng_for(seed, "p")):  # kernels and depths are open
            values = dict(arch.choices)
            widths |= {option for name, option in values.items() if name.endswith("width")}
            depths.add(values["stage.depth"])
    assert widths == {32}
    assert depths == {1, 2, 3}
    last = {
        dict(a.choices)["stage.0.width"]
        for s in range(40)
        for a in rule.paths(0.9, rng_for(s, "p"))
    }
    assert last == {4, 8, 16, 32}
