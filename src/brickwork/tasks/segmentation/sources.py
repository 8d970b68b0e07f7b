"""Where images and their masks come from: folders, .npz files, arrays."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.arrays import splits_of
from brickwork.tasks.voxels import NIFTI, read_nifti, resampled

__all__ = ["Pairs", "Source", "read"]

Source = str | Path | tuple[Any, Any] | Mapping[str, Any]
Array = NDArray[Any]

_IMAGES = ("images", "imagestr", "image")
_MASKS = ("labels", "labelstr", "masks", "mask", "annotations", "segmentations")
_PICTURES = (".png", ".bmp", ".tif", ".tiff")
_COLOURS = (1, 3, 4)


@dataclass(frozen=True)
class Pairs:
    """Images ``(channels, *spatial)`` and masks ``(*spatial)`` of each split, and who they are of.

    Attributes:
        name: A short name.
        where: Where they come from, for messages.
        x: Images.
        y: Masks.
        notes: What was done.
        groups: What each image is of, where it is known.
    """

    name: str
    where: str
    x: Mapping[str, list[Array]]
    y: Mapping[str, list[Array]]
    notes: tuple[str, ...] = ()
    groups: Mapping[str, Array] = field(default_factory=dict)


def read(source: Source, group: str) -> Pairs:
    """Images and masks of a source.

    Raises:
        DataError: They cannot be used; one line says what, where and what to do.
    """
    if isinstance(source, Mapping):
        return _of_arrays(dict(source), "arrays", "the given arrays", group)
    if isinstance(source, tuple | list):
        if len(source) != 2:
            raise DataError(f"arrays are given as a pair (images, masks), got {len(source)}")
        return _of_arrays({"x": source[0], "y": source[1]}, "arrays", "the given arrays", group)
    path = Path(source)
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        raise DataError(f"no such file or folder: {str(source)!r}: give a folder or an .npz file")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        what = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: not a readable .npz file ({what})") from error
    return _of_arrays(arrays, path.stem, str(path), group)


def _of_arrays(arrays: dict[str, Any], name: str, where: str, group: str) -> Pairs:
    if {"volumes", "labels", "shapes"} <= arrays.keys():
        x, y = ({"train": _cut(arrays, key, where)} for key in ("volumes", "labels"))
    else:
        x, y = {}, {}
        for split, (images, masks) in splits_of(arrays, where).items():
            y[split] = list(np.asarray(arrays[masks]))
            x[split] = _channelled(np.asarray(arrays[images]), np.asarray(arrays[masks]), where)
    groups = {}
    if group:
        if group not in arrays:
            raise DataError(f"{where}: has no {group!r} to group by: {', '.join(sorted(arrays))}")
        groups = {"train": np.asarray(arrays[group])}
        if len(groups["train"]) != len(x["train"]):
            raise DataError(f"{where}: {group!r} has not one value for each sample")
    for split in x:
        _checked(x[split], y[split], f"{where}, {split}")
    return Pairs(name, where, x, y, (), groups)


def _cut(arrays: Mapping[str, Any], key: str, where: str) -> list[Array]:
    """Volumes that lie one after the other, by their shapes."""
    shapes = [tuple(map(int, shape)) for shape in arrays["shapes"]]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    if ends[-1] != len(arrays[key]):
        raise DataError(f"{where}: {key!r} has {len(arrays[key])} values, 'shapes' say {ends[-1]}")
    parts = np.split(np.asarray(arrays[key]), ends[:-1])
    lead = (1,) if key == "volumes" else ()
    return [part.reshape(*lead, *shape) for part, shape in zip(parts, shapes, strict=True)]


def _channelled(x: Array, y: Array, where: str) -> list[Array]:
    """Images with their channels first, told by the shape of the masks."""
    if x.shape == y.shape:
        return list(x[:, None])
    if x.ndim == y.ndim + 1 and x.shape[2:] == y.shape[1:]:
        return list(x)
    if x.ndim == y.ndim + 1 and x.shape[1:-1] == y.shape[1:]:
        return list(np.moveaxis(x, -1, 1))
    raise DataError(f"{where}: images have the shape {x.shape}, masks {y.shape}: they do not match")


def _of_folder(folder: Path) -> Pairs:
    below = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    images = next((below[name] for name in _IMAGES if name in below), None)
    masks = next((below[name] for name in _MASKS if name in below), None)
    if images is None or masks is None:
        raise DataError(f"{folder}: expected the folders images/ and labels/ (or masks/) in it")
    files = sorted(p for p in images.iterdir() if p.name.lower().endswith((*NIFTI, *_PICTURES)))
    if not files:
        raise DataError(f"{images}: holds no .nii, .nii.gz, .png, .bmp or .tif file")
    missing = [file.name for file in files if not (masks / file.name).is_file()]
    if missing:
        raise DataError(f"{masks}: there is no mask {missing[0]} for the image of that name")
    if any(file.name.lower().endswith(NIFTI) for file in files):
        return _volumes(folder, files, masks)
    x = [_picture(file) for file in files]
    y = [_picture(masks / file.name)[0] for file in files]
    _checked(x, y, str(folder), [file.name for file in files])
    return Pairs(folder.name, str(folder), {"train": x}, {"train": y})


def _volumes(folder: Path, files: list[Path], masks: Path) -> Pairs:
    x, y, spacings = [], [], []
    for file in files:
        (image, spacing), (mask, _) = read_nifti(file), read_nifti(masks / file.name)
        x.append(image[None])
        y.append(np.round(mask).astype(np.int64))
        spacings.append(spacing)
    _checked(x, y, str(folder), [file.name for file in files])
    wanted = tuple(float(v) for v in np.median(spacings, axis=0))
    notes: tuple[str, ...] = ()
    if np.ptp(np.asarray(spacings), axis=0).max() > 0.01 * min(wanted):
        shown = " x ".join(f"{v:g}" for v in wanted)
        notes = (f"volumes had different spacings: resampled to {shown} mm",)
        x = [
            resampled(image[0], spacing, wanted, labels=False)[None]
            for image, spacing in zip(x, spacings, strict=True)
        ]
        y = [
            resampled(mask, spacing, wanted, labels=True)
            for mask, spacing in zip(y, spacings, strict=True)
        ]
    return Pairs(folder.name, str(folder), {"train": x}, {"train": y}, notes)


def _picture(file: Path) -> Array:
    """An image ``(channels, height, width)``."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            pixels = np.asarray(image if image.mode in ("L", "P", "1") else image.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"{file}: not an image that can be read ({error})") from error
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def _checked(x: list[Array], y: list[Array], where: str, names: list[str] | None = None) -> None:
    if len(x) != len(y):
        raise DataError(f"{where}: there are {len(x)} images but {len(y)} masks")
    for i, (image, mask) in enumerate(zip(x, y, strict=True)):
        name = names[i] if names else f"number {i}"
        if image.shape[1:] != mask.shape:
            raise DataError(
                f"{where}: {name}: the image is {image.shape[1:]}, its mask {mask.shape}"
            )
        if mask.dtype.kind not in "bui" or mask.min() < 0 or mask.max() > 254:
            raise DataError(f"{where}: {name}: classes of a mask are whole numbers from 0 to 254")
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            raise DataError(f"{where}: {name}: holds NaN or infinite values")
