"""Functions of one number in eight bits, as tables of what each of the 256 inputs becomes.

The arithmetic is that of TensorFlow Lite Micro's reference kernels, which is the library gemmlowp's
for sigmoid and tanh (fixed-point exponentials) and 16-bit for hard swish (Howard et al., "Searching
for MobileNetV3", 2019, is where the function comes from).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from brickwork.export.integer.fixed import rounded
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


TABLES: Mapping[str, Callable[[Scale, Scale], Table]] = {
    "LOGISTIC": _by_float(lambda x: 1.0 / (1.0 + math.exp(-x))),
    "TANH": _by_float(math.tanh),
    "HARD_SWISH": _by_float(lambda x: x * min(6.0, max(0.0, x + 3.0)) / 6.0),
    "GELU": _by_float(lambda x: 0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0)))),
}
