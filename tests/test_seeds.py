"""What several seeds say together."""

from __future__ import annotations

import math
from typing import Any

import pytest

from brickwork.quantity import How, Quantity
from brickwork.seeds import averaged


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
