"""Images with their masks, before they become a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError

__all__ = ["Array", "Pairs", "checked", "whole"]

Array = NDArray[Any]


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
        spacing: Distances of voxels in mm, where they are known.
        beside: Further arrays that came with them.
    """

    name: str
    where: str
    x: Mapping[str, list[Array]]
    y: Mapping[str, list[Array]]
    notes: tuple[str, ...] = ()
    groups: Mapping[str, Array] = field(default_factory=dict)
    spacing: tuple[float, ...] = ()
    beside: Mapping[str, Any] = field(default_factory=dict)


def whole(mask: Array) -> Array:
    """A mask as whole numbers, if it is one: what a resampling mixed stays as it is."""
    if mask.dtype.kind == "b":
        return mask.astype(np.uint8)
    if mask.dtype.kind == "f" and np.isfinite(mask).all() and (mask == np.round(mask)).all():
        return mask.astype(np.int64)
    return mask


def checked(x: list[Array], y: list[Array], where: str, names: list[str] | None = None) -> None:
    """Refuse what cannot be images and masks.

    Args:
        x: Images.
        y: Masks.
        where: Where they come from, for messages.
        names: Of the images; None to count them.

    Raises:
        DataError: One line says which image or mask, and what is wrong with it.
    """
    if len(x) != len(y):
        raise DataError(f"{where}: there are {len(x)} images but {len(y)} masks")
    if not x:
        raise DataError(f"{where}: there are no images")
    for i, (image, mask) in enumerate(zip(x, y, strict=True)):
        name = names[i] if names else f"number {i}"
        if image.shape[1:] != mask.shape:
            raise DataError(
                f"{where}: {name}: the image is {image.shape[1:]}, its mask {mask.shape}"
            )
        if not image.size:
            raise DataError(f"{where}: {name}: is empty: its shape is {image.shape}")
        if image.dtype.kind not in "buif":
            raise DataError(f"{where}: {name}: holds {image.dtype} values, expected numbers")
        if mask.dtype.kind not in "ui" or mask.min() < 0 or mask.max() > 255:
            raise DataError(f"{where}: {name}: classes of a mask are whole numbers from 0 to 255")
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            raise DataError(f"{where}: {name}: holds NaN or infinite values")
