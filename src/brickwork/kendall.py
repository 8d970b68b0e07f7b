"""How far two scores agree on an order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["interval", "tau"]

_DRAWS = 2000  # of the bootstrap


def tau(values: NDArray[np.float64]) -> float:
    """Kendall's tau-b of two columns ``(n, 2)``; NaN when one of them is constant."""
    upper = np.triu_indices(len(values), 1)
    signs = np.sign(values[:, None, :] - values[None, :, :])[upper]
    a, b = signs[:, 0], signs[:, 1]
    scale = np.sqrt(float((a != 0).sum()) * float((b != 0).sum()))
    return float((a * b).sum() / scale) if scale else float("nan")


def interval(values: NDArray[np.float64], rng: np.random.Generator) -> tuple[float, float]:
    """The 80 % bootstrap interval of ``tau`` over the rows; NaN where no draw has one."""
    draws = rng.integers(len(values), size=(_DRAWS, len(values)))
    taus = np.asarray([tau(values[rows]) for rows in draws])
    taus = taus[np.isfinite(taus)]
    if not len(taus):
        return float("nan"), float("nan")
    low, high = np.quantile(taus, [0.1, 0.9])
    return float(low), float(high)
