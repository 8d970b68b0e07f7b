"""Who is trained again."""

from __future__ import annotations

import numpy as np
from strategy_toys import TINY

from brickwork.predictor import PART, Repeats
from brickwork.strategies.base import every
from brickwork.trial import rng_for

ARCHS = list(every(TINY, rng_for(0)))


def taken(repeats: Repeats, wholes: int, busy: tuple[str, ...] = ()) -> list:
    found = (repeats.take(whole, busy) for whole in range(1, wholes + 1))
    return [one for one in found if one is not None]


def test_the_front_in_turn_and_no_more_than_its_part() -> None:
    repeats = Repeats(3)
    heights = np.array([[0.1, 0.9], [0.5, 0.5], [0.9, 0.1], [0.9, 0.9]])
    repeats.note(ARCHS[:4], heights)
    found = taken(repeats, 60)
    assert [times for _, times in found] == [1, 1, 1, 2, 2, 2]
    assert {arch for arch, _ in found} == set(ARCHS[:3])
    assert len(taken(_noted(9), 60)) <= 60 * PART


def _noted(most: int) -> Repeats:
    repeats = Repeats(most)
    repeats.note(ARCHS[:3], np.array([[0.1], [0.2], [0.3]]))
    return repeats


def test_with_one_objective_the_best_three_are_the_best_few() -> None:
    repeats = Repeats(2)
    repeats.note(ARCHS[:5], np.array([[0.5], [0.1], [0.3], [0.2], [0.9]]))
    assert [arch for arch, _ in taken(repeats, 60)] == [ARCHS[1], ARCHS[3], ARCHS[2]]


def test_what_is_in_training_waits() -> None:
    repeats = _noted(2)
    assert ARCHS[0] not in [arch for arch, _ in taken(repeats, 60, (ARCHS[0].id,))]
    assert [arch for arch, _ in taken(repeats, 60)] == [ARCHS[0]]


def test_nothing_is_trained_again_where_the_answer_is_the_same() -> None:
    assert not taken(_noted(1), 60)
