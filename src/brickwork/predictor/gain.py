"""How much hypervolume a candidate may add."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from brickwork.objective import front
from brickwork.trial import rng_for

__all__ = ["expected_gain"]

Array = NDArray[np.float64]


def expected_gain(heights: Array, weights: Array, taken: Array) -> Array:
    """Expected gain of hypervolume from each of several candidates, below the reference 1.

    Two objectives: exact for each node. Else the hypervolume is an average over directions of the
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
    """Area that each candidate adds, (nodes, candidates); strip by strip of the first axis."""
    points = taken[front(taken)]
    points = points[np.argsort(points[:, 0])]
    edges = np.concatenate([[-np.inf], points[:, 0], [1.0]])
    tops = np.concatenate([[1.0], points[:, 1]])
    gain = np.zeros(heights.shape[:2])
    for left, right, top in zip(edges[:-1], edges[1:], tops, strict=True):
        width = np.maximum(0.0, right - np.maximum(heights[..., 0], left))
        gain += width * np.maximum(0.0, top - heights[..., 1])
    return gain


def _gain_by_directions(heights: Array, taken: Array, directions: int = 64) -> Array:
    """Volume that each candidate adds, up to a constant factor, (nodes, candidates)."""
    axes = heights.shape[2]
    rays = np.abs(rng_for(0, "directions", axes).standard_normal((directions, axes))) + 1e-3
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    reached = np.zeros(directions)
    if len(taken):
        reached = ((1.0 - taken)[:, None, :] / rays).min(axis=2).max(axis=0) ** axes
    gain = np.zeros(heights.shape[:2])
    for ray, best in zip(rays, reached, strict=True):
        gain += np.maximum(0.0, np.maximum(0.0, (1.0 - heights) / ray).min(axis=2) ** axes - best)
    return gain / directions
