"""How uncertain a score is: half of its 80 % interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["Z80", "of_mean", "wilson"]

Z80 = 1.2815515655446004
"""Standard errors in half of a two-sided 80 % interval of a normal distribution."""


def wilson(right: int, n: int) -> float:
    """Half the width of the 80 % Wilson score interval of ``right`` of ``n``.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    p, z = right / n, Z80
    return z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))


def of_mean(values: NDArray[np.float64]) -> float | None:
    """That of the mean of independent values; None of a single one."""
    if len(values) < 2:
        return None
    return Z80 * float(np.std(values, ddof=1)) / math.sqrt(len(values))
