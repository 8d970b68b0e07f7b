"""Arrays that a user hands in, checked and brought into one form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.arrays import array_of

__all__ = ["SMALLEST_SIDE", "images_of"]

_COLOURS = (1, 3, 4)
_MOST_CHANNELS = 32

SMALLEST_SIDE = 4
"""Pixels; of less, nothing is left after two strided layers."""


def images_of(array: Any, where: str) -> NDArray[Any]:
    """Images as ``(n, channels, height, width)``, uint8 or float32.

    Integers that fit into a byte become uint8, all else float32.

    Raises:
        DataError: The array is no set of images, or holds NaN or infinite values.
    """
    x = array_of(array, where)
    if x.dtype.kind not in "buif":
        raise DataError(f"{where}: images must be numbers, got an array of type {x.dtype}")
    x = _channels_first(x, where)
    if min(x.shape[2:]) < SMALLEST_SIDE:
        raise DataError(
            f"{where}: the images are {x.shape[2]}x{x.shape[3]} pixels, "
            f"at least {SMALLEST_SIDE}x{SMALLEST_SIDE} are needed"
        )
    if len(x) == 0:
        raise DataError(f"{where}: there are no images")
    if x.dtype.kind == "f":
        finite = np.isfinite(x).reshape(len(x), -1).all(axis=1)
        if not finite.all():
            first = int(np.flatnonzero(~finite)[0])
            raise DataError(
                f"{where}: {int((~finite).sum())} of {len(x)} images hold NaN or infinite values, "
                f"the first is number {first}: repair or remove them"
            )
        return np.ascontiguousarray(x, dtype=np.float32)
    if x.dtype.kind == "b" or (x.min() >= 0 and x.max() <= 255):
        return np.ascontiguousarray(x, dtype=np.uint8)
    return np.ascontiguousarray(x, dtype=np.float32)


def _channels_first(x: NDArray[Any], where: str) -> NDArray[Any]:
    if x.ndim == 3:
        return x[:, None]
    if x.ndim != 4:
        raise DataError(
            f"{where}: images have the shape {x.shape}, expected (n, height, width), "
            "(n, height, width, channels) or (n, channels, height, width)"
        )
    first, last = x.shape[1], x.shape[3]
    if last in _COLOURS and (first not in _COLOURS or first == 4):
        return x.transpose(0, 3, 1, 2)
    if first in _COLOURS:
        return x
    if min(first, last) > _MOST_CHANNELS or first == last:
        raise DataError(
            f"{where}: cannot tell which axis of the shape {x.shape} holds the channels: "
            "give (n, channels, height, width) with 1, 3 or 4 channels"
        )
    return x if first < last else x.transpose(0, 3, 1, 2)
