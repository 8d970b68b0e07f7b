"""Samples of several sizes in one shape."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.space import Shape
from brickwork.tasks.beside import preparation
from brickwork.tasks.voxels.prepare import usual

__all__ = ["SIDE", "common_shape", "files_for", "in_bytes", "objects"]

SIDE = 8
"""Sides become multiples of it, so that they can be halved three times."""

_MOST = 2**22  # positions of a sample


def common_shape(samples: Sequence[NDArray[Any]], where: str, *, cut: bool = False) -> Shape:
    """Spatial sides that hold every sample ``(channels, *spatial)``, as multiples of ``SIDE``.

    Args:
        samples: The samples.
        where: Where they come from, for messages.
        cut: Whether sides that are too long may be shorter; else that is an error.

    Raises:
        DataError: Samples have other axes or channels, or would become too large.
    """
    if not len(samples) or any(0 in sample.shape for sample in samples):
        raise DataError(f"{where}: there are no samples, or empty ones")
    kinds = {(sample.ndim, sample.shape[0]) for sample in samples}
    if len(kinds) > 1:
        shown = " or ".join(f"{channels} and {axes - 1}" for axes, channels in sorted(kinds))
        raise DataError(
            f"{where}: samples have different numbers of channels and axes of space: {shown}; make "
            "them alike, such as all grey"
        )
    largest = np.max([sample.shape[1:] for sample in samples], axis=0)
    sides = tuple(int(-(-side // SIDE) * SIDE) for side in largest)
    while cut and prod(sides) > _MOST:
        longest = max(sides)
        sides = tuple(side - SIDE if side == longest else side for side in sides)
    if prod(sides) > _MOST:
        shown = "x".join(map(str, sides))
        raise DataError(f"{where}: samples of up to {shown} are too large: make them smaller first")
    return sides


def objects(samples: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Arrays of several shapes as one array of objects ``(n,)``."""
    out = np.empty(len(samples), object)
    for i, sample in enumerate(samples):
        out[i] = sample
    return out


def in_bytes(
    parts: Mapping[str, Iterable[NDArray[Any]]], what: str, notes: list[str]
) -> tuple[dict[str, NDArray[Any]], bool]:
    """Samples by split with values in 0..255, as ``objects``, and whether they were scaled.

    They are unless all of them are bytes, so that one set has one brightness; a note says so.

    Args:
        parts: The samples by split.
        what: One of them is called.
        notes: Gets the note.
    """
    scaled = any(sample.dtype != np.uint8 for part in parts.values() for sample in part)
    if scaled:
        notes.append(f"values are scaled to 0..255, in each {what} by all but 1 % of them")
    x = {s: objects([usual(sample, scaled) for sample in part]) for s, part in parts.items()}
    return x, scaled


def files_for(
    sides: Shape, spacing: Sequence[float] = (), scaled: bool = False
) -> Mapping[str, str]:
    """What goes with a model: how a raw sample becomes its input.

    Args:
        sides: Of the input.
        spacing: Distances of voxels in mm, where they are known.
        scaled: Whether bytes are scaled like all other values.
    """
    about: dict[str, Any] = {"sides": list(sides)}
    if spacing:
        about |= {"orientation": "RAS", "spacing_mm": [float(f"{v:.4g}") for v in spacing]}
    if scaled:
        about["scaled"] = True
    return preparation("brickwork.tasks.voxels", json.dumps(about))
