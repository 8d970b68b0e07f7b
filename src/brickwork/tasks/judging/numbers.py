"""Numbers for each sample: squared error, and how much of what varies is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError, TrainingError
from brickwork.quantity import How, Quantity
from brickwork.tasks.judging.spread import of_mean

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["NumberJudge"]

_FAR = 2.0  # standard deviations, from which an error counts by its size, not by its square


@dataclass(frozen=True, slots=True)
class NumberJudge:
    """Judges answers ``(n, outputs)`` in standard units against numbers ``(n, outputs)``.

    A network says by how many standard deviations of the training data each number is above the
    mean; ``answer * std + mean`` is the number itself.

    Attributes:
        names: Of the numbers.
        mean: Of each, over the training split.
        std: Likewise.
        quality: ``"r2"``.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    quality: str = "r2"

    @classmethod
    def of(cls, y: NDArray[np.float32], names: tuple[str, ...], where: str) -> NumberJudge:
        """The judge for training numbers ``(n, outputs)``.

        Raises:
            DataError: One of them is always the same.
        """
        mean, std = y.mean(axis=0, dtype=np.float64), y.std(axis=0, dtype=np.float64)
        for name, spread in zip(names, std, strict=True):
            if not spread > 0:
                raise DataError(f"{where}: {name!r} is the same for all training samples")
        rounded = [tuple(float(f"{v:.7g}") for v in values) for values in (mean, std)]
        return cls(names, rounded[0], rounded[1])

    def loss(self, answers: Tensor, labels: Tensor, smoothing: float) -> Tensor:
        """Huber's loss in standard units; there is nothing to smooth."""
        from torch.nn.functional import huber_loss

        wanted = (labels - labels.new_tensor(self.mean)) / labels.new_tensor(self.std)
        return huber_loss(answers, wanted, delta=_FAR)

    def metrics(
        self, answers: NDArray[Any], labels: NDArray[Any], source: str
    ) -> dict[str, Quantity]:
        """``r2``, ``rmse`` and ``mae``: the mean over the outputs, the last two in their unit.

        Raises:
            TrainingError: An answer is not finite.
        """
        bad = int((~np.isfinite(answers)).any(axis=1).sum())
        if bad:
            raise TrainingError(
                f"the network answers {bad} of {len(answers)} samples with NaN or inf"
            )
        told = answers.astype(np.float64) * self.std + self.mean
        off = told - labels
        square = np.square(off)
        variance = _variance(labels)
        how = f"{len(labels)} samples, {source}"
        if len(self.names) > 1:
            how = f"mean over {len(self.names)} numbers, {how}"
        root = np.sqrt(square.mean(axis=0))
        spread = _both(square / np.maximum(2 * root, 1e-12))  # by so much a root grows with it
        result = {
            "rmse": Quantity(float(root.mean()), "1", How.MEASURED, spread, how),
            "mae": Quantity(float(np.abs(off).mean()), "1", How.MEASURED, _both(np.abs(off)), how),
        }
        if (variance > 0).all():
            lost = square.mean(axis=0) / variance
            # The variance is that of these labels, so it is no more certain than the error.
            moved = square - lost * np.square(labels - labels.mean(axis=0, dtype=np.float64))
            value = 1.0 - float(lost.mean())
            r2 = Quantity(value, "fraction", How.MEASURED, _both(moved / variance), how)
        else:
            r2 = Quantity.unknown("fraction", f"all are the same; {how}")
        return {"r2": r2, **result}

    def details(self, answers: NDArray[Any], labels: NDArray[Any]) -> dict[str, Any]:
        """Of several numbers how well each is told, the last two in its own unit."""
        if len(self.names) < 2:
            return {}
        off = answers.astype(np.float64) * self.std + self.mean - labels
        square, variance = np.square(off), _variance(labels)
        rows = []
        for i, name in enumerate(self.names):
            told = 1.0 - float(square[:, i].mean() / variance[i]) if variance[i] > 0 else "-"
            root, mean = float(np.sqrt(square[:, i].mean())), float(np.abs(off[:, i]).mean())
            rows.append({"number": name, "R²": told, "RMSE": f"{root:.4g}", "MAE": f"{mean:.4g}"})
        return {"numbers": rows}

    def to_json(self) -> dict[str, Any]:
        """See ``judge_of``."""
        return {"kind": "numbers", "names": self.names, "mean": self.mean, "std": self.std}


def _variance(labels: NDArray[Any]) -> NDArray[np.float64]:
    """Of each number; nothing, not what rounding leaves, where all labels are the same."""
    differ = labels.max(axis=0) > labels.min(axis=0)
    return np.where(differ, labels.var(axis=0, dtype=np.float64), 0.0)


def _both(values: NDArray[np.float64]) -> float | None:
    """Spread of the mean over samples and outputs; outputs of one sample are not independent."""
    return of_mean(values.mean(axis=1))
