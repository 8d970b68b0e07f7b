"""Series from text tables: a row for each series, or a row for each point in time."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.series.rows import ragged

__all__ = ["Table", "read_table"]

_LABELS = ("label", "class", "target", "y")
_TIMES = ("time", "t", "timestamp", "date", "datetime", "step", "index")
_MISSING = ("", "nan", "na", "null", "none", "?")


@dataclass(frozen=True, slots=True)
class Table:
    """What a table holds.

    Attributes:
        x: ``(n,)`` of arrays ``(channels, length)``; NaN where something is missing.
        y: The label of each as text.
        groups: What each is of; empty where it was not asked for.
        notes: How it was read.
    """

    x: NDArray[Any]
    y: NDArray[np.str_]
    groups: NDArray[np.str_]
    notes: tuple[str, ...]


def read_table(path: Path, label: str, series: str, group: str) -> Table:
    """Read a table.

    Args:
        path: A ``.csv``, ``.tsv`` or ``.txt``, possibly with ``.gz``.
        label: The column to tell; by default one with such a name, else in wide form the first.
        series: In long form the column that says which series a row is of; empty for wide form.
        group: The column that says what a series is of; empty for none.

    Raises:
        DataError: It cannot be read as series.
    """
    rows = _lines(path)
    if series:
        return _long(path, rows, label, series, group)
    return _wide(path, rows, label, group)


def _lines(path: Path) -> list[list[str]]:
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            lines = [line for line in file if line.strip()]
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from error
    if not lines:
        raise DataError(f"{path}: is empty")
    between = max("\t,;", key=lines[0].count)
    if between not in lines[0]:
        return [line.split() for line in lines]
    return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=between)]


def _wide(path: Path, rows: list[list[str]], label: str, group: str) -> Table:
    head, body, first = _header(rows)
    if (label or group) and not head:
        raise DataError(f"{path}: the first row names no columns, so {label or group!r} is unknown")
    place = _place(path, head, label or _usual(head, _LABELS) or (head[0] if head else ""))
    aside = {place} | ({_place(path, head, group)} if group else set())
    width = max(map(len, body)) if body else 0
    kept = [column for column in range(width) if column not in aside]
    made = []
    for number, row in enumerate(body, first):
        full = row + [""] * (width - len(row))
        made.append(_numbers([full[i] for i in kept], f"{path}, row {number}")[None])
    named = f"column {head[place]!r}" if head else "the first column"
    return Table(
        ragged(made),
        np.array([row[place] for row in body]),
        _column(body, _place(path, head, group)) if group else np.array([], np.str_),
        (f"a row for each series; {named} is the label",),
    )


def _long(path: Path, rows: list[list[str]], label: str, series: str, group: str) -> Table:
    head, body, first = _header(rows)
    if not head:
        raise DataError(f"{path}: the first row must name the columns, one of them {series!r}")
    ids = _place(path, head, series)
    told = label or _usual(head, _LABELS)
    if not told:
        raise DataError(f"{path}: say which column is to be told: --label COLUMN")
    place, time = _place(path, head, told), _usual(head, _TIMES)
    of = _place(path, head, group) if group else place
    aside = {ids, place, of} | ({head.index(time)} if time else set())
    channels = [i for i in range(len(head)) if i not in aside]
    if not channels:
        raise DataError(f"{path}: there is no column of values beside {', '.join(head)}")
    members: dict[str, list[int]] = {}
    for number, row in enumerate(body):
        if len(row) != len(head):
            raise DataError(f"{path}, row {number + first}: {len(row)} cells, expected {len(head)}")
        members.setdefault(row[ids], []).append(number)
    made = []
    y: list[str] = []
    groups: list[str] = []
    for name, own in members.items():
        if time:
            own = _sorted(body, own, head.index(time))
        for column, into in ((place, y), (of, groups)):
            values = {body[i][column] for i in own}
            if len(values) > 1:
                raise DataError(
                    f"{path}: series {name!r} has several values in {head[column]!r}: "
                    f"{', '.join(sorted(values)[:3])}"
                )
            into.append(values.pop())
        values_at = [
            _numbers([body[i][c] for c in channels], f"{path}, row {i + first}") for i in own
        ]
        made.append(np.stack(values_at, axis=1))
    what = ", ".join(head[i] for i in channels)
    note = f"a row for each time of a series ({series!r}); channels are {what}"
    if not time:
        note += "; no column is a time, so rows are taken in their order"
    return Table(ragged(made), np.array(y), np.array(groups if group else [], np.str_), (note,))


def _header(rows: list[list[str]]) -> tuple[list[str], list[list[str]], int]:
    """Names of the columns if there are any, the other rows, and the number of the first."""
    values = rows[0][1:] or rows[0]
    named = not all(_is_number(cell) for cell in values)
    return (rows[0], rows[1:], 2) if named else ([], rows, 1)


def _usual(head: Sequence[str], names: Sequence[str]) -> str:
    return next((column for name in names for column in head if column.lower() == name), "")


def _place(path: Path, head: Sequence[str], name: str) -> int:
    if not head:
        return 0
    if name not in head:
        shown = ", ".join(head[:10]) + (" ..." if len(head) > 10 else "")
        raise DataError(f"{path}: there is no column {name!r}; there are {shown}")
    return head.index(name)


def _column(body: list[list[str]], place: int) -> NDArray[np.str_]:
    return np.array([row[place] for row in body])


def _is_number(cell: str) -> bool:
    text = cell.lower()
    return text in _MISSING or re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", text) is not None


def _numbers(cells: Sequence[str], where: str) -> NDArray[np.float32]:
    try:
        found = [np.nan if c.lower() in _MISSING else float(c) for c in cells]
    except ValueError as error:
        raise DataError(f"{where}: {error}; series must be numbers") from None
    return np.array(found, np.float32)


def _sorted(body: list[list[str]], own: list[int], place: int) -> list[int]:
    """Rows in the order of time, by number if all are numbers, else as text."""
    cells: Mapping[int, str] = {i: body[i][place] for i in own}
    if all(_is_number(cell) and cell.lower() not in _MISSING for cell in cells.values()):
        return sorted(own, key=lambda i: float(cells[i]))
    return sorted(own, key=lambda i: cells[i])
