"""A program without its dead channels.

Training may leave channels all of whose weights are 0: what they give is a constant, which an
engine can fold into the bias of what reads them. Some do, and run such a network faster than its
layers tell (``LatencyModel.prunes``). Which channels are dead stands in the weights, so it is known
of a file, not of an architecture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from brickwork.devices.program import Program

__all__ = ["pruned"]

_MIXING = {"CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"}
"""Kinds whose outputs read all inputs: how many are alive is their own affair."""


def pruned(program: Program, alive: Mapping[int, int]) -> Program:
    """The program as an engine runs it that leaves out dead channels.

    Args:
        program: Any.
        alive: Output channels with a weight other than 0, by the place of their layer; those of
            layers that are not named are all alive.
    """
    channels = {0: program.shapes[0][-1]} if program.shapes[0] else {}
    for place, layer in enumerate(program.layers):
        shape = program.shapes[layer.output]
        if not shape:
            continue
        whole, own = shape[-1], alive.get(place, shape[-1])
        reads = [(channels.get(i), program.shapes[i]) for i in layer.inputs]
        if layer.output == program.output:  # all that was asked for
            channels[layer.output] = whole
        elif layer.kind in _MIXING:
            channels[layer.output] = min(whole, own)
        elif layer.kind == "CONCATENATION":
            dead = sum(into[-1] - left for left, into in reads if left is not None and into)
            channels[layer.output] = max(1, whole - dead)
        else:  # channel by channel: alive where one of the inputs is
            left = [left for left, into in reads if left is not None and into[-1:] == shape[-1:]]
            channels[layer.output] = min(own, max(left, default=whole))
    shapes = [
        (*shape[:-1], max(1, channels[i])) if i in channels else shape
        for i, shape in enumerate(program.shapes)
    ]
    return replace(program, shapes=tuple(shapes))
