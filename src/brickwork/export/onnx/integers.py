"""An int8 file from a quantised network, in QDQ form: the integers that other int8 files hold.

Activations are uint8, since ONNX Runtime's kernels for x86 want them so: an int8 number ``q`` is
``q + 128`` here, and so is the zero beside it. Weights are int8 without a zero; where kernels add
two products in 16 bits they have seven bits (``integer.halving``). Scales are the same.

Between ``DequantizeLinear`` and ``QuantizeLinear`` an operator works on integers; what only moves
or clamps numbers stands between integers directly. The input is raw as in the float file, and what
the last layer gives stays in float: quantised logits tie, which costs AUC.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from brickwork.devices.program import Layer
from brickwork.export.ending import answers
from brickwork.export.integer.halving import halved
from brickwork.export.integer.network import IntegerNetwork, Scale, Step
from brickwork.export.onnx.file import INPUT, assembled
from brickwork.export.onnx.integer_layers import COUNTING, MOVING
from brickwork.export.onnx.integer_writer import INTEGERS, UP, IntegerWriter, first, integers_of
from brickwork.space import Graph

__all__ = ["with_integers", "write_onnx_int8"]


def write_onnx_int8(network: IntegerNetwork, graph: Graph) -> bytes:
    """The file: raw float samples in, as ``write_onnx`` has them; float logits out.

    Args:
        network: What is written.
        graph: What it was quantised from, for the shapes of input and output and its hash.
    """
    network = halved(network)
    writer = IntegerWriter(network)
    _input(writer, graph)
    for step, name in zip(network.steps, network.names, strict=True):
        _layer(writer, step, name)
    _output(writer, graph)
    return assembled(graph, writer.nodes, writer.constants.values())


def with_integers(model: bytes) -> bytes:
    """A file that gives the integers of its layers as well, under their names."""
    proto = onnx.load_model_from_string(model)
    made = [name for node in proto.graph.node for name in node.output]
    proto.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.UINT8, None)
        for name in made
        if name.startswith(INTEGERS)
    )
    return bytes(proto.SerializeToString())


def _input(writer: IntegerWriter, graph: Graph) -> None:
    """Raw samples to the integers of tensor 0."""
    way, at = writer.network.input, INPUT
    scale = Scale(1.0, -UP) if way.bytes else writer.network.scales[0]
    if not way.bytes:
        ones = (1,) * (len(graph.input) - 1)
        for kind, values, plain in (("Sub", way.mean, 0.0), ("Div", way.std, 1.0)):
            if any(value != plain for value in values):
                other = writer.constant(np.array(values, np.float32).reshape(-1, *ones))
                at = writer.emit(kind, [at, other])
    at = writer.emit("QuantizeLinear", [at, *writer.scale(scale)])
    shape = first(writer.program.shapes[0])
    if shape != graph.input:  # a sequence is an image of height 1
        writer.reshape(at, shape)
    writer.named(integers_of(0))


def _layer(writer: IntegerWriter, step: Step, name: str) -> None:
    """What a layer does."""
    layer = step.layer
    if layer.output in writer.inside:
        return
    if layer.kind in MOVING:
        at = MOVING[layer.kind](writer, step, name)
    else:
        at = COUNTING[layer.kind](writer, step, name)
        last = layer.output == writer.program.output
        if not last:
            scale = writer.scale(writer.network.scales[layer.output])
            at = writer.emit("QuantizeLinear", [at, *scale])
        shape = writer.program.shapes[layer.output]
        if layer.kind == "MEAN" and len(shape) == 1:
            at = writer.reshape(at, shape)
        if last:
            writer.reals[layer.output] = _activated(writer, layer, at)
            return
    if (step.low, step.high) != (-128, 127):  # it cuts off more than eight bits do
        writer.clamp(at, step)
    writer.named(integers_of(layer.output))


def _activated(writer: IntegerWriter, layer: Layer, source: str) -> str:
    """Real numbers behind the activation of the last layer."""
    if layer.activation == "none":
        return source
    if layer.activation == "relu":
        return writer.emit("Relu", [source])
    bounds = [writer.constant(np.array(v, np.float32)) for v in (0.0, 6.0)]
    return writer.emit("Clip", [source, *bounds])


def _output(writer: IntegerWriter, graph: Graph) -> None:
    """What the network gives, under its name and in its shape."""
    at = writer.real(writer.program.output)
    if first(writer.program.shapes[writer.program.output]) != graph.output:
        writer.reshape(at, graph.output)
    elif writer.nodes[-1].output[0] != at:
        writer.emit("Identity", [at])
    writer.named(answers(graph))
