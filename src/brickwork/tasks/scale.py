"""The normalisation that is part of a network, from training samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.space import Normalize

__all__ = ["channel_statistics"]

_CHUNK = 1024  # samples at a time in double precision
_SHIFT = 1e-4  # by how many standard deviations a mean may be rounded


def channel_statistics(x: NDArray[Any], where: str) -> Normalize:
    """Mean and standard deviation of training samples ``(n, channels, *spatial)``, by channel.

    Rounded to what matters, so that exported source stays readable.

    Raises:
        DataError: All values are the same.
    """
    total = square = np.zeros(x.shape[1])
    axes = (0, *range(2, x.ndim))
    for start in range(0, len(x), _CHUNK):
        part = x[start : start + _CHUNK].astype(np.float64)
        total = total + part.sum(axis=axes)
        square = square + np.square(part).sum(axis=axes)
    count = x.size / x.shape[1]
    mean = total / count
    std = np.sqrt(np.maximum(0.0, square / count - mean**2))
    if not (std > 0).any():
        raise DataError(f"{where}: all values of all training samples are the same as float32")
    std[std == 0] = 1.0
    means = tuple(_rounded(m, _SHIFT * s) for m, s in zip(mean.tolist(), std.tolist(), strict=True))
    return Normalize(means, tuple(_rounded(s, math.inf) for s in std.tolist()))


def _rounded(value: float, within: float) -> float:
    """Five digits, or as many more as keep it within a distance of the value."""
    texts = (f"{value:.{digits}g}" for digits in range(5, 17))
    return next((r for r in map(float, texts) if abs(r - value) <= within), value)
