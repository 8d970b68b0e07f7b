"""What several seeds of one network say together."""

from __future__ import annotations

import math
from typing import Any

import pytest

from brickwork.quantity import How, Quantity
from brickwork.seeds import averaged


def _score(value: float, spread: float | None) -> dict[str, object]:
    return {"accuracy": Quantity(value, "fraction", How.MEASURED, spread).to_json()}


def test_a_mean_is_as_uncertain_as_seeds_and_samples_are() -> None:
    mean, seeds = averaged([_score(1.0, 0.03), _score(1.0, 0.03)], "accuracy")
    assert mean["accuracy"].spread == pytest.approx(0.03)  # equal seeds say nothing of samples
    assert seeds == (1.0, 1.0)
    mean, _ = averaged([_score(0.9, 0.03), _score(1.0, 0.03)], "accuracy")
    assert mean["accuracy"].spread == pytest.approx((0.03**2 + (1.2816 * 0.05) ** 2) ** 0.5)
    mean, _ = averaged([_score(0.9, None)], "accuracy")
    assert mean["accuracy"].spread is None


def scored(r2: float, how: How = How.MEASURED) -> dict[str, Any]:
    return {"r2": Quantity(r2, "fraction", how, 0.1, "here").to_json()}


def test_the_mean_and_each_seed():
    means, seeds = averaged([scored(0.5), scored(0.7)], "r2")
    assert means["r2"].value == pytest.approx(0.6)
    assert means["r2"].how is How.MEASURED
    assert seeds == (0.5, 0.7)


def test_what_is_not_known_stays_so():
    """Such as the R² of samples whose numbers are all the same, which JSON has as null."""
    means, seeds = averaged([scored(math.nan, How.UNKNOWN)] * 2, "r2")
    assert math.isnan(means["r2"].value)
    assert (means["r2"].how, means["r2"].spread, seeds) == (How.UNKNOWN, None, ())
