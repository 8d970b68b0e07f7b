"""Where sounds come from: a folder of class folders, an .npz file, arrays."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brickwork.errors import DataError
from brickwork.tasks.archives import members
from brickwork.tasks.arrays import labels_of, splits_of
from brickwork.tasks.columns import columns_beside, with_columns
from brickwork.tasks.folders import Listed, listed
from brickwork.tasks.owners import Owners, no_rule, owners
from brickwork.tasks.raw import Raw
from brickwork.tasks.sound.clips import clips_of, cut, ragged
from brickwork.tasks.sound.wav import SUFFIXES, read_sound

__all__ = ["Sounds", "Source", "read"]

Source = str | Path | Mapping[str, Any]
_MU_LAW_HZ = 8000  # of telephones, which mu-law is for
_LOWEST_HZ, _HIGHEST_HZ = 1000, 400_000
_ASIDE = ("_background_noise_",)  # in the folder of Speech Commands
_SPEAKER = re.compile(r"([0-9a-f]{8})_nohash_\d+")  # likewise its names of files
_MANY = 10  # speakers, from which they are kept apart


@dataclass(frozen=True, slots=True)
class Sounds:
    """Clips with labels.

    Attributes:
        raw: The clips of a split are an array ``(n,)`` of 16-bit arrays.
        rate: Samples in a second.
    """

    raw: Raw
    rate: int


def read(source: Any, group: str = "", test: str = "") -> Sounds:
    """The sounds of a source, in the splits that it has.

    Args:
        source: See ``load_sounds``.
        group: What is known of each clip that says who or what it is of.
        test: A rule that says which clips are the test split.

    Raises:
        DataError: There is no such source, or it cannot be used.
    """
    if isinstance(source, Mapping):
        return _from_mapping(source, "arrays", "the given arrays", group, test)
    if not isinstance(source, str | Path):
        raise DataError(
            f"cannot read sounds from a {type(source).__name__}: give a path, or a dictionary with "
            "x, y and rate"
        )
    path = Path(source)
    if path.is_dir():
        return _from_folder(path, group, test)
    if not path.exists():
        raise DataError(f"no such file or folder: {str(source)!r}")
    if path.suffix.lower() != ".npz":
        raise DataError(
            f"{path}: give an .npz file, or a folder with a folder of wav or flac files for each "
            "class"
        )
    return _from_mapping(members(path), path.stem, str(path), group, test)


def _from_mapping(
    arrays: Mapping[str, Any], name: str, where: str, group: str, test: str
) -> Sounds:
    if {"data", "offsets"} <= set(arrays):
        if "y" not in arrays:
            raise DataError(f"{where}: there are 'data' and 'offsets' but no labels 'y'")
        data = np.asarray(arrays["data"])
        x = {"train": cut(data, arrays["offsets"], where)}
        coded = data.dtype == np.uint8
        labels, used = {"train": "y"}, {"data", "offsets", "y", "rate"}
    else:
        splits = splits_of(arrays, where)
        x = {k: clips_of(arrays[pair[0]], f"{where}, {pair[0]}") for k, pair in splits.items()}
        coded = False
        labels = {split: pair[1] for split, pair in splits.items()}
        used = {key for pair in splits.values() for key in pair} | {"rate"}
    y = {k: labels_of(arrays[key], len(x[k]), f"{where}, {key}") for k, key in labels.items()}
    rate = _rate(arrays.get("rate", _MU_LAW_HZ if coded else None), where)
    columns = columns_beside(arrays, used, len(x["train"]))
    raw = with_columns(Raw(name, name, where, x, y), columns, arrays, group, test)
    return Sounds(raw, rate)


def _rate(value: Any, where: str) -> int:
    if value is None:
        raise DataError(f"{where}: say how many samples there are in a second, as 'rate'")
    try:
        rate = float(np.asarray(value).reshape(()))
    except (TypeError, ValueError):
        raise DataError(f"{where}: 'rate' must be one number, got {value!r}") from None
    if not _LOWEST_HZ <= rate <= _HIGHEST_HZ:
        raise DataError(f"{where}: a rate of {rate:g} samples a second is no sound's")
    return round(rate)


def _from_folder(folder: Path, group: str, test: str) -> Sounds:
    no_rule(test, folder)
    there = _official(listed(folder, SUFFIXES, "wav or flac", _ASIDE))
    rates: dict[int, list[Path]] = {}
    x = {}
    for split, files in there.files.items():
        clips = []
        for file in files:
            clip, rate = read_sound(file)
            rates.setdefault(rate, []).append(file)
            clips.append(clip)
        x[split] = ragged(clips)
    if len(rates) > 1:
        usual, other = Counter({rate: len(files) for rate, files in rates.items()}).most_common(2)
        raise DataError(
            f"{folder}: most files have {usual[0]} samples a second, but {other[1]} have "
            f"{other[0]}, such as {rates[other[0]][0]}: convert them to one rate"
        )
    y = {split: np.array(labels) for split, labels in there.labels.items()}
    groups, notes = owners(there, group) if group else _speakers(there)
    notes = [*there.notes, *notes]
    raw = Raw(there.folder.name, there.folder.name, str(folder), x, y, tuple(notes), groups)
    return Sounds(raw, _rate(next(iter(rates)), str(folder)))


def _official(there: Listed) -> Listed:
    """The files in the splits of Speech Commands' lists, if they lie beside the class folders."""
    lists = {"val": "validation_list.txt", "test": "testing_list.txt"}
    if set(there.files) != {"train"} or not all(
        (there.folder / name).is_file() for name in lists.values()
    ):
        return there
    place = {
        line.strip(): split
        for split, name in lists.items()
        for line in (there.folder / name).read_text(encoding="utf-8").splitlines()
    }
    files: dict[str, list[Path]] = {"train": [], "val": [], "test": []}
    labels: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for file, label in zip(there.files["train"], there.labels["train"], strict=True):
        split = place.get(file.relative_to(there.folder).as_posix(), "train")
        files[split].append(file)
        labels[split].append(label)
    if not all(files.values()):
        return there
    note = f"splits as in {' and '.join(lists.values())}"
    return Listed(there.folder, files, labels, [*there.notes, note])


def _speakers(there: Listed) -> Owners:
    """Who speaks in each file, if files are named as those of Speech Commands are."""
    known = 0
    groups, speakers = {}, set()
    for split, files in there.files.items():
        found = [_SPEAKER.fullmatch(file.stem) for file in files]
        known += sum(one is not None for one in found)
        speakers |= {one[1] for one in found if one}
        named = zip(files, found, strict=True)
        groups[split] = np.array([one[1] if one else file.name for file, one in named])
    if len(speakers) < _MANY or known < 0.5 * sum(map(len, there.files.values())):
        return {}, []
    return groups, [f"names of files tell {len(speakers)} speakers, who stay in one split each"]
