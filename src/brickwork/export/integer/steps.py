"""The integers of one layer, from its weights and from what the integers around it mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.program import Layer, Program
from brickwork.export.integer.fixed import activation_range, multiplier
from brickwork.export.integer.folding import Folded
from brickwork.export.integer.functions import TABLES
from brickwork.export.integer.network import Scale, Step
from brickwork.export.integer.shares import exponentials

__all__ = ["ADD_SHIFT", "FIXED", "least_step", "step_of", "weight_steps", "weighted_step"]

FIXED: Mapping[str, Scale] = {
    "LOGISTIC": Scale(1.0 / 256.0, -128),
    "TANH": Scale(1.0 / 128.0, 0),
    "SOFTMAX": Scale(1.0 / 256.0, -128),
}
"""Kinds whose output has a scale that TensorFlow Lite demands."""

ADD_SHIFT = 20
"""Bits by which the operands of a sum are shifted up before they are scaled."""

_LARGEST_BIAS = 2.0**30
_SMALLEST = 1e-12  # scale of a weight
_LARGEST_FACTOR = 64.0
_LEAST_FACTOR = 2.0**-28  # by which sums are brought to the scale of the output


def step_of(
    program: Program, layer: Layer, weights: Folded | None, scales: Sequence[Scale]
) -> Step:
    """A layer in integers.

    Args:
        program: The network that it belongs to.
        layer: The layer.
        weights: Its weight and bias, if it has any.
        scales: What the integers of each tensor mean.
    """
    into, out = scales[layer.inputs[0]], scales[layer.output]
    low, high = activation_range(layer.activation, out.scale, out.zero)
    if weights is not None:
        return _weighted(layer, weights, into, out)
    if layer.kind in ("ADD", "MUL"):
        return _of_two(layer, scales, low, high)
    if layer.kind == "MEAN":
        height, width, _ = program.shapes[layer.inputs[0]]
        factor = _mean_factor(into, out, height * width)
        return Step(layer, multipliers=(factor[0],), shifts=(factor[1],))
    if layer.kind == "RELU6":
        low, high = activation_range("relu6", out.scale, out.zero)
        return Step(layer, low=low, high=high)
    if layer.kind == "RELU":
        low, high = activation_range("relu", out.scale, out.zero)
        mantissa, shift = multiplier(_double(into) / _double(out))
        return Step(layer, multipliers=(mantissa,), shifts=(shift,), low=low, high=high)
    if layer.kind == "SOFTMAX":
        return Step(layer, exponentials=exponentials(into, program.shapes[layer.output][-1]))
    if layer.kind in TABLES:
        return Step(layer, table=TABLES[layer.kind](into, out))
    return Step(layer, low=low, high=high)


def _weighted(layer: Layer, weights: Folded, into: Scale, out: Scale) -> Step:
    # Sums must not be scaled down by more than LiteRT's kernels can.
    least = _LEAST_FACTOR * _double(out) / _double(into)
    steps = np.maximum(weight_steps(layer, weights, _double(into)), least)
    if layer.kind == "FULLY_CONNECTED":  # one for all: older runtimes know nothing else
        steps = steps.max(keepdims=True)
    steps = steps.astype(np.float32)
    along = [1] * weights.weight.ndim
    along[_axis(layer)] = -1
    exact = steps.astype(np.float64)
    q = np.clip(np.round(weights.weight / exact.reshape(along)), -127, 127).astype(np.int8)
    bias = np.clip(np.round(weights.bias / (_double(into) * exact)), -(2**31), 2**31 - 1)
    return weighted_step(layer, q, steps, bias.astype(np.int32), into, out)


def weighted_step(
    layer: Layer,
    weight: NDArray[np.int8],
    steps: NDArray[np.float32],
    bias: NDArray[np.int32],
    into: Scale,
    out: Scale,
) -> Step:
    """A layer whose weights are integers already.

    Args:
        layer: The layer.
        weight: As TensorFlow Lite stores it.
        steps: What one step of it stands for, for each output channel or for all.
        bias: In steps of the products.
        into: What the integers mean that it reads.
        out: What those mean that it gives.
    """
    low, high = activation_range(layer.activation, out.scale, out.zero)
    exact = steps.astype(np.float64)
    factors = [multiplier(_double(into) * float(s) / _double(out)) for s in exact]
    return Step(
        layer,
        weight=weight,
        weight_scales=steps,
        bias=bias,
        multipliers=tuple(m for m, _ in factors),
        shifts=tuple(s for _, s in factors),
        low=low,
        high=high,
    )


def weight_steps(layer: Layer, weights: Folded, into: float) -> NDArray[np.float64]:
    """What one step of a weight stands for, for each output channel.

    The largest weight is 127 steps; a channel of tiny weights must still hold its bias in 32 bits.

    Args:
        layer: A layer with weights.
        weights: They.
        into: The scale of what it reads.
    """
    largest = np.abs(weights.weight).max(axis=_others(layer, weights))
    least = np.maximum(np.abs(weights.bias) / (into * _LARGEST_BIAS), _SMALLEST)
    return np.asarray(np.maximum(largest / 127.0, least))


def least_step(layer: Layer, weights: Folded | None, into: Sequence[float]) -> float:
    """The finest scale that the output of a layer may have.

    Sums are scaled up at most ``_LARGEST_FACTOR`` times (a layer that is silent on all samples has
    no range, and LiteRT's kernels corrupt memory from 256 on), and the largest there can be stays
    within 32 bits on the way.

    Args:
        layer: The layer.
        weights: Its weight and bias, if it has any.
        into: The scales of what it reads.
    """
    if weights is None:
        step = prod(into) if layer.kind == "MUL" else max(into)
        return step / _LARGEST_FACTOR
    sums = np.abs(weights.weight).sum(axis=_others(layer, weights))
    largest = float((np.abs(weights.bias) + 255.0 * into[0] * sums).max())
    by_factor = into[0] * float(weight_steps(layer, weights, into[0]).max()) / _LARGEST_FACTOR
    return max(by_factor, largest / _LARGEST_BIAS)


def _axis(layer: Layer) -> int:
    """The axis of the output channels in a weight."""
    return 3 if layer.kind == "DEPTHWISE_CONV_2D" else 0


def _others(layer: Layer, weights: Folded) -> tuple[int, ...]:
    return tuple(i for i in range(weights.weight.ndim) if i != _axis(layer))


def _of_two(layer: Layer, scales: Sequence[Scale], low: int, high: int) -> Step:
    """A sum or a product of two tensors, or of a tensor and a constant."""
    constant: NDArray[np.int8] | None = None
    meaning: Scale | None = None
    if layer.constant is not None:
        values = np.array(layer.constant.values).reshape(layer.constant.shape)
        meaning = _constant_scale(values)
        constant = np.round(values / meaning.scale).astype(np.int8)  # from -127 to 127
    one, out = scales[layer.inputs[0]], scales[layer.output]
    other: Scale = meaning if meaning is not None else scales[layer.inputs[1]]
    if layer.kind == "MUL":
        factors = [multiplier(_double(one) * _double(other) / _double(out))]
    else:
        twice = 2.0 * max(_double(one), _double(other))
        factors = [
            multiplier(_double(one) / twice),
            multiplier(_double(other) / twice),
            multiplier(twice / ((1 << ADD_SHIFT) * _double(out))),
        ]
    return Step(
        layer,
        multipliers=tuple(m for m, _ in factors),
        shifts=tuple(s for _, s in factors),
        low=low,
        high=high,
        constant=constant,
        constant_scale=meaning,
    )


def _constant_scale(values: NDArray[Any]) -> Scale:
    """The scale of a constant operand, which is symmetric: the largest becomes 127."""
    return Scale(float(np.float32(max(float(np.abs(values).max()), 1e-6) / 127.0)), 0)


def _mean_factor(into: Scale, out: Scale, count: int) -> tuple[int, int]:
    """The factor of a mean: the division by the count is part of it, as TensorFlow Lite does it."""
    mantissa, shift = multiplier(_double(into) / _double(out))
    more = min(count.bit_length() - 1, 32, 31 + shift)
    return (mantissa << more) // count, shift - more


def _double(scale: Scale) -> float:
    return float(np.float32(scale.scale))
