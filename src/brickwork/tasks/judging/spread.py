"""How uncertain a score is: half of its 80 % interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Z80", "of_area", "of_fractions", "of_mean", "of_part", "of_parts", "wilson"]

Z80 = 1.2815515655446004
"""Standard errors in half of a two-sided 80 % interval of a normal distribution."""


def wilson(right: float, n: int) -> float:
    """Half the width of the 80 % Wilson score interval of ``right`` of ``n``.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    p, z = right / n, Z80
    return z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))


def of_part(right: float, n: int) -> float:
    """That of ``right`` of ``n``; of none and of all, whose interval lies on one side, all of it.

    So for a perfect score it is how far below it the truth may be, at 90 %.
    """
    half = wilson(right, n)
    return half if 0 < right < n else 2 * half


def of_parts(right: Sequence[float], n: Sequence[int]) -> float:
    """That of the mean of several parts, ``right[i]`` of ``n[i]`` each; of a perfect one as above.

    Source: Zou and Donner, "Construction of confidence limits about effect measures", 2008: the
    distances of a mean to its ends are those of the parts, added as squares.
    """
    below, above = [], []
    for r, count in zip(right, n, strict=True):
        half, part, shrunk = wilson(r, count), r / count, Z80 * Z80 / count
        centre = (part + shrunk / 2) / (1 + shrunk)
        below.append(part - centre + half)
        above.append(centre + half - part)
    low, high = math.hypot(*below) / len(below), math.hypot(*above) / len(above)
    return (low + high) / 2 if 0 < sum(right) < sum(n) else low + high


def of_fractions(values: NDArray[np.float64]) -> float:
    """That of the mean of independent values from 0 to 1.

    Where all of them are alike, or there is one, they say nothing on how they vary: no more than if
    each were 0 or 1.
    """
    n, total = len(values), float(values.sum())
    told = of_mean(values)
    return told or of_part(total, n)


def of_area(area: float, a: int, b: int) -> float:
    """That of an AUC from ``a`` positive and ``b`` negative samples; of a perfect one as above.

    The ends of the interval are the areas from which this one is ``Z80`` standard errors away, as
    Wilson's are for a part: so it is also right near 1, where the error at the area itself is 0.
    """
    low, high = _end(area, a, b, 0.0), _end(area, a, b, 1.0)
    return (high - low) / 2 if 0 < area < 1 else high - low


def _end(area: float, a: int, b: int, far: float) -> float:
    """The area between this one and ``far`` that is just ``Z80`` errors away, by bisection."""
    near = area
    for _ in range(40):
        middle = (near + far) / 2
        if abs(area - middle) < Z80 * _area_error(middle, a, b):
            near = middle
        else:
            far = middle
    return near


def _area_error(area: float, a: int, b: int) -> float:
    """Standard error of an AUC.

    Source: Hanley and McNeil, "The meaning and use of the area under a ROC curve", 1982.
    """
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (a - 1) * (q1 - area**2) + (b - 1) * (q2 - area**2)
    return math.sqrt(max(0.0, variance) / (a * b))


def of_mean(values: NDArray[np.float64]) -> float | None:
    """That of the mean of independent values; None of a single one."""
    if len(values) < 2:
        return None
    return Z80 * float(np.std(values, ddof=1)) / math.sqrt(len(values))
