"""An int8 file from a quantised network."""

from __future__ import annotations

import numpy as np

from brickwork.export.integer.network import IntegerNetwork, Scale, Step
from brickwork.export.tflite.file import Writer
from brickwork.export.tflite.operators import emit

__all__ = ["write_tflite_int8"]


def write_tflite_int8(network: IntegerNetwork, text: str = "") -> bytes:
    """The file: int8 in, int8 out, every operation in integers.

    Args:
        network: What is written.
        text: A description, kept in the file.

    Raises:
        ExportError: The extra ``mcu`` is missing.
    """
    writer, program = Writer(int8=True), network.program
    names = {0: "input"}
    for step, name in zip(network.steps, network.names, strict=True):
        names[step.layer.output] = name
    made: dict[int, int] = {}

    def tensor(i: int) -> int:
        if i not in made:
            made[i] = writer.tensor(names[i], program.shapes[i], network.scales[i])
        return made[i]

    first = tensor(0)
    for step, name in zip(network.steps, network.names, strict=True):
        layer = step.layer
        inputs = [tensor(i) for i in layer.inputs]
        inputs += _constants(writer, step, name, network)
        emit(writer, program, layer, name, inputs, tensor(layer.output))
    return writer.finished([first], [tensor(program.output)], text)


def _constants(writer: Writer, step: Step, name: str, network: IntegerNetwork) -> list[int]:
    """The constant operands of a step, as tensors of the file."""
    layer = step.layer
    if step.weight is not None and step.bias is not None and step.weight_scales is not None:
        axis = 3 if layer.kind == "DEPTHWISE_CONV_2D" else 0
        into = network.scales[layer.inputs[0]].scale
        scales = [Scale(float(s), 0) for s in step.weight_scales]
        products = [Scale(float(np.float32(into) * np.float32(s.scale)), 0) for s in scales]
        weight = writer.constant(f"{name}.weight", step.weight, scales, axis)
        return [weight, writer.constant(f"{name}.bias", step.bias, products)]
    if step.constant is not None and step.constant_scale is not None:
        values = step.constant.reshape(1, *step.constant.shape)
        return [writer.constant(f"{name}.constant", values, [step.constant_scale])]
    if layer.kind == "PADV2":
        lowest = np.array([-128], np.int8)
        return [writer.constant(f"{name}.value", lowest, [network.scales[layer.output]])]
    return []
