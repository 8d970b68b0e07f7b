"""Folders of class folders, optionally below ``train/``, ``val/`` and ``test/``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from brickwork.errors import DataError

__all__ = [
    "IMAGES",
    "MASKS",
    "PICTURES",
    "SPLIT_NAMES",
    "Listed",
    "descended",
    "listed",
    "splits_below",
    "visible",
    "walked",
]

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
"""How files of images end, in lower case."""
IMAGES = ("images", "imagestr", "image")
"""Names of folders of samples that have masks, in lower case."""
MASKS = ("labels", "labelstr", "masks", "mask", "annotations", "segmentations")
"""Likewise of the masks."""

SPLIT_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What splits are called, and what they are called here."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The files of a folder of class folders.

    Attributes:
        folder: Where the splits or the class folders lie.
        files: Of each split, in order.
        labels: Likewise the class of each file.
        notes: What was found besides.
    """

    folder: Path
    files: dict[str, list[Path]]
    labels: dict[str, list[str]]
    notes: list[str]


def listed(folder: Path, suffixes: Sequence[str], what: str, aside: Sequence[str] = ()) -> Listed:
    """All files of a kind below a folder, with their splits and classes.

    Args:
        folder: Of class folders, of split folders that hold these, or of one folder with them.
        suffixes: Of the files, in lower case.
        what: They are, for messages, such as ``"wav or flac"``.
        aside: Folders that are no classes.

    Raises:
        DataError: There are no class folders, or one is empty.
    """
    notes: list[str] = []
    folder = descended(folder, notes)
    files: dict[str, list[Path]] = {}
    labels: dict[str, list[str]] = {}
    skipped = 0
    for split, where in splits_below(folder).items():
        left_out = [p for p in visible(where) if p.is_dir() and p.name in aside]
        notes += [f"{p.name}/ is no class and was left out" for p in left_out]
        files[split], labels[split], others = _classes(where, suffixes, what, aside)
        skipped += others
    if skipped:
        notes.append(f"{skipped} files that are not {what} were left out")
    return Listed(folder, files, labels, notes)


def visible(folder: Path) -> list[Path]:
    """What is in a folder, sorted, without hidden files and what archives leave behind."""
    return sorted((p for p in folder.iterdir() if _shown(p.name)), key=lambda p: p.name)


def walked(folder: Path) -> Iterator[Path]:
    """All files below a folder, those of one folder after the other, without what is hidden.

    Links to folders are followed: each folder is there once, and none that this one lies in.
    """
    known = set(folder.resolve().parents)
    for place, folders, names in os.walk(folder, followlinks=True):
        real = Path(place).resolve()
        if real in known:
            folders.clear()
            continue
        known.add(real)
        folders[:] = sorted(filter(_shown, folders))
        yield from (Path(place, name) for name in sorted(filter(_shown, names)))


def _shown(name: str) -> bool:
    return not name.startswith((".", "__"))


def descended(folder: Path, notes: list[str]) -> Path:
    """The folder that the data lies in: archives often hold one folder that holds everything."""
    inner = visible(folder)
    while len(inner) == 1 and inner[0].is_dir() and any(p.is_dir() for p in visible(inner[0])):
        folder = inner[0]
        notes.append(f"the data lies in {folder.name}/")
        inner = visible(folder)
    return folder


def splits_below(folder: Path) -> dict[str, Path]:
    """The folder of each split; the whole is for training where there are none.

    A folder ``train`` of mere files, the only split beside other folders, is a class: of vehicles.

    Raises:
        DataError: A split is there twice.
    """
    below = {p.name.lower(): p for p in visible(folder) if p.is_dir()}
    splits: dict[str, Path] = {}
    for name, path in below.items():
        split = SPLIT_NAMES.get(name)
        if split is not None and split in splits:
            raise DataError(
                f"{folder}: both {splits[split].name}/ and {path.name}/ are there; keep one"
            )
        if split is not None:
            splits[split] = path
    if set(splits) == {"train"} and len(below) > 1:
        kept = any(path.is_dir() for path in visible(splits["train"]))
    else:
        kept = "train" in splits
    return splits if kept else {"train": folder}


def _classes(
    folder: Path, suffixes: Sequence[str], what: str, aside: Sequence[str]
) -> tuple[list[Path], list[str], int]:
    """The files of a folder of class folders, the class of each, and how many other files."""

    def fits(path: Path) -> bool:
        return path.name.lower().endswith(tuple(suffixes)) and path.is_file()

    files: list[Path] = []
    labels: list[str] = []
    others = 0
    classes = [p for p in visible(folder) if p.is_dir() and p.name not in aside]
    if not classes:
        loose = sum(fits(p) for p in visible(folder))
        found = f"{loose} {what} files but no class folders" if loose else "no class folders"
        raise DataError(
            f"{folder}: there are {found}: put the {what} files of each class into a folder that "
            "is named after the class"
        )
    for path in classes:
        below = sorted(p for p in walked(path) if p.is_file())
        own = [p for p in below if fits(p)]
        if not own:
            raise DataError(f"{path}: there is no {what} file in this class folder")
        others += len(below) - len(own)
        files += own
        labels += [path.name] * len(own)
    return files, labels, others
