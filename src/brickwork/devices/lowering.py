"""From a graph to the operations that a runtime of TensorFlow Lite executes.

Batch norms go into the layer before them; ReLU and ReLU6 into any op that can clamp its output;
equal activations of one tensor are one operation. What TensorFlow Lite has no single operation for
is written with several: SiLU is a product with a sigmoid, the hard sigmoid a clamped sum and a
product, a norm that cannot be folded a depthwise convolution of one pixel. PyTorch pads both sides
alike, TensorFlow's SAME puts the odd pixel at the end: where the two differ (mostly at stride 2)
the padding is an operation of its own, and no larger than what the windows read. A sequence becomes
an image of height 1; fragments are lowered once.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

from brickwork.devices.flattened import orders
from brickwork.devices.fusion import CACHE
from brickwork.devices.lower_ops import WRITERS, Pass, Refused, channels_last
from brickwork.devices.program import Layer, Program
from brickwork.errors import NotInIntegers
from brickwork.space import (
    Fragment,
    Graph,
    Shape,
)

__all__ = ["Piece", "lower", "lowered", "why_not"]


def lower(graph: Graph) -> Program:
    """The program of a graph.

    Raises:
        NotInIntegers: An op has no counterpart; the message names it.
    """
    if len(graph.input) > 3:
        axes = len(graph.input) - 1
        raise NotInIntegers(f"TensorFlow Lite has no integer ops on {axes} spatial axes")
    shapes = [channels_last(graph.input)]
    layers: list[Layer] = []
    offset, at, normalize = 1, 0, -1
    for part in graph.parts:
        piece = lowered(part)
        if piece.reason:
            raise NotInIntegers(piece.reason)
        if piece.normalizes:
            normalize = offset
        moved = len(shapes) - 1  # tensor 0 of a piece is what comes in

        def tensor(i: int, at: int = at, moved: int = moved) -> int:
            return at if i == 0 else i + moved

        for layer in piece.layers:
            layers.append(
                replace(
                    layer,
                    node=layer.node + offset if layer.node >= 0 else -1,
                    norms=tuple([norm + offset for norm in layer.norms]),
                    inputs=tuple([tensor(i) for i in layer.inputs]),
                    output=tensor(layer.output),
                )
            )
        shapes += piece.shapes[1:]
        at = tensor(piece.output)
        offset += len(part.nodes)
    program = Program(tuple(shapes), tuple(layers), at, normalize)
    orders(program)  # says what cannot be told apart
    return program


def why_not(graph: Graph) -> str:
    """Why a graph cannot be lowered, a sentence; empty if it can."""
    try:
        lower(graph)
    except NotInIntegers as error:
        return str(error)
    return ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A lowered fragment; indices of nodes are those of the fragment.

    Attributes:
        shapes: Shapes of its tensors; tensor 0 is what comes in.
        layers: Its operations.
        output: The tensor that it gives.
        normalizes: Whether it is the normalisation of the raw input.
        reason: Why it cannot be lowered; empty if it can.
    """

    shapes: tuple[Shape, ...]
    layers: tuple[Layer, ...]
    output: int
    normalizes: bool = False
    reason: str = ""


@functools.lru_cache(maxsize=CACHE)
def lowered(fragment: Fragment) -> Piece:
    """A fragment as operations, or why there are none."""
    lowering = Pass(fragment)
    try:
        for index, node in enumerate(fragment.nodes):
            write = WRITERS.get(type(node.op))
            most = max(map(len, (node.shape, *fragment.shapes_into(node))))
            if write is None or most > 3:
                raise Refused(f"{node.name}: TensorFlow Lite has no integer op for {node.op.kind}")
            write(lowering, index)
    except Refused as refused:
        return Piece((), (), 0, reason=str(refused))
    output = lowering.at[len(fragment.nodes) - 1] if fragment.nodes else 0
    return Piece(tuple(lowering.shapes), tuple(lowering.layers), output, lowering.normalizes)
