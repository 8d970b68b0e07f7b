"""Where images and their masks come from: .npz files, arrays, folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from brickwork.errors import DataError
from brickwork.tasks.archives import members
from brickwork.tasks.arrays import array_of, masks_of, splits_of
from brickwork.tasks.segmentation.folder import read_folder
from brickwork.tasks.segmentation.pairs import Array, Pairs, checked, whole

__all__ = ["Source", "read"]

Source = str | Path | tuple[Any, Any] | Mapping[str, Any]

_AXES = (2, 3)  # of an image, of a volume


def read(source: Source, group: str) -> Pairs:
    """Images and masks of a source; of a folder with their groups.

    Raises:
        DataError: They cannot be used; one line says what, where and what to do.
    """
    if isinstance(source, Mapping):
        return _of_arrays(dict(source), "arrays", "the given arrays")
    if isinstance(source, tuple | list):
        if len(source) != 2:
            raise DataError(f"arrays are given as a pair (images, masks), got {len(source)}")
        return _of_arrays({"x": source[0], "y": source[1]}, "arrays", "the given arrays")
    path = Path(source)
    if path.is_dir():
        return read_folder(path, group)
    if not path.exists():
        raise DataError(f"no such file or folder: {str(source)!r}: give a folder or an .npz file")
    return _of_arrays(members(path), path.stem, str(path))


def _of_arrays(arrays: dict[str, Any], name: str, where: str) -> Pairs:
    if {"volumes", "labels", "shapes"} <= arrays.keys():
        x, y = ({"train": _cut(arrays, key, where)} for key in ("volumes", "labels"))
        used = {"volumes", "labels", "shapes"}
    else:
        x, y, used = {}, {}, set[str]()
        for split, (images, masks) in splits_of(arrays, where).items():
            image = array_of(arrays[images], f"{where}, {images}")
            given = array_of(arrays[masks], f"{where}, {masks}")
            if len(given) != len(image):
                raise DataError(f"{where}: there are {len(image)} images but {len(given)} masks")
            mask = masks_of(image, given)
            if mask is None:
                raise DataError(
                    f"{where}: masks have the shape {given.shape}, images {image.shape}: they do "
                    "not match; expected masks (n, height, width) or (n, depth, height, width), of "
                    "one-hot masks the argmax over the classes"
                )
            x[split], y[split] = _channelled(image, mask), list(mask)
            used |= {images, masks}
    y = {split: [whole(mask) for mask in masks] for split, masks in y.items()}
    for split in x:
        checked(x[split], y[split], f"{where}, {split}")
    beside = {key: value for key, value in arrays.items() if key not in used}
    return Pairs(name, where, x, y, beside=beside)


def _cut(arrays: Mapping[str, Any], key: str, where: str) -> list[Array]:
    """Volumes that lie one after the other, by their shapes."""
    table = np.asarray(arrays["shapes"])
    sides = table.ndim == 2 and table.shape[1] in _AXES and table.dtype.kind in "iu"
    if not sides or not len(table) or table.min() < 1:
        raise DataError(
            f"{where}: 'shapes' has the shape {table.shape} and type {table.dtype}, expected whole "
            "numbers (samples, 3), the sides of each volume"
        )
    shapes = [tuple(map(int, shape)) for shape in table]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    size = np.asarray(arrays[key]).size
    if ends[-1] != size:
        raise DataError(f"{where}: {key!r} has {size} values, 'shapes' say {ends[-1]}")
    parts = np.split(np.asarray(arrays[key]).ravel(), ends[:-1])
    lead = (1,) if key == "volumes" else ()
    return [part.reshape(*lead, *shape) for part, shape in zip(parts, shapes, strict=True)]


def _channelled(x: Array, y: Array) -> list[Array]:
    """Images with their channels first, told by the shape of their masks."""
    if x.shape[1:] == y.shape[1:]:
        return list(x[:, None])
    return list(x if x.shape[2:] == y.shape[1:] else np.moveaxis(x, -1, 1))
