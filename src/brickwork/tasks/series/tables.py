"""Series from tables: a row for each series, or a row for each point in time."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.rows import LABELS, WIDE, Rows
from brickwork.tasks.rows.cells import MISSING
from brickwork.tasks.rows.files import read_file, suffix
from brickwork.tasks.rows.grouping import hints
from brickwork.tasks.series.rows import ragged

__all__ = ["Sheet", "Table", "read_table", "sheet_of"]

_TIMES = ("time", "t", "timestamp", "date", "datetime", "step", "index")


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


def sheet_of(source: Path | Rows, label: str) -> Sheet:
    """The cells of a table.

    Args:
        source: A ``.csv``, ``.tsv`` or ``.txt``, possibly with ``.gz``, or a ``.parquet``; or rows
            of a data frame.
        label: The column to tell, which tells that a text has names on top; empty if not known.

    Raises:
        DataError: It cannot be read.
    """
    if not isinstance(source, Path):
        return _of_rows(source)
    if suffix(source) == ".parquet":
        return replace(_of_rows(read_file(source)), file=source.name, label="")
    return _of_text(source, label)


def read_table(sheet: Sheet, label: str, series: str, group: str) -> Table:
    """The series of a table.

    Args:
        sheet: Its cells.
        label: The column to tell; by default one with such a name, else in wide form the first.
        series: In long form the column that says which series a row is of; empty, or ``WIDE``, for
            wide form.
        group: The column that says what a series is of; empty for none.

    Raises:
        DataError: It cannot be read as series.
    """
    label = label or sheet.label
    wide = not series or (series == WIDE and WIDE not in sheet.head)
    return _wide(sheet, label, group) if wide else _long(sheet, label, series, group)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Cells as text.

    Attributes:
        where: They come from.
        head: Names of the columns; empty where there are none.
        body: The rows.
        first: Number of the first of them, as a person counts.
        file: Name of the file; empty of a data frame.
        label: The column to tell, where the source says so.
    """

    where: str
    head: list[str]
    body: list[list[str]]
    first: int
    file: str = ""
    label: str = ""

    def place(self, name: str) -> int:
        """Where a column stands; the first where none has a name.

        Raises:
            DataError: There is no such column.
        """
        if not self.head:
            return 0
        if name not in self.head:
            shown = ", ".join(self.head[:10]) + (" ..." if len(self.head) > 10 else "")
            raise DataError(f"{self.where}: there is no column {name!r}; there are {shown}")
        return self.head.index(name)


def _of_rows(rows: Rows) -> Sheet:
    cells = [[_text(cell) for cell in row] for row in rows.cells]
    return Sheet(rows.where, list(rows.names), cells, 1, label=rows.label)


def _text(cell: str | float) -> str:
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    return cell


