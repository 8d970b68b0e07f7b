"""How a network is trained, and for how long."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

__all__ = ["Amount", "Recipe", "default_batch", "full_epochs", "one_cycle"]

_FEWEST = 3  # epochs of any training; with fewer a one-cycle schedule has no shape
_FEWEST_OF_FEW = 6  # epochs of few samples: after 50 steps masks are still all background
_STEPS = 12  # in an epoch, at least; with more, 400 series took twice the time for no better score
_SMALLEST = 256  # samples; below that a score says nothing
_HIGHEST = 0.1  # learning rate that a short training is raised to
_START, _END = 0.04, 1e-3  # parts of the peak learning rate at the first and the last step


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained.

    Attributes:
        optimizer: ``"adamw"`` or ``"sgd"`` (Nesterov momentum).
        lr: Peak learning rate of the one-cycle schedule.
        weight_decay: Decoupled for AdamW; norms and biases are never decayed.
        momentum: For SGD; AdamW's first beta.
        label_smoothing: Part of the target that is spread over all classes.
        augment: Strength of the task's augmentation, 0 to 1.
        batch: Samples in a batch; 0 to choose it from the size of the data.
        warmup: Part of the training in which the learning rate rises.
        patience: Stop after so many epochs without a better validation score; 0 for never.
        clip: Largest norm of the gradient; 0 for any.
    """

    optimizer: str = "adamw"
    lr: float = 0.02
    weight_decay: float = 0.05
    momentum: float = 0.9
    label_smoothing: float = 0.05
    augment: float = 0.5
    batch: int = 0
    warmup: float = 0.25
    patience: int = 0
    clip: float = 0.0

    def __post_init__(self) -> None:
        if self.optimizer not in ("adamw", "sgd"):
            raise ValueError(f"unknown optimizer {self.optimizer!r}: adamw and sgd are known")
        if not self.lr > 0:
            raise ValueError(f"the learning rate must be above 0, got {self.lr}")
        for name in ("momentum", "label_smoothing", "augment", "warmup"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"recipe field {name} lies in 0..1, got {getattr(self, name)}")
        for name in ("weight_decay", "batch", "patience", "clip"):
            if getattr(self, name) < 0:
                raise ValueError(f"recipe field {name} cannot be negative: {getattr(self, name)}")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Recipe:
        """The recipe with these settings and defaults for the others.

        Raises:
            ValueError: A setting is not known or out of range.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise ValueError(f"unknown recipe fields {unknown}: known are {', '.join(known)}")
        return cls(**settings)

    def shortened(self, part: float) -> Recipe:
        """The recipe for a part of a full training: fewer steps have to be larger ones.

        The peak learning rate grows with the root of what the training is shorter by. Without that
        every short training asks for the highest rate, and ranks networks by how fast they learn
        (``benchmarks/design_choices.py --part rate``).

        Args:
            part: In (0, 1].
        """
        raised = min(_HIGHEST, self.lr / math.sqrt(part))
        return replace(self, lr=max(self.lr, raised))


@dataclass(frozen=True, slots=True)
class Amount:
    """How much training a part of a full one is.

    Attributes:
        epochs: Over the samples that are used.
        share: Of the samples, in (0, 1]: less than the fewest epochs over all of them is as much
            compute on fewer samples.
    """

    epochs: int
    share: float = 1.0

    @classmethod
    def of(cls, part: float, full: int, samples: int) -> Amount:
        """A part of ``full`` epochs over so many samples."""
        fewest = _FEWEST if samples >= _SMALLEST else _FEWEST_OF_FEW
        epochs = max(fewest, round(part * full))
        share = max(part * full / epochs, _SMALLEST / samples)
        return cls(epochs, min(1.0, share))

    @property
    def passes(self) -> float:
        """How often as many samples as there are are seen: training time is proportional to it."""
        return self.epochs * self.share


def one_cycle(progress: float, warmup: float) -> float:
    """Learning rate relative to its peak: a cosine up, then a cosine down.

    Source: Smith and Topin, "Super-convergence", 2018; cosines as in PyTorch's OneCycleLR.

    Args:
        progress: Part of the training that is done, in [0, 1).
        warmup: Part in which it rises.
    """
    if progress < warmup:
        low, part = _START, progress / warmup
    else:
        low, part = _END, 1 - (progress - warmup) / (1 - warmup)
    return low + (1 - low) * (1 - math.cos(math.pi * part)) / 2


def default_batch(samples: int) -> int:
    """A batch that leaves enough steps in an epoch: a power of two, from 2 to 128."""
    few = 1 << max(1, int(math.log2(max(1, samples / _STEPS))))
    return min(few, 64 if samples < 20_000 else 128)


def full_epochs(samples: int, macs: int, reference_macs: int) -> int:
    """How many epochs a full training takes.

    Small networks learn slowly and train fast, so they get more. Twice as many bring nothing on
    digits and on PneumoniaMNIST (``benchmarks/design_choices.py``).

    Args:
        samples: Size of the training split.
        macs: Multiply-accumulates of the network for a sample.
        reference_macs: Those of a network that is large in its space.
    """
    base = 100.0 * math.pow(samples / 1400, -0.8)
    longer = min(1.5, max(1.0, math.pow(reference_macs / max(1, macs), 0.3)))
    return round(min(150.0, max(12.0, base)) * longer)
