"""Images from a folder of class folders, optionally below ``train/``, ``val/`` and ``test/``."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from brickwork.errors import DataError
from brickwork.tasks.folders import PICTURES, listed
from brickwork.tasks.image.arrays import SMALLEST_SIDE
from brickwork.tasks.owners import owners
from brickwork.tasks.raw import Raw

__all__ = ["LARGEST_SIDE", "read_folder"]

_ORIENTATION = 0x0112  # the EXIF tag
_GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F")
_DEEP = ("I", "F")  # modes of more than eight bits begin so

LARGEST_SIDE = 224
"""Larger images are made smaller to this, the customary size for photographs, in pixels."""


def read_folder(folder: Path, group: str = "") -> Raw:
    """Decode all images below a folder.

    Images of another size than the most common one are scaled and cropped at the centre. The
    result is grey when every image is.

    Args:
        folder: Of class folders.
        group: Tells who an image is of, by its path: see ``owners``.

    Raises:
        DataError: There are no classes, or an image cannot be read.
    """
    found = listed(folder, PICTURES, "image")
    groups, said = owners(found, group) if group else ({}, [])
    notes = [*found.notes, *said]
    size, grey = _form(found.files, notes)
    depth = _depth(found.files["train"], notes)
    x = {split: _decoded(group, size, grey, depth) for split, group in found.files.items()}
    if not grey and all(_colourless(images) for images in x.values()):
        notes.append("all images are grey: one channel is kept")
        x = {split: np.ascontiguousarray(images[:, :1]) for split, images in x.items()}
    y = {split: np.array(group) for split, group in found.labels.items()}
    name = found.folder.name
    return Raw(name, name, str(found.folder), x, y, tuple(notes), groups)


def _form(files: Mapping[str, Sequence[Path]], notes: list[str]) -> tuple[tuple[int, int], bool]:
    """The (width, height) that all images get, and whether they are all grey.

    The size is the most common one among the training images; of several the middle one by area.
    """
    sizes: dict[str, Counter[tuple[int, int]]] = {split: Counter() for split in files}
    grey = True
    for split, group in files.items():
        for file in group:
            size, mode = _header(file)
            sizes[split][size] += 1
            grey = grey and mode in _GREY
    most = max(sizes["train"].values())
    common = sorted((s for s, n in sizes["train"].items() if n == most), key=lambda s: s[0] * s[1])
    width, height = common[len(common) // 2]
    others = sum(n for found in sizes.values() for s, n in found.items() if s != (width, height))
    if others:
        notes.append(
            f"{others} of {sum(map(len, files.values()))} images were scaled and cropped to the "
            f"most common size, {width}x{height}"
        )
    if max(width, height) > LARGEST_SIDE:
        factor = LARGEST_SIDE / max(width, height)
        width, height = max(1, round(width * factor)), max(1, round(height * factor))
        notes.append(f"all images were made smaller, to {width}x{height}")
    if min(width, height) < SMALLEST_SIDE:
        raise DataError(
            f"{files['train'][0].parents[1]}: the images are {height}x{width} pixels, "
            f"at least {SMALLEST_SIDE}x{SMALLEST_SIDE} are needed"
        )
    return (width, height), grey


class _Depth(NamedTuple):
    """What makes values of more than eight bits eight: ``(value - low) * factor``."""

    low: float = 0.0
    factor: float = 1.0


def _depth(files: Sequence[Path], notes: list[str]) -> _Depth:
    """How values of more than eight bits become eight, by all that there are for training.

    Whole numbers from 0 on lose their lowest bits, as many as the largest has too many; others
    run from the least to the largest.
    """
    low, high, whole = np.inf, -np.inf, True
    for file in files:
        with _opened(file) as image:
            if not image.mode.startswith(_DEEP):
                continue
            try:
                values = np.asarray(image)
            except (OSError, SyntaxError, ValueError) as error:
                raise DataError(f"{file}: the image is damaged: replace or remove it") from error
        if not np.isfinite(values).all():
            raise DataError(f"{file}: holds NaN or infinite values: repair or remove it")
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        whole = whole and values.dtype.kind in "iu"
    if high < low:
        return _Depth()
    if whole and low >= 0:
        bits = int(high).bit_length()
        if bits > 8:
            notes.append(f"images have {bits} bits: the upper 8 are kept")
        return _Depth(0.0, 2.0 ** -max(0, bits - 8))
    notes.append(f"values of images run from {low:g} to {high:g}: they were brought to 0 to 255")
    return _Depth(low, 255.0 / max(high - low, 1e-12))


def _header(file: Path) -> tuple[tuple[int, int], str]:
    """The (width, height) of an image as it is seen, and its mode."""
    with _opened(file) as image:
        try:
            turned = image.getexif().get(_ORIENTATION, 1) >= 5  # the camera was held upright
        except (OSError, SyntaxError, ValueError) as error:
            raise DataError(f"{file}: the image is damaged: replace or remove it") from error
        return (image.size[::-1] if turned else image.size), image.mode


def _opened(file: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(file)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{file}: cannot be read as an image: replace or remove it") from error


def _decoded(
    files: Sequence[Path], size: tuple[int, int], grey: bool, depth: _Depth
) -> NDArray[np.uint8]:
    width, height = size
    out = np.empty((len(files), 1 if grey else 3, height, width), np.uint8)
    for index, file in enumerate(files):
        with _opened(file) as image:
            try:
                pixels = _pixels(image, size, grey, depth)
            except (OSError, SyntaxError, ValueError) as error:
                raise DataError(f"{file}: the image is damaged: replace or remove it") from error
        out[index] = pixels[None] if grey else pixels.transpose(2, 0, 1)
    return out


def _pixels(
    image: Image.Image, size: tuple[int, int], grey: bool, depth: _Depth
) -> NDArray[np.uint8]:
    image.load()
    if image.mode.startswith(_DEEP):  # PIL would cut them off instead of scaling
        values = (np.asarray(image).astype(np.float64) - depth.low) * depth.factor
        image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    upright = ImageOps.exif_transpose(image).convert("L" if grey else "RGB")
    if upright.size != size:
        upright = ImageOps.fit(upright, size, Image.Resampling.LANCZOS)
    return np.asarray(upright)


def _colourless(images: NDArray[Any]) -> bool:
    first = images[:, 0]
    return bool((first == images[:, 1]).all() and (first == images[:, 2]).all())
