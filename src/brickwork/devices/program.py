"""A network as an integer runtime executes it: channels last, ops fused, padding explicit.

Kinds of operation have the names of TensorFlow Lite, whose files most runtimes of microcontrollers
and phones read. A tensor has a shape without a batch: ``(height, width, channels)``, with height 1
for a sequence, or ``(channels,)``. Programs are made from a ``Graph`` (``lowering``) or read from a
file (``files``); memory, latency and flash of a device are walks over them.

A program that was read from a file may hold more: any kind that the file names (``"SOFTMAX"``, an
operator of ONNX that TensorFlow Lite lacks, ``"CUSTOM(name)"``), shapes of any rank, batches other
than one (then the first axis), several inputs and outputs, and any padding of a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from brickwork.space import Shape

__all__ = ["CLAMPING", "CONVOLUTIONS", "WEIGHTED", "Constant", "Layer", "Program", "stored_tensors"]

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "CONV_3D_TRANSPOSE")
WEIGHTED = (*CONVOLUTIONS, "FULLY_CONNECTED")
"""Kinds with a weight and a bias."""

CLAMPING = frozenset({*WEIGHTED, "ADD", "MUL", "AVERAGE_POOL_2D", "MAX_POOL_2D"}) - {
    "TRANSPOSE_CONV"  # it cannot in TensorFlow Lite Micro
}
"""Kinds that can clamp what they give."""
_SCATTERING = ("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE")

Window = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """The second operand of a sum or a product, where it is known.

    Attributes:
        shape: ``()`` for a scalar, else a shape that broadcasts to the first operand's.
        values: Its numbers, the last axis fastest.
    """

    shape: Shape
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """One executed operation.

    Attributes:
        kind: Name of the operation in TensorFlow Lite, such as ``"CONV_2D"``.
        node: Where in ``graph.nodes`` the op with its weights stands; -1 if it has none.
        inputs: Tensors that it reads; constants are none of them.
        output: The tensor that it writes.
        kernel: Height and width of the window (before them depth, for the kinds in 3D).
        stride: Steps.
        dilation: Spacing of the window.
        pads: Above, below, left and right of the input: what a window covers implicitly (then it
            is what TensorFlow calls SAME, or all zero), or what ``PAD`` adds.
        groups: Groups of channels of a convolution that is not depthwise.
        norms: Where in ``graph.nodes`` the batch norms stand that are folded into it, in order.
        activation: ``"none"``, ``"relu"`` or ``"relu6"``, applied to what it gives (a file may
            ask for others).
        constant: Of a sum or a product (in a file also of a difference or a quotient).
        lowest: Whether ``PADV2`` pads with the lowest number there is, instead of zero.
        further: More tensors that it writes, as ``SPLIT`` does.
    """

    kind: str
    node: int
    inputs: tuple[int, ...]
    output: int
    kernel: Window = (1, 1)
    stride: Window = (1, 1)
    dilation: Window = (1, 1)
    pads: Window = (0, 0, 0, 0)
    groups: int = 1
    norms: tuple[int, ...] = ()
    activation: str = "none"
    constant: Constant | None = None
    lowest: bool = False
    further: tuple[int, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the window's padding is TensorFlow's SAME."""
        return any(self.pads)


@dataclass(frozen=True, slots=True)
class Program:
    """The executed operations of a network.

    Attributes:
        shapes: Shape of each tensor; tensor 0 is the input. What no layer writes is an input too.
        layers: The operations in execution order.
        output: The tensor that the network gives.
        normalize: Where in ``graph.nodes`` the normalisation of raw inputs stands; -1 without one.
        further: More tensors that the network gives.
    """

    shapes: tuple[Shape, ...]
    layers: tuple[Layer, ...]
    output: int
    normalize: int = -1
    further: tuple[int, ...] = ()

    def shapes_into(self, layer: Layer) -> list[Shape]:
        """The shapes of what a layer reads."""
        return [self.shapes[i] for i in layer.inputs]

    def weight_shape(self, layer: Layer) -> Shape:
        """Shape of a layer's weight as TensorFlow Lite stores it; ``()`` for a kind without one.

        ``CONV_2D`` and ``TRANSPOSE_CONV``: ``(out, height, width, in / groups)``;
        ``DEPTHWISE_CONV_2D``: ``(1, height, width, out)``; ``FULLY_CONNECTED``: ``(out, in)``, and
        in a file it may read several axes as one.
        """
        if layer.kind not in WEIGHTED:
            return ()
        into, out = self.shapes[layer.inputs[0]], self.shapes[layer.output]
        if layer.kind == "FULLY_CONNECTED":
            return out[-1], prod(into) // max(1, prod(out[:-1]))
        if layer.kind == "DEPTHWISE_CONV_2D":
            return (1, *layer.kernel, out[-1])
        return (out[-1], *layer.kernel, into[-1] // layer.groups)

    def macs(self, layer: Layer) -> int:
        """Multiply-accumulates of a layer, those with implicit padding included.

        Those of a product of two tensors (``BATCH_MATMUL``) are counted as well.
        """
        if layer.kind == "BATCH_MATMUL":
            into, out = self.shapes[layer.inputs[0]], self.shapes[layer.output]
            return prod(into) * out[-1]
        if layer.kind not in WEIGHTED:
            return 0
        into, out = self.shapes[layer.inputs[0]], self.shapes[layer.output]
        positions = prod((into if layer.kind in _SCATTERING else out)[:-1])
        return prod(self.weight_shape(layer)) * positions

    def lifetimes(self) -> list[tuple[int, int]]:
        """First and last layer during which each tensor is needed.

        The input is there from the first layer on; what the network gives stays to the end. A
        tensor that nobody reads lives during the layer that writes it.
        """
        first = [0] * len(self.shapes)
        last = [0] * len(self.shapes)
        for place, layer in enumerate(self.layers):
            for tensor in (layer.output, *layer.further):
                first[tensor] = last[tensor] = place
            for tensor in layer.inputs:
                last[tensor] = place
        for tensor in (self.output, *self.further):
            last[tensor] = max(0, len(self.layers) - 1)
        return list(zip(first, last, strict=True))

    def live_peak(self, sizes: Sequence[int]) -> int:
        """The largest sum of sizes that are needed at once: no plan of memory can be below it."""
        alive = [0] * max(1, len(self.layers))
        for (first, last), size in zip(self.lifetimes(), sizes, strict=True):
            for place in range(first, last + 1):
                alive[place] += size
        return max(alive)


_CONSTANTS = {
    "CONV_2D": 2,
    "DEPTHWISE_CONV_2D": 2,
    "FULLY_CONNECTED": 2,
    "MEAN": 1,
    "PAD": 1,
    "PADV2": 2,
    "RESHAPE": 1,
    "TRANSPOSE_CONV": 3,
}
"""Tensors with constants that an operation of a kind reads."""
"""Tensors with constants that an operation of a kind reads."""


def stored_tensors(program: Program) -> int:
    """Tensors that a file of TensorFlow Lite has: activations and constants."""
    constants = (
        _CONSTANTS.get(layer.kind, 0) + (layer.constant is not None) for layer in program.layers
    )
    return 1 + len(program.layers) + sum(constants)
