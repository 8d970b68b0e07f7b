"""A quantised network run bit by bit as TensorFlow Lite Micro's reference kernels run it.

Sums of products are made in floating point, where they are exact: in float32 where they stay below
2**24, else in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from brickwork.devices.program import Program
from brickwork.export.integer.fixed import multiplied
from brickwork.export.integer.floats import convolved, padded, reshaped, windowed_sum
from brickwork.export.integer.network import IntegerNetwork, Scale, Step
from brickwork.export.integer.shares import shares
from brickwork.export.integer.steps import ADD_SHIFT

__all__ = ["logits", "run"]

_BATCH = 128
_LARGEST = 255  # an activation less its zero

Ints = NDArray[np.int64]


def logits(network: IntegerNetwork, raw: NDArray[Any]) -> NDArray[np.float32]:
    """What the network gives for raw samples ``(samples, *input)``, as real numbers."""
    scale = network.scales[network.program.output]
    q = run(network, network.input.quantized(raw, network.scales[0]))
    real = (q.astype(np.float32) - scale.zero) * np.float32(scale.scale)
    return real.reshape(len(raw), -1)


def run(network: IntegerNetwork, q: NDArray[np.int8]) -> NDArray[np.int8]:
    """The int8 output for int8 inputs.

    Args:
        network: The network.
        q: ``(samples, *shape of tensor 0)``, channels last.

    Returns:
        ``(samples, *shape of the output)``, channels last.
    """
    parts = [_run(network, q[start : start + _BATCH]) for start in range(0, len(q), _BATCH)]
    return np.concatenate(parts)


def _run(network: IntegerNetwork, q: NDArray[np.int8]) -> NDArray[np.int8]:
    program = network.program
    last = [end for _, end in program.lifetimes()]
    kept: dict[int, Ints] = {0: _first(q.astype(np.int64))}
    with torch.inference_mode():
        for place, step in enumerate(network.steps):
            layer = step.layer
            call = _Call(
                program,
                step,
                [kept[i] for i in layer.inputs],
                [network.scales[i] for i in layer.inputs],
                network.scales[layer.output],
            )
            kept[layer.output] = _KERNELS[layer.kind](call)
            for tensor in [t for t in kept if last[t] <= place and t != program.output]:
                del kept[tensor]
    found = kept[program.output]
    return np.ascontiguousarray(np.moveaxis(found, 1, -1) if found.ndim == 4 else found, np.int8)


def _first(values: Ints) -> Ints:
    return np.moveaxis(values, -1, 1) if values.ndim == 4 else values


@dataclass(frozen=True, slots=True)
class _Call:
    """One layer at work: its integers, what it reads, and what the integers around it mean."""

    program: Program
    step: Step
    inputs: list[Ints]
    meanings: list[Scale]
    out: Scale


def _weighted(call: _Call) -> Ints:
    weight = _given(call.step.weight)
    real = _type(call.step.layer.kind, weight)
    x = torch.from_numpy(np.ascontiguousarray(call.inputs[0] - call.meanings[0].zero, real))
    found = convolved(call.program, call.step.layer, x, torch.from_numpy(weight.astype(real)))
    sums = found.numpy().astype(np.int64)
    sums += _along(_given(call.step.bias).astype(np.int64), sums.ndim)
    return _brought(call, sums)


def _sum(call: _Call) -> Ints:
    scaled = [
        multiplied((values - meaning.zero) << ADD_SHIFT, mantissa, shift)
        for (values, meaning), mantissa, shift in zip(
            _operands(call), call.step.multipliers, call.step.shifts, strict=False
        )
    ]
    total = (
        multiplied(scaled[0] + scaled[1], call.step.multipliers[2], call.step.shifts[2])
        + call.out.zero
    )
    return np.clip(total, call.step.low, call.step.high)


def _product(call: _Call) -> Ints:
    (a, one), (b, other) = _operands(call)
    return _brought(call, (a - one.zero) * (b - other.zero))


def _pad(call: _Call) -> Ints:
    value = -128 if call.step.layer.lowest else call.out.zero
    return _whole(padded(_exact(call.inputs[0]), call.step.layer.pads, float(value)))


def _largest(call: _Call) -> Ints:
    layer = call.step.layer
    wide = padded(_exact(call.inputs[0]), layer.pads, -129.0)
    return np.clip(
        _whole(functional.max_pool2d(wide, layer.kernel, layer.stride)),
        call.step.low,
        call.step.high,
    )


def _average(call: _Call) -> Ints:
    total, count = [_whole(part) for part in windowed_sum(call.step.layer, _exact(call.inputs[0]))]
    size = np.abs(total)
    means = np.sign(total) * ((size + count // 2) // count)  # C divides towards zero
    return np.asarray(np.clip(means, call.step.low, call.step.high))


def _mean(call: _Call) -> Ints:
    x = call.inputs[0]
    keep = len(call.program.shapes[call.step.layer.output]) == 3
    sums = x.sum(axis=(2, 3), keepdims=keep) - call.meanings[0].zero * x.shape[2] * x.shape[3]
    return _brought(call, sums)


def _concatenated(call: _Call) -> Ints:
    return np.concatenate(call.inputs, axis=1)


def _reshaped(call: _Call) -> Ints:
    return _whole(reshaped(_exact(call.inputs[0]), call.program.shapes[call.step.layer.output]))


def _rectified(call: _Call) -> Ints:
    return _brought(call, call.inputs[0] - call.meanings[0].zero)


def _clamped(call: _Call) -> Ints:
    return np.clip(call.inputs[0], call.step.low, call.step.high)


def _looked_up(call: _Call) -> Ints:
    return _given(call.step.table).astype(np.int64)[call.inputs[0] + 128]


def _shares(call: _Call) -> Ints:
    return shares(call.inputs[0], _given(call.step.exponentials))


_KERNELS: Mapping[str, Callable[[_Call], Ints]] = {
    "CONV_2D": _weighted,
    "DEPTHWISE_CONV_2D": _weighted,
    "TRANSPOSE_CONV": _weighted,
    "FULLY_CONNECTED": _weighted,
    "ADD": _sum,
    "MUL": _product,
    "PAD": _pad,
    "PADV2": _pad,
    "MAX_POOL_2D": _largest,
    "AVERAGE_POOL_2D": _average,
    "MEAN": _mean,
    "CONCATENATION": _concatenated,
    "RESHAPE": _reshaped,
    "RELU": _rectified,
    "RELU6": _clamped,
    "LOGISTIC": _looked_up,
    "TANH": _looked_up,
    "HARD_SWISH": _looked_up,
    "GELU": _looked_up,
    "SOFTMAX": _shares,
}


def _brought(call: _Call, sums: Ints) -> Ints:
    """Sums at the scale of the output, clamped."""
    step = call.step
    mantissa, shift = [np.array(v, dtype=np.int64) for v in (step.multipliers, step.shifts)]
    if len(mantissa) > 1:
        mantissa, shift = _along(mantissa, sums.ndim), _along(shift, sums.ndim)
    return np.clip(multiplied(sums, mantissa, shift) + call.out.zero, step.low, step.high)


def _operands(call: _Call) -> list[tuple[Ints, Scale]]:
    """Both operands of a sum or a product."""
    found = list(zip(call.inputs, call.meanings, strict=True))
    constant, meaning = call.step.constant, call.step.constant_scale
    if constant is not None and meaning is not None:
        values = constant.astype(np.int64)
        found.append((np.moveaxis(values, -1, 0) if values.ndim == 3 else values, meaning))
    return found


def _along(values: Ints, axes: int) -> Ints:
    """One number for each channel, beside values with channels second."""
    return values.reshape(-1, 1, 1) if axes == 4 else values


def _type(kind: str, weight: NDArray[np.int8]) -> type[np.floating[Any]]:
    """A floating-point type in which no sum of products of this weight is rounded."""
    axis = 3 if kind == "DEPTHWISE_CONV_2D" else 0
    others = tuple(i for i in range(weight.ndim) if i != axis)
    if kind == "TRANSPOSE_CONV":
        return np.float64
    largest = int(np.abs(weight.astype(np.int64)).sum(axis=others).max())
    return np.float32 if largest * _LARGEST < 1 << 24 else np.float64


def _exact(values: Ints) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))


def _whole(values: Tensor) -> Ints:
    return np.asarray(values.numpy().astype(np.int64))


def _given(values: NDArray[Any] | None) -> NDArray[Any]:
    if values is None:
        raise ValueError("a step lacks what its kind needs")
    return values
