"""Rows of a table, from files and from what Python has: shared by texts and tables."""

from brickwork.tasks.folders import SPLIT_NAMES
from brickwork.tasks.rows.cells import Rows, is_missing, is_text, number
from brickwork.tasks.rows.files import split_files
from brickwork.tasks.rows.reading import (
    first_rows,
    is_rows,
    read_rows,
    sample_rows,
    whole_column,
)
from brickwork.tasks.rows.sheet import (
    LABELS,
    WIDE,
    Sheet,
    label_of,
    no_label,
    read_sheet,
    splitting,
    words_of,
)

__all__ = [
    "LABELS",
    "SPLIT_NAMES",
    "WIDE",
    "Rows",
    "Sheet",
    "first_rows",
    "is_missing",
    "is_rows",
    "is_text",
    "label_of",
    "no_label",
    "number",
    "read_rows",
    "read_sheet",
    "sample_rows",
    "split_files",
    "splitting",
    "whole_column",
    "words_of",
]
