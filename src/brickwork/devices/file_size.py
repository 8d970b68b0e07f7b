"""The size of an int8 file of TensorFlow Lite, before there is one.

A file holds the weights, and for each tensor and operation what the format needs to describe them:
of a small network that is more than its weights. What it needs is a linear fit to files that
``export/tflite`` wrote for networks of the catalogue (``benchmarks/arena.py``).
"""

from __future__ import annotations

from math import prod

from brickwork.devices.program import CONVOLUTIONS, WEIGHTED, Program, stored_tensors
from brickwork.quantity import How, Quantity

__all__ = ["file_bytes"]

_BIAS = 4  # bytes for each output channel
_ALWAYS = 215.5
_CHANNEL = 24.2  # scale and zero point of weight and bias
_TENSOR = 17.8
_LAYER = 129.1
_WEIGHTED = 279.4
_ERROR = 0.01  # of 95 % of the files left out of the fit, relative

_SOURCE = (
    "int8 file of TensorFlow Lite: weights and biases counted, their description by a linear fit "
    "(benchmarks/arena.py)"
)


def file_bytes(program: Program) -> Quantity:
    """Bytes of the int8 file, predicted."""
    size = _ALWAYS + _TENSOR * stored_tensors(program) + _LAYER * len(program.layers)
    for layer in program.layers:
        channels = program.shapes[layer.output][-1]
        if layer.kind in WEIGHTED:
            size += _WEIGHTED + prod(program.weight_shape(layer)) + _BIAS * channels
        if layer.kind in CONVOLUTIONS:
            size += _CHANNEL * channels
        if layer.constant is not None:
            size += len(layer.constant.values)
    value = float(round(size))
    return Quantity(value, "B", How.PREDICTED, _ERROR * value, _SOURCE)
