"""How much hypervolume a candidate may add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from brickwork.objective import front
from brickwork.trial import rng_for

__all__ = ["Prospects", "Ranking", "expected_gain"]

Array = NDArray[np.float64]
T = TypeVar("T")

_COMPARED = 64  # of a ranking, each time one is taken


@dataclass(frozen=True, slots=True)
class Prospects:
    """What several candidates may reach.

    Attributes:
        heights: Losses at the nodes of a quadrature, (nodes, candidates, objectives).
        weights: Of the nodes; they add up to 1, (nodes,).
        kept: Probability that each candidate keeps the limits, (candidates,).
    """

    heights: Array
    weights: Array
    kept: Array

    @property
    def expected(self) -> Array:
        """The mean height of each candidate, (candidates, objectives)."""
        return np.asarray(np.tensordot(self.weights, self.heights, axes=1))

    def gains(self, taken: Array) -> Array:
        """Expected gain of hypervolume from each candidate, (candidates,)."""
        return expected_gain(self.heights, self.weights, taken) * self.kept

    def of(self, which: list[int] | slice) -> Prospects:
        """Those of some candidates."""
        return Prospects(self.heights[:, which], self.weights, self.kept[which])

    def scaled(self, low: Array, width: Array) -> Prospects:
        """The same with losses of ``low`` at 0 and of ``low + width`` at 1."""
        return Prospects((self.heights - low) / width, self.weights, self.kept)


class Ranking(Generic[T]):
    """Things to choose from, best first, and what is there already.

    Args:
        items: What may be taken.
        prospects: What each may reach.
        taken: Heights that are reached or expected already, (points, objectives).
    """

    def __init__(self, items: list[T], prospects: Prospects, taken: Array) -> None:
        self._items = items
        self._prospects = prospects
        self._taken = taken[front(taken)]

    def take(self) -> T | None:
        """The one of the first few with the largest gain, which counts as reached from now on."""
        if not self._items:
            return None
        gains = self._prospects.of(slice(_COMPARED)).gains(self._taken)
        if gains.max() <= 0:
            return None
        best = int(gains.argmax())
        self._taken = np.concatenate([self._taken, self._prospects.of([best]).expected])
        self._prospects = self._prospects.of([i for i in range(len(self._items)) if i != best])
        return self._items.pop(best)


def expected_gain(heights: Array, weights: Array, taken: Array) -> Array:
    """Expected gain of hypervolume from each of several candidates, below the reference 1.

    Two objectives: exact at each node. Else the hypervolume is an average over directions of the
    best scalarised point (Golovin, Zhang: "Random Hypervolume Scalarizations for Provable
    Multi-Objective Black Box Optimization", 2020), which for one objective is the expected
    improvement.

    Args:
        heights: Losses of candidates at the nodes of a quadrature, (nodes, candidates, objectives).
        weights: Of the nodes; they add up to 1, (nodes,).
        taken: Losses that there are already, (points, objectives).
    """
    inside = taken[(taken < 1.0).all(axis=1)]
    gain = _gain_2d if heights.shape[2] == 2 else _gain_by_directions
    return np.asarray(np.tensordot(weights, gain(heights, inside), axes=1))


def _gain_2d(heights: Array, taken: Array) -> Array:
    """Area that each candidate adds, (nodes, candidates).

    The front cuts the first axis into strips; strip j ends at ``right[j]`` and is free below
    ``top[j]``. A candidate gains in a run of strips: from the one it lies in to the last whose top
    is above it. All but the first count over their whole width, so sums over runs are differences
    of running sums.
    """
    points = taken[front(taken)]
    points = points[np.argsort(points[:, 0])]
    right = np.append(points[:, 0], 1.0)
    top = np.append(1.0, points[:, 1])
    width = np.diff(right, prepend=right[0])
    area_to, width_to = (np.append(0.0, np.cumsum(part)) for part in (width * top, width))
    x, y = heights[..., 0], heights[..., 1]
    first = np.searchsorted(right, x, side="right")
    end = np.searchsorted(-top, -y, side="left")  # one past the last strip with a top above y
    inside = first < end
    first, end = np.where(inside, first, 0), np.where(inside, end, 1)
    own = (right[first] - x) * (top[first] - y)
    rest = area_to[end] - area_to[first + 1] - y * (width_to[end] - width_to[first + 1])
    return np.asarray(np.where(inside, own + rest, 0.0))


def _gain_by_directions(heights: Array, taken: Array) -> Array:
    """Volume that each candidate adds, up to a constant factor, (nodes, candidates)."""
    axes = heights.shape[2]
    directions = 1 if axes == 1 else 64
    rays = np.abs(rng_for(0, "directions", axes).standard_normal((directions, axes))) + 1e-3
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    reached = np.zeros(directions)
    if len(taken):
        reached = ((1.0 - taken)[:, None, :] / rays).min(axis=2).max(axis=0) ** axes
    gain = np.zeros(heights.shape[:2])
    for ray, best in zip(rays, reached, strict=True):
        volume = np.maximum(0.0, (1.0 - heights) / ray).min(axis=2) ** axes
        gain += np.maximum(0.0, volume - best)
    return gain / directions
