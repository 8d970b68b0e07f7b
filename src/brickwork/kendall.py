"""How far two scores agree on an order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["tau"]


def tau(values: NDArray[np.float64]) -> float:
    """Kendall's tau-b of two columns ``(n, 2)``; NaN when one of them is constant."""
    upper = np.triu_indices(len(values), 1)
    signs = np.sign(values[:, None, :] - values[None, :, :])[upper]
    a, b = signs[:, 0], signs[:, 1]
    scale = np.sqrt(float((a != 0).sum()) * float((b != 0).sum()))
    return float((a * b).sum() / scale) if scale else float("nan")
