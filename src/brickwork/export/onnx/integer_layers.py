"""The layers of a quantised network as operators of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from brickwork.export.integer.network import Step
from brickwork.export.onnx.integer_writer import UP, IntegerWriter, first, integers_of, raised
from brickwork.space import Shape

__all__ = ["COUNTING", "MOVING"]


def _convolution(writer: IntegerWriter, step: Step, name: str) -> str:
    layer = step.layer
    source, pads = writer.source(layer)
    depthwise = layer.kind == "DEPTHWISE_CONV_2D"
    channels = writer.program.shapes[source][-1]
    turned = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
    operands = [writer.real(source), *writer.weights(step, name, turned, 0)]
    return writer.emit(
        "Conv",
        operands,
        name,
        kernel_shape=layer.kernel,
        strides=layer.stride,
        dilations=layer.dilation,
        group=channels if depthwise else layer.groups,
        pads=pads,
    )


def _transposed(writer: IntegerWriter, step: Step, name: str) -> str:
    layer = step.layer
    into, out = [writer.program.shapes[i][:2] for i in (layer.inputs[0], layer.output)]
    begins = layer.pads[0], layer.pads[2]
    ends = [
        (i - 1) * stride + kernel - begin - o
        for i, o, kernel, stride, begin in zip(
            into, out, layer.kernel, layer.stride, begins, strict=True
        )
    ]
    return writer.emit(
        "ConvTranspose",
        [writer.real(layer.inputs[0]), *writer.weights(step, name, (3, 0, 1, 2), 1)],
        name,
        kernel_shape=layer.kernel,
        strides=layer.stride,
        pads=(*begins, *[max(0, end) for end in ends]),
        output_padding=[max(0, -end) for end in ends],
    )


def _dense(writer: IntegerWriter, step: Step, name: str) -> str:
    operands = [writer.real(step.layer.inputs[0]), *writer.weights(step, name, (0, 1), 0)]
    return writer.emit("Gemm", operands, name, transB=1)


def _of_two(writer: IntegerWriter, step: Step, name: str) -> str:
    layer = step.layer
    operands = [writer.real(i) for i in layer.inputs]
    if step.constant is not None and step.constant_scale is not None:
        values = step.constant
        held = np.moveaxis(values, -1, 0) if values.ndim == 3 else values
        made = [
            writer.constant(raised(held), f"{name}.constant"),
            *writer.scale(step.constant_scale),
        ]
        operands.append(writer.emit("DequantizeLinear", made))
    return writer.emit(layer.kind.capitalize(), operands, name)


def _average(writer: IntegerWriter, step: Step, name: str) -> str:
    layer = step.layer
    source, pads = writer.source(layer)
    return writer.emit(
        "AveragePool",
        [writer.real(source)],
        name,
        kernel_shape=layer.kernel,
        strides=layer.stride,
        pads=pads,
        count_include_pad=0,
    )


def _mean(writer: IntegerWriter, step: Step, name: str) -> str:
    return writer.emit("GlobalAveragePool", [writer.real(step.layer.inputs[0])], name)


def _function(writer: IntegerWriter, step: Step, name: str) -> str:
    layer = step.layer
    rest = {"axis": 1} if layer.kind == "SOFTMAX" else {}
    return writer.emit(_FUNCTIONS[layer.kind], [writer.real(layer.inputs[0])], name, **rest)


def _pad(writer: IntegerWriter, step: Step, name: str) -> str:
    layer = step.layer
    top, bottom, left, right = layer.pads
    amounts = np.array((0, 0, top, left, 0, 0, bottom, right), np.int64)
    value = -UP if layer.lowest else writer.network.scales[layer.output].zero
    operands = [integers_of(layer.inputs[0]), writer.constant(amounts)]
    return writer.emit("Pad", [*operands, writer.constant(np.array(value + UP, np.uint8))], name)


def _largest(writer: IntegerWriter, step: Step, name: str) -> str:
    layer = step.layer
    source, pads = writer.source(layer)
    window = {"kernel_shape": layer.kernel, "strides": layer.stride, "pads": pads}
    return writer.emit("MaxPool", [integers_of(source)], name, **window)


def _concatenated(writer: IntegerWriter, step: Step, name: str) -> str:
    return writer.emit("Concat", [integers_of(i) for i in step.layer.inputs], name, axis=1)


def _reshaped(writer: IntegerWriter, step: Step, name: str) -> str:
    """The order is that of TensorFlow Lite: channels last."""
    layer = step.layer
    into, out = [writer.program.shapes[i] for i in (layer.inputs[0], layer.output)]
    at = integers_of(layer.inputs[0])
    if _turns(into):
        at = writer.emit("Transpose", [at], perm=(0, 2, 3, 1))
    if not _turns(out):
        return writer.reshape(at, first(out), name)
    return writer.emit("Transpose", [writer.reshape(at, out, name)], perm=(0, 3, 1, 2))


def _turns(shape: Shape) -> bool:
    """Whether channels first and channels last are different orders."""
    return len(shape) == 3 and shape[0] * shape[1] > 1 and shape[2] > 1


def _copied(writer: IntegerWriter, step: Step, name: str) -> str:
    """What is clamped then."""
    return writer.emit("Identity", [integers_of(step.layer.inputs[0])], name)


_FUNCTIONS = {
    "RELU": "Relu",
    "HARD_SWISH": "HardSwish",
    "LOGISTIC": "Sigmoid",
    "TANH": "Tanh",
    "GELU": "Gelu",
    "SOFTMAX": "Softmax",
}

COUNTING: Mapping[str, Callable[[IntegerWriter, Step, str], str]] = {
    "ADD": _of_two,
    "AVERAGE_POOL_2D": _average,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _dense,
    "MEAN": _mean,
    "MUL": _of_two,
    "TRANSPOSE_CONV": _transposed,
    **dict.fromkeys(_FUNCTIONS, _function),
}
"""Kinds whose output has a scale of its own; they give the name of real numbers."""

MOVING: Mapping[str, Callable[[IntegerWriter, Step, str], str]] = {
    "CONCATENATION": _concatenated,
    "MAX_POOL_2D": _largest,
    "PAD": _pad,
    "PADV2": _pad,
    "RELU6": _copied,
    "RESHAPE": _reshaped,
}
"""Kinds that move or clamp integers."""
