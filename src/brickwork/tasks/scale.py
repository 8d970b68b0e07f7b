"""The normalisation that is part of a network, from training samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.space import Normalize

__all__ = ["channel_statistics"]

_CHUNK = 1024  # samples at a time in double precision


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
        raise DataError(f"{where}: all values of all training samples are the same")
    std[std == 0] = 1.0
    return Normalize(tuple(_rounded(m) for m in mean), tuple(_rounded(s) for s in std))


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