def _of_text(path: Path, label: str) -> Sheet:
    """A text; its first row holds names if a label's is there, or if not all are numbers."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            lines = [line for line in file if line.strip()]
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from error
    if not lines:
        raise DataError(f"{path}: is empty")
    between = max("\t,;", key=lines[0].count)
    if between in lines[0]:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=between)]
    else:
        rows = [line.split() for line in lines]
    named = not all(_is_number(cell) for cell in rows[0][1:] or rows[0])
    named = named or (label in rows[0] and not _is_number(label))
    for place, name in enumerate(rows[0]):  # beside columns that are called 0, 1, 2 ...
        below = (row[place] for row in rows[1:] if len(row) > place)
        named = named or (name.lower() in LABELS and name not in below)
    head, body = (rows[0], rows[1:]) if named else ([], rows)
    return Sheet(str(path), head, body, 1 + named, path.name)


def _wide(sheet: Sheet, label: str, group: str) -> Table:
    head, body = sheet.head, sheet.body
    if (label or group) and not head:
        raise DataError(
            f"{sheet.where}: the first row names no columns, so {label or group!r} is unknown"
        )
    place = sheet.place(label or _usual(head, LABELS) or (head[0] if head else ""))
    aside = {place} | ({sheet.place(group)} if group else set())
    width = max(map(len, body)) if body else 0
    kept = [column for column in range(width) if column not in aside]
    made = []
    for number, row in enumerate(body, sheet.first):
        if max(aside) >= len(row):
            raise DataError(
                f"{sheet.where}, row {number}: has {len(row)} cells, too few for the label (or the "
                f"group), which is cell {max(aside) + 1}"
            )
        full = row + [""] * (width - len(row))
        made.append(_numbers(sheet, full, kept, number)[None])
    told = [] if group or not head else kept
    others = {head[i]: [row[i] for row in body if i < len(row)] for i in told}
    named = f"column {head[place]!r}" if head else "the first column"
    return Table(
        ragged(made),
        np.array([row[place] for row in body]),
        _column(body, sheet.place(group)) if group else np.array([], np.str_),
        (f"a row for each series; {named} is the label", *hints(others, "series")),
    )


def _long(sheet: Sheet, label: str, series: str, group: str) -> Table:
    where, head, body, first = sheet.where, sheet.head, sheet.body, sheet.first
    if not head:
        raise DataError(f"{where}: the first row must name the columns, one of them {series!r}")
    ids = sheet.place(series)
    told = label or _usual(head, LABELS)
    if not told:
        raise DataError(f"{where}: say which column is to be told: --label COLUMN")
    place, stamp = sheet.place(told), _usual(head, _TIMES)
    of = sheet.place(group) if group else place
    aside = {ids, place, of} | ({head.index(stamp)} if stamp else set())
    channels = [i for i in range(len(head)) if i not in aside]
    if not channels:
        raise DataError(f"{where}: there is no column of values beside {', '.join(head)}")
    members: dict[str, list[int]] = {}
    for number, row in enumerate(body):
        if len(row) != len(head):
            raise DataError(
                f"{where}, row {number + first}: {len(row)} cells, expected {len(head)}"
            )
        members.setdefault(row[ids], []).append(number)
    clock = _clock([row[head.index(stamp)] for row in body], sheet, stamp) if stamp else None
    made = []
    y: list[str] = []
    groups: list[str] = []
    for name, own in members.items():
        if clock is not None:
            own = sorted(own, key=clock.__getitem__)
        for column, into in ((place, y), (of, groups)):
            values = {body[i][column] for i in own}
            if len(values) > 1:
                raise DataError(
                    f"{where}: series {name!r} has several values in {head[column]!r}: "
                    f"{', '.join(sorted(values)[:3])}"
                )
            into.append(values.pop())
        values_at = [_numbers(sheet, body[i], channels, i + first) for i in own]
        made.append(np.stack(values_at, axis=1))
    what = ", ".join(head[i] for i in channels)
    note = f"a row for each time of a series ({series!r}); channels are {what}"
    if not stamp:
        note += "; no column is a time, so rows are taken in their order"
    elif clock is None:
        note += (
            f"; {stamp!r} holds neither numbers nor dates as ISO 8601 writes them "
            f"({body[0][head.index(stamp)]!r}), so rows are taken in their order"
        )
    others = {head[c]: _of_each(body, members, c) for c in channels if not group}
    notes = (note, *hints(others, "series"))
    return Table(ragged(made), np.array(y), np.array(groups if group else [], np.str_), notes)


def _of_each(
    body: Sequence[Sequence[str]], members: Mapping[str, Sequence[int]], column: int
) -> list[str]:
    """What a column says of each series; nothing where it says several things of one."""
    found = [{body[i][column] for i in own} for own in members.values()]
    return [next(iter(one)) for one in found] if all(len(one) == 1 for one in found) else []


def _usual(head: Sequence[str], names: Sequence[str]) -> str:
    return next((column for name in names for column in head if column.lower() == name), "")


def _column(body: list[list[str]], place: int) -> NDArray[np.str_]:
    return np.array([row[place] for row in body])


def _is_number(cell: str) -> bool:
    text = cell.lower()
    return text in MISSING or re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", text) is not None


def _numbers(
    sheet: Sheet, row: Sequence[str], columns: Sequence[int], number: int
) -> NDArray[np.float32]:
    """Some cells of a row, which is the ``number``-th."""
    found = np.empty(len(columns), np.float32)
    for place, column in enumerate(columns):
        cell = row[column]
        try:
            found[place] = np.nan if cell.lower() in MISSING else float(cell)
        except ValueError:
            name = sheet.head[column] if column < len(sheet.head) else str(column + 1)
            raise DataError(
                f"{sheet.where}, row {number}, column {name!r}: {cell[:40]!r} is no number, and "
                f"series must be numbers: leave the column out, or give --group {name} if it says "
                "whose a series is"
            ) from None
    return found


def _clock(cells: Sequence[str], sheet: Sheet, name: str) -> list[Any] | None:
    """Times that can be compared: numbers, or dates and times as ISO 8601 has them; None if none.

    Raises:
        DataError: One is missing.
    """
    lacking = [i for i, cell in enumerate(cells) if cell.lower() in MISSING]
    if lacking:
        raise DataError(
            f"{sheet.where}, row {sheet.first + lacking[0]}: has no {name!r}, so that its place in "
            "the series is unknown: fill it or leave the row out"
        )
    for read in (float, datetime.fromisoformat, time.fromisoformat):
        try:
            found: list[Any] = [read(cell) for cell in cells]
            max(found)  # those with and without a zone cannot be compared
        except (ValueError, TypeError):
            continue
        return found
    return None
