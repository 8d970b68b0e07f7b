"""Rows from whatever they are in: files, data frames, data sets, arrays."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.archives import members
from brickwork.tasks.arrays import check_labels, splits_of
from brickwork.tasks.folders import SPLIT_NAMES
from brickwork.tasks.rows.cells import Rows, filled
from brickwork.tasks.rows.files import SUFFIXES, read_file, split_files, suffix

__all__ = ["first_rows", "is_rows", "read_rows", "sample_rows", "whole_column"]

_FIRST = 200  # rows that tell what data are
_MANY = 20_000  # rows that tell what a column holds, of a file with more


def is_rows(source: Any) -> bool:
    """Whether a source holds rows: a file of them, a data frame, a data set, or splits of such."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return bool(split_files(path)) if path.is_dir() else suffix(path) in SUFFIXES
    if isinstance(source, Mapping):
        return bool(source) and all(_is_table(one) for one in source.values())
    if isinstance(source, tuple | list):
        return len(source) == 2 and _is_frame(source[0])
    return _is_table(source)


def first_rows(source: Any, label: str = "") -> Rows:
    """A few rows of a source, to see what they are."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return read_file(split_files(path).get("train", path), label, most=_FIRST)
    return read_rows(source, label, _FIRST)["train"]


def whole_column(source: Any, name: str, label: str = "") -> NDArray[Any]:
    """The cells of a column from all rows of a source, or of a large file from rows spread over it.

    Args:
        source: As for ``first_rows``; of splits it is the training split.
        name: Of the column, as ``first_rows`` names it.
        label: As for ``first_rows``.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return read_file(split_files(path).get("train", path), label, about=_MANY).column(name)
    return read_rows(source, label)["train"].column(name)


def sample_rows(x: Any, where: str) -> Rows:
    """Samples without labels, ``(n, columns)`` or texts ``(n,)``, as the same with labels are read.

    Raises:
        DataError: They are no rows.
    """
    names, columns = _columns(x, where)
    return Rows("samples", where, names, filled(columns, len(columns[0]), names, where))


