"""What is known of each sample beside it: who it is of, and which are the test split."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.raw import Raw
from brickwork.tasks.rows.grouping import owned

__all__ = ["chosen", "columns_beside", "with_columns"]


def columns_beside(arrays: Mapping[str, Any], used: set[str], count: int) -> dict[str, Any]:
    """Arrays that are neither samples nor labels and have an entry for each training sample."""
    return {k: v for k, v in arrays.items() if k not in used and np.shape(v) == (count,)}


def with_columns(
    raw: Raw, columns: Mapping[str, Any], arrays: Mapping[str, Any], group: str, test: str
) -> Raw:
    """The data with groups and a test split, where they were asked for.

    Args:
        raw: The data.
        columns: What is known of each training sample.
        arrays: Where groups of the splits may be, as ``speaker_train`` and so on.
        group: The column that says who or what a sample is of; empty for none.
        test: A rule that says which training samples are the test split; empty for none.

    Raises:
        DataError: There is no such column, or the rule chooses all or nothing.
    """
    if group:
        groups, notes = owned(_groups(group, columns, arrays, raw), group)
        raw = replace(raw, groups=groups, notes=(*raw.notes, *notes))
    if not test:
        return raw
    if "test" in raw.x:
        raise DataError(f"{raw.where}: has a test split of its own: leave --test out")
    mask = chosen(test, columns, raw.where)
    parts = {"train": ~mask, "test": mask}

    def parted(values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        found = {split: values["train"][rows] for split, rows in parts.items()}
        return {**found, **{split: given for split, given in values.items() if split != "train"}}

    return replace(
        raw,
        x=parted(raw.x),
        y=parted(raw.y),
        groups=parted(raw.groups) if raw.groups else {},
        notes=(*raw.notes, f"test: the {int(mask.sum())} samples with {test}"),
    )


def chosen(rule: str, columns: Mapping[str, Any], where: str) -> NDArray[np.bool_]:
    """The samples that a rule such as ``"index<5"`` is true of.

    Args:
        rule: A column, one of ``< <= > >= ==``, and a value.
        columns: What is known of each sample.
        where: Where they come from, for messages.

    Raises:
        DataError: The rule cannot be read, names what is not there, or chooses all or nothing.
    """
    found = re.fullmatch(r"\s*(\w+)\s*(<=|>=|==|=|<|>)\s*(.+?)\s*", rule)
    if found is None:
        raise DataError(f"test: cannot read {rule!r}: write a rule such as 'index<5'")
    name, sign, value = found.groups()
    column = _column(name, columns, where)
    if column.dtype.kind in "biuf":
        try:
            number = float(value)
        except ValueError:
            raise DataError(f"test: {name!r} is a number, got {value!r}") from None
        tests = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
        mask = tests.get(sign, np.equal)(column, number)
    elif sign in ("=", "=="):
        mask = column.astype(str) == value
    else:
        raise DataError(f"test: {name!r} is a text: write {name}==VALUE")
    if mask.all() or not mask.any():
        part = "all" if mask.all() else "none"
        raise DataError(f"{where}: {rule!r} is true of {part} of the {len(mask)} samples")
    return np.asarray(mask, bool)


def _groups(
    group: str, columns: Mapping[str, Any], arrays: Mapping[str, Any], raw: Raw
) -> dict[str, NDArray[Any]]:
    """For each split ``speaker_train`` and so on; where there is one column, ``speaker``."""
    by_split = {k: np.asarray(arrays[f"{group}_{k}"]) for k in raw.x if f"{group}_{k}" in arrays}
    if not by_split:
        if group in arrays and group not in columns:
            raise DataError(
                f"{raw.where}: {group!r} has the shape {np.shape(arrays[group])}, expected one "
                f"entry for each sample: ({len(raw.x['train'])},)"
            )
        return {"train": _column(group, columns, raw.where)}
    if "train" not in by_split:
        raise DataError(
            f"{raw.where}: there is {group}_{next(iter(by_split))} but no {group}_train"
        )
    for split, column in by_split.items():
        if column.shape != (len(raw.x[split]),):
            raise DataError(
                f"{raw.where}: {group}_{split} has the shape {column.shape}, expected one entry "
                f"for each sample: ({len(raw.x[split])},)"
            )
    return by_split


def _column(name: str, columns: Mapping[str, Any], where: str) -> NDArray[Any]:
    if name not in columns:
        known = ", ".join(sorted(columns)) or "nothing"
        raise DataError(f"{where}: nothing is called {name!r}; beside the samples is {known}")
    return np.asarray(columns[name])
