"""Arrays that a user hands in, checked and brought into one form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError

__all__ = ["KEYS", "SMALLEST_SIDE", "Raw", "images_of", "labels_of", "splits_of"]

_COLOURS = (1, 3, 4)
_MOST_CHANNELS = 32

SMALLEST_SIDE = 4
"""Pixels; of less, nothing is left after two strided layers."""

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
"""Names of images and labels in the collections that are understood, in lower case."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Data as it was found.

    Attributes:
        name: A short name.
        title: What a person calls it.
        where: Where it comes from, for messages.
        x: Images of each split that there is, ``(n, channels, height, width)``.
        y: Their labels, of any kind.
        notes: What was done to the data.
    """

    name: str
    title: str
    where: str
    x: Mapping[str, NDArray[Any]]
    y: Mapping[str, NDArray[Any]]
    notes: tuple[str, ...] = field(default=())


def splits_of(found: Iterable[str], where: str) -> dict[str, tuple[str, str]]:
    """Which names hold the images and labels of which split.

    Args:
        found: The names that there are.
        where: Where they come from, for messages.

    Raises:
        DataError: They follow none of the known conventions.
    """
    names = {name.lower(): name for name in found}
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


def images_of(array: Any, where: str) -> NDArray[Any]:
    """Images as ``(n, channels, height, width)``, uint8 or float32.

    Integers that fit into a byte become uint8, all else float32.

    Raises:
        DataError: The array is no set of images, or holds NaN or infinite values.
    """
    x = np.asarray(array)
    if x.dtype.kind not in "buif":
        raise DataError(f"{where}: images must be numbers, got an array of type {x.dtype}")
    x = _channels_first(x, where)
    if min(x.shape[2:]) < SMALLEST_SIDE:
        raise DataError(
            f"{where}: the images are {x.shape[2]}x{x.shape[3]} pixels, "
            f"at least {SMALLEST_SIDE}x{SMALLEST_SIDE} are needed"
        )
    if len(x) == 0:
        raise DataError(f"{where}: there are no images")
    if x.dtype.kind == "f":
        finite = np.isfinite(x).reshape(len(x), -1).all(axis=1)
        if not finite.all():
            first = int(np.flatnonzero(~finite)[0])
            raise DataError(
                f"{where}: {int((~finite).sum())} of {len(x)} images hold NaN or infinite values, "
                f"the first is number {first}: repair or remove them"
            )
        return np.ascontiguousarray(x, dtype=np.float32)
    if x.dtype.kind == "b" or (x.min() >= 0 and x.max() <= 255):
        return np.ascontiguousarray(x, dtype=np.uint8)
    return np.ascontiguousarray(x, dtype=np.float32)


def _channels_first(x: NDArray[Any], where: str) -> NDArray[Any]:
    if x.ndim == 3:
        return x[:, None]
    if x.ndim != 4:
        raise DataError(
            f"{where}: images have the shape {x.shape}, expected (n, height, width), "
            "(n, height, width, channels) or (n, channels, height, width)"
        )
    first, last = x.shape[1], x.shape[3]
    if last in _COLOURS and (first not in _COLOURS or first == 4):
        return x.transpose(0, 3, 1, 2)
    if first in _COLOURS:
        return x
    if min(first, last) > _MOST_CHANNELS or first == last:
        raise DataError(
            f"{where}: cannot tell which axis of the shape {x.shape} holds the channels: "
            "give (n, channels, height, width) with 1, 3 or 4 channels"
        )
    return x if first < last else x.transpose(0, 3, 1, 2)


def labels_of(array: Any, count: int, where: str) -> NDArray[Any]:
    """Labels as ``(n,)``: int64 or text.

    Raises:
        DataError: They are not one label for each image.
    """
    y = np.asarray(array)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        advice = " (for one-hot labels give y.argmax(axis=1))" if y.ndim == 2 else ""
        raise DataError(
            f"{where}: labels have the shape {y.shape}, expected one for each image: "
            f"({count},){advice}"
        )
    if len(y) != count:
        raise DataError(f"{where}: there are {count} images but {len(y)} labels")
    if y.dtype.kind in "US":
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
