"""A row of a table as the numbers that the network beside this file takes.

Needs NumPy only, and the settings in ``prepare.json``, which were made from the training rows:

    x = prepare([{"age": "39", "job": "clerk"}], settings())     # (rows, columns), float32
    answers = onnxruntime.InferenceSession("model.onnx").run(None, {"input": x})

Of each number come first its distance from the training mean in standard deviations (at most 8; of
a number with a heavy tail after the logarithm), then how far it is through each stretch between
two knots, from 0 to 1, then 1 if it is missing, where training had such rows. A missing number is
the mean. Behind all numbers stands one code for each category; what training did not have often
enough, and what is missing, has the last one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MISSING", "bent", "encoded", "number_in", "prepare", "settings", "word_in"]

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})
"""What a missing cell is written as, in lower case."""

_FAR = 8.0  # standard deviations


def settings(file: str | Path = "") -> dict[str, Any]:
    """The settings of a file, by default of ``prepare.json`` beside this one.

    Returns:
        The numbers and the categories, in their order.
    """
    path = Path(file or Path(__file__).with_name("prepare.json"))
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def prepare(rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> NDArray[np.float32]:
    """What the network takes of rows, each a mapping of column to text or number.

    Returns:
        ``(rows, columns)``.
    """
    names = [one["name"] for one in (*about["numbers"], *about["categories"])]
    return encoded({name: [row.get(name, "") for row in rows] for name in names}, about)


def encoded(columns: Mapping[str, Sequence[Any]], about: Mapping[str, Any]) -> NDArray[np.float32]:
    """The same of columns, each with the cells of all rows."""
    out: list[NDArray[Any]] = []
    for one in about["numbers"]:
        values = np.array([number_in(cell) for cell in columns[one["name"]]], np.float64)
        missing = np.isnan(values)
        values[missing] = one["mean"]
        scaled = (bent(values, one["unit"]) - one["centre"]) / one["spread"]
        out.append(np.clip(scaled, -_FAR, _FAR))
        for low, high in zip(one["knots"], one["knots"][1:], strict=False):
            out.append(np.clip((values - low) / (high - low), 0.0, 1.0))
        if one["missing"]:
            out.append(missing)
    for one in about["categories"]:
        codes = {word: code for code, word in enumerate(one["words"])}
        last = len(codes)
        out.append(np.array([codes.get(word_in(cell), last) for cell in columns[one["name"]]]))
    return np.stack(out, axis=1).astype(np.float32)


def bent(values: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    """The logarithm of 1 + the size in units, with the sign; the values themselves for unit 0."""
    if not unit:
        return values
    return np.asarray(np.sign(values) * np.log1p(np.abs(values) / unit))


def number_in(cell: Any) -> float:
    """The number in a cell; NaN if it is missing or no number."""
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return math.nan
    return value if math.isfinite(value) else math.nan


def word_in(cell: Any) -> str:
    """The category in a cell; empty if it is missing."""
    if isinstance(cell, float):
        if math.isnan(cell):
            return ""
        return str(int(cell)) if cell.is_integer() else repr(cell)
    word = "" if cell is None else str(cell).strip()
    return "" if word.lower() in MISSING else word
