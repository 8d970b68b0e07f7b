"""Whether the first line of a file of rows holds the names of its columns."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from brickwork.tasks.rows.cells import is_missing, number

__all__ = ["has_names"]

_LOOK = 200  # rows below the first that it is compared with
_NAMES = frozenset(
    ("label", "labels", "target", "class", "text", "sentence", "message", "review", "comment")
) | {"question", "id", "index", "split"}  # with one of these a first line is one of names
_SHORT = 3  # words of an ordinary name
_LONG = 60  # characters of one; longer ones, and those of more words, ask for more evidence
_ROWS = 20  # below, from which it says something that a cell never comes again
_KINDS = 10  # different cells of a column that has few
_YEARS = range(1800, 2101)


def has_names(table: Sequence[Sequence[str]], label: str) -> bool:
    """Whether the first line holds names: texts unlike what stands below them.

    Args:
        table: The cells of each line.
        label: Name of a column, which tells it; empty if none is known.
    """
    first = [one.strip() for one in table[0]]
    if label and label in first:
        return True
    tops = {i: one for i, one in enumerate(first) if not is_missing(one)}
    if not tops:
        return False
    body = [row for row in table[1 : _LOOK + 1] if len(row) == len(first)]
    below = [[row[i].strip() for row in body] for i in range(len(first))]
    plain = all(_is_short(one) or _has_few(below[i]) for i, one in tops.items())
    if plain and any(one.lower() in _NAMES and one not in below[i] for i, one in tops.items()):
        return True  # beside numbers, too: columns of a series are often called 0, 1, 2 ...
    words = {i: one for i, one in tops.items() if number(one) is None}
    if not body or not words:
        return False
    if len(words) < len(tops):
        years = {i: one for i, one in tops.items() if i not in words}
        named = any(_is_name(one, below[i]) for i, one in words.items())
        again = any(one in below[i] for i, one in words.items())
        return named and not again and _are_years(years, below)
    if any(_mostly_numbers(below[i]) for i in tops):
        return True  # it has a name on top
    return (
        plain
        and len(set(tops.values())) == len(tops)
        and not any(one in column for one, column in zip(first, below, strict=True))
        and all(len(one.split()) <= _SHORT or _has_few(below[i]) for i, one in tops.items())
    )


def _is_short(one: str) -> bool:
    return len(one) <= _LONG


def _is_name(one: str, below: Sequence[str]) -> bool:
    """Whether a word stands on top of a column of few others, or of numbers."""
    return one not in below and (_has_few(below) or _mostly_numbers(below))


def _has_few(below: Sequence[str]) -> bool:
    """Whether a column has few different cells, so that one of them would come again."""
    return len(below) >= _ROWS and len(set(below)) <= _KINDS


def _are_years(tops: dict[int, str], below: Sequence[Sequence[str]]) -> bool:
    """Whether columns are called after years that follow one another, and hold none."""
    if len(tops) < 2 or not all(one.isdecimal() and int(one) in _YEARS for one in tops.values()):
        return False
    years = [int(one) for one in tops.values()]
    steps = {b - a for a, b in itertools.pairwise(years)}
    held = [cell for i in tops for cell in below[i]]
    some = sum(cell.isdecimal() and int(cell) in _YEARS for cell in held)
    return len(steps) == 1 and 0 not in steps and 2 * some < len(held)


def _mostly_numbers(column: Sequence[str]) -> bool:
    return sum(number(one) is not None for one in column) > 0.8 * len(column)
