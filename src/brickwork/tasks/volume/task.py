"""Volume classification: folders of NIfTI files, .npz files or arrays as a task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.space import Shape
from brickwork.tasks.archives import members
from brickwork.tasks.arrays import array_of, labels_of, splits_of
from brickwork.tasks.changing import VoxelChanges
from brickwork.tasks.columns import columns_beside, with_columns
from brickwork.tasks.folders import listed
from brickwork.tasks.owners import folders_of, no_rule, owners
from brickwork.tasks.raw import Raw
from brickwork.tasks.samples import DataTask, Prepared, classification
from brickwork.tasks.scale import channel_statistics
from brickwork.tasks.voxels import (
    NIFTI,
    common_shape,
    common_spacing,
    files_for,
    fitted,
    in_bytes,
    objects,
    prepare,
    read_nifti,
    resampled,
)

__all__ = ["load_volumes", "volume_inputs"]

_CHANNELS = 4  # of volumes, at most, by which a last axis is told from one of space
_OWNERS = 6  # folders below those of classes, from which they are taken for patients

Source = str | Path | tuple[Any, Any] | Mapping[str, Any]


def load_volumes(
    source: Source,
    seed: int = 0,
    validation: float | None = None,
    group: str = "",
    test: str = "",
) -> DataTask:
    """Volume classification: scans in three dimensions, one class each.

    Args:
        source: A folder with a folder of ``.nii`` or ``.nii.gz`` files for each class, itself
            possibly below ``train/``, ``val/`` and ``test/``; an ``.npz`` file or arrays of volumes
            ``(n, depth, height, width)``, with channels first or last where there are any.
        seed: Decides which training samples become a split that the source does not have.
        validation: Part of the training samples for such a validation split; None for a fifth.
        group: An array of the file, such as a patient: volumes of one value stay in one split. Of a
            folder see ``owners``.
        test: A rule on such an array that says which volumes are the test split.

    Raises:
        DataError: The data cannot be used as it is; one line says what, where and what to do.
    """
    found, spacing = _read(source, group, test)
    every = [sample for part in found.x.values() for sample in part]
    common_shape(every, found.where, cut=True)  # refuses what does not go together
    notes = list(found.notes)
    x, scaled = in_bytes(found.x, "volume", notes)
    raw = Raw(found.name, found.title, found.where, x, found.y, tuple(notes), found.groups)

    def prepared(samples: NDArray[Any]) -> Prepared:
        sides = common_shape(list(samples), raw.where, cut=True)
        larger = sum(bool((np.array(sample.shape[1:]) > sides).any()) for sample in every)
        shown = "x".join(map(str, sides))
        said = (f"of {larger} volumes larger than {shown} the middle is used",) if larger else ()

        def encode(samples: NDArray[Any]) -> NDArray[np.uint8]:
            return np.stack([fitted(sample, sides, 0) for sample in samples])

        scale = channel_statistics(encode(samples), raw.where)
        changes = VoxelChanges(False, float(np.mean(scale.mean)), float(np.mean(scale.std)))
        return Prepared(scale, changes, encode, {}, files_for(sides, spacing, scaled), said)

    return classification(raw, "volume-classification", seed, prepared, validation)


def volume_inputs(x: Any, about: Mapping[str, Any], input: Shape) -> NDArray[np.uint8]:
    """What networks take of volumes as ``load_volumes`` takes them in arrays.

    Args:
        x: Volumes.
        about: The content of ``prepare.json``.
        input: Shape of what the network takes.

    Raises:
        DataError: They are no volumes, or have other channels than those of the training.
    """
    samples = _volumes(x, "the samples")
    if len(samples[0]) != input[0]:
        raise DataError(
            f"the samples: volumes have {len(samples[0])} channels, those of the training "
            f"{input[0]}"
        )
    return prepare(list(samples), about)


def _read(source: Source, group: str, test: str) -> tuple[Raw, tuple[float, ...]]:
    """The volumes, and the distances of their voxels where they are known."""
    if isinstance(source, tuple | list):
        if len(source) != 2:
            raise DataError(f"arrays are given as a pair (volumes, labels), got {len(source)}")
        source = {"x": source[0], "y": source[1]}
    if isinstance(source, Mapping):
        return _of_arrays(dict(source), "arrays", "the given arrays", group, test), ()
    path = Path(source)
    if path.is_dir():
        no_rule(test, path)
        return _of_folder(path, group)
    if not path.exists():
        raise DataError(f"no such file or folder: {str(source)!r}: give a folder or an .npz file")
    return _of_arrays(members(path), path.stem, str(path), group, test), ()


def _of_arrays(arrays: dict[str, Any], name: str, where: str, group: str, test: str) -> Raw:
    x, y = {}, {}
    for split, (volumes, labels) in splits_of(arrays, where).items():
        x[split] = _volumes(arrays[volumes], f"{where}, {volumes}")
        y[split] = labels_of(arrays[labels], len(x[split]), f"{where}, {labels}")
    used = {key for pair in splits_of(arrays, where).values() for key in pair}
    columns = columns_beside(arrays, used, len(x["train"]))
    return with_columns(Raw(name, name, where, x, y), columns, arrays, group, test)


def _volumes(array: Any, where: str) -> NDArray[Any]:
    """Volumes of an array as objects ``(n,)``, each ``(channels, depth, height, width)``.

    Raises:
        DataError: They are none.
    """
    samples = array_of(array, where)
    if samples.ndim == 4:
        samples = samples[:, None]
    elif samples.ndim == 5 and samples.shape[-1] <= _CHANNELS < samples.shape[1]:
        samples = np.moveaxis(samples, -1, 1)
    if samples.ndim != 5 or samples.dtype.kind not in "buif":
        raise DataError(
            f"{where}: volumes have the shape {samples.shape} and type {samples.dtype}, "
            "expected numbers (n, depth, height, width), possibly with channels, first or last"
        )
    if samples.dtype.kind == "f" and not np.isfinite(samples).all():
        raise DataError(f"{where}: holds NaN or infinite values: repair them")
    return objects(list(samples))


def _of_folder(folder: Path, group: str) -> tuple[Raw, tuple[float, ...]]:
    found = listed(folder, NIFTI, ".nii or .nii.gz")
    groups, notes = owners(found, group) if group else folders_of(found, _OWNERS)
    read = {s: [read_nifti(file) for file in files] for s, files in found.files.items()}
    notes = [*found.notes, *notes]
    wanted = common_spacing(read, notes)
    x = {
        split: objects([resampled(s.values, s.spacing, wanted, labels=False)[None] for s in part])
        for split, part in read.items()
    }
    y = {split: np.array(labels) for split, labels in found.labels.items()}
    return Raw(folder.name, folder.name, str(folder), x, y, tuple(notes), groups), wanted
