"""What a task is to the rest of the house, and what every classification task needs.

A task holds the data in three splits, knows the shape of a sample and of the answer, and judges
answers. The test split is opened once, at the end; ``opened`` shows that.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError, TrainingError
from brickwork.quantity import How, Quantity
from brickwork.space import Normalize, Shape

if TYPE_CHECKING:
    import torch

__all__ = [
    "SPLITS",
    "Arrays",
    "Split",
    "Task",
    "by_class",
    "checksum",
    "classification_metrics",
    "encode_labels",
    "stratified",
    "wilson",
]

SPLITS = ("train", "val", "test")

Arrays = tuple[NDArray[Any], NDArray[np.int64]]
"""Samples ``(n, channels, *spatial)`` as uint8 or float32, and their labels ``(n,)``."""

_Z80 = 1.2815515655446004  # two-sided 80 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Split:
    """How much a split holds, and which data exactly.

    Attributes:
        size: Number of samples.
        sha256: Checksum of samples and labels, in their order.
    """

    size: int
    sha256: str


class Task(Protocol):
    """Data to learn from, and how to judge what was learned.

    Attributes:
        name: A short name, fit for a folder.
        title: What a person calls it.
        input: Shape of a sample, ``(channels, *spatial)``.
        outputs: How many numbers the network answers with.
        classes: Names of the classes, in the order of the outputs.
        normalize: Normalisation of raw samples, from the training split; part of every model.
        splits: ``"train"``, ``"val"`` and ``"test"``.
        notes: What was done to the data, a line each.
        opened: The splits whose samples were asked for, in that order.
    """

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def input(self) -> Shape: ...
    @property
    def outputs(self) -> int: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def normalize(self) -> Normalize: ...
    @property
    def splits(self) -> Mapping[str, Split]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def opened(self) -> list[str]: ...

    def arrays(self, split: str) -> Arrays:
        """Samples and labels of a split."""
        ...

    def augment(self, x: torch.Tensor, strength: float, generator: torch.Generator) -> torch.Tensor:
        """A batch of raw samples, changed at random in ways that keep their labels."""
        ...

    def loss(self, answers: torch.Tensor, labels: torch.Tensor, smoothing: float) -> torch.Tensor:
        """What training makes small: one number for a batch."""
        ...

    def metrics(
        self, logits: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> dict[str, Quantity]:
        """The quality of a network's answers, by metric name."""
        ...

    def save(self, folder: Path) -> None:
        """Write the task to a folder, from which workers map it into memory."""
        ...


def checksum(x: NDArray[Any], y: NDArray[np.int64]) -> str:
    """SHA-256 of samples and labels with their shapes and types."""
    digest = hashlib.sha256()
    for array in (x, y):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def encode_labels(raw: Mapping[str, NDArray[Any]], where: str) -> tuple[dict[str, Any], list[str]]:
    """Labels of any kind as 0..k-1, and the names of the classes.

    Args:
        raw: Labels of each split that there is, among them ``"train"``.
        where: Where the labels come from, for messages.

    Raises:
        DataError: There is one class only, or a split holds a class that training has not.
    """
    known, train = np.unique(raw["train"], return_inverse=True)
    names = [str(label) for label in known]
    if len(known) < 2:
        raise DataError(f"{where}: all training labels are {names[0]!r}: give at least two classes")
    codes: dict[str, Any] = {"train": train.reshape(-1).astype(np.int64)}
    for split, labels in raw.items():
        strange = sorted({str(label) for label in np.unique(labels)} - set(names))
        if strange:
            raise DataError(
                f"{where}: the {split} split has labels that training has not: "
                f"{_listed(strange)}; training has {_listed(names)}"
            )
        codes[split] = np.searchsorted(known, labels).astype(np.int64)
    return codes, names


