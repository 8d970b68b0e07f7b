"""A quantised network whose weights have seven bits where kernels add products in pairs.

x86 processors without VNNI multiply a uint8 activation by an int8 weight and add two such products
in 16 bits, which saturate: ``2 * 255 * 64`` fits, ``2 * 255 * 127`` does not. A depthwise
convolution adds no two products of one instruction, so its weights stay as they are.

Rounding halves costs more than rounding once, unless the errors cancel: of the odd weights of an
output channel every other one is rounded up, the rest down. What is read is mostly of one sign and
alike in neighbouring places, so what one weight gives too much the next gives too little.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.program import Program
from brickwork.export.integer.network import IntegerNetwork, Step
from brickwork.export.integer.steps import weighted_step

__all__ = ["halved"]

_PAIRED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
"""Kinds whose products may be added in pairs; a transposed convolution is made in floats."""


def halved(network: IntegerNetwork) -> IntegerNetwork:
    """The network with weights from -64 to 64 and twice their scale, where it matters.

    Activations, their scales and zeros are the same.
    """
    return replace(network, steps=tuple([_halved(step, network) for step in network.steps]))


def _halved(step: Step, network: IntegerNetwork) -> Step:
    if not _paired(step, network.program):
        return step
    layer, weight, scales, bias = step.layer, step.weight, step.weight_scales, step.bias
    if weight is None or scales is None or bias is None:
        raise ValueError(f"a {layer.kind} lacks its weights")
    return weighted_step(
        layer,
        _alternating(weight, 3 if layer.kind == "DEPTHWISE_CONV_2D" else 0),
        scales * np.float32(2),
        np.round(bias / 2).astype(np.int32),
        network.scales[layer.inputs[0]],
        network.scales[layer.output],
    )


def _paired(step: Step, program: Program) -> bool:
    """Whether a kernel may add two products of a step in 16 bits."""
    layer = step.layer
    if layer.kind == "DEPTHWISE_CONV_2D":  # of several outputs for each input one is a product
        return program.shapes[layer.inputs[0]][-1] != program.shapes[layer.output][-1]
    return layer.kind in _PAIRED


def _alternating(weight: NDArray[np.int8], axis: int) -> NDArray[np.int8]:
    """Halves, of which every other one along a channel is rounded up.

    Args:
        weight: With output channels along ``axis``.
        axis: Likewise.
    """
    first = np.moveaxis(weight, axis, 0)
    rows = first.reshape(len(first), -1).astype(np.int16)
    odd = rows & 1
    up = np.cumsum(odd, axis=1) & odd  # 1 for the first, third, ... odd number of a row
    found = ((rows - odd) // 2 + up).astype(np.int8).reshape(first.shape)
    return np.ascontiguousarray(np.moveaxis(found, 0, axis))
