"""What the activations of a network reach on samples: all of them, or all but outliers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from brickwork.devices.program import Program
from brickwork.export.integer.floats import run
from brickwork.export.integer.folding import Folded

__all__ = ["Ranges", "seen"]

Ranges = list[tuple[float, float]]
"""Smallest and largest value of each tensor of a program."""

_BATCH = 64
_VALUES = 400_000  # of a tensor, among which quantiles are looked for


def seen(
    program: Program,
    folded: Sequence[Folded | None],
    x: NDArray[np.float32],
    parts: Sequence[float],
) -> list[Ranges]:
    """The ranges of all tensors, for each part of the values that shall lie inside.

    Args:
        program: The network.
        folded: Weights of its layers.
        x: Normalised samples ``(samples, channels, *spatial)``.
        parts: 1.0 for all values, .999 for all but the outermost thousandth (half on each side).
    """
    low = np.full(len(program.shapes), np.inf)
    high = np.full(len(program.shapes), -np.inf)
    some: list[list[NDArray[np.float32]]] = [[] for _ in program.shapes]
    share = max(1, _VALUES // max(1, -(-len(x) // _BATCH)))
    sampled = any(part < 1.0 for part in parts)

    def visit(tensor: int, values: torch.Tensor) -> None:
        flat = values.reshape(-1)
        flat = flat[torch.isfinite(flat)]  # what is padded with the lowest number
        low[tensor] = min(low[tensor], float(flat.min()))
        high[tensor] = max(high[tensor], float(flat.max()))
        if sampled:
            some[tensor].append(flat[:: max(1, flat.numel() // share)].numpy().copy())

    for start in range(0, len(x), _BATCH):
        run(program, folded, torch.from_numpy(x[start : start + _BATCH]), visit)
    found: list[Ranges] = []
    for part in parts:
        if part >= 1.0:
            found.append(list(zip(low.tolist(), high.tolist(), strict=True)))
            continue
        out = (1.0 - part) / 2.0
        cut = [np.quantile(np.concatenate(values), (out, 1.0 - out)) for values in some]
        found.append([(float(a), float(b)) for a, b in cut])
    return found
