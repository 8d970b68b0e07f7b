"""Numbers that are written with a comma for the point, as German and French tables have them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from brickwork.tasks.rows.cells import is_missing

__all__ = ["comma_note", "has_decimals", "points_for_commas"]

_PART = 0.98  # of the cells of a column that are filled: so many are such numbers
_NUMBER = re.compile(r"[-+]?\d+(,\d+)?")
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")  # or these: 1,234 may be either
_NAMED = 10  # columns; a note names no more


def points_for_commas(
    table: list[list[str]],
) -> tuple[list[list[str]], dict[int, str]]:
    """Rows of cells in which the commas of decimal numbers are points.

    A column in which all numbers may as well have a comma between thousands is read so only beside
    one that is sure.

    Args:
        table: Of a file in which no comma stands between cells; the first row may hold names.

    Returns:
        The rows, and one such number, as it was written, by the place of its column.
    """
    found = {i: one for i in range(len(table[0])) if (one := _with_commas(table[1:], i))}
    if not any(sure for _, sure in found.values()):
        return table, {}
    rows = [[_pointed(one) if i in found else one for i, one in enumerate(row)] for row in table]
    return rows, {i: written for i, (written, _) in found.items()}


def has_decimals(lines: Sequence[str], separator: str) -> bool:
    """Whether all commas of some lines are in numbers, with another separator between these."""
    cells = [cell for line in lines for cell in line.strip().split(separator)]
    same = len({line.count(separator) for line in lines}) == 1
    return same and separator != "," and all(_NUMBER.fullmatch(c) for c in cells if "," in c)


def _pointed(cell: str) -> str:
    return cell.replace(",", ".") if _NUMBER.fullmatch(cell.strip()) else cell


def _with_commas(rows: Sequence[Sequence[str]], place: int) -> tuple[str, bool] | None:
    """A number with a comma of a column of such, and whether it is sure what the comma is."""
    cells = [row[place].strip() for row in rows]
    if not any("," in one for one in cells):
        return None
    full = [one for one in cells if not is_missing(one)]
    numbers = [one for one in full if _NUMBER.fullmatch(one)]
    commas = [one for one in numbers if "," in one]
    if not commas or len(numbers) < _PART * len(full) or any("." in one for one in full):
        return None
    sure = [one for one in commas if not _THOUSANDS.fullmatch(one)]
    return (sure or commas)[0], bool(sure)


def comma_note(written: dict[int, str], names: Sequence[str]) -> str:
    """What a person is told of columns whose commas were read as points."""
    places = list(written)
    said = ", ".join(repr(names[i]) for i in places[:_NAMED])
    if len(places) > _NAMED:
        said += f" and {len(places) - _NAMED} more"
    example = written[places[0]]
    return (
        f"numbers with a decimal comma in {said}: {example} was read as "
        f"{example.replace(',', '.')}; give later rows to the model with a point"
    )
