"""A class for each pixel or voxel: cross-entropy with overlap, and the Dice score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import TrainingError
from brickwork.quantity import How, Quantity
from brickwork.tasks.judging.spread import of_fractions

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["NOWHERE", "MaskJudge"]

NOWHERE = 255
"""Label of positions that are not part of a sample: what was added to make shapes equal."""


@dataclass(frozen=True, slots=True)
class MaskJudge:
    """Judges logits ``(n, classes, *spatial)`` against classes ``(n, *spatial)``.

    Attributes:
        names: Of the classes; the first is the background.
        quality: ``"dice"``.
        weights: Of each class in the cross-entropy; empty where all are 1.
    """

    names: tuple[str, ...]
    quality: str = "dice"
    weights: tuple[float, ...] = ()

    def loss(self, answers: Tensor, labels: Tensor, smoothing: float) -> Tensor:
        """Cross-entropy plus what the overlap lacks (Milletari et al., "V-Net", 2016)."""
        from torch.nn.functional import cross_entropy, one_hot

        labels = labels.long()
        weight = answers.new_tensor(self.weights) if self.weights else None
        entropies = cross_entropy(
            answers,
            labels,
            weight,
            ignore_index=NOWHERE,
            reduction="sum",
            label_smoothing=smoothing,
        )
        here = (labels != NOWHERE).unsqueeze(1)
        known = labels.where(here[:, 0], labels.new_zeros(()))
        counts = here[:, 0] if weight is None else here[:, 0] * weight[known]
        # The mean; torch's own is NaN where nothing in a batch is part of a sample.
        entropy = entropies / counts.sum().clamp(min=1e-6)
        chances = answers.softmax(1) * here
        truth = one_hot(known, answers.shape[1]).movedim(-1, 1).to(chances) * here
        axes = (0, *range(2, answers.dim()))
        both, all_of = (chances * truth).sum(axes), (chances + truth).sum(axes)
        overlap = (2 * both + 1.0) / (all_of + 1.0)
        return entropy + 1.0 - overlap[1:].mean()

    def metrics(
        self, answers: NDArray[Any], labels: NDArray[Any], source: str
    ) -> dict[str, Quantity]:
        """``dice``: in each sample the mean over the classes but the background, then over samples.

        A class that a sample neither has nor was said to have does not count, nor does a sample of
        mere background that was said to be it; where there is nothing else the score is not known.
        ``accuracy`` is that of positions, over all of them.

        Raises:
            TrainingError: An answer is not finite.
        """
        bad = int((~np.isfinite(answers.reshape(len(answers), -1))).any(axis=1).sum())
        if bad:
            raise TrainingError(
                f"the network answers {bad} of {len(answers)} samples with NaN or inf"
            )
        table, right = self._overlaps(answers, labels)
        scores = np.array([np.nanmean(row) for row in table if np.isfinite(row).any()])
        how = f"{len(labels)} samples, {source}"
        if len(scores) < len(labels):
            how = f"{len(scores)} of {how}: the others are background, and were said to be"
        return {
            "dice": _mean(scores, how) if len(scores) else Quantity.unknown("fraction", how),
            "accuracy": _mean(right, f"{len(labels)} samples, {source}"),
        }

    def details(self, answers: NDArray[Any], labels: NDArray[Any]) -> dict[str, Any]:
        """The Dice score of each class, over the samples that have it."""
        table, _ = self._overlaps(answers, labels)
        rows = []
        for name, column in zip(self.names[1:], table.T, strict=True):
            there = column[np.isfinite(column)]
            if len(there):
                found = {
                    "Dice": float(there.mean()),
                    "±": of_fractions(there),
                    "lowest": float(there.min()),
                }
                rows.append({"class": name, "samples": len(there), **found})
        return {"classes": rows}

    def _overlaps(
        self, answers: NDArray[Any], labels: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Dice ``(n, classes - 1)``, NaN where a class is missing; right positions ``(n,)``."""
        table = np.full((len(labels), len(self.names) - 1), np.nan)
        right = np.ones(len(labels))
        for i, (answer, label) in enumerate(zip(answers, labels, strict=True)):
            here = label != NOWHERE
            said, is_ = answer.argmax(axis=0)[here], label[here]
            if here.any():
                right[i] = (said == is_).mean()
            for one in range(1, len(self.names)):
                a, b = said == one, is_ == one
                if a.any() or b.any():
                    table[i, one - 1] = 2 * float((a & b).sum()) / float(a.sum() + b.sum())
        return table, right

    def to_json(self) -> dict[str, Any]:
        """See ``judge_of``."""
        return {
            "kind": "masks",
            "names": self.names,
            "quality": self.quality,
            "weights": self.weights,
        }


def _mean(values: NDArray[np.float64], how: str) -> Quantity:
    return Quantity(float(values.mean()), "fraction", How.MEASURED, of_fractions(values), how)
