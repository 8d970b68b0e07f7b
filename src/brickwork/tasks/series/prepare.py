"""How a series becomes what the network takes; needs NumPy and ``prepare.json`` beside it.

    prepare(series)    # numbers, (length,) or (channels, length)

What is done: a series ends where only missing values (NaN) follow; single missing values are put
between their neighbours; what is longer than ``length`` loses its end, what is shorter goes on with
the mean of each channel, ``fill``, which is 0 once the network has normalised it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_MISSING", "ended", "filled", "fitted", "golden_vectors_hold", "prepare"]

MOST_MISSING = 0.2
"""Part of a channel of a series that may be missing."""


def prepare(series: Any, settings: Mapping[str, Any] | None = None) -> NDArray[np.float32]:
    """The input of the network, ``(channels, length)``, without the axis of samples.

    Args:
        series: ``(length,)`` or ``(channels, length)``.
        settings: By default those in ``prepare.json``.

    Raises:
        ValueError: It has another number of channels, or too much is missing.
    """
    about = _beside() if settings is None else settings
    x = np.atleast_2d(np.asarray(series, dtype=np.float32))
    if x.ndim != 2 or len(x) != len(about["fill"]):
        raise ValueError(f"got the shape {x.shape}, expected ({len(about['fill'])}, length)")
    return fitted(filled(ended(x)), about["length"], about["fill"])


def ended(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """A series ``(channels, any)`` up to its last value.

    Raises:
        ValueError: It has none.
    """
    there = np.flatnonzero((~np.isnan(x)).any(axis=0))
    if not len(there):
        raise ValueError("it holds no values")
    return x[:, : there[-1] + 1]


def filled(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """A series ``(channels, length)`` whose missing values lie between their neighbours.

    Raises:
        ValueError: Too much is missing, or something is infinite.
    """
    missing = np.isnan(x)
    if np.isinf(x).any():
        raise ValueError(f"value {int(np.isinf(x).any(axis=0).argmax())} is infinite")
    if not missing.any():
        return x
    x = x.copy()
    places = np.arange(x.shape[1])
    for channel, (row, gaps) in enumerate(zip(x, missing, strict=True)):
        if gaps.sum() > MOST_MISSING * len(row):
            raise ValueError(f"{int(gaps.sum())} of {len(row)} values of channel {channel} are NaN")
        row[gaps] = np.interp(places[gaps], places[~gaps], row[~gaps])
    return x


def fitted(x: NDArray[np.float32], length: int, fill: Any) -> NDArray[np.float32]:
    """A series ``(channels, any)`` as ``(channels, length)``."""
    out = np.repeat(np.asarray(fill, np.float32)[:, None], length, axis=1)
    out[:, : x.shape[1]] = x[:, :length]
    return out


def golden_vectors_hold() -> bool:
    """Whether this machine gives what ``prepare.json`` says."""
    golden = _beside()["golden"]
    wave = np.array(golden["series"], np.float32)  # None is NaN
    return np.array_equal(prepare(wave), np.array(golden["input"], np.float32))


def _beside() -> dict[str, Any]:
    text = Path(__file__).with_name("prepare.json").read_text(encoding="utf-8")
    about: dict[str, Any] = json.loads(text)
    return about
