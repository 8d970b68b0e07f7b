"""Scaling in floating point gives the integers of scaling in integers."""

import numpy as np
import pytest
import torch

from brickwork.devices.program import Layer
from brickwork.export.integer import scaling as module
from brickwork.export.integer.fixed import multiplied
from brickwork.export.integer.network import Step
from brickwork.export.integer.scaling import scaling
from brickwork.trial import rng_for

LAYER = Layer("CONV_2D", -1, (0,), 1)
MANTISSAS = (1 << 30, (1 << 30) + 1, 1518500250, (1 << 31) - 1)


def both(sums: np.ndarray, step: Step, zero: int) -> tuple[np.ndarray, np.ndarray]:
    """By floats and by integers; channels second."""
    along = (-1, *[1] * (sums.ndim - 2)) if len(step.shifts) > 1 else (-1,)
    m, s = [np.array(v, np.int64).reshape(along) for v in (step.multipliers, step.shifts)]
    expected = np.clip(multiplied(sums, m, s) + zero, step.low, step.high)
    found = scaling(step, zero, sums.ndim)(torch.from_numpy(sums.astype(np.float64)))
    return found.numpy(), expected


@pytest.mark.parametrize("shift", range(-14, 4))
@pytest.mark.parametrize("mantissa", MANTISSAS)
def test_every_sum_that_is_not_clamped(mantissa: int, shift: int) -> None:
    reach = min(int(260 * 2.0 ** (31 - shift) / mantissa) + 2, 1 << 31)
    sums = np.arange(-reach, reach + 1)[None]
    found, expected = both(sums, Step(LAYER, multipliers=(mantissa,), shifts=(shift,)), 3)
    np.testing.assert_array_equal(found, expected)


def test_factors_for_each_channel_and_sums_of_32_bits() -> None:
    rng = rng_for(0, "factors")
    for most in (12, 20, 31):
        shifts = tuple(rng.integers(-most, 3, 64).tolist())
        multipliers = tuple(rng.integers(1, 1 << 31, 64).tolist())
        step = Step(LAYER, multipliers=multipliers, shifts=shifts, low=-100, high=90)
        size = (9, 64, 5, 7)
        sums = rng.integers(-(1 << 28), 1 << 28, size) >> rng.integers(0, 28, size)
        for zero in (-128, 0, 127):
            found, expected = both(sums, step, zero)
            np.testing.assert_array_equal(found, expected)


def test_the_limit_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Far to the right a float64 rounds what decides, so integers do it there."""
    step = Step(LAYER, multipliers=(1505267221,), shifts=(-24,))
    sums = np.array([[2046455341]])
    found, expected = both(sums, step, 0)
    np.testing.assert_array_equal(found, expected)
    monkeypatch.setattr(module, "_RIGHT", 31)
    found, _ = both(sums, step, 0)
    assert found != expected
