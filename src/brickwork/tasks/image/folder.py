"""Images from a folder of class folders, optionally below ``train/``, ``val/`` and ``test/``."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from brickwork.errors import DataError
from brickwork.tasks.folders import PICTURES, listed
from brickwork.tasks.image.arrays import SMALLEST_SIDE
from brickwork.tasks.owners import owners
from brickwork.tasks.pictures import (
    ALL_GREY,
    BROKEN,
    DAMAGED,
    GREY,
    ORIENTATION,
    Depth,
    bytes_of,
    colourless,
    depth_of,
    seen,
    told,
)
from brickwork.tasks.raw import Raw

__all__ = ["LARGEST_SIDE", "read_folder"]

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
    depth = depth_of(_shown(found.files["train"]), notes)
    done = Counter[str]()
    x = {split: _decoded(files, size, grey, depth, done) for split, files in found.files.items()}
    notes += told(done, sum(map(len, x.values())))
    if not grey and all(colourless(np.moveaxis(images, 1, -1)) for images in x.values()):
        notes.append(ALL_GREY)
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
            grey = grey and mode in GREY
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


def _shown(files: Sequence[Path]) -> Iterator[tuple[str, Image.Image]]:
    """Images one after the other, each with its name."""
    for file in files:
        with _opened(file) as image:
            yield str(file), image


def _header(file: Path) -> tuple[tuple[int, int], str]:
    """The (width, height) of an image as it is seen, and its mode."""
    with _opened(file) as image:
        try:
            turned = image.getexif().get(ORIENTATION, 1) >= 5  # the camera was held upright
        except BROKEN as error:
            raise DataError(f"{file}: {DAMAGED}") from error
        turned = turned and image.format != "TIFF"  # there PIL turns by itself
        return (image.size[::-1] if turned else image.size), image.mode


def _opened(file: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(file)
    except (*BROKEN, Image.DecompressionBombError) as error:
        raise DataError(f"{file}: cannot be read as an image: replace or remove it") from error


def _decoded(
    files: Sequence[Path], size: tuple[int, int], grey: bool, depth: Depth, done: Counter[str]
) -> NDArray[np.uint8]:
    width, height = size
    out = np.empty((len(files), 1 if grey else 3, height, width), np.uint8)
    for index, (name, image) in enumerate(_shown(files)):
        try:
            found = seen(image)
            pixels = _pixels(found.image, size, grey, depth)
        except BROKEN as error:
            raise DataError(f"{name}: {DAMAGED}") from error
        done.update(found.told)
        out[index] = pixels[None] if grey else pixels.transpose(2, 0, 1)
    return out


def _pixels(
    image: Image.Image, size: tuple[int, int], grey: bool, depth: Depth
) -> NDArray[np.uint8]:
    image = bytes_of(image, grey, depth)
    if image.size != size:
        image = ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    return np.asarray(image)
