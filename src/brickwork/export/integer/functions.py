"""Functions of one number in eight bits, as tables of what each of the 256 inputs becomes.

TensorFlow Lite makes such tables itself, in floating point, for sigmoid, tanh and GELU. Its hard
swish (Howard et al., "Searching for MobileNetV3", 2019) is 16-bit arithmetic: the factor
``relu6(x + 3) / 6`` is a fraction that saturates, which then scales the input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from brickwork.export.integer.fixed import multiplier, rounded, rounding_shift
from brickwork.export.integer.network import Scale

__all__ = ["TABLES"]

Table = NDArray[np.int8]


def _by_float(function: Callable[[float], float]) -> Callable[[Scale, Scale], Table]:
    """A table whose entries are rounded from floating point."""

    def table(into: Scale, out: Scale) -> Table:
        found: Table = np.empty(256, np.int8)
        for place, q in enumerate(range(-128, 128)):
            value = rounded(function(into.scale * (q - into.zero)) / out.scale) + out.zero
            found[place] = min(127, max(-128, value))
        return found

    return table


_FRACTION = 1 << 15  # what 1 is as a 16-bit fraction
_LARGEST, _SMALLEST = _FRACTION - 1, -_FRACTION
_HEADROOM = 7  # bits by which an input is shifted up, so that it fills 16


def _hard_swish(into: Scale, out: Scale) -> Table:
    fine = float(np.float32(np.float32(1.0 / (1 << _HEADROOM)) * np.float32(into.scale)))
    factor, exponent = multiplier(float(np.float32(fine / np.float32(out.scale))))
    gate, gate_exponent = multiplier(float(np.float32(fine / np.float32(3.0 / _FRACTION))))
    factor, gate = _half_word(factor), _half_word(gate)
    found: Table = np.empty(256, np.int8)
    for place, q in enumerate(range(-128, 128)):
        x = (q - into.zero) << _HEADROOM
        relu = x
        if gate_exponent > 0:
            relu = _saturated(relu << (gate_exponent - 1))
        relu = _rounded_product(relu, gate)
        if gate_exponent > 0:
            relu = _saturated(relu << 1)
        elif gate_exponent < 0:
            relu = _divided(relu, -gate_exponent)
        relu = (relu + _FRACTION) >> 1  # from [-1, 1] to [0, 1]
        product = _toward_zero(relu * _rounded_product(x, factor), _FRACTION)
        shifted = product << exponent if exponent > 0 else _divided(product, -exponent)
        found[place] = min(127, max(-128, shifted + out.zero))
    return found


def _half_word(mantissa: int) -> int:
    """The upper half of a 32-bit mantissa, rounded."""
    return _LARGEST if mantissa >= (1 << 31) - (1 << 15) else (mantissa + (1 << 15)) >> 16


def _rounded_product(a: int, b: int) -> int:
    """The product of two 16-bit fractions, to the nearest, halves away from zero."""
    product = a * b
    nudge = (1 << 14) if product >= 0 else 1 - (1 << 14)
    return _toward_zero(product + nudge, _FRACTION)


def _divided(value: int, exponent: int) -> int:
    return int(rounding_shift(np.array(value, dtype=np.int64), exponent))


def _saturated(value: int) -> int:
    return min(_LARGEST, max(_SMALLEST, value))


def _toward_zero(value: int, divisor: int) -> int:
    return value // divisor if value >= 0 else -(-value // divisor)


TABLES: Mapping[str, Callable[[Scale, Scale], Table]] = {
    "LOGISTIC": _by_float(lambda x: 1.0 / (1.0 + math.exp(-x))),
    "TANH": _by_float(math.tanh),
    "HARD_SWISH": _hard_swish,
    "GELU": _by_float(lambda x: 0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0)))),
}
