"""Arrays that a user hands in: which are samples and which are labels, of which split."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError

__all__ = [
    "KEYS",
    "array_of",
    "check_labels",
    "is_nothing",
    "labels_of",
    "masks_of",
    "splits_of",
]

KEYS: tuple[Mapping[str, tuple[str, str]], ...] = (
    {
        "train": ("x_train", "y_train"),
        "val": ("x_val", "y_val"),
        "test": ("x_test", "y_test"),
    },
    {
        "train": ("train_images", "train_labels"),
        "val": ("val_images", "val_labels"),
        "test": ("test_images", "test_labels"),
    },
    {"train": ("x", "y")},
    {"train": ("data", "target")},
    {"train": ("images", "labels")},
)
"""Names of samples and labels in the collections that are understood, in lower case."""


def splits_of(found: Iterable[str], where: str) -> dict[str, tuple[str, str]]:
    """Which names hold the samples and labels of which split.

    Args:
        found: The names that there are.
        where: Where they come from, for messages.

    Raises:
        DataError: They follow none of the known conventions.
    """
    names = {name.lower(): name for name in found}
    for name in list(names):
        usual = re.sub(r"(?<![a-z])valid(ation)?(?![a-z])", "val", name)
        names.setdefault(usual, names[name])
    for convention in KEYS:
        if convention["train"][0] not in names:
            continue
        splits = {}
        for split, (images, labels) in convention.items():
            if images in names and labels not in names:
                raise DataError(f"{where}: there is {names[images]!r} but no labels {labels!r}")
            if images in names:
                splits[split] = (names[images], names[labels])
        return splits
    expected = "; ".join(
        ", ".join(f"{x} {y}" for x, y in convention.values()) for convention in KEYS
    )
    raise DataError(
        f"{where}: found the keys {', '.join(sorted(names.values())) or '(none)'}; "
        f"expected one of: {expected}"
    )


def array_of(samples: Any, where: str) -> NDArray[Any]:
    """Samples of one size as one array.

    Raises:
        DataError: They are of several sizes.
    """
    try:
        return np.asarray(samples)
    except ValueError:
        raise DataError(
            f"{where}: samples are of several sizes: bring them to one size, or give a folder of "
            "files, which may differ"
        ) from None


def masks_of(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any] | None:
    """Labels as masks ``(n, *spatial)`` of images, without channels of their own; None if not such.

    Args:
        x: Images ``(n, *spatial)``, or with channels first or last.
        y: What is said of them; masks may have an axis of one channel, first or last.
    """
    sides = {x.shape[1:], x.shape[2:], x.shape[1:-1]}
    found = [y.squeeze(axis) for axis in (1, -1) if y.ndim > 3 and y.shape[axis] == 1]
    return next((one for one in [*found, y] if one.ndim >= 3 and one.shape[1:] in sides), None)


def labels_of(array: Any, count: int, where: str) -> NDArray[Any]:
    """Labels as ``(n,)``: int64 or text.

    Raises:
        DataError: They are not one label for each sample.
    """
    y = np.asarray(array)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        advice = " (for one-hot labels give y.argmax(axis=1))" if y.ndim == 2 else ""
        raise DataError(
            f"{where}: labels have the shape {y.shape}, expected one for each sample: "
            f"({count},){advice}"
        )
    if len(y) != count:
        raise DataError(f"{where}: there are {count} samples but {len(y)} labels")
    check_labels(y, where)
    if y.dtype.kind == "S" or (y.dtype == object and all(isinstance(one, bytes) for one in y)):
        return _decoded(y, where)
    if y.dtype.kind == "U":
        return y.astype(str)
    if y.dtype == object and all(isinstance(label, str) for label in y):
        return y.astype(str)
    if y.dtype.kind in "bui":
        return y.astype(np.int64)
    if y.dtype.kind == "f" and np.isfinite(y).all() and (y == np.round(y)).all():
        return y.astype(np.int64)
    raise DataError(
        f"{where}: labels must be integers or text, got the type {y.dtype}"
        + (" with fractions, NaN or infinite values" if y.dtype.kind == "f" else "")
    )


def check_labels(y: NDArray[Any], where: str) -> None:
    """See to it that labels that are objects are all there, and of one kind.

    Raises:
        DataError: They are not.
    """
    if y.dtype != object or y.ndim != 1:
        return
    lacking = [place for place, label in enumerate(y, start=1) if is_nothing(label)]
    if lacking:
        count = "1 label is" if len(lacking) == 1 else f"{len(lacking)} labels are"
        raise DataError(
            f"{where}: {count} missing, the first is that of sample {lacking[0]}: fill them or "
            "leave the samples out (labels are integers or text)"
        )
    kinds = sorted({type(label).__name__ for label in y})
    if len({isinstance(label, str | bytes) for label in y}) > 1:
        raise DataError(
            f"{where}: labels are of several kinds ({', '.join(kinds)}): give all of them as text "
            "or all as numbers"
        )


def is_nothing(label: Any) -> bool:
    """Whether a label is None, NaN or what pandas has for it."""
    if isinstance(label, float | np.floating):
        return bool(label != label)
    return label is None or type(label).__name__ in ("NAType", "NaTType")


def _decoded(y: NDArray[Any], where: str) -> NDArray[Any]:
    """Labels that are bytes, as HDF5 keeps texts."""
    try:
        return np.array([label.decode() for label in y])
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: labels are bytes that are no text in UTF-8: decode them first"
        ) from error
