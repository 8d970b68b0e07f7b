"""NIfTI files: volumes in one orientation, with the distance of their voxels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError

__all__ = ["NIFTI", "read_nifti", "resampled"]

NIFTI = (".nii", ".nii.gz")
"""How the names of such files end."""

Spacing = tuple[float, ...]


def read_nifti(path: Path) -> tuple[NDArray[Any], Spacing]:
    """A volume ``(x, y, z)`` from left to right, back to front and below to above; its spacing.

    Raises:
        DataError: It cannot be read, or is no volume; or nibabel is not installed.
    """
    try:
        import nibabel
        from nibabel.filebasedimages import ImageFileError
    except ImportError:
        raise DataError(
            f"{path}: reading NIfTI needs nibabel: pip install 'brickwork[medical]'"
        ) from None
    try:
        image = nibabel.as_closest_canonical(nibabel.load(path))  # type: ignore[no-untyped-call]
        volume = np.asanyarray(image.dataobj)
    except (ImageFileError, OSError, ValueError, EOFError) as error:
        what = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: not a NIfTI file that can be read ({what})") from error
    if volume.ndim == 4 and volume.shape[3] == 1:
        volume = volume[..., 0]
    if volume.ndim != 3:
        raise DataError(
            f"{path}: has {volume.ndim} axes {volume.shape}, expected a volume with three: "
            "give one file for each volume"
        )
    if not np.isfinite(volume).all():
        raise DataError(f"{path}: holds NaN or infinite values: repair or remove it")
    spacing = tuple(float(v) for v in image.header.get_zooms()[:3])
    return np.ascontiguousarray(volume), spacing


def resampled(
    volume: NDArray[Any], spacing: Spacing, wanted: Spacing, *, labels: bool
) -> NDArray[Any]:
    """A volume with other distances between its voxels.

    Args:
        volume: ``(x, y, z)``.
        spacing: Its own distances.
        wanted: Those that it is to have.
        labels: Whether values are classes, which are not mixed.
    """
    from scipy.ndimage import zoom

    factors = [a / b for a, b in zip(spacing, wanted, strict=True)]
    if max(abs(factor - 1) for factor in factors) < 0.01:
        return volume
    values = volume if labels else volume.astype(np.float32)
    return np.asarray(zoom(values, factors, order=0 if labels else 1))
