"""What rows say, by split: samples, what is to be told of them, and what belongs together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.folders import SPLIT_NAMES
from brickwork.tasks.rows.cells import Rows, is_text
from brickwork.tasks.rows.grouping import hints, owned
from brickwork.tasks.rows.reading import read_rows

__all__ = ["LABELS", "WIDE", "Sheet", "label_of", "no_label", "read_sheet", "splitting", "words_of"]

LABELS = (
    *("label", "labels", "target", "targets", "class", "classes", "classification", "y"),
    *("category", "outcome", "sentiment", "diagnosis", "response"),
)
WIDE = "wide"
"""In place of a column of a table of series: a row for each, whatever it looks like."""
_LOOK = 200  # rows that tell whether a column holds texts


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows whose columns have their roles.

    Attributes:
        name: A short name.
        where: Where they come from, for messages.
        columns: Names of the columns of samples.
        x: Samples of each split, ``(n, columns)``: texts and numbers as objects.
        y: For each split what is to be told, ``(n,)``, likewise.
        label: Its name.
        groups: As in ``Raw``; empty where none was asked for.
        notes: What was decided.
        advice: As in ``Raw``: of a class that only the first line of a file has.
    """

    name: str
    where: str
    columns: tuple[str, ...]
    x: Mapping[str, NDArray[Any]]
    y: Mapping[str, NDArray[Any]]
    label: str
    groups: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    advice: Mapping[str, str] = field(default_factory=dict)


def read_sheet(
    source: Any, label: str = "", group: str = "", test: str = "", *, texts: bool = False
) -> Sheet:
    """Read rows and tell what their columns are for.

    Args:
        source: As for ``read_rows``.
        label: Name of the column that is to be told, or its number where columns have no names;
            empty for one that is called like a label, else (of texts) the first that is no text,
            else the last.
        group: Column whose values stay in one split.
        test: Another file, with the test split.
        texts: Whether the samples are texts.

    Raises:
        DataError: There is no such column, a row has no label, or the files do not match.
    """
    found = read_rows(source, label, group=group, beside=("val",) if test else ("val", "test"))
    if test:
        if "test" in found:
            raise DataError(f"{found['train'].where} has a test split already: leave --test out")
        found["test"] = read_rows(test, label)["train"]
    train = found["train"]
    notes = list(train.notes)
    found = {split: _matched(rows, train) for split, rows in found.items()}
    found = _by_column(found, notes, keep=(label, group))
    train = found["train"]
    if not label:
        label, why = label_of(train, group, texts=texts)
        if why:
            notes.append(f"column {label!r} is what is to be told ({why}); --label names another")
    for split, rows in found.items():
        _check_labels(rows, split if len(found) > 1 else "", label)
    if group == label:
        raise DataError(f"{train.where}: {label!r} cannot be both label and group")
    roles = {label, group} - {""}
    kept = [i for i, name in enumerate(train.names) if name not in roles]
    others = {name: train.column(name) for name in train.names if name not in roles}
    notes += [] if group else hints(others)
    if group:
        train.index(group)
    if not kept:
        raise DataError(f"{train.where}: there is no column beside {', '.join(sorted(roles))}")
    groups = {split: words_of(rows.column(group)) for split, rows in found.items()} if group else {}
    groups, alone = owned(groups, group)
    return Sheet(
        train.name,
        train.where,
        tuple(train.names[i] for i in kept),
        {split: rows.cells[:, kept] for split, rows in found.items()},
        {split: rows.column(label) for split, rows in found.items()},
        label,
        groups,
        (*notes, *alone),
        {} if train.header else _advice(train, label),
    )


def _advice(rows: Rows, label: str) -> dict[str, str]:
    """What to say of the class in the first line of a file, which was read as a row."""
    first = str(words_of(rows.column(label)[:1])[0])
    return {
        first: "; the first line was read as a row: if it holds the names of the columns, say "
        f"which of them is the label, as --label {first!r}"
    }


