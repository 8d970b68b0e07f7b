"""Clips of several lengths as an array of arrays, from whatever numbers they were given as."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.sound.wav import from_floats

__all__ = ["clips_of", "cut", "mu_law", "ragged", "samples_of"]


def ragged(clips: Iterable[NDArray[np.int16]]) -> NDArray[Any]:
    """Clips as an array ``(n,)`` of arrays."""
    listed = list(clips)
    found = np.empty(len(listed), object)
    found[:] = [np.ascontiguousarray(clip) for clip in listed] if len(listed) else []
    return found


def mu_law(x: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Samples of 8-bit mu-law as 16-bit ones."""
    y = np.arange(256) / 255 * 2 - 1
    table = np.sign(y) * (256.0 ** np.abs(y) - 1) / 255
    decoded: NDArray[np.int16] = np.round(table * 32767).astype(np.int16)[x]
    return decoded


def samples_of(x: NDArray[Any], where: str) -> NDArray[np.int16]:
    """Numbers of any kind as 16-bit samples: bytes are those of 8-bit wav, floats lie in -1..1.

    Raises:
        DataError: They are of no such kind.
    """
    if x.dtype == np.uint8:
        return (x.astype(np.int16) - 128) * np.int16(256)
    if x.dtype.kind == "f":
        return from_floats(x.astype(np.float32), where)
    if x.dtype.kind == "i":
        if x.size and (x.min() < -32768 or x.max() > 32767):
            raise DataError(f"{where}: samples are beyond 16 bits: give floats in -1..1")
        return x.astype(np.int16)
    raise DataError(
        f"{where}: samples are of the type {x.dtype}; expected int16, floats in -1..1, or uint8 "
        "around 128"
    )


def cut(data: NDArray[Any], offsets: NDArray[Any], where: str) -> NDArray[Any]:
    """The clips that lie one after the other in ``data``, clip i from ``offsets[i]``.

    Raises:
        DataError: The offsets do not fit.
    """
    ends = np.asarray(offsets)
    if data.ndim != 1 or ends.ndim != 1 or ends.dtype.kind not in "iu" or len(ends) < 2:
        raise DataError(
            f"{where}: 'data' must be one row of samples and 'offsets' n + 1 places in it, got the "
            f"shapes {data.shape} and {ends.shape}"
        )
    ends = ends.astype(np.int64)
    if ends[0] < 0 or ends[-1] > len(data) or (np.diff(ends) < 0).any():
        raise DataError(f"{where}: 'offsets' must rise within the {len(data)} samples of 'data'")
    if (np.diff(ends) == 0).any():
        raise DataError(
            f"{where}: clip {int(np.flatnonzero(np.diff(ends) == 0)[0])} is empty: leave it out"
        )
    samples = mu_law(data) if data.dtype == np.uint8 else samples_of(data, where)
    return ragged(samples[a:b] for a, b in itertools.pairwise(ends))


def clips_of(x: Any, where: str) -> NDArray[Any]:
    """Clips that were given as ``(n, samples)`` or as a list of rows of several lengths.

    Raises:
        DataError: They are no clips, or one is empty.
    """
    if isinstance(x, list | tuple) or (isinstance(x, np.ndarray) and x.dtype == object):
        rows = [np.asarray(row) for row in x]
    else:
        array = np.asarray(x)
        if array.ndim == 3 and 1 in array.shape[1:]:
            array = array.reshape(len(array), -1)
        if array.ndim != 2:
            raise DataError(f"{where}: clips have the shape {array.shape}, expected (n, samples)")
        rows = list(array)
    if not rows:
        raise DataError(f"{where}: there are no clips")
    for number, row in enumerate(rows):
        if row.ndim != 1 or len(row) == 0:
            raise DataError(
                f"{where}: clip {number} has the shape {row.shape}, expected (samples,), not empty"
            )
    return ragged(samples_of(row, f"{where}, clip {i}") for i, row in enumerate(rows))
