"""Series as they are given in arrays: which axis is time, where each ends, what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.series.prepare import ended, filled

__all__ = ["Standing", "numbers_of", "ragged", "series_of"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How series of two axes stand in arrays, decided by those that a network was trained with.

    Attributes:
        channels: How many there are.
        time_first: Whether they are ``(length, channels)``.
    """

    channels: int
    time_first: bool


def series_of(
    x: Any, lengths: Any, where: str, standing: Standing | None = None
) -> tuple[NDArray[Any], Standing, list[str]]:
    """Series as an array ``(n,)`` of float32 arrays ``(channels, length)``, how they stood, notes.

    Args:
        x: ``(n, length)``, ``(n, channels, length)`` or ``(n, length, channels)``, or a list of
            such rows of several lengths; a series ends where only NaN follow.
        lengths: How much of each row is used, ``(n,)``; None for all.
        where: Where they come from, for messages.
        standing: How they stand, where it is known.

    Raises:
        DataError: They are no series, have other channels, or too much is missing.
    """
    rows, time_first, notes = _rows(x, where, standing)
    if lengths is not None:
        rows = _cut(rows, lengths, where)
    made = []
    repaired = 0
    for number, row in enumerate(rows):
        if np.isnan(row).all():
            raise DataError(f"{where}: series {number} holds no values: leave it out")
        series = ended(row)
        repaired += bool(np.isnan(series).any())
        try:
            made.append(filled(np.ascontiguousarray(series)))
        except ValueError as error:
            raise DataError(
                f"{where}: series {number}: {error}: repair or remove the series"
            ) from None
    if repaired:
        notes.append(f"{where}: missing values of {repaired} series lie between their neighbours")
    return ragged(made), Standing(len(made[0]), time_first), notes


def ragged(rows: Sequence[NDArray[np.float32]]) -> NDArray[Any]:
    """Series as an array ``(n,)`` of arrays."""
    found = np.empty(len(rows), object)
    for number, row in enumerate(rows):
        found[number] = row
    return found


def numbers_of(array: Any, count: int, where: str) -> NDArray[np.float32]:
    """What is to be told of each series, ``(n, outputs)``.

    Raises:
        DataError: It is not a number, or numbers, for each series.
    """
    y = np.asarray(array)
    if y.dtype.kind not in "buif":
        raise DataError(f"{where}: numbers are to be told, got the type {y.dtype}")
    if y.ndim == 1:
        y = y[:, None]
    if y.ndim != 2 or len(y) != count:
        raise DataError(
            f"{where}: there are {count} series but labels of the shape {np.shape(array)}"
        )
    bad = ~np.isfinite(y).all(axis=1)
    if bad.any():
        first = int(bad.argmax())
        raise DataError(f"{where}: label {first} is NaN or infinite: leave the series out")
    return y.astype(np.float32)


def _rows(
    x: Any, where: str, standing: Standing | None
) -> tuple[list[NDArray[np.float32]], bool, list[str]]:
    """Rows ``(channels, length)``, whether the axes were turned, and a note on it."""
    if isinstance(x, list | tuple) or (isinstance(x, np.ndarray) and x.dtype == object):
        try:
            rows = [np.asarray(row, dtype=np.float32) for row in x]
        except (TypeError, ValueError) as error:
            raise DataError(f"{where}: series must be numbers ({error})") from None
    else:
        array = np.asarray(x)
        if array.dtype.kind not in "buif":
            raise DataError(f"{where}: series must be numbers, got the type {array.dtype}")
        if array.ndim not in (2, 3):
            raise DataError(
                f"{where}: series have the shape {array.shape}, expected (n, length), "
                "(n, channels, length) or (n, length, channels)"
            )
        rows = list(array.astype(np.float32))
    if not rows:
        raise DataError(f"{where}: there are no series")
    shapes, notes = {row.ndim for row in rows}, list[str]()
    if shapes == {1}:
        rows, turn = [row[None] for row in rows], False
    elif shapes == {2}:
        turn, notes = _time_first(rows, where, standing)
        rows = [row.T for row in rows] if turn else rows
    else:
        raise DataError(f"{where}: some series have several channels and some have not")
    channels = {len(row) for row in rows}
    if standing is not None and channels != {standing.channels}:
        raise DataError(
            f"{where}: series have different numbers of channels: "
            f"{', '.join(map(str, sorted(channels)))} here, {standing.channels} in the training"
        )
    return rows, turn, notes


def _time_first(
    rows: list[NDArray[np.float32]], where: str, standing: Standing | None
) -> tuple[bool, list[str]]:
    """Whether channels come last: the axis that is always the same, else the shorter."""
    if standing is not None:
        fits = [{row.shape[axis] for row in rows} == {standing.channels} for axis in (0, 1)]
        if any(fits):
            return standing.time_first if all(fits) else fits[1], []
    first, last = ({row.shape[axis] for row in rows} for axis in (0, 1))
    if len(first) > 1 and len(last) > 1:
        raise DataError(
            f"{where}: series have different numbers of channels: {sorted(first)[:5]} or "
            f"{sorted(last)[:5]}"
        )
    if len(first) == len(last) == 1:
        turn = max(first) > max(last)
        why = "the longer axis is time"
    else:
        turn = len(first) > 1
        why = "the axis that differs is time"
    if not turn:
        return turn, [] if max(first) == 1 else [f"{where}: {max(first)} channels, {why}"]
    return turn, [f"{where}: {max(last)} channels, given last: {why}"]


def _cut(rows: list[NDArray[np.float32]], lengths: Any, where: str) -> list[NDArray[np.float32]]:
    ends = np.asarray(lengths)
    longest = max(row.shape[1] for row in rows)
    if ends.shape != (len(rows),) or ends.dtype.kind not in "iu":
        raise DataError(f"{where}: lengths have the shape {ends.shape}, expected ({len(rows)},)")
    if ends.min() < 1 or ends.max() > longest:
        wrong = int(((ends < 1) | (ends > longest)).argmax())
        raise DataError(
            f"{where}: the length of series {wrong} is {ends[wrong]}, expected 1 to {longest}"
        )
    return [row[:, :end] for row, end in zip(rows, ends, strict=True)]