def words_of(cells: NDArray[Any]) -> NDArray[Any]:
    """Cells as texts; whole numbers without a point."""
    return np.array(
        [
            one if isinstance(one, str) else str(int(one)) if one.is_integer() else repr(one)
            for one in cells
        ]
    )


def _matched(rows: Rows, train: Rows) -> Rows:
    """Rows with their columns in the order of the training rows.

    Raises:
        DataError: They have other columns.
    """
    if rows.names == train.names:
        return rows
    if rows.header and train.header:
        lacking = [name for name in train.names if name not in rows.names]
        strange = [name for name in rows.names if name not in train.names]
        if not lacking and not strange and len(rows.names) == len(train.names):
            order = [rows.index(name) for name in train.names]
            return replace(rows, names=train.names, cells=rows.cells[:, order])
        raise DataError(
            f"{rows.where}: its columns are not those of {train.where}: "
            + "; ".join(
                f"{what} {', '.join(map(repr, names[:10]))}"
                for what, names in (("missing:", lacking), ("not known there:", strange))
                if names
            )
        )
    if len(rows.names) != len(train.names):
        raise DataError(
            f"{rows.where}: has {len(rows.names)} columns, {train.where} has {len(train.names)}"
        )
    return replace(rows, names=train.names, header=train.header)


def splitting(rows: Rows) -> tuple[str, ...]:
    """The column that says of which split a row is, in capitals or not; empty for none."""
    for name in sorted({one for one in rows.names if one.lower() == "split"}, reverse=True):
        words = {str(one).lower() for one in rows.column(name)}
        if words <= set(SPLIT_NAMES):
            return (name,)
    return ()


def _by_column(found: dict[str, Rows], notes: list[str], keep: tuple[str, ...]) -> dict[str, Rows]:
    """The splits that a column of that name tells, if there is one and nothing else tells them."""
    train = found["train"]
    column = next(iter(splitting(train)), "")
    if not column or column in keep:
        return found
    words = [str(one).lower() for one in train.column(column)]
    rest = [i for i, name in enumerate(train.names) if name != column]

    def without(rows: Rows, chosen: Any = slice(None)) -> Rows:
        return replace(
            rows, names=tuple(rows.names[i] for i in rest), cells=rows.cells[chosen][:, rest]
        )

    if len(found) > 1:
        notes.append(f"column {column!r} is not used, since the source has splits of its own")
        return {split: without(rows) for split, rows in found.items()}
    splits = np.array([SPLIT_NAMES[word] for word in words])
    if "train" not in splits:
        raise DataError(f"{train.where}: column {column!r} has no row with 'train'")
    notes.append(f"column {column!r} says which rows are for training, validation and test")
    return {
        split: without(train, splits == split)
        for split in ("train", "val", "test")
        if (splits == split).any()
    }


def label_of(rows: Rows, group: str = "", *, texts: bool = False) -> tuple[str, str]:
    """The column that is to be told where nobody said it, and why; no reason if the source says it.

    Args:
        rows: The rows.
        group: A column that it is not.
        texts: Whether the samples are texts.
    """
    if rows.label:
        return rows.label, ""
    others = [name for name in rows.names if name != group]
    lower = {name.lower(): name for name in reversed(others)}
    for name in LABELS:
        if name in lower:
            return lower[name], "it is called so"
    if texts:
        plain = [one for one in others if not is_text(rows.column(one)[:_LOOK])]
        if plain and len(plain) < len(others):
            return plain[0], "it holds no texts"
    return others[-1], "it is the last"


def _check_labels(rows: Rows, split: str, label: str) -> None:
    column = rows.column(label)
    empty = [i for i, value in enumerate(column, start=1) if no_label(value)]
    if empty:
        where = f"{rows.where}, {split} split" if split else rows.where
        count = "1 row has" if len(empty) == 1 else f"{len(empty)} rows have"
        raise DataError(
            f"{where}: {count} no value in the label column {label!r}, the first is row "
            f"{empty[0]}: fill them or leave the rows out"
        )


def no_label(value: str | float) -> bool:
    """Whether a label is missing; "none" and "NA" may be classes."""
    return isinstance(value, str) and value.lower() in ("", "nan", "?")
