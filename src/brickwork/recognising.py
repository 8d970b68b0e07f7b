"""What kind of problem some data are, told by what they look like."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.archives import members, names_in
from brickwork.tasks.arrays import array_of, masks_of, splits_of
from brickwork.tasks.folders import IMAGES, MASKS, PICTURES, visible, walked
from brickwork.tasks.rows import (
    LABELS,
    WIDE,
    Rows,
    first_rows,
    is_missing,
    is_rows,
    is_text,
    label_of,
    number,
    splitting,
    whole_column,
)

__all__ = ["Recognised", "recognised"]

_FILES = 500  # of a folder, looked at to tell what is in it
_ROWS = 4000  # of arrays
_LABELS = 200  # drawn from all rows of a table, to tell how many are different
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "images": PICTURES,
    "sounds": (".wav", ".flac", ".ogg"),
    "volumes": (".nii", ".nii.gz"),
}
_DEPTH = 2  # folders above those of images and masks: what an archive packs, and a split
_BESIDE = 2  # columns beside a text that may be about it
_NUMBERS = 20  # different ones from which a label that is a number with a fraction is told as one
_SMOOTH = 0.5  # correlation of neighbouring columns, from which they are one thing over time
_NUMBER = re.compile(r"\d+(\.\d+)?$")  # at the end of the name of a column
_NARROW = 8  # columns; fewer are a table


@dataclass(frozen=True, slots=True)
class Recognised:
    """A task, and why it was taken.

    Attributes:
        task: Its name in the table of tasks.
        why: What was seen, for a person: to stand after "because".
    """

    task: str
    why: str


def recognised(source: Any, reading: Mapping[str, str] | None = None) -> Recognised:
    """The task that some data look like.

    Args:
        source: As ``brickwork.search`` takes it.
        reading: How it is to be read; ``"label"`` names the column that is to be told,
            ``"series"`` the one that says of which series a row is.

    Raises:
        DataError: There is nothing there, or nothing that is known.
    """
    reading = reading or {}
    if isinstance(source, str) and source == "digits":
        return Recognised("image-classification", "'digits' are images")
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.is_dir():
            return _of_folder(path, reading)
        if not path.exists():
            raise DataError(
                f"no such file or folder: {str(source)!r} (built in is 'digits'; else give a "
                "folder, an .npz file, or a table as .csv, .tsv or .parquet)"
            )
        if path.suffix.lower() == ".npz":
            return _of_npz(path)
        if is_rows(path):
            return _of_rows(path, reading)
        raise DataError(
            f"{path}: not a kind of file that is known: give a folder of images, sounds or "
            "volumes, an .npz file, or a table as .csv, .tsv or .parquet"
        )
    if is_rows(source):  # data frames, and data sets of Hugging Face
        return _of_rows(source, reading)
    if isinstance(source, tuple | list) and len(source) == 2:
        return _of_pair(source[0], source[1])
    if isinstance(source, Mapping) and (source.keys() & {"offsets", "rate"}):
        return Recognised("sound-classification", "the arrays are clips with a sampling rate")
    if isinstance(source, Mapping) and source.keys() >= {"volumes", "labels", "shapes"}:
        return Recognised("segmentation", "the arrays are volumes with labels of voxels")
    if isinstance(source, Mapping):
        x, y = splits_of(source, "the given arrays")["train"]
        return recognised((source[x], source[y]), reading)
    raise DataError(
        f"cannot read data from a {type(source).__name__}: give a path, arrays (x, y), a "
        "dictionary of arrays, a data frame, or a data set of PyTorch or Hugging Face"
    )


def _of_folder(folder: Path, reading: Mapping[str, str]) -> Recognised:
    """By what most of its files are."""
    files = list(itertools.islice(walked(folder), _FILES))
    kinds = Counter(kind for file in files if (kind := _kind(file)))
    if not kinds and is_rows(folder):
        return _of_rows(folder, reading)
    if not kinds:
        raise DataError(
            f"{folder}: holds no images, sounds or volumes: give a folder with a folder of files "
            "for each class, or one with train.csv and the like"
        )
    (kind, count), *_ = kinds.most_common(1)
    if kind != "sounds" and _has_masks(folder, _DEPTH):
        return Recognised("segmentation", f"{folder} holds {kind} and masks for them")
    tasks = {
        "images": "image-classification",
        "sounds": "sound-classification",
        "volumes": "volume-classification",
    }
    return Recognised(tasks[kind], f"{count} of the first {len(files)} files are {kind}")


def _has_masks(folder: Path, depth: int) -> bool:
    """Whether a folder of images lies beside one of masks."""
    below = [path for path in visible(folder) if path.is_dir()]
    names = {path.name.lower() for path in below}
    if names & set(IMAGES) and names & set(MASKS):
        return True
    return depth > 0 and any(_has_masks(path, depth - 1) for path in below)


def _kind(file: Path) -> str:
    return next((kind for kind, known in _SUFFIXES.items() if _suffix(file) in known), "")


def _suffix(path: Path) -> str:
    """The suffix; of what is packed that of what is in it, for volumes both."""
    name = path.name.lower()
    if name.endswith(".nii.gz"):
        return ".nii.gz"
    return Path(name.removesuffix(".gz")).suffix


def _of_npz(path: Path) -> Recognised:
    names = set(names_in(path))
    if {"volumes", "labels", "shapes"} <= names:
        return Recognised("segmentation", f"{path} holds volumes with labels of voxels")
    if names & {"offsets", "rate"}:
        return Recognised("sound-classification", f"{path} holds clips of sound")
    x, y = splits_of(names, str(path))["train"]
    arrays = members(path, (x, y))
    return _of_arrays(arrays[x], arrays[y])


def _of_pair(x: Any, y: Any) -> Recognised:
    """Samples and labels."""
    if not _is_ragged(x):
        try:
            return _of_arrays(np.asarray(x), np.asarray(y))
        except ValueError as error:
            raise DataError(
                "samples are lists of several lengths: give a list of arrays, or all of one length"
            ) from error
    if max(row.ndim for row in x) > 2:  # neither (length,) nor (channels, length)
        array_of(list(x), "the given arrays")
    amounts = array_of(y, "the given labels").dtype.kind == "f"
    task = "series-regression" if amounts else "series-classification"
    return Recognised(task, "samples are rows of several lengths")


def _of_arrays(x: NDArray[Any], y: NDArray[Any]) -> Recognised:
    """By their shapes and types."""
    shape = f"samples have the shape {x.shape[1:]}"
    if x.dtype.kind in "USO" and x.ndim == 1:
        return Recognised("text-classification", "samples are texts")
    if masks_of(x, y) is not None:
        return Recognised("segmentation", f"{shape} and labels {y.shape[1:]}")
    if x.ndim == 2:
        numbers = _tells_amounts(y)
        if x.dtype.kind == "f" and x.shape[1] >= _NARROW and _smooth(x):
            task = "series-regression" if numbers else "series-classification"
            return Recognised(task, "neighbouring columns are alike, as in a series")
        return Recognised("table-regression" if numbers else "table-classification", shape)
    if x.ndim == 3:
        whole = x.dtype.kind in "bu" or (x.dtype.kind == "i" and x.min() >= 0 and x.max() <= 255)
        if whole or max(x.shape[1:]) < 2 * min(x.shape[1:]):
            return Recognised("image-classification", shape)
        task = "series-regression" if _tells_amounts(y) else "series-classification"
        return Recognised(task, f"{shape}, one axis much longer")
    if x.ndim == 5:
        return Recognised("volume-classification", shape)
    if x.ndim == 4 and min(x.shape[1:]) > 4 and x.shape[1:] and len(set(x.shape[1:])) <= 2:
        return Recognised("volume-classification", f"{shape}, no axis short enough for colours")
    return Recognised("image-classification", shape)


def _tells_amounts(y: NDArray[Any]) -> bool:
    return _is_a_number(y.ravel()) if y.dtype.kind == "f" else _counts(y)


def _is_ragged(x: Any) -> bool:
    """Whether samples are rows of numbers of several lengths."""
    listed = isinstance(x, list | tuple) or (isinstance(x, np.ndarray) and x.dtype.kind == "O")
    if not listed or not all(isinstance(row, np.ndarray) for row in x):
        return False
    return len({row.shape for row in x}) > 1


def _smooth(x: NDArray[Any]) -> bool:
    """Whether neighbouring columns go together, more than others do."""
    x = x[:_ROWS].astype(np.float64)
    if not np.isfinite(x).all():
        x = x[np.isfinite(x).all(axis=1)]
    spread = x.std(axis=0)
    used = x[:, spread > 0]
    if len(used) < 3 or used.shape[1] < _NARROW:
        return False
    table = np.corrcoef(used, rowvar=False)
    near = float(np.diagonal(table, 1).mean())
    return near > _SMOOTH and near > float(np.abs(table).mean()) + 0.1


def _of_rows(source: Any, reading: Mapping[str, str]) -> Recognised:
    """By its columns: texts with hardly anything beside them are texts, anything else a table."""
    label, series = reading.get("label", ""), reading.get("series", "")
    group = reading.get("group", "")
    rows = first_rows(source, label)
    rows = rows.without({group, *splitting(rows)} - {label})
    across = _across(rows, label, sure=series == WIDE)
    if (series and series != WIDE) or across:
        told = label if label in rows.names else across
        amounts = told in rows.names and _are_amounts(source, rows, told, label)
        task = "series-regression" if amounts else "series-classification"
        why = f"{series!r} says of which series a row is"
        if across:
            why = f"a row of {rows.where} is a series: neighbouring columns are alike"
        return Recognised(task, why)
    told = label if label in rows.names else label_of(rows, texts=True)[0]
    beside = [name for name in rows.names if name != told]
    texts = [name for name in beside if is_text(rows.column(name))]
    if texts and len(beside) - len(texts) <= _BESIDE:
        count = "one column" if len(texts) == 1 else f"{len(texts)} columns"
        return Recognised("text-classification", f"{rows.where} has {count} of text")
    told = label if label in rows.names else label_of(rows)[0]
    if _are_amounts(source, rows, told, label):
        return Recognised("table-regression", f"{told!r} is a number")
    return Recognised("table-classification", f"{rows.where} has {len(rows.names)} columns")


def _across(rows: Rows, label: str, *, sure: bool) -> str:
    """The label column of a table with a row for each series; empty for any other table.

    Columns of such a table have no names, or are numbered; what is in them is measured (numbers
    with fractions, unlike pixels), and neighbours are alike.
    """
    usual = next((name for name in rows.names if name.lower() in LABELS), rows.names[0])
    told = label if label in rows.names else usual
    beside = [name for name in rows.names if name != told]
    if sure:
        return told
    if not rows.header and _are_numbers(rows.column(told)):
        return ""  # the first column is one like its neighbours: the label is elsewhere
    if len(beside) < _NARROW or len({_NUMBER.sub("", name) for name in beside}) > 1:
        return ""
    if any(_NUMBER.search(name) is None for name in beside):
        return ""
    cells = [[_amount(cell) for cell in rows.column(name)] for name in beside]
    if any(value is None for column in cells for value in column):
        return ""
    x = np.array(cells, np.float64).T
    measured = bool((x[np.isfinite(x)] % 1 != 0).any())
    return told if measured and _smooth(x) else ""


def _amount(cell: str | float) -> float | None:
    return float("nan") if is_missing(cell) else number(cell)


def _are_numbers(column: NDArray[Any]) -> bool:
    """Whether all cells that are filled are amounts."""
    values = [number(one) for one in column if not is_missing(one)]
    known = [one for one in values if one is not None]
    return len(known) == len(values) and _is_a_number(np.array(known, np.float64))


def _are_amounts(source: Any, rows: Rows, told: str, label: str) -> bool:
    """Whether the label is an amount, by all rows: they may be sorted by it.

    Args:
        source: Where the rows are from.
        rows: The first ones.
        told: The label.
        label: As it was named, if it was.
    """
    if any(number(one) is None for one in rows.column(told) if not is_missing(one)):
        return False
    cells = whole_column(source, told, label)
    values = [number(one) for one in cells if not is_missing(one)]
    known = np.array([one for one in values if one is not None], np.float64)
    if len(known) < len(values):
        return False
    some = np.random.default_rng(0).permutation(known)[:_LABELS]
    return bool((known % 1 != 0).any()) or _is_a_number(some)


def _counts(y: NDArray[Any]) -> bool:
    """Whether whole numbers are amounts: many, and most of them once."""
    return y.dtype.kind in "iu" and len(np.unique(y)) > max(_NUMBERS, 0.5 * len(y))


def _is_a_number(values: NDArray[Any]) -> bool:
    """Whether labels are amounts rather than classes: with fractions, or many different ones."""
    known = np.unique(values[np.isfinite(values)])
    fractions = bool((known != np.round(known)).any())
    return fractions or (len(known) > _NUMBERS and len(known) > 0.1 * len(values))
