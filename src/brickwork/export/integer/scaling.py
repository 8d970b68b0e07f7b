"""Sums at the scale of an output: ``fixed.multiplied`` in floating point, exact and quicker.

``multiplied`` rounds ``sum * mantissa / 2**31`` to the nearest, divides by ``2**right`` and rounds
again, halves away from zero. With ``y = sum * mantissa / 2**(31 + right)`` both together are
``floor(y + 1/2 + nudge)``, and ``nudge`` is ``2**-(right + 1)`` with the sign of ``y`` (what the
first rounding may add; for negative numbers the half that goes down), or nothing where ``right`` is
0. ``y`` is a multiple of ``2**-(31 + right)``. What is clamped to eight bits matters below 2**9
only, so that 40 + right bits hold it: up to 12 bits to the right a float64 holds all of this, with
the nudge and the zero of the output, without rounding.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from brickwork.export.integer.fixed import multiplied
from brickwork.export.integer.network import Step

__all__ = ["along", "scaling"]

_RIGHT = 12  # bits


def scaling(step: Step, zero: int, axes: int) -> Callable[[Tensor], Tensor]:
    """What brings sums to the scale of the output of a step, adds its zero and clamps them.

    Args:
        step: With one factor for all, or one for each channel.
        zero: Of the output.
        axes: Of the sums, where there is a factor for each channel.

    Returns:
        A function of integers in float64 ``(samples, channels, ...)``, which it may write over; it
        gives float32.
    """
    mantissas = np.array(step.multipliers, dtype=np.int64)
    shifts = np.array(step.shifts, dtype=np.int64)
    right = np.maximum(-shifts, 0)
    if right.max() > _RIGHT:
        m, s = [v if len(v) == 1 else v.reshape(-1, *[1] * (axes - 2)) for v in (mantissas, shifts)]

        def exactly(sums: Tensor) -> Tensor:
            found = multiplied(sums.numpy().astype(np.int64), m, s) + zero
            return torch.from_numpy(np.clip(found, step.low, step.high).astype(np.float32))

        return exactly
    factor = along(np.ldexp(mantissas.astype(np.float64), shifts - 31), axes)
    nudge = along(np.where(right > 0, np.ldexp(0.5, -right), 0.0), axes)

    def quickly(sums: Tensor) -> Tensor:
        y = sums.mul_(factor)
        y.add_(torch.copysign(nudge, y)).add_(zero + 0.5).floor_()
        return y.clamp_(step.low, step.high).to(torch.float32)

    return quickly


def along(values: NDArray[np.float64], axes: int) -> Tensor:
    """A number for each channel, or one for all, beside values with channels second."""
    found = torch.from_numpy(np.ascontiguousarray(values))
    return found if len(values) == 1 else found.reshape(-1, *[1] * (axes - 2))
