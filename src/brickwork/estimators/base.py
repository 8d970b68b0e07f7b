"""What an estimator is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from brickwork.quantity import Quantity
from brickwork.trial import Proposal

__all__ = ["Estimate", "Estimator"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an estimator found.

    Attributes:
        metrics: Qualities on the validation split.
        seconds: CPU seconds spent.
        checkpoint: What a later proposal may continue from.
        notes: Facts for the record, such as the epochs trained.
    """

    metrics: Mapping[str, Quantity]
    seconds: float
    checkpoint: bytes | None = None
    notes: Mapping[str, float] = field(default_factory=dict)


class Estimator(Protocol):
    """Gives a proposal a score; lives in a worker and keeps nothing between proposals."""

    def estimate(self, proposal: Proposal, checkpoint: bytes | None) -> Estimate:
        """Score a proposal.

        Args:
            proposal: What to score, and how thoroughly.
            checkpoint: What the trial that it continues left behind, if it left anything.

        Raises:
            TrainingError: There is no score.
        """
