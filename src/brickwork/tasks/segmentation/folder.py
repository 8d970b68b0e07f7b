"""Folders of images and of masks with the same names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from brickwork.errors import DataError
from brickwork.tasks.folders import IMAGES, MASKS, Listed, descended, splits_below, visible
from brickwork.tasks.owners import owners
from brickwork.tasks.pictures import BROKEN, seen, told
from brickwork.tasks.segmentation.pairs import Array, Pairs, checked, whole
from brickwork.tasks.voxels import NIFTI, Scan, apart, common_spacing, read_nifti, resampled

__all__ = ["read_folder"]

_PICTURES = (".png", ".bmp", ".tif", ".tiff")
_LOSSY = (".jpg", ".jpeg")  # of images only: in a mask they make classes that are not there
_EXACT = ("L", "I", "F", "I;16", "I;16B", "I;16L")  # one value for each pixel, as it was stored


def read_folder(folder: Path, group: str = "") -> Pairs:
    """All pairs below a folder, or below its ``train/``, ``val/`` and ``test/``.

    Args:
        folder: Of images and masks.
        group: Tells who an image is of, by its name: see ``owners``.

    Raises:
        DataError: A mask is missing, or does not fit its image; one line names the file.
    """
    notes: list[str] = []
    inner = descended(folder, notes)
    files = {split: _paired(place, notes) for split, place in splits_below(inner).items()}
    every = [image for part in files.values() for image, _ in part]
    kinds = {image.name.lower().endswith(NIFTI) for image in every}
    if len(kinds) > 1:
        raise DataError(f"{inner}: holds both volumes and pictures: keep one kind")
    x: dict[str, list[Array]] = {}
    y: dict[str, list[Array]] = {}
    spacing: tuple[float, ...] = ()
    if kinds == {True}:
        scans = {s: [_scanned(*pair) for pair in part] for s, part in files.items()}
        spacing = common_spacing({s: [a for a, _ in part] for s, part in scans.items()}, notes)
        for split, part in scans.items():
            x[split] = [
                resampled(a.values, a.spacing, spacing, labels=False)[None] for a, _ in part
            ]
            y[split] = [resampled(b.values, a.spacing, spacing, labels=True) for a, b in part]
    else:
        done = Counter[str]()
        for split, pairs in files.items():
            y[split] = [_mask(mask) for _, mask in pairs]
            both = zip(pairs, y[split], strict=True)
            x[split] = [_picture(image, mask.shape, done) for (image, _), mask in both]
            checked(x[split], y[split], str(folder), [image.name for image, _ in pairs])
        notes += told(done, len(every))
    images = {split: [image for image, _ in part] for split, part in files.items()}
    groups, said = owners(Listed(inner, images, {}, []), group) if group else ({}, [])
    return Pairs(inner.name, str(folder), x, y, (*notes, *said), groups, spacing)


def _paired(folder: Path, notes: list[str]) -> list[tuple[Path, Path]]:
    """Each image of a folder, and its mask."""
    below = {path.name.lower(): path for path in visible(folder) if path.is_dir()}
    images = next((below[name] for name in IMAGES if name in below), None)
    masks = next((below[name] for name in MASKS if name in below), None)
    if images is None or masks is None:
        raise DataError(f"{folder}: expected the folders images/ and labels/ (or masks/) in it")
    files = [path for path in visible(images) if _ends(path, (*NIFTI, *_PICTURES, *_LOSSY))]
    if not files:
        raise DataError(f"{images}: holds no .nii, .nii.gz, .png, .jpg, .bmp or .tif file")
    there = {_stem(path): path for path in visible(masks) if _ends(path, (*NIFTI, *_PICTURES))}
    missing = [file for file in files if _stem(file) not in there]
    if missing:
        raise DataError(
            f"{masks}: there is no mask {missing[0].name} for the image of that name"
            + (" (a mask is no .jpg file)" if _ends(missing[0], _LOSSY) else "")
        )
    if len({_stem(file) for file in files}) < len(files):
        raise DataError(f"{images}: two images have one name: rename one, and its mask")
    if len(there) > len(files):
        notes.append(f"{len(there) - len(files)} masks without an image were left out")
    return [(file, there[_stem(file)]) for file in files]


def _ends(path: Path, endings: tuple[str, ...]) -> bool:
    return path.name.lower().endswith(endings)


def _stem(path: Path) -> str:
    name = path.name
    return Path(name[: -len(".gz")] if name.lower().endswith(".gz") else name).stem


def _scanned(image: Path, mask: Path) -> tuple[Scan, Scan]:
    """A volume and its mask, which lie in one place."""
    a, b = read_nifti(image), read_nifti(mask)
    b = b._replace(values=whole(b.values))
    checked([a.values[None]], [b.values], str(mask.parent), [mask.name])
    away = apart(a, b)
    if away > 1:
        raise DataError(
            f"{mask}: lies elsewhere in space than its image (up to {away:.1f} voxels away): "
            "write both with one affine"
        )
    return a, b


def _picture(file: Path, sides: tuple[int, ...], done: Counter[str]) -> Array:
    """An image ``(channels, height, width)``: more than eight bits stay, colours become RGB.

    Args:
        file: The image.
        sides: Of its mask.
        done: Counts what was done to images.
    """
    with _opened(file) as image:
        found = seen(image, (sides[1], sides[0]))
        done.update(found.told)
        pixels, mode = _pixels(found.image, {"1": "L", "LA": "L"}, "RGB")
    return pixels[None] if mode != "RGB" else np.moveaxis(pixels, -1, 0)


def _mask(file: Path) -> Array:
    """A mask ``(height, width)``: what is stored, of a palette its numbers."""
    with _opened(file) as image:
        pixels, mode = _pixels(image, {"P": "P", "1": "1", "LA": "L"}, "RGB")
    if mode == "RGB":
        if (pixels != pixels[..., :1]).any():
            raise DataError(
                f"{file}: the mask has colours, expected one number for each pixel: "
                "save it in grey or with a palette"
            )
        pixels = pixels[..., 0]
    return whole(pixels)


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(file) as image:
            yield image
    except BROKEN as error:
        what = " ".join(str(error).split())[:200]
        raise DataError(f"{file}: not an image that can be read ({what})") from error


def _pixels(image: Image.Image, kept: dict[str, str], otherwise: str) -> tuple[Array, str]:
    mode = image.mode if image.mode in _EXACT else kept.get(image.mode, otherwise)
    return np.asarray(image if mode == image.mode else image.convert(mode)), mode
