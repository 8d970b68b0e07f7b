"""Tables: the rows of a source as a task with classes or with numbers to tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.space import Shape
from brickwork.tasks.beside import preparation
from brickwork.tasks.changing import NoChanges, RowChanges
from brickwork.tasks.raw import Raw
from brickwork.tasks.rows import Sheet, number, read_sheet, sample_rows, words_of
from brickwork.tasks.samples import DataTask, Prepare, Prepared, classification, regression
from brickwork.tasks.table.columns import learned, unknown
from brickwork.tasks.table.leaking import giveaways
from brickwork.tasks.table.prepare import encoded

__all__ = ["load_numbers", "load_table", "table_inputs"]


def load_table(
    source: Any, seed: int = 0, label: str = "", group: str = "", test: str = ""
) -> DataTask:
    """Table classification: rows of numbers and categories, one class each.

    Args:
        source: A file of rows (``.csv``, ``.tsv``, ``.txt``, ``.data``, also packed with gzip;
            ``.parquet``), a data frame, a data set of Hugging Face, a mapping of such by split, or
            arrays ``(x, y)``.
        seed: Decides which training rows become a split that the source does not have.
        label: Column of the classes; by default one that is called so, else the last.
        group: Column whose values stay in one split.
        test: A file like the source, with the test split.

    Raises:
        DataError: The data cannot be used as it is; one line says what, where and what to do.
    """
    sheet = _sheet(source, label, group, test)
    y = {split: words_of(cells) for split, cells in sheet.y.items()}
    raw = _raw(sheet, y)
    return classification(raw, "table-classification", seed, _prepare(sheet))


def load_numbers(
    source: Any, seed: int = 0, label: str = "", group: str = "", test: str = ""
) -> DataTask:
    """Table regression: rows of numbers and categories, one number each.

    Args:
        source: As for ``load_table``.
        seed: Likewise.
        label: Column of the number.
        group: Column whose values stay in one split.
        test: A file like the source, with the test split.

    Raises:
        DataError: The data cannot be used as it is; one line says what, where and what to do.
    """
    sheet = _sheet(source, label, group, test)
    y = {split: _numbers(sheet, split) for split in sheet.y}
    raw = _raw(sheet, y)
    return regression(raw, (sheet.label,), "table-regression", seed, _prepare(sheet))


def table_inputs(x: Any, about: Mapping[str, Any], _input: Shape) -> NDArray[np.float32]:
    """What networks take of rows as ``load_table`` takes them without labels.

    Args:
        x: A data frame, or an array ``(n, columns)``.
        about: The content of ``prepare.json``.
        _input: Shape of what the network takes.

    Raises:
        DataError: They are no rows, or lack a column.
    """
    rows = sample_rows(x, "the samples")
    names = [one["name"] for one in (*about["numbers"], *about["categories"])]
    return encoded({name: list(rows.column(name)) for name in names}, about)


def _sheet(source: Any, label: str, group: str, test: str) -> Sheet:
    sheet = read_sheet(source, label, group, test)
    twice = sorted({name for name in sheet.columns if sheet.columns.count(name) > 1})
    if twice:
        raise DataError(f"{sheet.where}: two columns are called {twice[0]!r}: rename one of them")
    return sheet


def _raw(sheet: Sheet, y: dict[str, NDArray[Any]]) -> Raw:
    told = giveaways(sheet.x["train"], y["train"].reshape(len(y["train"])), sheet.columns)
    notes = (*sheet.notes, *told)
    return Raw(sheet.name, sheet.name, sheet.where, sheet.x, y, notes, sheet.groups, sheet.advice)


def _numbers(sheet: Sheet, split: str) -> NDArray[np.float32]:
    values = [number(cell) for cell in sheet.y[split]]
    bad = [i for i, value in enumerate(values) if value is None]
    if bad:
        raise DataError(
            f"{sheet.where}, {split} split: {sheet.y[split][bad[0]]!r} in row {bad[0] + 1} of the "
            f"label column {sheet.label!r} is no number: repair it or leave the row out"
        )
    return np.array(values, np.float32)[:, None]


def _prepare(sheet: Sheet) -> Prepare:
    """What is learned from the training rows."""

    def prepare(rows: NDArray[Any]) -> Prepared:
        about, notes = learned(rows, sheet.columns, sheet.where)
        forgotten = tuple(len(one["words"]) for one in about["categories"])
        return Prepared(
            None,
            RowChanges(forgotten) if forgotten else NoChanges(),
            lambda part: encoded(dict(zip(sheet.columns, part.T, strict=True)), about),
            {"categories": tuple(code + 1 for code in forgotten)},
            preparation("brickwork.tasks.table", json.dumps(about, ensure_ascii=False)),
            tuple(notes),
            strange=lambda test: unknown(rows, test, sheet.columns, about),
        )

    return prepare
