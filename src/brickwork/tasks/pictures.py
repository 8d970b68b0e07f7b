"""Pictures of PIL as arrays: of a folder and of a data set the same.

A picture is read as it is seen: turned as the camera was held, what is transparent on white.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from brickwork.errors import DataError

__all__ = [
    "ALL_GREY",
    "BROKEN",
    "DAMAGED",
    "GREY",
    "ORIENTATION",
    "Depth",
    "Seen",
    "bytes_of",
    "colourless",
    "depth_of",
    "drawn",
    "seen",
    "told",
]

ALL_GREY = "all images are grey: one channel is kept"
"""A note."""
BROKEN = (OSError, SyntaxError, ValueError)
"""What PIL raises of an image that is damaged."""
DAMAGED = "the image is damaged: replace or remove it"
"""What is said of one."""
GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F")
"""Modes without colours."""
ORIENTATION = 0x0112
"""The EXIF tag that tells how the camera was held."""

_DEEP = ("I", "F")  # modes of more than eight bits begin so
_OPAQUE = 255
_CLEAR = "are transparent in places: there they were made white"
_AS_STORED = "fit their masks only as they are stored: these were not turned upright"


class Depth(NamedTuple):
    """What makes values of more than eight bits eight: ``(value - low) * factor``."""

    low: float = 0.0
    factor: float = 1.0


class Seen(NamedTuple):
    """A picture as it is seen, and what was done to it."""

    image: Image.Image
    told: tuple[str, ...] = ()


def seen(image: Image.Image, size: tuple[int, int] | None = None) -> Seen:
    """A picture turned as the camera was held, and on white where it is transparent.

    Args:
        image: As it is stored.
        size: The (width, height) of its mask. A picture that fits it only as it is stored is not
            turned.
    """
    image.load()
    upright = ImageOps.exif_transpose(image)
    told: tuple[str, ...] = ()
    if size is not None and upright.size != size == image.size:
        upright, told = image, (_AS_STORED,)
    if upright.mode.startswith(_DEEP) or not upright.has_transparency_data:
        return Seen(upright, told)
    full = upright.convert("RGBA")
    if full.getchannel("A").getextrema() == (_OPAQUE, _OPAQUE):
        return Seen(upright, told)
    white = Image.new("RGBA", full.size, "white")
    white.alpha_composite(full)
    return Seen(white.convert("L" if upright.mode in GREY else "RGB"), (*told, _CLEAR))


def bytes_of(image: Image.Image, grey: bool, depth: Depth) -> Image.Image:
    """A picture as it is seen, of the mode ``L`` or ``RGB``."""
    if image.mode.startswith(_DEEP):  # PIL would cut them off instead of scaling
        values = (np.asarray(image).astype(np.float64) - depth.low) * depth.factor
        image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    return image.convert("L" if grey else "RGB")


def depth_of(images: Iterable[tuple[str, Image.Image]], notes: list[str]) -> Depth:
    """How values of more than eight bits become eight, by all that there are for training.

    Whole numbers from 0 on lose their lowest bits, as many as the largest has too many; others
    run from the least to the largest.

    Args:
        images: With where each comes from, for messages.
        notes: Are told what is done.

    Raises:
        DataError: One is damaged, or holds no finite numbers.
    """
    low, high, whole = np.inf, -np.inf, True
    for where, image in images:
        if not image.mode.startswith(_DEEP):
            continue
        try:
            values = np.asarray(image)
        except BROKEN as error:
            raise DataError(f"{where}: {DAMAGED}") from error
        if not np.isfinite(values).all():
            raise DataError(f"{where}: holds NaN or infinite values: repair or remove it")
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        whole = whole and values.dtype.kind in "iu"
    if high < low:
        return Depth()
    if whole and low >= 0:
        bits = int(high).bit_length()
        if bits > 8:
            notes.append(f"images have {bits} bits: the upper 8 are kept")
        return Depth(0.0, 2.0 ** -max(0, bits - 8))
    notes.append(f"values of images run from {low:g} to {high:g}: they were brought to 0 to 255")
    return Depth(low, 255.0 / max(high - low, 1e-12))


def told(done: Mapping[str, int], count: int) -> list[str]:
    """Notes on what was done to how many of all pictures; none where nothing was."""
    return [f"{number} of {count} images {what}" for what, number in done.items()]


def colourless(images: NDArray[Any]) -> bool:
    """Whether all three colours, which are on the last axis, are the same everywhere."""
    first = images[..., 0]
    return bool((first == images[..., 1]).all() and (first == images[..., 2]).all())


def drawn(
    samples: Mapping[str, Sequence[Any]],
    notes: list[str],
    where: str,
    sizes: Mapping[str, Sequence[tuple[int, int]]] | None = None,
    *,
    as_stored: bool = False,
) -> dict[str, list[Any]]:
    """Samples of each split with arrays in place of pictures: all grey, or all in colours.

    Args:
        samples: Pictures, and whatever else, which stays as it is; among them ``"train"``.
        notes: Are told what was done.
        where: They come from, for messages.
        sizes: Of the masks, if there are some.
        as_stored: Whether more than eight bits stay, and three channels where all is grey. Else
            both follow from the pictures.

    Raises:
        DataError: A picture is damaged.
    """
    named = {
        split: [(f"{where}, {split}, sample {i}", sample) for i, sample in enumerate(group)]
        for split, group in samples.items()
    }
    every = [sample for group in samples.values() for sample in group]
    pictures = [sample for sample in every if isinstance(sample, Image.Image)]
    grey = all(picture.mode in GREY for picture in pictures)
    known = [(name, one) for name, one in named["train"] if isinstance(one, Image.Image)]
    depth = None if as_stored else depth_of(known, notes)
    done = Counter[str]()
    made = {
        split: [
            _array(sample, sizes[split][i] if sizes else None, grey, depth, name, done)
            for i, (name, sample) in enumerate(group)
        ]
        for split, group in named.items()
    }
    notes += told(done, len(every))
    if grey or as_stored or len(pictures) < len(every):
        return made
    if not all(colourless(array) for group in made.values() for array in group):
        return made
    notes.append(ALL_GREY)
    return {split: [array[..., 0] for array in group] for split, group in made.items()}


def _array(
    sample: Any,
    size: tuple[int, int] | None,
    grey: bool,
    depth: Depth | None,
    where: str,
    done: Counter[str],
) -> Any:
    """An array in place of a picture; with no depth, more than eight bits stay."""
    if not isinstance(sample, Image.Image):
        return sample
    try:
        found = seen(sample, size)
        if depth is None and found.image.mode.startswith(_DEEP):
            values = np.asarray(found.image)
            array = values if grey else np.stack([values] * 3, axis=-1)
        else:
            array = np.asarray(bytes_of(found.image, grey, depth or Depth()))
    except BROKEN as error:
        raise DataError(f"{where}: {DAMAGED}") from error
    done.update(found.told)
    return array
