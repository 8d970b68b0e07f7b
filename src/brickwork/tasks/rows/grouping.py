"""Columns that look as if they say whom or what a row is of."""

from __future__ import annotations

import re

from brickwork.tasks.rows.cells import Rows, is_missing

__all__ = ["hints"]

_OWNERS = {
    *("patient", "subject", "participant", "proband", "person", "donor", "animal", "mouse"),
    *("speaker", "singer", "user", "customer", "client", "student", "family", "household"),
    *("group", "session", "recording", "device", "machine", "site"),
}
_NUMBERED = {"id", "ids", "no", "nr", "num", "number", "code", "key", "name", "uid", "uuid"}
_KINDS = 5  # different values, from which a column may be about owners; fewer are an ordinary trait
_TIMES = 1.5  # as many rows as values, or more
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def hints(rows: Rows, known: set[str]) -> list[str]:
    """A note for each column that is called like a group and whose values come back.

    Args:
        rows: Of the training split.
        known: Columns that have a role already.
    """
    found = []
    for name in rows.names:
        if name in known or not _called_so(name):
            continue
        cells = [str(cell) for cell in rows.column(name) if not is_missing(cell)]
        kinds = len(set(cells))
        if kinds >= _KINDS and len(cells) >= _TIMES * kinds:
            found.append(
                f"hint: column {name!r} looks like a group ({kinds:,} values in {len(cells):,} "
                f"rows), whose rows may be alike: --group {name} keeps each in one split and does "
                "not learn from the column"
            )
    return found


def _called_so(name: str) -> bool:
    """Whether a name is such as "patient", "patient_id", "speakerNo" or "id"."""
    words = {word.lower() for word in _WORD.findall(name)}
    return words == {"id"} or bool(words & _OWNERS and words <= _OWNERS | _NUMBERED)
