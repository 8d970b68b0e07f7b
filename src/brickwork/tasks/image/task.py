"""Image classification: the data of a source as a task."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.quantity import Quantity
from brickwork.space import Normalize, Shape
from brickwork.tasks.image.arrays import Raw
from brickwork.tasks.image.sources import Source, read
from brickwork.tasks.task import (
    SPLITS,
    Arrays,
    Split,
    checksum,
    classification_metrics,
    encode_labels,
    stratified,
)
from brickwork.trial import rng_for

if TYPE_CHECKING:
    import torch

__all__ = ["ImageTask", "load_images", "load_saved"]

_VERSION = 1
_HELD_OUT = 0.2  # part of the whole for each split that has to be made
_UNEVEN = 1.5  # times as many samples in one class as in another, from which classes are weighted
_STEEPEST = 10.0  # the largest weight relative to the smallest
_CHUNK = 1024  # images at a time in double precision
_MOST_HELD_OUT = 10_000  # more samples would not make the score noticeably more certain


@dataclass(frozen=True, slots=True)
class ImageTask:
    """Images and the classes they belong to.

    Attributes of ``Task``, and:

    Attributes:
        flips: Whether a mirrored image keeps its label.
        photos: Whether augmentation treats images as photographs: it changes their light, and
            continues the border pixels outwards. Else they are drawings before a black background.
        weights: Of each class in the loss; empty where all are 1.
        data: Images and labels of each split.
    """

    name: str
    title: str
    input: Shape
    outputs: int
    classes: tuple[str, ...]
    normalize: Normalize
    splits: Mapping[str, Split]
    notes: tuple[str, ...]
    flips: bool
    photos: bool
    weights: tuple[float, ...]
    data: Mapping[str, Arrays] = field(repr=False)
    opened: list[str] = field(default_factory=list, repr=False)

    def arrays(self, split: str) -> Arrays:
        """Images ``(n, channels, height, width)``, uint8 or float32, and labels ``(n,)``.

        Raises:
            ValueError: There is no such split.
        """
        if split not in self.data:
            raise ValueError(f"no split {split!r}: there are {', '.join(self.data)}")
        self.opened.append(split)
        return self.data[split]

    def augment(self, x: torch.Tensor, strength: float, generator: torch.Generator) -> torch.Tensor:
        """Shifted, turned, scaled and, where it is sensible, mirrored and relit images."""
        from brickwork.tasks.image.augment import relit, warped

        x = warped(x, strength, generator, flip=self.flips, repeat_border=self.photos)
        if self.photos:
            mean, std = (
                x.new_tensor(values).view(-1, 1, 1)
                for values in (self.normalize.mean, self.normalize.std)
            )
            x = relit(x, strength, generator, mean, std)
        return x

    def loss(self, answers: torch.Tensor, labels: torch.Tensor, smoothing: float) -> torch.Tensor:
        """Cross-entropy with weighted classes, a part of the target spread over all of them."""
        from torch.nn.functional import cross_entropy

        weight = answers.new_tensor(self.weights) if self.weights else None
        return cross_entropy(answers, labels, weight, label_smoothing=smoothing)

    def metrics(
        self, logits: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> dict[str, Quantity]:
        """``accuracy`` and ``auc``."""
        return classification_metrics(logits, labels, self.name)

    def save(self, folder: Path) -> None:
        """Write the task, so that ``load_saved`` can map it into memory.

        A folder that is already there is replaced.
        """
        fresh = folder.with_name(f"{folder.name}.{os.getpid()}.part")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for split, (x, y) in self.data.items():
            np.save(fresh / f"{split}_x.npy", x, allow_pickle=False)
            np.save(fresh / f"{split}_y.npy", y, allow_pickle=False)
        (fresh / "task.json").write_text(json.dumps(self._to_json(), indent=1), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)

    def _to_json(self) -> dict[str, Any]:
        return {
            "kind": "image",
            "version": _VERSION,
            "name": self.name,
            "title": self.title,
            "classes": self.classes,
            "normalize": {"mean": self.normalize.mean, "std": self.normalize.std},
            "splits": {k: {"size": s.size, "sha256": s.sha256} for k, s in self.splits.items()},
            "notes": self.notes,
            "flips": self.flips,
            "photos": self.photos,
            "weights": self.weights,
        }


def load_saved(folder: Path) -> ImageTask:
    """The task that ``save`` wrote, its arrays mapped into memory (pages are read on demand).

    Raises:
        DataError: The folder holds no task, a damaged one, or one of a newer version.
    """
    try:
        about = json.loads((folder / "task.json").read_text(encoding="utf-8"))
        if about["version"] > _VERSION:
            raise DataError(
                f"{folder}: written by a newer Brickwork; update it, or give the data again"
            )
        # Copy-on-write, because torch warns about arrays that it must not write to.
        data = {
            split: (
                np.load(folder / f"{split}_x.npy", mmap_mode="c", allow_pickle=False),
                np.load(folder / f"{split}_y.npy", mmap_mode="c", allow_pickle=False),
            )
            for split in SPLITS
        }
        splits = {k: Split(s["size"], s["sha256"]) for k, s in about["splits"].items()}
        for split, (x, y) in data.items():
            if not len(x) == len(y) == splits[split].size:
                raise ValueError(f"the {split} split has another size than recorded")
        normalize = about["normalize"]
        return ImageTask(
            name=about["name"],
            title=about["title"],
            input=tuple(data["train"][0].shape[1:]),
            outputs=len(about["classes"]),
            classes=tuple(about["classes"]),
            normalize=Normalize(tuple(normalize["mean"]), tuple(normalize["std"])),
            splits=splits,
            notes=tuple(about["notes"]),
            flips=about["flips"],
            photos=about["photos"],
            weights=tuple(about["weights"]),
            data=data,
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        what = " ".join(str(error).split())[:200]
        raise DataError(f"{folder}: no saved task that can be read ({what})") from error


def load_images(
    source: Source,
    seed: int = 0,
    validation: float | None = None,
    test: float | None = None,
) -> ImageTask:
    """An image-classification task.

    Args:
        source: ``"digits"``; an ``.npz`` file with the keys of MNIST, of MedMNIST or ``X``/``y``; a
            folder with a folder of png or jpeg images for each class, itself possibly below
            ``train/``, ``val/`` and ``test/``; a pair of arrays; a dictionary of arrays with the
            same keys.
        seed: Decides which training samples become a split that the source does not have.
        validation: Part of the training samples for such a validation split; None for a fifth of
            all, at most 10,000.
        test: Likewise for the test split.

    Raises:
        DataError: The data cannot be used as it is; one line says what, where and what to do.
    """
    raw = read(source)
    labels, classes = encode_labels(raw.y, raw.where)
    wanted = {"test": test, "val": validation}
    missing = {split: part for split, part in wanted.items() if split not in raw.x}
    data, made = _with_all_splits(raw, labels, classes, missing, seed)
    channels = data["train"][0].shape[1]
    weights, uneven = _weights(np.bincount(data["train"][1]))
    return ImageTask(
        name=raw.name,
        title=raw.title,
        input=tuple(data["train"][0].shape[1:]),
        outputs=len(classes),
        classes=tuple(classes),
        normalize=_normalize(data["train"][0], raw.where),
        splits={split: Split(len(y), checksum(x, y)) for split, (x, y) in data.items()},
        notes=raw.notes + made + uneven,
        # A mirrored photograph is a photograph; a mirrored digit, letter or X-ray is not.
        flips=channels >= 3,
        photos=not _has_background(data["train"][0]),
        weights=weights,
        data=data,
    )


def _with_all_splits(
    raw: Raw,
    labels: Mapping[str, NDArray[np.int64]],
    classes: list[str],
    missing: Mapping[str, float | None],
    seed: int,
) -> tuple[dict[str, Arrays], tuple[str, ...]]:
    """The data of a source with the missing splits taken from its training samples."""
    x, y = raw.x["train"], labels["train"]
    counts = np.bincount(y, minlength=len(classes))
    need = max(2, len(missing) + 1)
    if counts.min() < need:
        few = int(counts.argmin())
        raise DataError(
            f"{raw.where}: class {classes[few]!r} has {counts[few]} training "
            f"{'sample' if counts[few] == 1 else 'samples'}, at least {need} are needed: "
            "add some or leave the class out"
        )
    fixed = min(_HELD_OUT, _MOST_HELD_OUT / len(y))
    parts = {split: fixed if part is None else part for split, part in missing.items()}
    if any(not 0 < part < 1 for part in parts.values()) or sum(parts.values()) >= 1:
        raise ValueError(f"parts to hold out are between 0 and 1, together below 1: got {parts}")
    chosen = stratified(y, parts, rng_for(seed, "splits")) if parts else {"train": slice(None)}
    data: dict[str, Arrays] = {}
    for split in SPLITS:
        if split in chosen:
            data[split] = (np.ascontiguousarray(x[chosen[split]]), y[chosen[split]])
        else:
            data[split] = (raw.x[split], labels[split])
    made = " and ".join(split for split in SPLITS if split in missing)
    notes = (f"{made} taken from the training samples, stratified, seed {seed}",) if made else ()
    return data, notes


def _normalize(x: NDArray[Any], where: str) -> Normalize:
    """Mean and standard deviation of the training images; for each channel if they are coloured.

    Rounded to what matters, so that exported source stays readable.

    Raises:
        DataError: All images are one colour.
    """
    total = square = np.zeros(x.shape[1])
    for start in range(0, len(x), _CHUNK):
        part = x[start : start + _CHUNK].astype(np.float64)
        total = total + part.sum(axis=(0, 2, 3))
        square = square + np.square(part).sum(axis=(0, 2, 3))
    count = x.size / x.shape[1]
    mean = total / count
    std = np.sqrt(np.maximum(0.0, square / count - mean**2))
    if not (std > 0).any():
        raise DataError(f"{where}: all training images are the same single colour")
    std[std == 0] = 1.0
    return Normalize(tuple(_rounded(m) for m in mean), tuple(_rounded(s) for s in std))


def _weights(counts: NDArray[np.int64]) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """What each class weighs in the loss, and a note on it; nothing where classes are about even.

    Inverse to the square root of its frequency, at most ``_STEEPEST`` times another class. What
    that brings and costs is measured by ``benchmarks/design_choices.py``, next to other weights.
    """
    ratio = counts.max() / counts.min()
    if ratio < _UNEVEN:
        return (), ()
    weights = np.minimum(np.sqrt(counts.max() / counts), _STEEPEST)
    weights *= counts.sum() / (weights * counts).sum()
    note = f"classes are uneven, 1 to {ratio:.1f}: in training the rarer weigh more"
    return tuple(_rounded(w) for w in weights), (note,)


def _has_background(x: NDArray[Any]) -> bool:
    """Whether most of the outermost pixels of the training images are black."""
    ring = np.concatenate([x[..., 0, :], x[..., -1, :], x[..., 0], x[..., -1]], axis=-1)
    return bool((ring == 0).mean() > 0.5)


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
