"""Points of operation of two classes: from which probability on the second one is said."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.tasks.judging.spread import of_part

__all__ = ["chances", "lowest", "point", "threshold_for"]

_SAME = 1e-6  # probabilities that differ by less are the same
_DIGITS = 10  # behind the point, of a threshold


def chances(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The softmax of logits ``(n, classes)``."""
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True))


def lowest(wanted: float, logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """A large threshold at which so large a part of these very samples is found.

    Args:
        wanted: The sensitivity.
        logits: ``(n, 2)``.
        labels: ``(n,)``, with a sample of the second class.
    """
    ill = int((labels == 1).sum())
    return _finding(ill - math.ceil(wanted * ill), logits, labels)


def threshold_for(wanted: float, logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """The threshold at which so large a part of new samples is found on average, or more.

    Of n samples the k-th lowest lets on average k of n + 1 new ones through, so a little less is
    taken than finds the part among these. Where they are too few, it is the lowest of them.

    Args:
        wanted: The sensitivity.
        logits: ``(n, 2)``, of samples that neither network nor anything else has learned from.
        labels: ``(n,)``, with a sample of the second class.
    """
    ill = int((labels == 1).sum())
    missed = math.floor((ill + 1) * (1 - wanted) + 1e-9)
    return _finding(max(0, missed - 1), logits, labels)


def point(
    wanted: float, threshold: float, logits: NDArray[Any], labels: NDArray[Any]
) -> dict[str, Any]:
    """What a threshold gives: a row of a table, its heads the keys.

    Args:
        wanted: The sensitivity that the threshold was chosen for.
        threshold: Of the probability of the second class; from it on that one is said.
        logits: ``(n, 2)``.
        labels: ``(n,)``, with samples of both.
    """
    chance = chances(logits.astype(np.float64))[:, 1]
    ill, well = chance[labels == 1], chance[labels == 0]
    found, passed = int((ill >= threshold).sum()), int((well < threshold).sum())
    return {
        "wanted": wanted,
        "threshold": threshold,
        "sensitivity": found / len(ill),
        "± sensitivity": of_part(found, len(ill)),
        "specificity": passed / len(well),
        "± specificity": of_part(passed, len(well)),
    }


def _finding(place: int, logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """A threshold that still finds one sample of the second class, from 0 in order of probability.

    It is a short number between that sample and the next lower one of both classes: none lies so
    close to it that its digits in print, or the last bit of a runtime, decide.
    """
    chance = chances(logits.astype(np.float64))[:, 1]
    value = float(np.sort(chance[labels == 1])[place])
    lower = float(chance[chance < value - _SAME].max(initial=0.0))
    quarter = (value - lower) / 4
    between = (round(lower + 2 * quarter, digits) for digits in range(1, _DIGITS))
    fitting = (one for one in between if lower + quarter <= one <= value - quarter)
    return next(fitting, lower + 2 * quarter)
