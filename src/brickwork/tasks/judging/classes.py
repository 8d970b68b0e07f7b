"""One class for each sample: cross-entropy, and what is right how often."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import TrainingError
from brickwork.quantity import How, Quantity
from brickwork.tasks.judging.areas import mean_area
from brickwork.tasks.judging.points import chances, lowest, point
from brickwork.tasks.judging.spread import Z80, of_part, of_parts

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ClassJudge", "class_weights", "classification_metrics"]

_UNEVEN = 1.5  # times as many samples in one class as in another, from which classes are weighted
_STEEPEST = 10.0  # the largest weight relative to the smallest
_LOPSIDED = 4.0  # times as many, from which plain accuracy says too little: see ``of``
_SENSITIVITIES = (0.9, 0.95, 0.98, 1.0)  # for which thresholds are shown
_BINS = 15  # of certainty, for the calibration error
_DRAWS = 200  # of a confusion matrix, for the spread of the F1 score


@dataclass(frozen=True, slots=True)
class ClassJudge:
    """Judges logits ``(n, classes)`` against classes ``(n,)``.

    Attributes:
        names: Of the classes.
        quality: ``"accuracy"``, or ``"balanced_accuracy"`` where classes are lopsided.
        weights: Of each class in the loss; empty where all are 1.
    """

    names: tuple[str, ...]
    quality: str = "accuracy"
    weights: tuple[float, ...] = ()

    @classmethod
    def of(cls, labels: NDArray[np.int64], names: Sequence[str]) -> tuple[ClassJudge, list[str]]:
        """The judge for training labels 0..k-1, and notes on what was decided for it.

        Where a class has four times as many samples as another, saying always the same is right
        too often, and a search that only counts what is right would stop there.
        """
        counts = np.bincount(labels, minlength=len(names))
        weights, notes = class_weights(counts)
        ratio = counts.max() / max(1, counts.min())
        if ratio < _LOPSIDED:
            return cls(tuple(names), weights=weights), notes
        notes.append(
            f"accuracy of {100 * counts.max() / counts.sum():.0f} % would take no network at all: "
            "what is improved is the balanced accuracy, unless another objective is given"
        )
        return cls(tuple(names), "balanced_accuracy", weights), notes

    def loss(self, answers: Tensor, labels: Tensor, smoothing: float) -> Tensor:
        """Cross-entropy with weighted classes, a part of the target spread over all of them."""
        from torch.nn.functional import cross_entropy

        weight = answers.new_tensor(self.weights) if self.weights else None
        return cross_entropy(answers, labels, weight, label_smoothing=smoothing)

    def metrics(
        self, answers: NDArray[Any], labels: NDArray[Any], source: str
    ) -> dict[str, Quantity]:
        """See ``classification_metrics``."""
        return classification_metrics(answers, labels, source)

    def details(self, answers: NDArray[Any], labels: NDArray[Any]) -> dict[str, Any]:
        """Precision and recall of each class; of two classes what each threshold would give."""
        table = _confusion(answers, labels)
        right, is_, said = np.diagonal(table), table.sum(axis=1), table.sum(axis=0)
        rows = [
            {
                "class": name,
                "samples": int(is_[i]),
                "found (recall)": float(right[i] / is_[i]) if is_[i] else math.nan,
                "± found": of_part(int(right[i]), int(is_[i])) if is_[i] else math.nan,
                "right when said (precision)": float(right[i] / said[i]) if said[i] else math.nan,
                "± right": of_part(int(right[i]), int(said[i])) if said[i] else math.nan,
            }
            for i, name in enumerate(self.names)
        ]
        found: dict[str, Any] = {"classes": [_finite(row) for row in rows]}
        if len(self.names) == 2 and min(is_):
            found["points"] = [
                point(wanted, lowest(wanted, answers, labels), answers, labels)
                for wanted in _SENSITIVITIES
            ]
        return found

    def to_json(self) -> dict[str, Any]:
        """See ``judge_of``."""
        return {
            "kind": "classes",
            "names": self.names,
            "quality": self.quality,
            "weights": self.weights,
        }


def class_weights(counts: NDArray[np.int64]) -> tuple[tuple[float, ...], list[str]]:
    """What each class weighs in the loss, and a note on it; nothing where classes are about even.

    Inverse to the square root of its frequency, at most ``_STEEPEST`` times another class. What
    that brings and costs is measured by ``benchmarks/design_choices.py``, next to other weights.
    """
    ratio = counts.max() / max(1, counts.min())
    if ratio < _UNEVEN:
        return (), []
    weights = np.minimum(np.sqrt(counts.max() / np.maximum(counts, 1)), _STEEPEST)
    weights *= counts.sum() / (weights * counts).sum()
    note = (
        f"classes are uneven, 1 to {ratio:.1f}: in training the rarer weigh more, "
        f"{weights.min():.2g} to {weights.max():.2g}"
    )
    return tuple(float(f"{weight:.5g}") for weight in weights), [note]


def classification_metrics(
    logits: NDArray[Any], labels: NDArray[Any], source: str
) -> dict[str, Quantity]:
    """What can be said of logits, each number with half of its 80 % interval.

    ``accuracy``; ``balanced_accuracy``, the mean over the classes of how many of each are found;
    ``macro_f1``, the mean of their F1 scores; ``auc``; ``calibration_error``, by how much the
    certainty of an answer is off (expected calibration error with 15 bins: Guo et al., "On
    calibration of modern neural networks", 2017). Of two classes, of which the second is the
    positive one, also ``sensitivity`` and ``specificity``.

    The AUC of two classes is that of the positive one; of more classes the mean over all classes of
    one against the rest, ranked by softmax probability (``areas.mean_area``). No score is certain:
    of a perfect one the spread is how far below it the truth may be.

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
    table = _confusion(logits, labels)

    def measured(value: float, spread: float | None) -> Quantity:
        return Quantity(float(value), "fraction", How.MEASURED, spread, how)

    right, members = np.diagonal(table), table.sum(axis=1)
    there = members > 0
    found = right[there] / members[there]
    balanced_error = of_parts(right[there].tolist(), members[there].tolist())
    result = {
        "accuracy": measured(right.sum() / len(labels), of_part(int(right.sum()), len(labels))),
        "balanced_accuracy": measured(found.mean(), balanced_error),
        "macro_f1": measured(_macro_f1(table), _f1_spread(table) or balanced_error),
    }
    area = mean_area(logits.astype(np.float64), labels)
    unknown = Quantity.unknown("fraction", f"one class only; {how}")
    result["auc"] = unknown if area is None else measured(*area)
    result["calibration_error"] = measured(*_calibration_error(logits, labels))
    if logits.shape[1] == 2:
        for label, name in enumerate(("specificity", "sensitivity")):
            if members[label]:
                spread = of_part(int(right[label]), int(members[label]))
                result[name] = measured(right[label] / members[label], spread)
    return result


def _confusion(logits: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.int64]:
    """How often each class was said to be each class: ``[is, was said to be]``."""
    table = np.zeros((logits.shape[1], logits.shape[1]), np.int64)
    np.add.at(table, (labels, logits.argmax(axis=1)), 1)
    return table


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """NaN is no JSON."""
    return {k: "-" if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}


def _macro_f1(table: NDArray[np.int64]) -> float:
    """Mean F1 score of the classes that are there, or were said to be."""
    hits, is_, said = np.diagonal(table), table.sum(axis=1), table.sum(axis=0)
    present = (is_ + said) > 0
    return float((2 * hits[present] / (is_ + said)[present]).mean())


def _f1_spread(table: NDArray[np.int64]) -> float:
    """By a parametric bootstrap of the confusion matrix."""
    n = int(table.sum())
    draws = np.random.default_rng(0).multinomial(n, table.ravel() / n, _DRAWS)
    return Z80 * float(np.std([_macro_f1(draw.reshape(table.shape)) for draw in draws]))


def _calibration_error(logits: NDArray[Any], labels: NDArray[Any]) -> tuple[float, float]:
    """How far certainty and how often an answer is right are apart on average; its spread."""
    told = chances(logits.astype(np.float64))
    sure = told.max(axis=1)
    right = told.argmax(axis=1) == labels
    place = np.minimum((sure * _BINS).astype(np.int64), _BINS - 1)
    count = np.bincount(place, minlength=_BINS)
    used = count > 0
    said = np.bincount(place, sure, _BINS)[used] / count[used]
    was = np.bincount(place, right, _BINS)[used] / count[used]
    part = count[used] / len(labels)
    spreads = [p * of_part(w * n, n) for p, w, n in zip(part, was, count[used], strict=True)]
    return float((part * np.abs(said - was)).sum()), math.hypot(*spreads)
