"""Rows from files: separated values of any kind, TREC's questions, parquet."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.folders import SPLIT_NAMES
from brickwork.tasks.rows.cells import Rows, filled, no_cells
from brickwork.tasks.rows.commas import comma_note, has_decimals, points_for_commas
from brickwork.tasks.rows.header import has_names

__all__ = ["SUFFIXES", "read_file", "split_files", "suffix"]

SUFFIXES = (".csv", ".tsv", ".txt", ".data", ".train", ".test", ".label", ".parquet")
"""Of files of rows; all but the last may be packed with gzip."""

_SEPARATORS = (",", "\t", ";", "|")
_LOOK = 200  # lines that tell the form of a file


def suffix(path: Path) -> str:
    """The suffix in lower case; of what is packed that of what is in it."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def split_files(path: Path) -> dict[str, Path]:
    """The file of each split: those of a folder, or beside a file of the training split.

    Args:
        path: A folder with ``train.csv``, ``test.csv`` and the like, or a file of rows.

    Returns:
        By split, ``"train"`` among them; nothing for a folder without such a file.
    """
    folder = path if path.is_dir() else path.parent
    found = {"train": path} if path.is_file() else {}
    if found and _split_of(path) != "train":
        return found
    for file in sorted(folder.iterdir()):
        split = _split_of(file)
        if split and suffix(file) == suffix(found.get("train", file)) and file.is_file():
            found.setdefault(split, file)
    return found if "train" in found else {}


def _split_of(path: Path) -> str:
    """The split that a file of rows is called after; empty for none."""
    return SPLIT_NAMES.get(_stem(path).lower(), "") if suffix(path) in SUFFIXES else ""


def read_file(
    path: Path, label: str = "", most: int | None = None, about: int | None = None
) -> Rows:
    """The rows of a file.

    Args:
        path: The file.
        label: Name of a column, which tells that the first line holds names.
        most: Only so many lines, the first ones.
        about: Only about so many rows, drawn from all of the file, without those of another width
            than the first.

    Raises:
        DataError: The file cannot be read; the message says which line is at fault.
    """
    kind = suffix(path)
    if kind == ".parquet":
        return _parquet(path, most, about)
    lines = _lines(path, most)
    if kind == ".label":
        return _questions(path, lines)
    separator = _separator([line for line in lines[:_LOOK] if line.strip()], kind)
    table, numbers = _split(path, _spread(lines, about), separator, complete=most is None)
    if about is None:
        _check_widths(path, table, numbers)
    table = [row for row in table if len(row) == len(table[0])]
    table, commas = (table, {}) if separator == "," else points_for_commas(table)
    header = has_names(table, label)
    names = [one.strip() for one in table[0]] if header else []
    body = table[1:] if header else table
    width = len(table[0])
    if not body:
        raise DataError(f"{path}: holds a line of names but no rows")
    twice = next((one for one in names if one and names.count(one) > 1), "")
    if twice:
        raise DataError(
            f"{path}: {names.count(twice)} columns are called {twice!r}: rename them, so that each "
            "has a name of its own"
        )
    cells = np.empty((len(body), width), object)
    for row, values in enumerate(body):
        cells[row] = [value.strip() for value in values]
    named = tuple(name or f"column {i}" for i, name in enumerate(names, start=1))
    numbered = tuple(str(i) for i in range(1, width + 1))
    notes = (comma_note(commas, named or numbered),) if commas else ()
    return Rows(_stem(path), str(path), named or numbered, cells, header, notes=notes)


