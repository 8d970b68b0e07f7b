"""Segmentation: images or volumes with masks as a task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.changing import VoxelChanges
from brickwork.tasks.columns import columns_beside, with_columns
from brickwork.tasks.judging import Judge, MaskJudge
from brickwork.tasks.judging.masks import NOWHERE
from brickwork.tasks.owners import no_rule
from brickwork.tasks.raw import Raw
from brickwork.tasks.samples import DataTask, Prepared, assembled
from brickwork.tasks.scale import channel_statistics
from brickwork.tasks.segmentation.sources import Source, read
from brickwork.tasks.task import Arrays
from brickwork.tasks.voxels import common_shape, files_for, fitted, in_bytes

__all__ = ["load_masks"]

_MUCH = 10  # times what all classes cover: from there on 255 may be one itself


def load_masks(
    source: Source,
    seed: int = 0,
    validation: float | None = None,
    group: str = "",
    test: str = "",
) -> DataTask:
    """Segmentation of images and volumes: a class for each pixel or voxel.

    Samples of several sizes are put into one shape, in the middle; what is added has no class and
    counts nowhere. Values that are no bytes are scaled by the range of all but 1 % of their sample.

    Args:
        source: A folder with ``images/`` and ``labels/`` (or ``masks/``) of files with equal names,
            NIfTI or pictures, possibly below ``train/``, ``val/`` and ``test/``; an ``.npz`` file
            or arrays with masks of the images' size; or with ``volumes`` and ``labels`` one after
            the other and their ``shapes``.
        seed: Decides which training samples become a split that the source does not have.
        validation: Part of the training samples for such a validation split; None for a fifth.
        group: An array of the file, such as a patient: samples of one value stay in one split. Of a
            folder see ``owners``.
        test: A rule on such an array that says which samples are the test split.

    Raises:
        DataError: The data cannot be used as it is; one line says what, where and what to do.
    """
    pairs = read(source, group)
    every = [sample for part in pairs.x.values() for sample in part]
    sides = common_shape(every, pairs.where)
    notes = list(pairs.notes)
    known = _classes(pairs.y["train"], pairs.where, notes)
    labels = {s: _coded(masks, known, sides, f"{pairs.where}, {s}") for s, masks in pairs.y.items()}
    if len({sample.shape for sample in every}) > 1 or every[0].shape[1:] != sides:
        shown = "x".join(map(str, sides))
        notes.append(f"samples are put into {shown}; what is added has no class and does not count")
    x, scaled = in_bytes(pairs.x, "sample", notes)
    raw = Raw(pairs.name, pairs.name, pairs.where, x, labels, tuple(notes), pairs.groups)
    if isinstance(source, str | Path) and Path(source).is_dir():
        no_rule(test, Path(source))
    else:
        columns = columns_beside(pairs.beside, set(), len(x["train"]))
        raw = with_columns(raw, columns, pairs.beside, group, test)

    def encode(samples: NDArray[Any]) -> NDArray[np.uint8]:
        return np.stack([fitted(sample, sides, 0) for sample in samples])

    def prepare(samples: NDArray[Any]) -> Prepared:
        scale = channel_statistics(encode(samples), raw.where)
        changes = VoxelChanges(True, float(np.mean(scale.mean)), float(np.mean(scale.std)))
        return Prepared(scale, changes, encode, {}, files_for(sides, pairs.spacing, scaled))

    def judged(found: Mapping[str, Arrays]) -> tuple[Judge, Sequence[str]]:
        return MaskJudge(tuple(map(str, known))), list(_lacking(found, known))

    return assembled(raw, raw.y, "segmentation", seed, prepare, judged, {"val": validation})


def _classes(masks: Sequence[NDArray[Any]], where: str, notes: list[str]) -> NDArray[Any]:
    """The classes of masks. White is one where there is nothing but black beside it."""
    counts = np.zeros(NOWHERE + 1, np.int64)
    for mask in masks:
        counts += np.bincount(mask.ravel(), minlength=NOWHERE + 1)
    known = np.flatnonzero(counts)
    if len(known) > 2 and known[-1] == NOWHERE:
        said = f"{NOWHERE} in a mask, beside other classes, is none: it counts nowhere"
        rest = int(counts[known[1:-1]].sum())
        if counts[NOWHERE] > _MUCH * rest:
            said = (
                f"hint: {said}; yet it covers {counts[NOWHERE]:,} positions, and {known[1]} to "
                f"{known[-2]} together {rest:,}: if it is a class, and these are its "
                "blurred edges, make masks of two values"
            )
        notes.append(said)
        known = known[:-1]
    if len(known) < 2:
        raise DataError(f"{where}: all masks are {known[0]} everywhere: nothing to tell")
    if known[0]:
        notes.append(
            f"hint: {known[0]}, the lowest value of the masks, is taken for the background, which "
            "no score counts: if it is a class, number the classes so that the background is lower"
        )
    return known


def _lacking(found: Mapping[str, Arrays], known: NDArray[Any]) -> Iterator[str]:
    """A hint for each split whose masks lack a class."""
    for split, (_, masks) in found.items():
        missing = [str(known[i]) for i in np.setdiff1d(np.arange(len(known)), masks)]
        if missing:
            then = "a search cannot learn it" if split == "train" else "no score tells of it"
            yield f"hint: no mask of the {split} split has the class {', '.join(missing)}: {then}"


def _coded(
    masks: Sequence[NDArray[Any]], known: NDArray[Any], sides: tuple[int, ...], where: str
) -> NDArray[np.uint8]:
    """Masks with classes 0..k-1, in one shape ``(n, *spatial)``."""
    out = []
    left_out = () if NOWHERE in known else (NOWHERE,)
    for mask in masks:
        strange = np.setdiff1d(mask, [*known, *left_out])
        if len(strange):
            raise DataError(
                f"{where}: a mask has the class {strange[0]}, which no mask of train has"
            )
        codes = np.where(np.isin(mask, known), np.searchsorted(known, mask), NOWHERE)
        out.append(fitted(codes.astype(np.uint8), sides, NOWHERE))
    return np.stack(out)
