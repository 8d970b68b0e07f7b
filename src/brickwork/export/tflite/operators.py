"""The operators of a program in a TensorFlow Lite file; int8 and float differ in constants only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from brickwork.devices.program import Layer, Program
from brickwork.export.tflite.file import Writer

__all__ = ["emit"]


def emit(
    writer: Writer,
    program: Program,
    layer: Layer,
    name: str,
    inputs: list[int],
    output: int,
) -> None:
    """Append the operator of a layer.

    Args:
        writer: Collects the file.
        program: The network.
        layer: The layer.
        name: Its name.
        inputs: Tensors of the file that it reads; of a layer with weights also weight and bias, of
            a sum or product also the constant, of ``PADV2`` also the value.
        output: The tensor of the file that it writes.
    """
    call = _Call(writer, program, layer, name, inputs)
    operands, options = _EMITTERS[layer.kind](call)
    writer.operator(layer.kind, operands, output, options)


Found = tuple[list[int], Any]
"""The operands of an operator, and its options or None."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One layer on its way into a file; attributes as in ``emit``."""

    writer: Writer
    program: Program
    layer: Layer
    name: str
    inputs: list[int]


def _convolution(call: _Call) -> Found:
    depthwise = call.layer.kind == "DEPTHWISE_CONV_2D"
    make = (
        call.writer.schema.DepthwiseConv2DOptionsT
        if depthwise
        else call.writer.schema.Conv2DOptionsT
    )
    options = _window(call, make())
    options.dilationHFactor, options.dilationWFactor = call.layer.dilation
    if depthwise:
        into = call.program.shapes[call.layer.inputs[0]][-1]
        options.depthMultiplier = call.program.shapes[call.layer.output][-1] // into
    return call.inputs, options


def _transposed(call: _Call) -> Found:
    options = call.writer.schema.TransposeConvOptionsT()
    options.strideH, options.strideW = call.layer.stride
    options.padding = call.writer.padding(call.layer)
    source, weight, bias = call.inputs
    shape = np.array((1, *call.program.shapes[call.layer.output]), np.int32)
    size = call.writer.constant(f"{call.name}.shape", shape)
    return [size, weight, source, bias], options


def _dense(call: _Call) -> Found:
    options = call.writer.schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = call.writer.activation(call.layer)
    return call.inputs, options


def _of_two(call: _Call) -> Found:
    options = getattr(call.writer.schema, f"{call.layer.kind.capitalize()}OptionsT")()
    options.fusedActivationFunction = call.writer.activation(call.layer)
    return call.inputs, options


def _pool(call: _Call) -> Found:
    options = _window(call, call.writer.schema.Pool2DOptionsT())
    options.filterHeight, options.filterWidth = call.layer.kernel
    return call.inputs, options


def _pad(call: _Call) -> Found:
    top, bottom, left, right = call.layer.pads
    amounts = np.array([(0, 0), (top, bottom), (left, right), (0, 0)], np.int32)
    pads = call.writer.constant(f"{call.name}.pads", amounts)
    plain = call.layer.kind == "PAD"
    options = call.writer.schema.PadOptionsT() if plain else call.writer.schema.PadV2OptionsT()
    return [call.inputs[0], pads, *call.inputs[1:]], options


def _mean(call: _Call) -> Found:
    options = call.writer.schema.ReducerOptionsT()
    options.keepDims = len(call.program.shapes[call.layer.output]) == 3
    axes = call.writer.constant(f"{call.name}.axes", np.array((1, 2), np.int32))
    return [*call.inputs, axes], options


def _concatenation(call: _Call) -> Found:
    options = call.writer.schema.ConcatenationOptionsT()
    options.axis = len(call.program.shapes[call.layer.output])
    return call.inputs, options


def _reshape(call: _Call) -> Found:
    options = call.writer.schema.ReshapeOptionsT()
    options.newShape = [1, *call.program.shapes[call.layer.output]]
    shape = call.writer.constant(f"{call.name}.shape", np.array(options.newShape, np.int32))
    return [*call.inputs, shape], options


def _softmax(call: _Call) -> Found:
    options = call.writer.schema.SoftmaxOptionsT()
    options.beta = 1.0
    return call.inputs, options


def _plain(call: _Call) -> Found:
    return call.inputs, None


def _window(call: _Call, options: Any) -> Any:
    """Options that all sliding windows share."""
    options.strideH, options.strideW = call.layer.stride
    options.padding = call.writer.padding(call.layer)
    options.fusedActivationFunction = call.writer.activation(call.layer)
    return options


_EMITTERS: Mapping[str, Callable[[_Call], Found]] = {
    "ADD": _of_two,
    "AVERAGE_POOL_2D": _pool,
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _dense,
    "GELU": _plain,
    "HARD_SWISH": _plain,
    "LOGISTIC": _plain,
    "MAX_POOL_2D": _pool,
    "MEAN": _mean,
    "MUL": _of_two,
    "PAD": _pad,
    "PADV2": _pad,
    "RELU": _plain,
    "RELU6": _plain,
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
    "TANH": _plain,
    "TRANSPOSE_CONV": _transposed,
}