def by_class(labels: NDArray[np.int64], rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Indices of the samples of each class 0..k-1, each class in random order."""
    classes = range(int(labels.max()) + 1)
    return [rng.permutation(np.flatnonzero(labels == label)) for label in classes]


def stratified(
    labels: NDArray[np.int64],
    parts: Mapping[str, float],
    rng: np.random.Generator,
) -> dict[str, NDArray[np.int64]]:
    """Split samples at random so that each part has its share of every class.

    Args:
        labels: Labels 0..k-1; every class has at least as many samples as there are parts.
        parts: Name and fraction of each part to split off; the rest is ``"train"``.
        rng: Source of randomness.

    Returns:
        Indices of each part and of ``"train"``, in ascending order; every class is in every part.
    """
    found: dict[str, list[NDArray[np.int64]]] = {name: [] for name in (*parts, "train")}
    for members in by_class(labels, rng):
        start = 0
        for later, (name, fraction) in enumerate(parts.items(), start=1):
            spare = len(members) - start - (len(parts) - later) - 1  # one each for those to come
            count = min(max(1, round(fraction * len(members))), spare)
            found[name].append(members[start : start + count])
            start += count
        found["train"].append(members[start:])
    return {name: np.sort(np.concatenate(groups)) for name, groups in found.items()}


def classification_metrics(
    logits: NDArray[np.float32], labels: NDArray[np.int64], source: str
) -> dict[str, Quantity]:
    """Accuracy and area under the ROC curve of a network's answers.

    The AUC of two classes is that of the second (the positive) one; of more classes the mean over
    all classes of one against the rest, ranked by softmax probability. Its spread is that of
    Hanley and McNeil, "The meaning and use of the area under a ROC curve", 1982, averaged over the
    classes.

    Args:
        logits: ``(n, classes)``.
        labels: ``(n,)``.
        source: Where the samples come from.

    Raises:
        TrainingError: An answer is not finite.
    """
    bad = int((~np.isfinite(logits)).any(axis=1).sum())
    if bad:
        raise TrainingError(f"the network answers {bad} of {len(logits)} samples with NaN or inf")
    how = f"{len(labels)} samples, {source}"
    right = int((logits.argmax(axis=1) == labels).sum())
    accuracy = right / len(labels)
    result = {
        "accuracy": Quantity(accuracy, "fraction", How.MEASURED, wilson(right, len(labels)), how)
    }
    areas = _areas(logits.astype(np.float64), labels)
    if areas:
        area, error = np.mean(areas, axis=0)
        result["auc"] = Quantity(float(area), "fraction", How.MEASURED, float(_Z80 * error), how)
    else:
        result["auc"] = Quantity(math.nan, "fraction", How.UNKNOWN, None, f"one class only; {how}")
    return result


def wilson(right: int, n: int) -> float:
    """Half the width of the 80 % Wilson score interval of ``right`` of ``n``.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    p, z = right / n, _Z80
    return z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))


def _areas(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> list[tuple[float, float]]:
    """AUC and its standard error for each class that is present and is not alone."""
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    columns: Sequence[int] = range(logits.shape[1])
    if logits.shape[1] == 2:
        scores = logits - logits[:, :1]  # as good as the probability, without its rounding
        columns = (1,)
    found = []
    for column in columns:
        positive = labels == column
        a, b = int(positive.sum()), int((~positive).sum())
        if a and b:
            area = (_ranks(scores[:, column])[positive].sum() - a * (a + 1) / 2) / (a * b)
            found.append((area, _area_error(area, a, b)))
    return found


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks: NDArray[np.float64] = (last - (count - 1) / 2)[place]
    return ranks


def _area_error(area: float, a: int, b: int) -> float:
    """Standard error of an AUC from ``a`` positive and ``b`` negative samples."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (a - 1) * (q1 - area**2) + (b - 1) * (q2 - area**2)
    return math.sqrt(max(0.0, variance) / (a * b))


def _listed(names: Sequence[str], most: int = 10) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
