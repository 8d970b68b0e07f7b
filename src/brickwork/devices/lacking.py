"""What the runtime of a microcontroller cannot run, known before anything is trained.

Firmware runs a network from an int8 file of TensorFlow Lite, or as C that computes the same. So an
operation without an integer counterpart there, or one that TensorFlow Lite Micro has no kernel for,
rules a network out.
"""

from __future__ import annotations

import functools

from brickwork.devices.fusion import CACHE
from brickwork.devices.lowering import lowered
from brickwork.quantity import How, Quantity
from brickwork.space import Fragment, Graph

__all__ = ["MICRO_LACKS", "unsupported"]

MICRO_LACKS = frozenset({"GELU"})
"""Kinds that ``lowering`` writes and TensorFlow Lite Micro has no kernel for."""


def unsupported(graph: Graph) -> Quantity | None:
    """How many stretches of a network a microcontroller cannot run, and why; None if it can."""
    reasons = [reason for part in graph.parts if (reason := _lacks(part))]
    if len(graph.input) > 3:
        reasons.append(f"there are no integer ops on {len(graph.input) - 1} spatial axes")
    if not reasons:
        return None
    source = "; ".join(dict.fromkeys(reasons))
    return Quantity(float(len(reasons)), "1", How.COUNTED, None, source)


@functools.lru_cache(maxsize=CACHE)
def _lacks(part: Fragment) -> str:
    piece = lowered(part)
    if piece.reason:
        return piece.reason
    kinds = sorted({layer.kind for layer in piece.layers} & MICRO_LACKS)
    return f"TensorFlow Lite Micro has no {' and no '.join(kinds)}" if kinds else ""
