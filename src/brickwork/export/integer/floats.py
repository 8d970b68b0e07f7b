"""A program in floating point: the route beside the integers, and what activations reach.

Tensors are channels first inside, as PyTorch has them: ``(samples, channels, height, width)`` or
``(samples, channels)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from brickwork.devices.program import Layer, Program
from brickwork.export.integer.folding import Folded
from brickwork.space import Shape

__all__ = [
    "convolved",
    "forward",
    "incoming",
    "padded",
    "reshaped",
    "run",
    "tensors",
    "windowed_sum",
]

Visit = Callable[[int, Tensor], None]

_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "RELU": torch.relu,
    "RELU6": lambda x: x.clamp(0.0, 6.0),
    "HARD_SWISH": functional.hardswish,
    "LOGISTIC": torch.sigmoid,
    "TANH": torch.tanh,
    "GELU": functional.gelu,
    "SOFTMAX": lambda x: x.softmax(1),
}


def run(
    program: Program,
    folded: Sequence[Folded | None],
    x: Tensor,
    visit: Visit | None = None,
) -> Tensor:
    """What the network gives for normalised samples.

    Args:
        program: The network.
        folded: Weights of its layers.
        x: ``(samples, channels, *spatial)``, normalised; float32 or float64.
        visit: Is shown every tensor of the program when it is known.
    """

    def seen(tensor: int, values: Tensor) -> Tensor:
        if visit is not None:
            visit(tensor, values)
        return values

    with torch.inference_mode():
        return forward(program, [tensors(own, x.dtype) for own in folded], incoming(x), seen)


def forward(
    program: Program,
    weights: Sequence[tuple[Tensor, Tensor] | None],
    first: Tensor,
    change: Callable[[int, Tensor], Tensor],
) -> Tensor:
    """What the network gives, with every tensor changed on its way.

    Args:
        program: The network.
        weights: Weight and bias of its layers, in the layout of TensorFlow Lite.
        first: Tensor 0, channels first.
        change: Gets each tensor's place in the program and its values, and gives what is used.
    """
    last = [end for _, end in program.lifetimes()]
    kept: dict[int, Tensor] = {0: change(0, first)}
    for place, (layer, own) in enumerate(zip(program.layers, weights, strict=True)):
        inputs = [kept[i] for i in layer.inputs]
        kept[layer.output] = change(
            layer.output, _clamped(layer, _applied(program, layer, own, inputs))
        )
        for tensor in [t for t in kept if last[t] <= place and t != program.output]:
            del kept[tensor]
    return kept[program.output]


def tensors(folded: Folded | None, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
    """Weight and bias as tensors."""
    if folded is None:
        return None
    weight, bias = [
        torch.from_numpy(np.ascontiguousarray(a)).to(dtype) for a in (folded.weight, folded.bias)
    ]
    return weight, bias


def incoming(x: Tensor) -> Tensor:
    """Samples as the first tensor: a sequence is an image of height 1."""
    return x[:, :, None] if x.ndim == 3 else x


def padded(x: Tensor, pads: tuple[int, ...], value: float = 0.0) -> Tensor:
    """An image with pixels above, below, left and right."""
    top, bottom, left, right = pads
    return functional.pad(x, (left, right, top, bottom), value=value) if any(pads) else x


def convolved(program: Program, layer: Layer, x: Tensor, weight: Tensor) -> Tensor:
    """The sums of products of a layer with weights, without bias.

    Args:
        program: The network.
        layer: One of its layers with weights.
        x: What it reads; zeros of it may be padded.
        weight: In the layout of TensorFlow Lite.
    """
    if layer.kind == "FULLY_CONNECTED":
        return x @ weight.T
    if layer.kind == "TRANSPOSE_CONV":
        height, width, _ = program.shapes[layer.output]
        whole = functional.conv_transpose2d(x, weight.permute(3, 0, 1, 2), stride=layer.stride)
        top, _, left, _ = layer.pads
        more = (max(0, top + height - whole.shape[2]), max(0, left + width - whole.shape[3]))
        whole = functional.pad(whole, (0, more[1], 0, more[0]))
        return whole[:, :, top : top + height, left : left + width]
    depthwise = layer.kind == "DEPTHWISE_CONV_2D"
    kernel = weight.permute(3, 0, 1, 2) if depthwise else weight.permute(0, 3, 1, 2)
    groups = x.shape[1] if depthwise else layer.groups
    wide = padded(x, layer.pads)
    return functional.conv2d(
        wide, kernel, stride=layer.stride, dilation=layer.dilation, groups=groups
    )


def windowed_sum(layer: Layer, x: Tensor) -> tuple[Tensor, Tensor]:
    """Sum over each window, padding left out, and how many pixels of the image it covers."""
    ones = torch.ones_like(x[:1, :1])
    total, count = [
        functional.avg_pool2d(
            padded(part, layer.pads), layer.kernel, layer.stride, divisor_override=1
        )
        for part in (x, ones)
    ]
    return total, count


def reshaped(x: Tensor, shape: Shape) -> Tensor:
    """The same numbers in another shape, in the order of TensorFlow Lite (channels last)."""
    last = x.movedim(1, -1) if x.ndim == 4 else x
    found = last.reshape(len(x), *shape)
    return found.movedim(-1, 1) if len(shape) == 3 else found


def _applied(
    program: Program,
    layer: Layer,
    weights: tuple[Tensor, Tensor] | None,
    inputs: list[Tensor],
) -> Tensor:
    x, kind = inputs[0], layer.kind
    if weights is not None:
        weight, bias = weights
        along = bias.reshape(-1, 1, 1) if x.ndim == 4 else bias
        return convolved(program, layer, x, weight) + along
    if kind in _FUNCTIONS:
        return _FUNCTIONS[kind](x)
    if kind in ("ADD", "MUL"):
        other = inputs[1] if len(inputs) > 1 else _constant(layer, x)
        return x + other if kind == "ADD" else x * other
    if kind in ("PAD", "PADV2"):
        return padded(x, layer.pads, -torch.inf if layer.lowest else 0.0)
    if kind == "MAX_POOL_2D":
        return functional.max_pool2d(padded(x, layer.pads, -torch.inf), layer.kernel, layer.stride)
    if kind == "AVERAGE_POOL_2D":
        total, count = windowed_sum(layer, x)
        return total / count
    if kind == "MEAN":
        return x.mean((2, 3), keepdim=len(program.shapes[layer.output]) == 3)
    if kind == "CONCATENATION":
        return torch.cat(inputs, dim=1)
    if kind == "RESHAPE":
        return reshaped(x, program.shapes[layer.output])
    raise ValueError(f"{kind} has no meaning in floating point here")


def _clamped(layer: Layer, x: Tensor) -> Tensor:
    if layer.activation == "relu":
        return torch.relu(x)
    return x.clamp(0.0, 6.0) if layer.activation == "relu6" else x


def _constant(layer: Layer, x: Tensor) -> Tensor:
    """The constant operand, channels first."""
    constant: Any = layer.constant
    values: NDArray[np.float64] = np.array(constant.values).reshape(constant.shape)
    if values.ndim == 3:
        values = np.moveaxis(values, -1, 0)
    return torch.from_numpy(np.ascontiguousarray(values)).to(x.dtype)
