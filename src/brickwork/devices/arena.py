"""The arena of TensorFlow Lite Micro, before there is a file.

The runtime keeps everything that it writes in one block, the arena. Its head holds activations and
scratch buffers, laid out by a greedy planner (``GreedyMemoryPlanner``: the largest first, among
equal ones the latest, each at the lowest gap that is free while it lives); that is simulated here,
byte by byte. Its tail holds what stays: a record for each tensor and each operation, and what a
kernel works out once, such as a factor for each channel. The size of these depends on the build;
the figures below are of the 64-bit build of the ``tflite-micro`` wheel, fitted to its own account
of networks of the catalogue (``benchmarks/arena.py``), and are upper bounds for a 32-bit core,
whose pointers are half as long.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from math import prod

from brickwork.devices.program import CONVOLUTIONS, Program, stored_tensors
from brickwork.quantity import How, Quantity

__all__ = ["arena", "head_bytes", "tail_bytes"]

_ALIGNED = 16  # bytes
_SCRATCH = {"MEAN": 4, "TRANSPOSE_CONV": 4}  # bytes for each output element while it runs

_TENSOR = 96.0
_CHANNEL = 8.0  # of a convolution: a factor and its exponent
_ALWAYS = 637.7
_OF_KIND: Mapping[str, float] = {
    "ADD": 63.3,
    "AVERAGE_POOL_2D": 64.4,
    "CONCATENATION": 76.4,
    "CONV_2D": -43.2,
    "DEPTHWISE_CONV_2D": -43.7,
    "FULLY_CONNECTED": -40.1,
    "MAX_POOL_2D": 63.2,
    "MEAN": -9.3,
    "MUL": -25.9,
    "PAD": -16.5,
    "PADV2": -88.0,
    "RELU": 23.6,
    "RESHAPE": -42.2,
}
"""Bytes of the tail, beside those for its tensors; below 0 where a kernel needs less than most."""
_ANY_KIND = 76.4  # of a kind that was not among the networks measured

_ERROR = 100.0  # bytes: what the tail of networks left out of the fit differed by, rounded up
_SOURCE = (
    "arena of TensorFlow Lite Micro, 64-bit build: activations laid out as its planner does, and "
    "what stays by a linear fit (benchmarks/arena.py)"
)


def arena(program: Program) -> Quantity:
    """Bytes of the arena, predicted."""
    size = head_bytes(program) + tail_bytes(program)
    return Quantity(float(size), "B", How.PREDICTED, _ERROR, _SOURCE)


def head_bytes(program: Program) -> int:
    """Bytes of activations and scratch buffers, where the planner puts them."""
    first, last = [0] * len(program.shapes), [0] * len(program.shapes)
    for time, layer in enumerate(program.layers, start=1):  # the input is there before the first
        first[layer.output] = last[layer.output] = time
        for tensor in layer.inputs:
            last[tensor] = time
    last[program.output] = len(program.layers)
    used = [0, *(layer.output for layer in program.layers)]
    needs = [(_rounded(prod(program.shapes[t])), first[t], last[t]) for t in used]
    for time, layer in enumerate(program.layers, start=1):
        if layer.kind in _SCRATCH:
            size = _SCRATCH[layer.kind] * prod(program.shapes[layer.output])
            needs.append((_rounded(size), time, time))
    order = sorted(range(len(needs)), key=lambda i: (-needs[i][0], -i))
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first and last time
    for size, begins, ends in (needs[i] for i in order):
        at = 0
        for offset, end, other_begins, other_ends in placed:
            if other_begins <= ends and begins <= other_ends:
                if offset - at >= size:
                    break
                at = max(at, end)
        bisect.insort(placed, (at, at + size, begins, ends))
    return max(end for _, end, _, _ in placed)


def tail_bytes(program: Program) -> int:
    """Bytes of what stays."""
    total = _ALWAYS + _TENSOR * stored_tensors(program)
    for layer in program.layers:
        total += _OF_KIND.get(layer.kind, _ANY_KIND)
        if layer.kind in CONVOLUTIONS:
            total += _CHANNEL * program.shapes[layer.output][-1]
    return round(total)


def _rounded(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