def read_rows(
    source: Any,
    label: str = "",
    most: int | None = None,
    group: str = "",
    *,
    beside: Collection[str] = ("val", "test"),
) -> dict[str, Rows]:
    """The rows of a source, by split; all of them in ``"train"`` where it has no splits.

    Args:
        source: A file, or a folder with one for each split (``train.csv``, ``test.csv``), which are
            taken as well where they lie beside the training file and have its columns; a data frame
            (pandas, polars), or one of samples and their labels; a data set as of Hugging Face; a
            mapping of such by split; a pair of arrays; a mapping of arrays with the keys of an
            ``.npz`` file; an ``.npz`` file.
        label: Name of the column that is to be told, if it is known.
        most: Only so many rows, the first ones.
        group: Of a mapping of arrays, one more of them that becomes a column; where there are
            several splits ``group_train`` and so on.
        beside: Of which splits files are taken that lie beside a training file.

    Raises:
        DataError: It cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.is_dir() and is_rows(path):
            return {split: read_file(file, label) for split, file in split_files(path).items()}
        if not path.is_file():
            raise DataError(f"no such file: {str(source)!r}")
        if path.suffix.lower() == ".npz":
            return _from_npz(path, group)
        if suffix(path) not in SUFFIXES:
            raise DataError(
                f"{path}: not a file of rows: give one of {', '.join(SUFFIXES)} or an .npz file"
            )
        return _with_beside(path, label, beside)
    if isinstance(source, Mapping):
        if is_rows(source):
            return _from_splits(source, most)
        return _from_arrays(source, source.keys(), "the given arrays", group, most)
    if isinstance(source, tuple | list) and len(source) == 2:
        return {"train": _of_pair(source[0], source[1], "the given arrays", most)}
    if _is_table(source):
        return {"train": _of_table(source, "the given table", most)}
    raise DataError(
        f"cannot read rows from a {type(source).__name__}: give a path, arrays (x, y) or a data "
        "frame"
    )


def _with_beside(path: Path, label: str, splits: Collection[str]) -> dict[str, Rows]:
    """A file, and those of the other splits beside a training file that have its columns."""
    train = read_file(path, label)
    found, notes = {"train": train}, list(train.notes)
    for split, file in split_files(path).items():
        if split not in splits:
            continue
        rows = read_file(file, label)
        same = sorted(rows.names) == sorted(train.names)
        if same:
            found[split] = rows
        notes.append(
            f"the {split} split is {file.name}, which lies beside {path.name}"
            if same
            else f"{file.name} has other columns than {path.name}, so it is not used"
        )
    return {**found, "train": replace(train, notes=tuple(notes))}


def _is_frame(source: Any) -> bool:
    return _is_lazy(source) or (hasattr(source, "columns") and hasattr(source, "head"))


def _is_lazy(source: Any) -> bool:
    """Whether a source is a frame of polars that is not computed yet; it is slow to ask for names.

    What is computed has no ``collect``.
    """
    return hasattr(source, "collect") and hasattr(source, "collect_schema")


def _is_data_set(source: Any) -> bool:
    return hasattr(source, "column_names") and hasattr(source, "features")


def _is_table(source: Any) -> bool:
    return _is_frame(source) or _is_data_set(source)


def _from_splits(source: Mapping[Any, Any], most: int | None) -> dict[str, Rows]:
    found = {}
    for name, table in source.items():
        split = SPLIT_NAMES.get(str(name).lower())
        if split is None:  # such as the unlabelled part of a collection
            continue
        found[split] = _of_table(table, f"the {name} split", most)
    if "train" not in found:
        raise DataError(
            f"the given splits are called {', '.join(map(str, source))}: one must be 'train'"
        )
    return found


def _of_table(table: Any, where: str, most: int | None) -> Rows:
    """A data frame, or a data set of Hugging Face."""
    if _is_lazy(table):
        table = (table if most is None else table.head(most)).collect()
    names = list(table.column_names if _is_data_set(table) else table.columns)
    texts = tuple(str(name) for name in names)
    twice = sorted(name for name in set(texts) if texts.count(name) > 1)
    if twice:
        raise DataError(f"{where}: two columns are called {twice[0]!r}: rename one of them")
    if _is_data_set(table):
        part = table if most is None else table[:most]  # a mapping of lists
        columns = [_told(table.features[name], list(part[name])) for name in names]
    else:
        part = table if most is None else table.head(most)
        columns = [list(part[name]) for name in names]
    if not columns or not columns[0]:
        raise DataError(f"{where}: there are no rows")
    return Rows("data", where, texts, filled(columns, len(columns[0]), texts, where))


def _told(feature: Any, values: list[Any]) -> list[Any]:
    """Classes by their names, where a data set has names for them."""
    names = getattr(feature, "names", None)
    if not names:
        return values
    return [names[v] if isinstance(v, int) and 0 <= v < len(names) else None for v in values]


def _from_arrays(
    arrays: Any, keys: Iterable[str], where: str, group: str, most: int | None
) -> dict[str, Rows]:
    """Arrays by name, of one split or of several, with the groups of each row if asked for."""
    known = set(keys)
    splits = splits_of(known, where)
    found = {}
    for split, (x, y) in splits.items():
        one = group if len(splits) == 1 and group in known else f"{group}_{split}"
        if group and one not in known:
            raise DataError(f"{where}: nothing is called {one!r}, to group by")
        beside = {group: arrays[one]} if group else {}
        found[split] = _of_pair(arrays[x], arrays[y], where, most, beside)
    return found


def _of_pair(
    x: Any, y: Any, where: str, most: int | None, beside: Mapping[str, Any] | None = None
) -> Rows:
    """Samples and labels, and what else is known of each sample."""
    names, columns = _columns(x, where)
    count = len(columns[0])
    more = {**(beside or {}), str(getattr(y, "name", None) or "label"): y}
    for name, values in more.items():
        array, what = np.asarray(values), "groups" if name in (beside or {}) else "labels"
        if what == "labels":
            check_labels(array, where)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.shape != (count,):
            raise DataError(
                f"{where}: there are {count} samples, but the {what} have the shape {array.shape}"
            )
        if name in names:
            raise DataError(
                f"{where}: column {name!r} is the {what.removesuffix('s')} and is among the "
                "samples as well"
            )
        columns.append(array)
    names = (*names, *more)
    few = [column[:most] for column in columns]
    cells = filled(few, count if most is None else min(count, most), names, where)
    return Rows("arrays", where, names, cells, label=next(reversed(more)))


def _columns(x: Any, where: str) -> tuple[tuple[str, ...], list[Any]]:
    """Names and columns of samples: a frame, rows ``(n, columns)``, or texts ``(n,)``.

    Raises:
        DataError: They are neither, or there are none.
    """
    if _is_frame(x):
        rows = _of_table(x, where, None)
        return rows.names, list(rows.cells.T)
    table = np.asarray(x)
    if table.ndim not in (1, 2):
        raise DataError(
            f"{where}: rows have the shape {table.shape}, expected (n, columns) or texts (n,)"
        )
    if not table.size:
        raise DataError(f"{where}: there are no rows")
    if table.ndim == 1:
        return ("text",), [table]
    return tuple(str(i) for i in range(1, table.shape[1] + 1)), list(table.T)


def _from_npz(path: Path, group: str) -> dict[str, Rows]:
    arrays = members(path)
    return _from_arrays(arrays, list(arrays), str(path), group, None)
