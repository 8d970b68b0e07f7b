"""Who or what each file of a folder is of: a patient, a speaker."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.folders import Listed, splits_below

__all__ = ["Owners", "folders_of", "no_rule", "owners"]

Owners = tuple[dict[str, NDArray[np.str_]], list[str]]
"""For each split who or what each file is of, and notes; both empty where nothing tells."""


def owners(found: Listed, group: str) -> Owners:
    r"""What a pattern finds in the name of each file, or else the folder below its class's.

    A name goes on from the folder of its class: what classes and splits are called tells no owner.

    Args:
        found: The files.
        group: A regular expression such as ``patient\d+``: its group, or all that it matches, is
            the owner. Where it tells no files apart, folders below those of classes do.

    Raises:
        DataError: It is no pattern, or neither tells files apart.
    """
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise DataError(f"--group '{group}' is no regular expression: {error}") from None
    named = {
        split: [_told(pattern, path) for path in _below(files, found)]
        for split, files in found.files.items()
    }
    known = {name for names in named.values() for name in names if name}
    if len(known) > 1:
        groups = {split: _each(names, found.files[split]) for split, names in named.items()}
        note = (
            f"files with the same '{group}' in their names stay in one split; there are "
            f"{len(known)}, such as {min(known)!r}"
        )
        alone = sum(not name for names in named.values() for name in names)
        return groups, [note + (f"; {alone} files have none, each stands alone" if alone else "")]
    groups, notes = folders_of(found, 1)
    if groups:
        return groups, notes
    all_alike = "all files that have" if known else "no file has"
    raise DataError(
        f"{found.folder}: {all_alike} '{group}' in the name"
        + (" have the same" if known else "")
        + r": give a pattern that tells them apart, such as --group 'patient\d+', or leave it out"
    )


def folders_of(found: Listed, fewest: int) -> Owners:
    """The folders below those of classes, one for each patient.

    Fewer than so many are taken for something else.
    """
    groups: dict[str, NDArray[np.str_]] = {}
    known: set[str] = set()
    for split, files in found.files.items():
        below = _below(files, found)
        inner = [path.parts[0] if len(path.parts) > 1 else "" for path in below]
        known |= {name for name in inner if name}
        groups[split] = _each(inner, files)
    if len(known) < fewest:
        return {}, []
    return groups, [f"files of one folder stay in one split; there are {len(known)} folders"]


def _below(files: Sequence[Path], found: Listed) -> list[Path]:
    """The path of each file from the folder of its class on; its name where there are none."""
    if not found.labels:
        return [Path(file.name) for file in files]
    above = 1 if splits_below(found.folder).get("train") == found.folder else 2
    return [Path(*file.relative_to(found.folder).parts[above:]) for file in files]


def _each(names: Sequence[str], files: Sequence[Path]) -> NDArray[np.str_]:
    """The owner of each file; of one without it is the file itself."""
    return np.array([name or str(file) for name, file in zip(names, files, strict=True)])


def _told(pattern: re.Pattern[str], path: Path) -> str:
    match = pattern.search(path.as_posix())
    if match is None:
        return ""
    return (match[1] if match.groups() else match[0]) or ""


def no_rule(test: str, folder: Path) -> None:
    """Refuse a rule for the test split: of files nothing is known that it could be about.

    Raises:
        DataError: There is one.
    """
    if test:
        raise DataError(
            f"{folder}: nothing is known of files that --test {test!r} could be about: put the "
            "test files into a folder test/ beside train/"
        )
