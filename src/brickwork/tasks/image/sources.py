"""Where images come from: a built-in name, an .npz file, arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from brickwork.errors import DataError
from brickwork.tasks.archives import members, names_in
from brickwork.tasks.arrays import labels_of, splits_of
from brickwork.tasks.columns import columns_beside, with_columns
from brickwork.tasks.image.arrays import images_of
from brickwork.tasks.image.folder import read_folder
from brickwork.tasks.owners import no_rule
from brickwork.tasks.raw import Raw

__all__ = ["BUILT_IN", "Source", "read"]

BUILT_IN = ("digits",)
"""Data sets that come with a dependency and need no download."""

Source = str | Path | tuple[Any, Any] | Mapping[str, Any]


def read(source: Source, group: str = "", test: str = "") -> Raw:
    """The data of a source, in the splits that it has.

    Args:
        source: See ``load_images``.
        group: What is known of each image that says who or what it is of.
        test: A rule that says which images are the test split.

    Raises:
        DataError: There is no such source, or it cannot be used; the message says what to do.
    """
    if isinstance(source, Mapping):
        return _from_mapping(source, "arrays", "the given arrays", "the given arrays", group, test)
    if isinstance(source, (tuple, list)):
        if len(source) != 2:
            raise DataError(
                f"arrays are given as a pair (images, labels), got {len(source)} of them"
            )
        pair = {"x": source[0], "y": source[1]}
        return read(pair, group, test)
    if not isinstance(source, (str, Path)):
        raise DataError(
            f"cannot read images from a {type(source).__name__}: give a path, the name 'digits', "
            "a pair (images, labels) or a dictionary of arrays"
        )
    if source == "digits":
        return with_columns(_digits(), {}, {}, group, test)
    path = Path(source)
    if path.is_dir():
        no_rule(test, path)
        return read_folder(path, group)
    if not path.exists():
        raise DataError(
            f"no such file or folder: {str(source)!r} (built in is {', '.join(BUILT_IN)}; "
            "else give an .npz file or a folder with a folder of images for each class)"
        )
    if path.suffix.lower() == ".npz":
        return _from_npz(path, group, test)
    advice = "unpack it first, then give the folder: " if path.suffix.lower() in _ARCHIVES else ""
    raise DataError(
        f"{path}: {advice}supported are an .npz file with x_train and y_train (or train_images and "
        "train_labels, or X and y) and a folder with a folder of images for each class"
    )


_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".xz", ".bz2", ".7z", ".rar")


def _digits() -> Raw:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return Raw(
        "digits",
        "handwritten digits (scikit-learn, 8x8)",
        "digits",
        {"train": images_of(bunch.images.astype(np.uint8), "digits")},
        {"train": bunch.target.astype(np.int64)},
    )


def _from_npz(path: Path, group: str, test: str) -> Raw:
    names = names_in(path)
    if not group and not test:
        names = [name for pair in splits_of(names, str(path)).values() for name in pair]
    return _from_mapping(members(path, names), path.stem, path.stem, str(path), group, test)


def _from_mapping(
    arrays: Mapping[str, Any], name: str, title: str, where: str, group: str, test: str
) -> Raw:
    x, y, used = {}, {}, set[str]()
    for split, (images, labels) in splits_of(arrays, where).items():
        used |= {images, labels}
        x[split] = images_of(arrays[images], f"{where}, {images}")
        y[split] = labels_of(arrays[labels], len(x[split]), f"{where}, {labels}")
    shapes = {split: value.shape[1:] for split, value in x.items()}
    if len(set(shapes.values())) > 1:
        raise DataError(f"{where}: the splits hold images of different shapes: {shapes}")
    columns = columns_beside(arrays, used, len(x["train"]))
    return with_columns(Raw(name, title, where, x, y), columns, arrays, group, test)
