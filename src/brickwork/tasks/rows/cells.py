"""Rows as they were found: named columns of cells, each a text or a number."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError

__all__ = [
    "ALONE",
    "MISSING",
    "Rows",
    "cell",
    "filled",
    "is_missing",
    "is_text",
    "no_cells",
    "number",
]

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})
"""What an empty cell is written as, in lower case."""

ALONE = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Kana and Chinese characters, as a range of a regular expression: each is a word."""

_CHARACTER = re.compile(f"[{ALONE}]")
_WORDS = 3.0  # in an ordinary text; what has fewer is a category
_DIFFERENT = 0.5  # part of the rows: of texts, hardly two are the same


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows with named columns.

    Attributes:
        name: A short name.
        where: Where they come from, for messages.
        names: Of the columns; their numbers from 1 where nothing was named.
        cells: ``(n, columns)``, objects: texts without space around them, and numbers; missing is
            an empty text.
        header: Whether the columns had names.
        label: The column that is to be told, where the source says which.
        notes: What was done.
    """

    name: str
    where: str
    names: tuple[str, ...]
    cells: NDArray[Any]
    header: bool = True
    label: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.cells)

    def column(self, name: str) -> NDArray[Any]:
        """The cells ``(n,)`` of a column.

        Raises:
            DataError: There is none of that name.
        """
        return self.cells[:, self.index(name)]

    def without(self, names: Collection[str]) -> Rows:
        """The rows without some columns."""
        kept = [i for i, name in enumerate(self.names) if name not in names]
        return replace(self, names=tuple(self.names[i] for i in kept), cells=self.cells[:, kept])

    def index(self, name: str) -> int:
        """Where a column stands.

        Raises:
            DataError: There is none of that name, or there are two.
        """
        count = self.names.count(name)
        if count == 1:
            return self.names.index(name)
        found = ", ".join(repr(one) for one in self.names[:30])
        if len(self.names) > 30:
            found += f" and {len(self.names) - 30} more"
        if count:
            raise DataError(f"{self.where}: {count} columns are called {name!r}: rename them")
        raise DataError(
            f"{self.where}: there is no column {name!r}; there are {found}"
            + ("" if self.header else " (numbers, since the first line holds no names)")
        )


def filled(
    columns: Sequence[Iterable[Any]], count: int, names: Sequence[str], where: str
) -> NDArray[Any]:
    """Columns of values of any kind as cells ``(count, columns)``.

    Raises:
        DataError: A column holds texts as bytes that are no UTF-8, or something that is no cell: a
            list, or a value with parts.
    """
    cells = np.empty((count, len(columns)), object)
    for index, (name, column) in enumerate(zip(names, columns, strict=True)):
        values = list(column)
        known = next((value for value in values if value is not None), "")
        if not isinstance(known, str | bytes) and hasattr(known, "__len__"):
            raise no_cells(where, name, type(known).__name__)
        try:
            cells[:, index] = [cell(value) for value in values]
        except UnicodeDecodeError as error:
            raise DataError(
                f"{where}: column {name!r} holds bytes that are no text in UTF-8: decode them first"
            ) from error
    return cells


def no_cells(where: str, name: str, kind: str) -> DataError:
    """What to say of a column whose values have parts."""
    return DataError(
        f"{where}: column {name!r} holds {kind} values, not texts or numbers: give such data as "
        "arrays (x, y)"
    )


def cell(value: Any) -> str | float:
    """A value as a cell: numbers stay numbers, what is missing is empty, else its text.

    Raises:
        UnicodeDecodeError: It is of bytes that are no UTF-8.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bytes):  # as HDF5 keeps texts
        return value.decode().strip()
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | float | np.integer | np.floating):
        return "" if math.isnan(value) else float(value)
    text = str(value)
    return "" if text in ("NaT", "<NA>") else text.strip()


def is_missing(value: str | float) -> bool:
    """Whether a cell says nothing."""
    return isinstance(value, str) and value.strip().lower() in MISSING


def number(value: str | float) -> float | None:
    """The number in a cell, or None; infinite ones are none."""
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def is_text(column: Iterable[str | float]) -> bool:
    """Whether most cells are several words, and hardly two are the same."""
    texts = [one for one in column if not is_missing(one)]
    if not texts or all(number(one) is not None for one in texts):
        return False
    words = sum(map(_words, texts)) / len(texts)
    return words >= _WORDS and len(set(texts)) > _DIFFERENT * len(texts)


def _words(value: str | float) -> int:
    """How many words a cell holds; of Chinese and Japanese each character is one."""
    return len(_CHARACTER.sub(" x ", str(value)).split())
