"""The work of a network: what its latency is linear in.

The time of a network on one engine and core is close to linear in these amounts, which are counted
over the operations of its ``Program``: those of a graph that is lowered, and those of a file alike.

=================  ======================================================================
``conv_mac``       MACs of convolutions over a window, of transposed ones and of own modules
``narrow_mac``     MACs of convolutions over a window of fewer than four channels, mostly the
                   first of a network: four integers of 8 bits fill a word, fewer leave it
                   half empty
``pointwise_mac``  MACs of convolutions with a window of one pixel
``depthwise_mac``  MACs of depthwise convolutions
``linear_mac``     MACs of fully connected layers and of attention: a weight is read for
                   each
``output``         output elements of all of these: each is scaled and clamped once
``pool``           input elements that pooling reads, each as often as a window covers it
``elementwise``    output elements of sums, products and all that is named nowhere else
``activation``     output elements of activations and norms that are ops of their own
``copy``           output elements of what only moves them: padding, concatenation
``spill``          elements that are read and written by ops whose tensors exceed 128 KiB at
                   one byte each: what lies beyond close memory or a cache is slower
``op``             executed ops, after fusing; giving the same bytes another shape is none
``network``        1
=================  ======================================================================

An op that cannot be lowered (attention, three spatial axes, a user's own) is counted like the kind
that it is most like.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.counts import op_counts
from brickwork.devices.fusion import CACHE, fused
from brickwork.devices.lowering import lowered
from brickwork.devices.program import Layer, Program
from brickwork.devices.target import COEFFICIENTS
from brickwork.space import (
    Conv,
    Depthwise,
    Fragment,
    Graph,
    Op,
    Pool,
    Shape,
    per_axis,
)

__all__ = ["MACS", "Work", "work", "work_of", "work_of_layers", "work_of_program"]

_PLACE = {name: place for place, name in enumerate(COEFFICIENTS)}
_CONV, _NARROW, _POINTWISE, _DEPTHWISE, _LINEAR, _OUTPUT = range(6)
_POOL, _ELEMENTWISE, _ACTIVATION, _COPY, _SPILL, _OP, _NETWORK = range(6, len(COEFFICIENTS))
MACS = slice(_CONV, _LINEAR + 1)
"""Where in ``COEFFICIENTS`` the kinds of multiply-accumulates stand."""

_WORD = 4  # integers of 8 bits in a word
_CLOSE = 128 * 1024  # elements: the tightly coupled memory of an STM32H7
_ALIASES = {"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "SHAPE"}
_REDUCTIONS = ("MEAN", "REDUCE_MAX", "REDUCE_MIN", "SUM")
_KINDS = {
    "DEPTHWISE_CONV_2D": _DEPTHWISE,
    **dict.fromkeys(("FULLY_CONNECTED", "ATTEND", "BATCH_MATMUL"), _LINEAR),
    **dict.fromkeys(("TRANSPOSE_CONV", "CUSTOM", "CONV_3D", "CONV_3D_TRANSPOSE"), _CONV),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), _POOL),
    **dict.fromkeys(("AveragePool", "MaxPool", *_REDUCTIONS), _POOL),
    **dict.fromkeys(("PAD", "PADV2", "CONCATENATION", "TRANSPOSE", "SLICE", "SPLIT"), _COPY),
    **dict.fromkeys(("RELU", "RELU6", "LEAKY_RELU", "PRELU", "NORM"), _ACTIVATION),
    **dict.fromkeys(("LOGISTIC", "TANH", "HARD_SWISH", "GELU", "SOFTMAX"), _ACTIVATION),
}
_WEIGHTED = {_CONV, _NARROW, _POINTWISE, _DEPTHWISE, _LINEAR}
_LIKENED = {
    *("ATTEND", "BATCH_MATMUL", "CONV_3D", "CONV_3D_TRANSPOSE", "CUSTOM", "TRANSPOSE_CONV")
}  # counted as what they are like, never measured

_OPS = {
    "activation": "RELU",
    "attend": "ATTEND",
    "concat": "CONCATENATION",
    "conv": "CONV_2D",
    "conv_transpose": "TRANSPOSE_CONV",
    "custom": "CUSTOM",
    "depthwise": "DEPTHWISE_CONV_2D",
    "global_pool": "MEAN",
    "linear": "FULLY_CONNECTED",
    "norm": "NORM",
    "pool": "MAX_POOL_2D",
    "softmax": "SOFTMAX",
}
"""What an op that is not lowered is counted as; any other is elementwise."""

Amounts = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """The work of a network.

    Attributes:
        amounts: In the order of ``COEFFICIENTS``.
        likened: The part of them that is only counted as what it is like.
        axes: Axes of the input: 3 for images.
    """

    amounts: Amounts
    likened: Amounts
    axes: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the executed ops."""
        return int(self.amounts[MACS].sum())

    def named(self) -> dict[str, float]:
        """The amounts by the name of their coefficient."""
        return dict(zip(COEFFICIENTS, self.amounts.tolist(), strict=True))