def _lines(path: Path, most: int | None) -> list[str]:
    """The lines of a text, in UTF-8 if it is that, else in Latin-1; blank ones stay."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            data = file.read() if most is None else b"".join(itertools.islice(file, most))
    except (OSError, EOFError, zlib.error) as error:
        what = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read ({what})") from error
    if b"\0" in data:
        raise DataError(f"{path}: is not a text file: save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if not text.strip():
        raise DataError(f"{path}: is empty")
    return io.StringIO(text, newline=None).readlines()


def _spread(lines: list[str], about: int | None) -> list[str]:
    """The first lines, which tell the form of a file, and others drawn from the rest.

    A row in quotes may be of several lines, so all of a file with quotes are kept.
    """
    if about is None or len(lines) <= about or any('"' in line for line in lines):
        return lines
    first = _LOOK + 1
    return [*lines[:first], *(lines[first + i] for i in _drawn(len(lines) - first, about))]


def _drawn(count: int, about: int) -> NDArray[np.int64]:
    """Places among so many, in order, always the same."""
    few = min(count, about)
    return np.sort(np.random.default_rng(0).choice(count, few, replace=False))


def _questions(path: Path, lines: Sequence[str]) -> Rows:
    """``CLASS:finer text``, a line each (Li and Roth, "Learning question classifiers", 2002)."""
    rows = []
    for place, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        label, _, text = line.strip().partition(" ")
        coarse, colon, finer = label.partition(":")
        if not (colon and coarse and finer):
            raise DataError(f"{path}: line {place} does not begin with a CLASS:finer label")
        rows.append((coarse, finer, text))
    names = ("class", "finer class", "text")
    cells = filled(list(zip(*rows, strict=True)), len(rows), names, str(path))
    return Rows(_stem(path), str(path), names, cells, label="class")


def _split(
    path: Path, lines: Sequence[str], separator: str, complete: bool
) -> tuple[list[list[str]], list[int]]:
    """The cells of each line that is not blank, and the number of the line."""
    if separator == "\t":  # texts hold quotes that close nothing
        plain = [
            (i, line.rstrip("\n").split("\t")) for i, line in enumerate(lines, 1) if line.strip()
        ]
        if len({len(row) for _, row in plain}) == 1:
            return [[_unquoted(c) for c in row] for _, row in plain], [i for i, _ in plain]
    if separator == " ":
        spaced = [(i, line.split()) for i, line in enumerate(lines, 1) if line.strip()]
        return [row for _, row in spaced], [i for i, _ in spaced]
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=complete)
    rows, numbers = [], []
    try:
        for row in reader:
            if any(value.strip() for value in row):
                rows.append(row)
                numbers.append(reader.line_num)
    except csv.Error as error:
        raise DataError(
            f"{path}: line {max(1, reader.line_num)} cannot be read ({error}): check its quotes"
        ) from error
    if not complete and len(rows) > 1 and len(rows[-1]) < len(rows[0]):
        del rows[-1], numbers[-1]  # cut off within quotes
    return rows, numbers


def _separator(lines: Sequence[str], kind: str) -> str:
    """What stands between cells: of those in the first line the one that all lines have most of."""
    if kind == ".tsv":
        return "\t"
    counts = {s: min(line.count(s) for line in lines) for s in _SEPARATORS}
    best = max(_SEPARATORS, key=lambda s: counts[s])
    if counts[best]:
        others = (s for s in _SEPARATORS if counts[s] and has_decimals(lines, s))
        return next(others, best) if best == "," else best
    widths = {len(line.split()) for line in lines}
    if kind != ".csv" and len(widths) == 1 and widths != {1}:
        return " "
    return max(_SEPARATORS, key=lambda s: lines[0].count(s))


def _unquoted(value: str) -> str:
    whole = value.strip()
    inner = whole[1:-1]
    if len(whole) > 1 and whole[0] == whole[-1] == '"' and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"')
    return value


def _check_widths(path: Path, table: Sequence[Sequence[str]], numbers: Sequence[int]) -> None:
    width = len(table[0])
    for row, place in zip(table, numbers, strict=True):
        if len(row) != width:
            raise DataError(
                f"{path}: line {place} has {len(row)} cells, the first line has {width}: "
                "put cells that hold the separator into quotes"
            )


def _parquet(path: Path, most: int | None, about: int | None = None) -> Rows:
    try:
        import polars
    except ImportError:
        raise DataError(
            f"{path}: reading parquet needs polars: pip install 'brickwork[tables]'"
        ) from None
    try:
        frame = polars.read_parquet(path, n_rows=most)
    except (OSError, polars.exceptions.PolarsError) as error:
        what = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: not a readable parquet file ({what})") from error
    if not len(frame):
        raise DataError(f"{path}: is empty")
    if about is not None:
        frame = frame[_drawn(len(frame), about)]
    for name, kind in frame.schema.items():
        if kind.is_nested():
            raise no_cells(str(path), name, str(kind).partition("(")[0])
    columns: list[Any] = [frame[name].to_list() for name in frame.columns]
    cells: NDArray[Any] = filled(columns, len(frame), frame.columns, str(path))
    return Rows(_stem(path), str(path), tuple(frame.columns), cells)


def _stem(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).stem
