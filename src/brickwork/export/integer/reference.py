"""A quantised network run bit by bit as TensorFlow Lite Micro's reference kernels run it.

Integers are kept as float32. Sums of products are made in floating point, where they are exact: in
float32 where they stay below 2**24, else in float64. What brings them to the scale of an output
(``scaling``) and sums of two tensors are exact in float64 and in tables. Samples are run in batches
whose tensors stay in a cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
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
from brickwork.export.integer.scaling import along, scaling
from brickwork.export.integer.shares import shares
from brickwork.export.integer.steps import ADD_SHIFT

__all__ = ["layer", "logits", "real", "run"]

_BATCH = 128
_CLOSE = 1 << 19  # numbers of a tensor that stay in a cache
_LARGEST = 255  # an activation less its zero
_PAIRS = 1 << 16  # of two integers

Ints = NDArray[np.int64]
Kernel = Callable[[list[Tensor]], Tensor]
"""From what a layer reads to what it gives: integers as float32, channels first."""


def logits(network: IntegerNetwork, raw: NDArray[Any]) -> NDArray[np.float32]:
    """What the network gives for raw samples ``(samples, *input)``, as real numbers.

    Returns:
        ``(samples, outputs)``, or ``(samples, outputs, *spatial)`` where it has an answer for each
        position.
    """
    return real(network, run(network, network.input.quantized(raw, network.scales[0])))


def real(network: IntegerNetwork, q: NDArray[np.int8]) -> NDArray[np.float32]:
    """What integers that ``run`` gave mean, channels first."""
    scale = network.scales[network.program.output]
    values = (q.astype(np.float32) - scale.zero) * np.float32(scale.scale)
    positions = prod(values.shape[1:-1]) > 1
    return np.moveaxis(values, -1, 1) if positions else values.reshape(len(values), -1)


def run(network: IntegerNetwork, q: NDArray[np.int8]) -> NDArray[np.int8]:
    """The int8 output for int8 inputs.

    Args:
        network: The network.
        q: ``(samples, *shape of tensor 0)``, channels last.

    Returns:
        ``(samples, *shape of the output)``, channels last.
    """
    program = network.program
    kernels = [_kernel(network, step, len(q)) for step in network.steps]
    size = max(1, min(_BATCH, _CLOSE // max(map(prod, program.shapes))))
    with torch.inference_mode():
        parts = [_run(program, kernels, q[i : i + size]) for i in range(0, len(q), size)]
    return _last(torch.cat(parts))


def layer(
    network: IntegerNetwork, step: Step, inputs: Sequence[NDArray[np.int8]]
) -> NDArray[np.int8]:
    """What one step gives for what it reads: ``(samples, *shape)``, channels last, both."""
    with torch.inference_mode():
        return _last(_kernel(network, step, len(inputs[0]))([_first(q) for q in inputs]))


def _first(q: NDArray[np.int8]) -> Tensor:
    """Integers as float32, channels first."""
    found = torch.from_numpy(np.ascontiguousarray(q, np.float32))
    return found.movedim(-1, 1).contiguous() if found.ndim == 4 else found


def _last(found: Tensor) -> NDArray[np.int8]:
    """Integers as int8, channels last."""
    return np.ascontiguousarray(
        (found.movedim(1, -1) if found.ndim == 4 else found).numpy(), np.int8
    )


def _kernel(network: IntegerNetwork, step: Step, samples: int) -> Kernel:
    meanings = [network.scales[i] for i in step.layer.inputs]
    out = network.scales[step.layer.output]
    return _KERNELS[step.layer.kind](_Made(network.program, step, meanings, out, samples))


def _run(program: Program, kernels: list[Kernel], q: NDArray[np.int8]) -> Tensor:
    last = [end for _, end in program.lifetimes()]
    kept = {0: _first(q)}
    for place, (layer, kernel) in enumerate(zip(program.layers, kernels, strict=True)):
        kept[layer.output] = kernel([kept[i] for i in layer.inputs])
        for tensor in [t for t in kept if last[t] <= place and t != program.output]:
            del kept[tensor]
    return kept[program.output]


@dataclass(frozen=True, slots=True)
class _Made:
    """What a kernel is made from: a layer's integers, and what the integers around it mean."""

    program: Program
    step: Step
    meanings: list[Scale]
    out: Scale
    samples: int


def _weighted(made: _Made) -> Kernel:
    step, zero = made.step, made.meanings[0].zero
    weight = _given(step.weight)
    real = _type(step.layer.kind, weight)
    kernel = torch.from_numpy(weight.astype(np.float64)).to(real)
    axes = len(made.program.shapes[step.layer.output]) + 1
    bias = along(_given(step.bias).astype(np.float64), axes)
    scaled = scaling(step, made.out.zero, axes)

    def apply(inputs: list[Tensor]) -> Tensor:
        x = inputs[0].to(real) - zero
        sums = convolved(made.program, step.layer, x, kernel).to(torch.float64)
        return scaled(sums.add_(bias))

    return apply


