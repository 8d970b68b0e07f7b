"""NIfTI files: volumes in one orientation, with the distance of their voxels."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError

__all__ = ["NIFTI", "Scan", "apart", "common_spacing", "read_nifti", "resampled"]

NIFTI = (".nii", ".nii.gz")
"""How the names of such files end."""

_LEAST_SIDE, _MOST_SIDE = 0.5, 4096  # voxels of a resampled volume
_ALIKE = 0.01  # of two distances, by which they may differ

Spacing = tuple[float, ...]


class Scan(NamedTuple):
    """A volume from left to right, back to front and below to above.

    Attributes:
        values: ``(x, y, z)``.
        spacing: Distances of its voxels, in mm.
        place: Where a voxel lies in space, ``(4, 4)``.
        path: Of its file.
    """

    values: NDArray[Any]
    spacing: Spacing
    place: NDArray[np.float64]
    path: Path = Path()


def read_nifti(path: Path) -> Scan:
    """A volume in the usual orientation, whatever it was stored in.

    Raises:
        DataError: It cannot be read, or is no volume; or nibabel is not installed.
    """
    try:
        import nibabel
        from nibabel.filebasedimages import ImageFileError
        from nibabel.orientations import OrientationError
        from nibabel.spatialimages import HeaderDataError
    except ImportError:
        raise DataError(
            f"{path}: reading NIfTI needs nibabel: pip install 'brickwork[medical]'"
        ) from None
    damaged = (ImageFileError, HeaderDataError, OrientationError, OSError, ValueError, EOFError)
    try:
        image = nibabel.as_closest_canonical(nibabel.load(path))  # type: ignore[no-untyped-call]
        volume = np.asanyarray(image.dataobj)
    except (*damaged, zlib.error) as error:
        what = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: not a NIfTI file that can be read ({what})") from error
    if volume.dtype.kind not in "buif":
        raise DataError(f"{path}: holds colours or complex values, expected a number a voxel")
    if volume.ndim == 4 and volume.shape[3] == 1:
        volume = volume[..., 0]
    if volume.ndim != 3:
        raise DataError(
            f"{path}: has {volume.ndim} axes {volume.shape}, expected a volume with three: "
            "give one file for each volume"
        )
    if not np.isfinite(volume).all():
        raise DataError(f"{path}: holds NaN or infinite values: repair or remove it")
    if not volume.size:
        raise DataError(f"{path}: has no voxels: its shape is {volume.shape}")
    spacing = tuple(float(v) for v in image.header.get_zooms()[:3])
    place = np.asarray(image.affine, np.float64)
    return Scan(np.ascontiguousarray(volume), spacing, place, path)


def apart(a: Scan, b: Scan) -> float:
    """How far the corners of two volumes of one size lie apart, in voxels of the first."""
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(a.values.shape) - 1)
    there = np.c_[corners, np.ones(8)] @ (a.place - b.place).T
    return float(np.abs(there[:, :3]).max() / min(a.spacing))


def common_spacing(scans: Mapping[str, Sequence[Scan]], notes: list[str]) -> Spacing:
    """The distances that all volumes are to have: the median of what is there for training.

    Args:
        scans: Of each split, among them ``"train"``.
        notes: To which a line is added where volumes have to be resampled.

    Raises:
        DataError: The header of a file says distances that cannot be.
    """
    every = [scan for part in scans.values() for scan in part]
    spacings = np.array([scan.spacing for scan in every])
    wanted = np.median([scan.spacing for scan in scans["train"]], axis=0)
    for scan in every:
        with np.errstate(divide="ignore", invalid="ignore"):
            sides = np.array(scan.values.shape) * scan.spacing / wanted
        if not (sides > _LEAST_SIDE).all() or (sides > _MOST_SIDE).any():
            raise DataError(
                f"{scan.path}: its voxels lie {_shown(scan.spacing)} mm apart, in most files "
                f"{_shown(wanted)} mm: repair its header or leave it out"
            )
    if np.abs(spacings / wanted - 1).max() > _ALIKE:
        notes.append(f"volumes had different spacings: resampled to {_shown(wanted)} mm")
    return tuple(float(v) for v in wanted)


def _shown(spacing: Iterable[float]) -> str:
    return " x ".join(f"{v:g}" for v in spacing)


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
    if max(abs(factor - 1) for factor in factors) < _ALIKE:
        return volume
    if labels:
        return np.asarray(zoom(volume, factors, order=0))
    values = np.asarray(zoom(volume.astype(np.float64), factors, order=1))
    return np.round(values).astype(np.uint8) if volume.dtype == np.uint8 else values