class _Job(NamedTuple):
    """One executed op: its kind in TensorFlow Lite, and how much of what it does."""

    kind: str
    macs: int
    taps: int  # elements of a window, over its spatial axes
    channels: int  # that a window covers
    read: int
    written: int


def work_of(graph: Graph) -> Work:
    """The work of a graph; a known fragment costs next to nothing."""
    parts = [work(part) for part in graph.parts]
    return _whole(parts, len(graph.input))


def work_of_program(program: Program) -> Work:
    """The work of a program, such as that of a file."""
    shape = program.shapes[0]
    axes = 2 if len(shape) == 3 and shape[0] == 1 < shape[1] else len(shape)  # a sequence is flat
    return work_of_layers(program.layers, program.shapes, axes)


def work_of_layers(layers: Iterable[Layer], shapes: Sequence[Shape], axes: int = 3) -> Work:
    """The work of layers over tensors of such shapes."""
    return _whole([_sum(_of_layers(layers, shapes))], axes)


def _whole(parts: Sequence[tuple[Amounts, Amounts]], axes: int) -> Work:
    amounts, likened = np.zeros(len(COEFFICIENTS)), np.zeros(len(COEFFICIENTS))
    for part, like in parts:
        amounts += part
        likened += like
    amounts[_NETWORK] = 1.0
    return Work(amounts, likened, axes)


@functools.lru_cache(maxsize=CACHE)
def work(fragment: Fragment) -> tuple[Amounts, Amounts]:
    """The work of a fragment in the order of ``COEFFICIENTS``, and the likened part of it."""
    if len(fragment.input) > 3 or (piece := lowered(fragment)).reason:
        return _sum(_of_ops(fragment))
    return _sum(_of_layers(piece.layers, piece.shapes))


def _sum(jobs: Iterable[_Job]) -> tuple[Amounts, Amounts]:
    total, like = [0.0] * len(COEFFICIENTS), [0.0] * len(COEFFICIENTS)  # quicker than arrays
    for job in jobs:
        _add(total, job)
        if job.kind in _LIKENED:
            _add(like, job)
    amounts, likened = np.array(total), np.array(like)
    amounts.flags.writeable = likened.flags.writeable = False  # they are shared
    return amounts, likened


def _add(total: list[float], job: _Job) -> None:
    total[_OP] += 1
    if job.read + job.written > _CLOSE:
        total[_SPILL] += job.read + job.written
    place = _place(job)
    if place in _WEIGHTED:
        total[place] += job.macs
        total[_OUTPUT] += job.written
    elif place == _POOL:
        total[_POOL] += job.read if job.kind in _REDUCTIONS else job.written * job.taps
    else:
        total[place] += job.written


def _place(job: _Job) -> int:
    if job.kind != "CONV_2D":
        return _KINDS.get(job.kind, _ELEMENTWISE)
    if job.taps == 1:
        return _POINTWISE
    return _NARROW if job.channels < _WORD else _CONV


def _of_layers(layers: Iterable[Layer], shapes: Sequence[Shape]) -> Iterator[_Job]:
    # Only to ask for MACs: what a layer does does not depend on the rest of its program.
    program = Program(tuple(shapes), (), 0)
    for layer in layers:
        if layer.kind in _ALIASES:
            continue
        into = [shapes[i] for i in layer.inputs]
        channels = into[0][-1] // layer.groups if into and into[0] else 1
        read = sum(map(prod, into))
        taps = prod(layer.kernel)
        macs = program.macs(layer)
        if layer.kind == "CONV_2D" and layer.groups > 1 and taps == 1:
            taps = 2  # a grouped convolution is none of one pixel
        yield _Job(layer.kind, macs, taps, channels, read, prod(shapes[layer.output]))


def _of_ops(fragment: Fragment) -> Iterator[_Job]:
    for step in fused(fragment).steps:
        node = fragment.nodes[step.node]
        op, inputs, out = node.op, tuple(fragment.shapes_into(node)), node.shape
        kind = _OPS.get(op.kind, "ADD")
        macs = op_counts(op, inputs, out)[2]
        taps, channels = _window(op, inputs, out)
        yield _Job(kind, macs, taps, channels, sum(map(prod, inputs)), prod(out))


def _window(op: Op, inputs: tuple[Shape, ...], out: Shape) -> tuple[int, int]:
    """Elements of an op's window over its spatial axes, and the channels that it covers."""
    if not isinstance(op, Conv | Depthwise | Pool):
        return 1, inputs[0][0]
    taps = prod(per_axis(op.kernel, len(out) - 1))  # type: ignore[arg-type]  # concrete in a graph
    groups: Any = op.groups if isinstance(op, Conv) else 1
    return (2 if groups > 1 and taps == 1 else taps), inputs[0][0] // groups