def _sum(made: _Made) -> Kernel:
    a, b, out = *_meanings(made), made.out
    factors = list(zip(made.step.multipliers, made.step.shifts, strict=True))

    def added(one: Ints, other: Ints) -> Ints:
        scaled = [
            multiplied((values - meaning.zero) << ADD_SHIFT, *factor)
            for values, meaning, factor in zip((one, other), (a, b), factors, strict=False)
        ]
        total = multiplied(scaled[0] + scaled[1], *factors[2]) + out.zero
        return np.clip(total, made.step.low, made.step.high)

    if made.samples * prod(made.program.shapes[made.step.layer.output]) > 2 * _PAIRS:
        every = np.arange(-128, 128)
        table = _reals(added(every[:, None], every[None])).reshape(-1)

        def looked_up(inputs: list[Tensor]) -> Tensor:
            one, other = _operands(made, inputs)
            return table[(one * 256.0 + other).add_(128 * 257).to(torch.int32)]

        return looked_up
    return lambda inputs: _reals(added(*map(_ints, _operands(made, inputs))))


def _product(made: _Made) -> Kernel:
    one, other = _meanings(made)
    scaled = scaling(made.step, made.out.zero, 1)

    def apply(inputs: list[Tensor]) -> Tensor:
        a, b = _operands(made, inputs)
        return scaled((a - one.zero).mul(b - other.zero).to(torch.float64))

    return apply


def _pad(made: _Made) -> Kernel:
    layer = made.step.layer
    value = -128.0 if layer.lowest else float(made.out.zero)
    return lambda inputs: padded(inputs[0], layer.pads, value)


def _largest(made: _Made) -> Kernel:
    step, layer = made.step, made.step.layer

    def apply(inputs: list[Tensor]) -> Tensor:
        wide = padded(inputs[0], layer.pads, -129.0)
        return functional.max_pool2d(wide, layer.kernel, layer.stride).clamp_(step.low, step.high)

    return apply


def _average(made: _Made) -> Kernel:
    step = made.step

    def apply(inputs: list[Tensor]) -> Tensor:
        total, count = windowed_sum(step.layer, inputs[0].to(torch.float64))
        # C divides towards zero.
        size = (total.abs() + (count / 2).floor()).div(count, rounding_mode="floor")
        return (total.sign() * size).clamp_(step.low, step.high).to(torch.float32)

    return apply


def _mean(made: _Made) -> Kernel:
    keep = len(made.program.shapes[made.step.layer.output]) == 3
    scaled = scaling(made.step, made.out.zero, 1)

    def apply(inputs: list[Tensor]) -> Tensor:
        x = inputs[0].to(torch.float64) - made.meanings[0].zero
        return scaled(x.sum((2, 3), keepdim=keep))

    return apply


def _concatenated(_: _Made) -> Kernel:
    return lambda inputs: torch.cat(inputs, dim=1)


def _reshaped(made: _Made) -> Kernel:
    return lambda inputs: reshaped(inputs[0], made.program.shapes[made.step.layer.output])


def _rectified(made: _Made) -> Kernel:
    scaled = scaling(made.step, made.out.zero, 1)
    return lambda inputs: scaled(inputs[0].to(torch.float64) - made.meanings[0].zero)


def _clamped(made: _Made) -> Kernel:
    return lambda inputs: inputs[0].clamp(made.step.low, made.step.high)


def _looked_up(made: _Made) -> Kernel:
    table = _reals(_given(made.step.table))
    return lambda inputs: table[(inputs[0] + 128.0).to(torch.int32)]


def _shared(made: _Made) -> Kernel:
    counts = _given(made.step.exponentials)
    return lambda inputs: _reals(shares(_ints(inputs[0]), counts))


_KERNELS: Mapping[str, Callable[[_Made], Kernel]] = {
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
    "SOFTMAX": _shared,
}


def _operands(made: _Made, inputs: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Both operands of a sum or a product."""
    if made.step.constant is None:
        return inputs[0], inputs[1]
    values = _reals(made.step.constant)
    return inputs[0], values.movedim(-1, 0) if values.ndim == 3 else values


def _meanings(made: _Made) -> tuple[Scale, Scale]:
    """What the integers of both operands mean."""
    second = made.meanings[-1] if made.step.constant_scale is None else made.step.constant_scale
    return made.meanings[0], second


def _type(kind: str, weight: NDArray[np.int8]) -> torch.dtype:
    """A floating-point type in which no sum of products of this weight is rounded."""
    axis = 3 if kind == "DEPTHWISE_CONV_2D" else 0
    others = tuple(i for i in range(weight.ndim) if i != axis)
    if kind == "TRANSPOSE_CONV":
        return torch.float64
    largest = int(np.abs(weight.astype(np.int64)).sum(axis=others).max())
    return torch.float32 if largest * _LARGEST < 1 << 24 else torch.float64


def _reals(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def _ints(values: Tensor) -> Ints:
    return np.asarray(values.numpy().astype(np.int64))


def _given(values: NDArray[Any] | None) -> NDArray[Any]:
    if values is None:
        raise ValueError("a step lacks what its kind needs")
    return values
