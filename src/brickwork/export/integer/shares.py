"""Softmax in integers, as TensorFlow Lite Micro's reference kernel computes it.

What a number counts depends on how far it is below the largest only, so the exponential of each
distance is worked out once, where the kernel of TensorFlow Lite does it for each number. Both use
gemmlowp's fixed-point functions: the exponential is a Taylor series around -1/8 times a factor for
each bit of what is left over, the reciprocal three steps of Newton's method. Fractions are of
``2**31``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import NotInIntegers
from brickwork.export.integer.fixed import multiplier, rounding_shift
from brickwork.export.integer.network import Scale

__all__ = ["exponentials", "shares"]

Ints = NDArray[np.int64]

_ONE = (1 << 31) - 1  # as near to 1 as a fraction comes
_WHOLE = 5  # bits before the point of a distance
_POINT = 31 - _WHOLE  # bits behind it
_SUM = 12  # bits before the point of a sum
_MOST = 511  # numbers: the kernel stops the program where their sum reaches 512
_FINEST = 2.0**-_POINT  # scale below which the kernel stops the program
_FACTORS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
"""exp(-1/4), exp(-1/2), exp(-1), ... exp(-16) as fractions."""


def exponentials(into: Scale, channels: int) -> NDArray[np.int32]:
    """What a number counts that is 0, 1, 2, ... steps below the largest, as fractions.

    Those that are too small to change a sum are left out: their share is none either.

    Args:
        into: What the integers mean that come in.
        channels: How many numbers share.

    Raises:
        NotInIntegers: There are too many of them, or they hardly differ.
    """
    if channels > _MOST:
        raise NotInIntegers(
            f"TensorFlow Lite Micro's integer softmax fails for more than {_MOST} numbers, there "
            f"are {channels}: end in logits"
        )
    if into.scale <= _FINEST:
        raise NotInIntegers(
            f"a softmax of numbers {into.scale:.1g} apart: TensorFlow Lite has none"
        )
    mantissa, shift = multiplier(min(float(np.float32(into.scale)) * (1 << _POINT), float(_ONE)))
    reach = math.floor(((1 << _WHOLE) - 1) * 2.0 ** (_POINT - shift))
    steps = np.arange(min(255, reach) + 1, dtype=np.int64)
    found = _exponential(_high(-steps << shift, mantissa))
    count = int(np.flatnonzero(rounding_shift(found, _SUM))[-1]) + 1
    return found[:count].astype(np.int32)


def shares(values: Ints, counts: NDArray[np.int32]) -> Ints:
    """Shares of 256, less 128.

    Args:
        values: int8 values ``(samples, channels, ...)``.
        counts: What ``exponentials`` gave for their scale.
    """
    below = values.max(axis=1, keepdims=True) - values
    table = np.zeros(256, np.int64)
    table[: len(counts)] = counts
    counted = table[below]
    total = rounding_shift(counted, _SUM).sum(axis=1, keepdims=True)
    headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    factor = _reciprocal(total << headroom)
    exponent = _SUM - headroom + 31 - 8
    return np.minimum(rounding_shift(_high(counted, factor), exponent) - 128, 127)


def _high(a: Ints, b: Ints | int) -> Ints:
    """The product of two fractions."""
    return np.asarray((a * b + (1 << 30)) >> 31)


def _exponential(a: Ints) -> Ints:
    """The exponential of numbers from -32 to 0, ``_POINT`` bits behind the point."""
    quarter = 1 << (_POINT - 2)
    rest = (a & (quarter - 1)) - quarter
    x = (rest << _WHOLE) + (1 << 28)
    square = _high(x, x)
    fourth = rounding_shift(_high(square, square), 2)
    series = rounding_shift(_high(fourth + _high(square, x), 715827883) + square, 1)
    found = 1895147668 + _high(x + series, 1895147668)
    left = rest - a
    for bit, factor in enumerate(_FACTORS):
        found = np.where(left & (quarter << bit), _high(found, factor), found)
    return np.asarray(np.where(a == 0, _ONE, found))


def _reciprocal(sums: Ints) -> Ints:
    """1 / x for x from 1 to 2, given in ``2**-31``."""
    half = sums >> 1
    x = 1515870810 + _high(half, -1010580540)
    for _ in range(3):
        x = x + (_high(x, (1 << 29) - _high(half, x)) << 2)
    return np.asarray(np.minimum(x << 1, _ONE))
