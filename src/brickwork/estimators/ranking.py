"""Candidates in the order that several scores agree on.

Scores of untrained networks have scales of their own, so their ranks are averaged. That is the
common way to join them; see for instance J. Lee, B. Ham: AZ-NAS: assembling zero-cost proxies for
network architecture search, CVPR 2024, which multiplies ranks instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DEFAULT", "Ranked", "ranked"]

DEFAULT = ("flops", "jacob_cov")
"""The scores of ``PROXIES`` that are joined where nothing else is asked for."""


@dataclass(frozen=True, slots=True, order=True)
class Ranked:
    """A candidate's place among others; sorting puts the best first.

    Attributes:
        mean_rank: The mean of its ranks, each from 1 for the best score to the number of
            candidates.
        index: Its place in what was given.
    """

    mean_rank: float
    index: int


def ranked(scores: Mapping[str, Sequence[float]]) -> list[Ranked]:
    """The places of candidates by several scores, in the order in which they were given.

    Equal scores share the mean of their ranks. A candidate whose score is NaN or infinite has none,
    and comes after all that have one.

    Args:
        scores: For each score, its value for every candidate; more is better.

    Raises:
        ValueError: There is no score, or not each one has a value for every candidate.
    """
    if len({len(values) for values in scores.values()}) != 1:
        found = {name: len(values) for name, values in scores.items()}
        raise ValueError(f"every score needs a value for every candidate, got {found}")
    ranks = np.mean([_ranks(values) for values in scores.values()], axis=0)
    return [Ranked(float(rank), index) for index, rank in enumerate(ranks)]


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Ranks from 1 for the largest; equal values share the mean of theirs."""
    known = [value if math.isfinite(value) else -math.inf for value in values]
    _, place, count = np.unique(np.negative(known), return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], dtype=np.float64)
