"""The choice of networks: what it is compared with, and what it may not do."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from brickwork.calibration.design import choose, information
from brickwork.calibration.pool import candidates, fits, witnesses
from brickwork.devices import load_target
from brickwork.devices.target import COEFFICIENTS
from brickwork.devices.work import MACS
from brickwork.errors import DataError


def pool_of(count: int, seed: int = 0) -> np.ndarray:
    """Made-up work: each network does mostly one kind."""
    rng = np.random.default_rng(seed)
    amounts = 10.0 ** rng.uniform(2, 6, (count, len(COEFFICIENTS)))
    amounts[:, COEFFICIENTS.index("op")] = rng.uniform(5, 50, count)
    amounts[:, COEFFICIENTS.index("network")] = 1.0
    return amounts


def test_a_choice_tells_more_than_chance():
    amounts, rng = pool_of(200), np.random.default_rng(1)
    chosen = information(amounts[choose(amounts, 16, lambda _: True)])
    random = [information(amounts[rng.choice(200, 16, replace=False)]) for _ in range(50)]
    assert chosen > max(random)


def test_a_small_choice_is_near_the_best_of_all():
    amounts = pool_of(12)
    best = max(information(amounts[list(some)]) for some in combinations(range(12), 4))
    assert information(amounts[choose(amounts, 4, lambda _: True)]) >= (1 - 1 / np.e) * best


def test_all_sizes_give_as_many():
    amounts = pool_of(100)
    order = np.argsort(amounts[:, MACS].sum(axis=1))
    place = {int(one): i // 25 for i, one in enumerate(order)}
    chosen = choose(amounts, 12, lambda _: True)
    assert np.bincount([place[one] for one in chosen]).tolist() == [3, 3, 3, 3]


def test_what_is_not_allowed_is_left_out_and_what_is_given_is_in():
    amounts = pool_of(40)
    chosen = choose(amounts, 10, lambda one: one % 2 == 0, first=(4, 6))
    assert chosen[:2] == [4, 6]
    assert len(set(chosen)) == 10
    assert not any(one % 2 for one in chosen)
    assert sorted(choose(amounts, 99, lambda one: one < 7)) == list(range(7))


def test_the_same_twice_tells_less_than_two():
    amounts = pool_of(2)
    both, twice = information(amounts), information(amounts[[0, 0]])
    assert information(amounts[:1]) < twice < both


def test_the_pool_does_all_kinds_of_work():
    pool = candidates((3, 32, 32), 0)
    amounts = np.array([one.work.amounts for one in pool])
    assert (amounts.max(axis=0) > 0).all()
    assert len({one.graph.hash for one in pool}) == len(pool)
    assert [one.arch for one in candidates((3, 32, 32), 0)] == [one.arch for one in pool]


@pytest.mark.parametrize("input", [(1, 24), (40,)])
def test_other_samples_than_images(input, monkeypatch):
    monkeypatch.setattr("brickwork.calibration.pool._MEMBERS", 1)
    inputs = {one.graph.input for one in candidates(input, 0)}
    assert input in inputs
    assert any(len(shape) == 3 for shape in inputs)
    assert {one.graph.input for one in witnesses(input, 3, None, 0)} == {input}


def test_three_spatial_axes_are_refused():
    with pytest.raises(DataError, match="at most two spatial axes"):
        candidates((1, 8, 8, 8), 0)


def test_witnesses_fit_and_grow():
    target = load_target("stm32g0b1-hale")
    found = witnesses((1, 28, 28), 6, target, 0)
    sizes = [one.work.macs for one in found]
    assert len(found) == 6
    assert sizes == sorted(sizes)
    assert all(fits(one, target) for one in found)
