"""Candidates in the order that several scores agree on."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import rankdata

from brickwork.estimators.proxies import PROXIES
from brickwork.estimators.ranking import DEFAULT, Ranked, ranked
from brickwork.trial import rng_for


def test_the_default_is_made_of_known_scores() -> None:
    assert set(DEFAULT) <= set(PROXIES)
    assert len(DEFAULT) > 1


def test_ranks_are_averaged_and_ties_share_theirs() -> None:
    scores = {"a": [3.0, 1.0, 2.0, 2.0], "b": [10.0, 30.0, 20.0, 20.0]}
    assert ranked(scores) == [Ranked(2.5, i) for i in range(4)]
    assert ranked({"a": scores["a"]}) == [
        Ranked(1.0, 0), Ranked(4.0, 1), Ranked(2.5, 2), Ranked(2.5, 3)
    ]  # fmt: skip


def test_sorting_puts_the_best_first_and_equal_ones_in_their_order() -> None:
    found = ranked({"a": [0.0, 5.0, 7.0, 5.0]})
    assert [place.index for place in sorted(found)] == [2, 1, 3, 0]


@pytest.mark.parametrize("seed", range(5))
def test_ranks_equal_those_of_another_implementation(seed: int) -> None:
    """Of many random scores with ties; and only the order of a score matters, not its scale."""
    scores = {name: rng_for(seed, name).integers(0, 6, 30).astype(float) for name in "abc"}
    expected = np.mean([rankdata(-values) for values in scores.values()], axis=0)
    assert [place.mean_rank for place in ranked(scores)] == pytest.approx(expected)
    assert ranked({name: np.exp(3 * values) for name, values in scores.items()}) == ranked(scores)


def test_the_order_of_candidates_does_not_matter() -> None:
    a, b = [1.0, 2.0, math.nan, 2.0], [4.0, 1.0, 3.0, 3.0]
    whole = [place.mean_rank for place in ranked({"a": a, "b": b})]
    for order in permutations(range(4)):
        found = ranked({"a": [a[i] for i in order], "b": [b[i] for i in order]})
        assert [place.mean_rank for place in found] == [whole[i] for i in order]


@pytest.mark.parametrize("missing", [math.nan, math.inf, -math.inf])
def test_what_has_no_score_comes_last(missing: float) -> None:
    found = ranked({"a": [missing, -1e300, 5.0, missing]})
    assert [place.mean_rank for place in found] == [3.5, 2.0, 1.0, 3.5]


def test_scores_of_another_number_of_candidates_are_refused() -> None:
    with pytest.raises(ValueError, match=r"every candidate, got \{'a': 2, 'b': 1\}"):
        ranked({"a": [1.0, 2.0], "b": [1.0]})
    with pytest.raises(ValueError, match=r"got \{\}"):
        ranked({})
