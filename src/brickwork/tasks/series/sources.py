"""Where series come from: an .npz file, arrays, a table as a file or as a data frame."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.archives import members
from brickwork.tasks.arrays import splits_of
from brickwork.tasks.columns import columns_beside, with_columns
from brickwork.tasks.raw import Raw
from brickwork.tasks.rows import is_rows, no_label, read_rows, split_files
from brickwork.tasks.rows.grouping import owned
from brickwork.tasks.series.rows import Standing, series_of
from brickwork.tasks.series.tables import Sheet, read_table, sheet_of

__all__ = ["Labels", "Source", "read"]

Source = str | Path | tuple[Any, Any] | Mapping[str, Any]
Labels = Callable[[Any, int, str], NDArray[Any]]
"""Checks what is to be said of so many series, which come from somewhere."""

_TABLES = (".csv", ".tsv", ".txt", ".parquet")


def read(
    source: Any, labels: Labels, label: str = "", series: str = "", group: str = "", test: str = ""
) -> Raw:
    """The series of a source, in the splits that it has.

    Args:
        source: See ``load_series``.
        labels: Checks what is to be said of them.
        label: Of a table, the column that is to be told.
        series: Of a table, the column that says which series a row is of.
        group: What is known of each series that says who or what it is of.
        test: Of a table, a file with the test split; else a rule that says which series are it.

    Raises:
        DataError: There is no such source, or it cannot be used.
    """
    if not isinstance(source, str | Path) and is_rows(source):
        sheets = {split: sheet_of(rows, label) for split, rows in read_rows(source, label).items()}
        return _of_sheets(sheets, "table", "the given table", labels, label, series, group, test)
    if isinstance(source, Mapping):
        _only_tables(label, series)
        return _from_mapping(source, "arrays", "the given arrays", labels, group, test)
    if isinstance(source, tuple | list):
        if len(source) != 2:
            raise DataError(f"give a pair (series, labels), got {len(source)} arrays")
        pair = {"x": source[0], "y": source[1]}
        return read(pair, labels, label, series, group, test)
    if not isinstance(source, str | Path):
        raise DataError(
            f"cannot read series from a {type(source).__name__}: give a path, a pair "
            "(series, labels), a dictionary of arrays or a data frame"
        )
    path = Path(source)
    if not path.exists():
        raise DataError(f"no such file or folder: {str(source)!r}")
    if path.suffix.lower() == ".npz":
        _only_tables(label, series)
        return _from_mapping(members(path), path.stem, str(path), labels, group, test)
    if path.is_dir() and (parts := split_files(path)):
        sheets = {split: sheet_of(file, label) for split, file in parts.items()}
        return _of_sheets(sheets, path.name, str(path), labels, label, series, group, test)
    if path.is_file() and Path(path.name.lower().removesuffix(".gz")).suffix in _TABLES:
        return _from_tables(path, labels, label, series, group, test)
    raise DataError(
        f"{path}: series are read from an .npz file with x_train and y_train (or x and y), and "
        "from .csv, .tsv or .parquet"
    )


def _only_tables(label: str, series: str) -> None:
    if label or series:
        name = "label" if label else "series"
        raise DataError(f"--{name} names a column of a table: leave it out for arrays")


def _from_mapping(
    arrays: Mapping[str, Any], name: str, where: str, labels: Labels, group: str, test: str
) -> Raw:
    x, y, notes = {}, {}, []
    standing: Standing | None = None
    splits = splits_of(arrays, where)
    used = {key for pair in splits.values() for key in pair}
    for split, (samples, told) in splits.items():
        length = f"len_{split}" if f"len_{split}" in arrays else "len"
        x[split], stood, said = series_of(
            arrays[samples], arrays.get(length), f"{where}, {samples}", standing
        )
        standing = standing or stood  # training comes first
        y[split] = labels(arrays[told], len(x[split]), f"{where}, {told}")
        notes += said
        used.add(length)
    reading = {"time_first": True} if standing and standing.time_first else {}
    raw = Raw(name, name, where, x, y, tuple(notes), reading=reading)
    columns = columns_beside(arrays, used, len(x["train"]))
    return with_columns(raw, columns, arrays, group, test)


def _from_tables(path: Path, labels: Labels, label: str, series: str, group: str, test: str) -> Raw:
    """A table, and those of other splits beside ``train.csv`` or, as in the UCR archive, beside
    ``NAME_TRAIN.txt``; the test split may be given instead.
    """
    files = split_files(path)
    other = re.sub(r"_train(\.\w+(\.gz)?)$", r"_TEST\1", path.name, flags=re.IGNORECASE)
    if other != path.name and path.with_name(other).exists():
        files["test"] = path.with_name(other)
    if test:
        files.pop("test", None)
    sheets = {split: sheet_of(file, label) for split, file in files.items()}
    head = sorted(sheets["train"].head)
    same = {split: sheet for split, sheet in sheets.items() if sorted(sheet.head) == head}
    name = path.name.partition(".")[0]
    raw = _of_sheets(same, name, str(path), labels, label, series, group, test)
    others = (
        f"{sheet.file} is not used: it has other columns than {path.name}"
        for split, sheet in sheets.items()
        if split not in same
    )
    return replace(raw, notes=(*raw.notes, *others))


def _of_sheets(
    given: Mapping[str, Sheet],
    name: str,
    where: str,
    labels: Labels,
    label: str,
    series: str,
    group: str,
    test: str,
) -> Raw:
    """Tables of one form, one for each split; ``test`` is a file with a further one."""
    sheets = dict(given)
    if test:
        if "test" in sheets:
            raise DataError(f"{where}: has a test split of its own: leave --test out")
        if not Path(test).is_file():
            raise DataError(f"{where}: --test must be a file like it, there is no {test!r}")
        sheets["test"] = sheet_of(Path(test), label)
    x, y, groups, notes = {}, {}, {}, []
    for split, sheet in sheets.items():
        table, at = read_table(sheet, label, series, group), sheet.where
        x[split], _, said = series_of(table.x, None, at)
        y[split] = labels(_typed(table.y, at), len(x[split]), at)
        if group:
            groups[split] = table.groups
        notes += said + list(table.notes if split == "train" else ())
        if sheet.file and split != "train":
            notes.append(f"{split} is {sheet.file}")
    groups, alone = owned(groups, group)
    raw = Raw(name, name, where, x, y, (*notes, *alone), groups)
    _same_channels(raw)
    return raw


def _typed(y: NDArray[np.str_], where: str) -> NDArray[Any]:
    """Labels as numbers if all of them are, none with zeros in front as codes have them.

    Raises:
        DataError: One is missing.
    """
    lacking = np.flatnonzero([no_label(one) for one in y])
    if len(lacking):
        raise DataError(
            f"{where}: {len(lacking)} of {len(y)} series have no label, the first is series "
            f"{lacking[0] + 1}: fill them or leave the series out"
        )
    if any(re.match(r"[-+]?0\d", one) for one in y):
        return y
    try:
        return y.astype(np.float64)
    except ValueError:
        return y


def _same_channels(raw: Raw) -> None:
    channels = {split: len(x[0]) for split, x in raw.x.items()}
    if len(set(channels.values())) > 1:
        raise DataError(f"{raw.where}: the splits have different numbers of channels: {channels}")
