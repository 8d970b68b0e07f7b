"""The fixed-point arithmetic of TensorFlow Lite's reference kernels, on arrays of integers.

After Jacob et al., 2018 (see ``network``), and the library gemmlowp, whose rounding the kernels
use: a product of 32-bit fractions is rounded to the nearest, halves away from zero, then divided by
a power of two, rounded once more ("double rounding"). Every result equals that of TensorFlow Lite
Micro bit for bit; ``tests/export/integer`` compares them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["activation_range", "multiplied", "multiplier", "rounded", "rounding_shift"]

Ints = NDArray[np.int64]

_ONE = 1 << 31


def rounded(value: float) -> int:
    """The nearest integer, halves away from zero."""
    return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)


def multiplier(factor: float) -> tuple[int, int]:
    """A positive factor as ``mantissa * 2**(shift - 31)`` with a mantissa in [2**30, 2**31).

    Returns:
        Mantissa and shift; both 0 for a factor too small to matter.
    """
    if factor <= 0.0:
        return 0, 0
    fraction, shift = math.frexp(factor)
    mantissa = rounded(fraction * _ONE)
    if mantissa == _ONE:
        mantissa //= 2
        shift += 1
    return (0, 0) if shift < -31 else (mantissa, shift)


def multiplied(values: Ints, mantissa: Ints | int, shift: NDArray[np.int64] | int) -> Ints:
    """Values times ``mantissa * 2**(shift - 31)``, as ``MultiplyByQuantizedMultiplier`` does.

    Args:
        values: int32 values.
        mantissa: One, or one for each of the last axis.
        shift: Likewise.
    """
    left, right = np.maximum(shift, 0), np.maximum(-np.asarray(shift), 0)
    shifted = values << left if np.any(left) else values
    # For numbers of both signs this is the nearest, halves away from zero, as of magnitudes.
    high = (shifted * np.asarray(mantissa, dtype=np.int64) + (1 << 30)) >> 31
    return rounding_shift(high, right)


def rounding_shift(values: Ints, exponent: NDArray[np.int64] | int) -> Ints:
    """Values divided by ``2**exponent``, to the nearest, halves away from zero."""
    half = (np.int64(1) << exponent) >> 1
    below = (values >> 63) * (half > 0)  # -1 for what is negative: its halves go down
    return np.asarray((values + half + below) >> exponent)


def activation_range(activation: str, scale: float, zero: int) -> tuple[int, int]:
    """The smallest and the largest integer that a clamping activation gives."""
    low, high = -128, 127
    step = np.float32(scale)
    if activation in ("relu", "relu6"):
        low = max(low, zero)
    if activation == "relu6":
        high = min(high, zero + rounded(float(np.float32(6.0) / step)))
    return low, high
