"""Whom or what a row is of: what looks as if it said so, and rows that do not say it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.tasks.rows.cells import MISSING, is_missing

__all__ = ["hints", "owned"]

_OWNERS = {
    *("patient", "subject", "participant", "proband", "person", "donor", "animal", "mouse"),
    *("speaker", "singer", "user", "customer", "client", "student", "family", "household"),
    *("group", "session", "recording", "device", "machine", "site"),
}
_NUMBERED = {"id", "ids", "no", "nr", "num", "number", "code", "key", "name", "uid", "uuid"}
_KINDS = 5  # different values, from which a column may be about owners; fewer are an ordinary trait
_TIMES = 1.5  # as many rows as values, or more
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def hints(columns: Mapping[str, Iterable[Any]], what: str = "rows") -> list[str]:
    """A note for each column that is called like a group and whose values come back.

    Args:
        columns: Of the training split, by name: those without a role.
        what: A cell of them belongs to.
    """
    found = []
    for name, column in columns.items():
        if not _called_so(name):
            continue
        cells = [str(cell) for cell in column if not is_missing(cell)]
        kinds = len(set(cells))
        if kinds >= _KINDS and len(cells) >= _TIMES * kinds:
            found.append(
                f"hint: column {name!r} looks like a group ({kinds:,} values in {len(cells):,} "
                f"{what}), whose {what} may be alike: --group {name} keeps each in one split and "
                "does not learn from the column"
            )
    return found


def _called_so(name: str) -> bool:
    """Whether a name is such as "patient", "patient_id", "speakerNo" or "id"."""
    words = {word.lower() for word in _WORD.findall(name)}
    return words == {"id"} or bool(words & _OWNERS and words <= _OWNERS | _NUMBERED)


def owned(
    groups: Mapping[str, NDArray[Any]], name: str
) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Groups of each split in which a sample without one stands alone, and a note if there are any.

    Args:
        groups: Of each split who or what each sample is of; nothing, or a word for it, where that
            is not known.
        name: What they are called.
    """
    lacking = {split: [_is_nothing(one) for one in column] for split, column in groups.items()}
    count = sum(map(sum, lacking.values()))
    if not count:
        return dict(groups), ()
    found = {
        split: np.array(
            [
                f"{split} {i}, alone" if nothing else _word(one)
                for i, (one, nothing) in enumerate(zip(column, lacking[split], strict=True))
            ]
        )
        for split, column in groups.items()
    }
    return found, (f"{count} samples have no {name!r}: each of them stands alone",)


def _is_nothing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in MISSING
    return value is None or bool(value != value)  # NaN


def _word(value: Any) -> str:
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value)
