"""How much of what numbers say is still there after rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["shown", "variance_kept"]

Array = NDArray[Any]


def variance_kept(expected: Array, found: Array) -> float:
    """The part of the variance of expected numbers that others keep; less than 0 if they add more.

    Of several outputs that for which it is least. What never varies is taken as it is, less zero.

    Args:
        expected: ``(samples, outputs)``.
        found: Likewise.
    """
    wanted = expected.reshape(len(expected), -1).astype(np.float64)
    off = np.square(found.reshape(len(found), -1) - wanted).mean(axis=0)
    varies = wanted.var(axis=0)
    varies = np.where(varies > 0, varies, np.square(wanted).mean(axis=0))
    return float((1.0 - off / np.maximum(varies, 1e-24)).min())


def shown(part: float) -> str:
    """A part of something as a percentage, for a person."""
    return f"{100 * part:.4g} %"
