"""What collects the nodes and constants of an int8 ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from brickwork.devices.program import Layer
from brickwork.export.integer.network import IntegerNetwork, Scale, Step
from brickwork.space import Shape

__all__ = ["INTEGERS", "UP", "IntegerWriter", "first", "integers_of", "raised"]

UP = 128
"""What is added to an int8 activation."""

INTEGERS = "integers."
"""What the names of integers begin with."""


def integers_of(tensor: int) -> str:
    """The name that the integers of a program's tensor have in the file."""
    return f"{INTEGERS}{tensor}"


_PADDED = {
    "PAD": ("CONV_2D", "DEPTHWISE_CONV_2D"),
    "PADV2": ("MAX_POOL_2D",),
}
"""What a padding can become part of."""


class IntegerWriter:
    """Collects nodes and constants on one walk over a program.

    Attributes:
        network: What is written.
        program: Its operations.
        nodes: In execution order.
        constants: By name, type and content.
        reals: The names of tensors as real numbers.
        inside: Paddings that become part of all that read them, by what they give.
    """

    def __init__(self, network: IntegerNetwork) -> None:
        self.network = network
        self.program = network.program
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[tuple[Any, ...], TensorProto] = {}
        self.reals: dict[int, str] = {}
        self.inside = self._inside()

    def _inside(self) -> dict[int, Layer]:
        """Paddings that become part of all that read them, by what they give."""
        found: dict[int, Layer] = {}
        for layer in self.program.layers:
            readers = [one for one in self.program.layers if layer.output in one.inputs]
            kinds = _PADDED.get(layer.kind, ())
            if readers and all(one.kind in kinds for one in readers):
                found[layer.output] = layer
        return found

    def emit(self, kind: str, inputs: Sequence[str], name: str = "", **attributes: Any) -> str:
        """Append a node, and give the name of its output."""
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name or None, **attributes))
        return output

    def named(self, output: str) -> str:
        """Give the output of the last node a name."""
        self.nodes[-1].output[0] = output
        return output

    def constant(self, values: NDArray[Any], name: str = "") -> str:
        """A constant; without a name of its own one that others with the same values share."""
        key = (name, str(values.dtype), values.shape, values.tobytes())
        if key not in self.constants:
            short = name or f"c{len(self.constants)}"
            self.constants[key] = numpy_helper.from_array(np.asarray(values, order="C"), short)
        return self.constants[key].name

    def scale(self, scale: Scale) -> list[str]:
        """Scale and zero of a tensor."""
        return [
            self.constant(np.array(scale.scale, np.float32)),
            self.constant(np.array(scale.zero + UP, np.uint8)),
        ]

    def real(self, tensor: int) -> str:
        """A tensor as real numbers."""
        if tensor not in self.reals:
            made = [integers_of(tensor), *self.scale(self.network.scales[tensor])]
            self.reals[tensor] = self.emit("DequantizeLinear", made)
        return self.reals[tensor]

    def reshape(self, source: str, shape: Shape, name: str = "") -> str:
        """The same numbers in another shape, for any batch."""
        to = self.constant(np.array((0, *shape), np.int64))
        return self.emit("Reshape", [source, to], name)

    def clamp(self, source: str, step: Step) -> str:
        """Integers clamped as the activation of a step does."""
        bounds = [self.constant(np.array(v + UP, np.uint8)) for v in (step.low, step.high)]
        return self.emit("Clip", [source, *bounds])

    def weights(self, step: Step, name: str, turned: Sequence[int], axis: int) -> list[str]:
        """Weight and bias of a step as real numbers.

        Args:
            step: The step.
            name: Its name.
            turned: The axes of its weight in the order of ONNX.
            axis: Where the output channels then are.
        """
        if step.weight is None or step.weight_scales is None or step.bias is None:
            raise ValueError(f"{name} lacks its weights")
        steps = step.weight_scales
        each = len(steps) > 1
        along: dict[str, Any] = {"axis": axis} if each else {}
        zeros = np.zeros(steps.shape if each else (), np.int8)
        weight = self.constant(step.weight.transpose(turned), f"{name}.weight")
        scale = self.constant(steps if each else steps[0])
        real = self.emit("DequantizeLinear", [weight, scale, self.constant(zeros)], **along)
        into = np.float32(self.network.scales[step.layer.inputs[0]].scale)
        products = steps * into
        bias = [
            self.constant(step.bias, f"{name}.bias"),
            self.constant(products if each else products[0]),
        ]
        along = {"axis": 0} if each else {}
        return [real, self.emit("DequantizeLinear", bias, **along)]

    def source(self, layer: Layer) -> tuple[int, tuple[int, ...]]:
        """What a window slides over, and its padding as ONNX has it: begins, then ends."""
        source, pads = layer.inputs[0], layer.pads
        if source in self.inside:
            before = self.inside[source]
            source = before.inputs[0]
            pads = tuple([a + b for a, b in zip(pads, before.pads, strict=True)])
        top, bottom, left, right = pads
        return source, (top, left, bottom, right)


def first(shape: Shape) -> Shape:
    """Channels first."""
    return (shape[-1], *shape[:-1])


def raised(values: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Activations as they are stored."""
    return (values.astype(np.int16) + UP).astype(np.uint8)
