"""What several seeds of one network say together."""

from __future__ import annotations

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
