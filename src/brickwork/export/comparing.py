"""What came of running one file: how far its answers are from those of the trained network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.export.artifacts import FileFacts
from brickwork.export.formats import INTEGER, files_in_order
from brickwork.export.keeping import shown, variance_kept
from brickwork.quantity import Quantity

__all__ = ["FLOAT_DIFFERENCE", "FileCheck", "compared", "difference"]

FLOAT_DIFFERENCE = 1e-3
"""How far a float file may be from the network, relative to its largest answer."""

_FLOAT_AGREEMENT = 0.99
_INT8_AGREEMENT = 0.90
_INT8_KEPT = 0.90  # of the variance of numbers; small networks, hardly trained, keep .95 or more

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What came of running one file.

    Attributes:
        file: Its name in the folder.
        facts: Its checksum and size.
        difference: Largest difference to the trained network's answers; None if it did not run.
        relative: The same, relative to the largest of those answers.
        agreement: The part of the samples for which both give the same class; None for numbers.
        kept: The part of the variance of the network's answers that the file keeps, of the output
            for which it is least; None for classes.
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
    kept: float | None = None
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
        if self.relative is None:
            return ""
        told = f"largest difference {self.relative:.1e}"
        if self.kept is not None:
            told += f", keeps {shown(self.kept)} of the variance of the answers"
            told += f" to {self.samples} samples"
        if self.agreement is not None:
            told += f", same class for {100 * self.agreement:.4g} % of {self.samples} samples"
        return f"{told}{self.note and '; ' + self.note}"

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "sha256": self.facts.sha256,
            "bytes": self.facts.bytes,
            "difference": self.difference,
            "relative": self.relative,
            "agreement": self.agreement,
            "kept": self.kept,
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


def compared(check: FileCheck, reference: Array, answers: Array, *, numbers: bool) -> FileCheck:
    """The check with differences, and with a reason where they are too large.

    Args:
        check: What is known of the file.
        reference: Answers of the trained network.
        answers: Those of the file to the same samples.
        numbers: Whether answers are numbers; else the class is the largest along the second axis.
    """
    name = check.file
    what = "answers" if numbers else "logits"
    if answers.shape != reference.shape:
        reason = f"{name} gives {what} of shape {answers.shape}, the network {reference.shape}"
        return replace(check, reason=reason)
    bad = int((~np.isfinite(answers.reshape(len(answers), -1)).all(axis=1)).sum())
    if bad:
        return replace(
            check, reason=f"{name} gives NaN or infinity for {bad} of {len(answers)} samples"
        )
    largest, relative = difference(reference, answers)
    check = replace(check, difference=largest, relative=relative, samples=len(answers))
    int8 = ".int8." in name or name in files_in_order(INTEGER)
    check = (_numbers if numbers else _classes)(check, reference, answers, int8)
    if not int8 and not relative <= FLOAT_DIFFERENCE:
        reason = (
            f"{name} differs from the trained network by {relative:.1e} of its largest "
            f"{what[:-1]}, allowed is {FLOAT_DIFFERENCE:g}"
        )
        return replace(check, reason=reason)
    return check


def _classes(check: FileCheck, reference: Array, logits: Array, int8: bool) -> FileCheck:
    """The check of a file that gives classes; a single other one is no reason."""
    classes = [values.argmax(axis=1) for values in (reference, logits)]  # of each position too
    agreement = float((classes[0] == classes[1]).mean())
    wanted = _INT8_AGREEMENT if int8 else _FLOAT_AGREEMENT
    reason = ""
    if agreement < wanted and int((classes[0] != classes[1]).sum()) > 1:
        reason = (
            f"{check.file} gives the class of the trained network for {100 * agreement:.1f} % of "
            f"{len(logits)} samples, wanted is {100 * wanted:g} %"
        )
    return replace(check, agreement=agreement, reason=reason)


def _numbers(check: FileCheck, reference: Array, answers: Array, int8: bool) -> FileCheck:
    """The check of a file that gives numbers; those of a float file are judged one by one."""
    kept = variance_kept(reference, answers)
    reason = ""
    if int8 and kept < _INT8_KEPT:
        reason = (
            f"{check.file} keeps {shown(kept)} of the variance of the trained network's answers to "
            f"{len(answers)} samples, wanted is {100 * _INT8_KEPT:g} %"
        )
    return replace(check, kept=kept, reason=reason)
