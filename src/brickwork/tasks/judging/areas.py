"""The area under the ROC curve (AUC) of classes, and how certain it is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from brickwork.tasks.judging.points import chances
from brickwork.tasks.judging.spread import Z80, of_area

__all__ = ["mean_area", "of_mean_area", "ranks"]

_INTEGERS = 511  # differences that two numbers of eight bits can have
_ROUNDED = 2.0**-22  # by how much equal differences of float32 numbers differ, of the largest one

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


def mean_area(logits: Array, labels: Labels) -> tuple[float, float] | None:
    """AUC and half of its 80 % interval; None where all samples are of one class.

    That of two classes is the area of the second one; of more classes the mean over all of one
    against the rest, ranked by softmax probability.

    Args:
        logits: ``(n, classes)``.
        labels: ``(n,)``.
    """
    there = np.unique(labels)
    if len(there) < 2:
        return None
    if logits.shape[1] == 2:
        positive = labels == 1
        area = _area(ranks(_difference(logits)), positive)
        return area, of_area(area, int(positive.sum()), int((~positive).sum()))
    scores = chances(logits)
    return of_mean_area([(scores[:, column], labels == column) for column in there])


def of_mean_area(sides: list[tuple[Array, NDArray[np.bool_]]]) -> tuple[float, float]:
    """The mean of several areas over the same samples, and half of its 80 % interval.

    A sample is positive in one area and negative in others, so their errors depend on each other in
    a way that only the samples tell: what each of them does to the mean is summed as squares.

    Source: DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated
    receiver operating characteristic curves", 1988.

    Args:
        sides: For each area the scores of all samples, and which of them are positive.
    """
    areas, own = [], []
    does = np.zeros(len(sides[0][0]))
    alone = 0.0
    for scores, positive in sides:
        place = ranks(scores)
        area = _area(place, positive)
        a, b = int(positive.sum()), int((~positive).sum())
        areas.append(area)
        own.append(of_area(area, a, b))
        does += _influence(scores, place, positive, area)
        if min(a, b) == 1:  # one sample does not tell how such samples vary
            alone += own[-1] ** 2
    told = math.sqrt(Z80**2 * float(np.square(does).sum()) + alone)
    # Where all is perfect no sample says anything: as if the areas were independent.
    return float(np.mean(areas)), (told or math.hypot(*own)) / len(sides)


def _area(place: Array, positive: NDArray[np.bool_]) -> float:
    """The AUC of ranks."""
    a, b = int(positive.sum()), int((~positive).sum())
    return float((place[positive].sum() - a * (a + 1) / 2) / (a * b))


def _influence(scores: Array, place: Array, positive: NDArray[np.bool_], area: float) -> Array:
    """By how much each sample moves an area: the sum of squares is its variance."""
    found = np.zeros(len(scores))
    for side, sign in ((positive, 1.0), (~positive, -1.0)):
        n, others = int(side.sum()), int((~side).sum())
        below = (place[side] - ranks(scores[side])) / others  # of the other kind, ties are half
        right = below if sign > 0 else 1.0 - below
        found[side] = (right - area) / math.sqrt(n * max(1, n - 1))
    return found


def _difference(logits: Array) -> Array:
    """By how much the second of two logits is larger: as good as the probability, and less rounded.

    Integers times a scale are rounded, so that equal differences of integers are no longer equal:
    they are made so again. Where there are more values than integers have, nothing is touched.
    """
    values = logits[:, 1] - logits[:, 0]
    order = np.argsort(values)
    apart = np.diff(values[order]) > _ROUNDED * np.abs(logits).max()
    group = np.concatenate([[0], np.cumsum(apart)])
    if group[-1] >= _INTEGERS:
        return values
    merged = np.empty(len(values))
    merged[order] = group
    return merged


def ranks(values: Array) -> Array:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    found: Array = (last - (count - 1) / 2)[place]
    return found
