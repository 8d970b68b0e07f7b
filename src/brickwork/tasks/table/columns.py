"""What each column of a table is, told by the training rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.table.prepare import bent, number_in, word_in

__all__ = ["learned", "unknown"]

_NUMBERS = 0.98  # part of the cells that are filled: with as many numbers in it a column is numeric
_TAIL = 2.0  # skewness from which the logarithm is taken
_KNOTTED = 1000  # rows from which numbers are told in stretches as well
_STRETCHES = 12  # of a number, at most
_NARROW = 100  # numbers; of more the stretches would be too many
_RARE = 5  # rows; categories with fewer share the last code
_MOST = 1000  # categories with a code of their own
_ALL_DIFFERENT = 0.5  # part of the rows: a category with so many words tells nothing of others
_FEW = 50  # rows, of which all may be different


def learned(x: NDArray[Any], names: Sequence[str], where: str) -> tuple[dict[str, Any], list[str]]:
    """Settings for ``prepare.prepare``, and notes on them.

    Args:
        x: Training rows ``(n, columns)``: texts and numbers as objects.
        names: Of the columns.
        where: Where they come from, for messages.

    Raises:
        DataError: No column tells one row from another.
    """
    numbers: list[dict[str, Any]] = []
    categories: list[dict[str, Any]] = []
    left_out: dict[str, list[str]] = {}
    notes: list[str] = []
    for index, name in enumerate(names):
        cells = x[:, index]
        words = [word_in(cell) for cell in cells]
        full = [word for word in words if word]
        values = np.array([number_in(word) for word in words])
        real = values[~np.isnan(values)]
        if not full:
            left_out.setdefault("empty in training", []).append(name)
        elif len(real) >= _NUMBERS * len(full):
            if len(real) < len(full):
                notes.append(
                    f"{len(full) - len(real)} cells of {name!r}, a column of numbers, hold none: "
                    "they count as missing"
                )
            if why := _no_number(values, real):
                left_out.setdefault(why, []).append(name)
            else:
                numbers.append(_number(name, values, real))
        elif why := _no_category(words):
            left_out.setdefault(why, []).append(name)
        else:
            categories.append(_category(name, words))
        if _like_an_id(name, real, len(cells)) and numbers and numbers[-1]["name"] == name:
            notes.append(
                f"{name!r} looks like a number that only tells rows apart: if so, leave it out"
            )
    if len(numbers) > _NARROW:
        numbers = [{**one, "knots": []} for one in numbers]
    for why, those in left_out.items():
        notes.append(f"left out, {why}: {', '.join(map(repr, those))}")
    if not numbers and not categories:
        raise DataError(
            f"{where}: no column tells one row from another: all are constant, empty or different "
            "in each row"
        )
    return {"numbers": numbers, "categories": categories}, [_told(numbers, categories), *notes]


def unknown(
    x: NDArray[Any], test: NDArray[Any], names: Sequence[str], about: Mapping[str, Any]
) -> list[str]:
    """A note for each column of which test rows hold what training rows do not.

    Args:
        x: Training rows ``(n, columns)``.
        test: Test rows, likewise.
        names: Of the columns.
        about: What ``learned`` made of the training rows.
    """
    notes = []
    for one in about["categories"]:
        index = names.index(one["name"])
        known = {word_in(cell) for cell in x[:, index]} | {""}
        new = [word for cell in test[:, index] if (word := word_in(cell)) not in known]
        if new:
            notes.append(
                f"{len(new)} of {len(test)} test rows have a {one['name']!r} that training has "
                f"not, such as {new[0]!r}: they count as unknown"
            )
    return notes


def _no_number(values: NDArray[np.float64], real: NDArray[np.float64]) -> str:
    """Why a column of numbers is of no use, if it is not."""
    if np.ptp(real) == 0 and len(real) == len(values):
        return "constant in training"
    whole = len(real) == len(values) > _FEW and bool((real == np.round(real)).all())
    if whole and (np.diff(real) > 0).all():
        return "the numbers of the rows"
    return ""


def _no_category(words: Sequence[str]) -> str:
    """Why a column of words is of no use, if it is not."""
    different = len(set(words))
    if different == 1:
        return "constant in training"
    if len(words) > _FEW and different > _ALL_DIFFERENT * len(words):
        return "hardly the same in two rows"
    return ""


def _like_an_id(name: str, real: NDArray[np.float64], rows: int) -> bool:
    """Whether whole numbers, all of them different, have a name such as "patient_id"."""
    last = name.lower().replace("-", "_").replace(" ", "_").split("_")[-1]
    called = last in ("id", "ids", "key", "index", "nr", "no") or name.endswith("Id")
    whole = bool((real == np.round(real)).all())
    return called and rows > _FEW and whole and len(set(real.tolist())) > 0.95 * rows


def _number(name: str, values: NDArray[np.float64], real: NDArray[np.float64]) -> dict[str, Any]:
    unit = 0.0
    if abs(_skewness(real)) > _TAIL:
        unit = _rounded(float(np.median(np.abs(real[real != 0]))))
        if abs(_skewness(bent(real, unit))) > abs(_skewness(real)):
            unit = 0.0
    shaped = bent(real, unit)
    return {
        "name": name,
        "mean": _rounded(float(real.mean())),
        "unit": unit,
        "centre": _rounded(float(shaped.mean())),
        "spread": _rounded(float(shaped.std())) or 1.0,
        "missing": len(real) < len(values),
        "knots": _knots(real) if len(real) >= _KNOTTED else [],
    }


def _knots(real: NDArray[np.float64]) -> list[float]:
    """Where stretches with about as many training rows end; half of them for the rarer values.

    Source: piecewise linear encoding with quantiles (Gorishniy et al., "On embeddings for numerical
    features in tabular deep learning", 2022).
    """
    parts = np.linspace(0, 1, _STRETCHES + 1)
    usual = np.quantile(real, parts, method="nearest")
    if len(np.unique(usual)) < len(parts):  # one value is so frequent that it fills stretches
        rare = np.quantile(np.unique(real), parts[::2], method="nearest")
        usual = np.concatenate([usual, rare])
    knots = sorted({_rounded(float(knot)) for knot in usual})
    while len(knots) > _STRETCHES + 1:  # the shortest stretch goes
        gaps = np.searchsorted(np.sort(real), knots)
        shortest = int(np.argmin(np.diff(gaps)[1:])) + 1
        del knots[shortest]
    return knots if len(knots) > 2 else []


def _category(name: str, words: Sequence[str]) -> dict[str, Any]:
    counts = Counter(word for word in words if word)
    rare = _RARE if len(words) >= _FEW * _RARE else 2
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return {"name": name, "words": [word for word, n in ranked if n >= rare][:_MOST]}


def _told(numbers: Sequence[Mapping[str, Any]], categories: Sequence[Mapping[str, Any]]) -> str:
    tailed = [repr(one["name"]) for one in numbers if one["unit"]]
    gaps = sum(one["missing"] for one in numbers)
    parts = [f"{len(numbers)} numbers and {len(categories)} categories"]
    if tailed:
        parts.append(f"{', '.join(tailed)} by the logarithm")
    if gaps:
        parts.append(f"{gaps} of the numbers with a mark where they are missing")
    return "; ".join(parts)


def _skewness(values: NDArray[np.float64]) -> float:
    spread = values.std()
    return float((((values - values.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0


def _rounded(value: float) -> float:
    return float(f"{value:.7g}")
