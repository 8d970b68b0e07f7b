"""What came of running one file: how far its logits are from those of the trained network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.export.artifacts import FileFacts
from brickwork.export.formats import INTEGER, files_in_order
from brickwork.quantity import Quantity

__all__ = ["FLOAT_DIFFERENCE", "FileCheck", "compared", "difference"]

FLOAT_DIFFERENCE = 1e-3
"""How far a float file may be from the network, relative to the largest logit."""

_FLOAT_AGREEMENT = 0.99
_INT8_AGREEMENT = 0.90

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What came of running one file.

    Attributes:
        file: Its name in the folder.
        facts: Its checksum and size.
        difference: Largest difference to the trained network's logits; None if it did not run.
        relative: The same, relative to the largest of those logits.
        agreement: The part of the samples for which both give the same class.
        samples: How many samples were compared.
        metrics: Its own scores on the samples and labels given.
        latency: Of one sample, measured on this machine.
        reason: Why it fails, a sentence; empty if it does not.
        note: What else was found.
    """

    file: str
    facts: FileFacts
    difference: float | None = None
    relative: float | None = None
    agreement: float | None = None
    samples: int = 0
    metrics: Mapping[str, Quantity] = field(default_factory=dict)
    latency: Quantity | None = None
    reason: str = ""
    note: str = ""

    @property
    def detail(self) -> str:
        """What was found, for a person."""
        if self.reason:
            return self.reason
        if self.relative is None or self.agreement is None:
            return ""
        return (
            f"largest difference {self.relative:.1e}, same class for "
            f"{100 * self.agreement:.4g} % of {self.samples} samples"
            f"{self.note and '; ' + self.note}"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "sha256": self.facts.sha256,
            "bytes": self.facts.bytes,
            "difference": self.difference,
            "relative": self.relative,
            "agreement": self.agreement,
            "samples": self.samples,
            "metrics": {name: quantity.to_json() for name, quantity in self.metrics.items()},
            "latency": None if self.latency is None else self.latency.to_json(),
            "reason": self.reason,
            "note": self.note,
        }


def difference(expected: Array, found: Array) -> tuple[float, float]:
    """Largest absolute difference, and that relative to the largest expected value."""
    if found.shape != expected.shape:
        return float("inf"), float("inf")
    largest = float(np.abs(found.astype(np.float64) - expected).max())
    return largest, largest / max(float(np.abs(expected).max()), 1e-12)


def compared(check: FileCheck, reference: Array, logits: Array) -> FileCheck:
    """The check with differences, and with a reason where they are too large."""
    name = check.file
    int8 = ".int8." in name or name in files_in_order(INTEGER)
    if logits.shape != reference.shape:
        reason = f"{name} gives logits of shape {logits.shape}, the network {reference.shape}"
        return replace(check, reason=reason)
    bad = int((~np.isfinite(logits.reshape(len(logits), -1)).all(axis=1)).sum())
    if bad:
        return replace(
            check, reason=f"{name} gives NaN or infinity for {bad} of {len(logits)} samples"
        )
    largest, relative = difference(reference, logits)
    classes = [values.argmax(axis=1) for values in (reference, logits)]  # of each position too
    agreement = float((classes[0] == classes[1]).mean())
    wanted = _INT8_AGREEMENT if int8 else _FLOAT_AGREEMENT
    reason = ""
    if not int8 and not relative <= FLOAT_DIFFERENCE:
        reason = (
            f"{name} differs from the trained network by {relative:.1e} of its largest logit, "
            f"allowed is {FLOAT_DIFFERENCE:g}"
        )
    elif agreement < wanted and int((classes[0] != classes[1]).sum()) > 1:
        reason = (
            f"{name} gives the class of the trained network for {100 * agreement:.1f} % of "
            f"{len(logits)} samples, wanted is {100 * wanted:g} %"
        )
    return replace(
        check,
        difference=largest,
        relative=relative,
        agreement=agreement,
        samples=len(logits),
        reason=reason,
    )
