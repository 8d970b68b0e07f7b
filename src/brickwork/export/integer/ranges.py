"""What the activations of a network reach on samples: all of them, or all but outliers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

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
) -> Iterator[Ranges]:
    """The ranges of all tensors, for each part of the values that shall lie inside.

    The network runs once; quantiles are looked for when the first of them is asked for.

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
        least, most = map(float, torch.aminmax(flat))
        if not math.isfinite(least) or not math.isfinite(most):
            flat = flat[torch.isfinite(flat)]  # without what is padded with the lowest number
            least, most = map(float, torch.aminmax(flat))
        low[tensor], high[tensor] = min(low[tensor], least), max(high[tensor], most)
        if sampled:
            some[tensor].append(flat[:: max(1, flat.numel() // share)].numpy().copy())

    for start in range(0, len(x), _BATCH):
        run(program, folded, torch.from_numpy(x[start : start + _BATCH]), visit)
    outs = [(1.0 - part) / 2.0 for part in parts if part < 1.0]
    cuts: list[NDArray[np.float64]] = []  # of each tensor, a pair for each of these
    for part in parts:
        if part >= 1.0:
            yield list(zip(low.tolist(), high.tolist(), strict=True))
            continue
        if not cuts:
            wanted = [q for out in outs for q in (out, 1.0 - out)]
            cuts = [np.quantile(np.concatenate(values), wanted) for values in some]
        place = 2 * outs.index((1.0 - part) / 2.0)
        yield [(float(cut[place]), float(cut[place + 1])) for cut in cuts]
