"""How operators of ONNX are called and set in TensorFlow Lite, channels last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brickwork.devices.files.tflite_layers import same_pads
from brickwork.space import Shape

__all__ = ["ALIASES", "FIRST", "FOLDED", "KINDS", "SETTINGS", "channels_last", "windowed"]

KINDS: Mapping[str, str] = {
    **{"Abs": "ABS", "Add": "ADD", "ArgMax": "ARG_MAX", "Cast": "CAST", "Concat": "CONCATENATION"},
    **{"DepthToSpace": "DEPTH_TO_SPACE", "Div": "DIV", "Elu": "ELU", "Exp": "EXP"},
    **{"Expand": "BROADCAST_TO", "Flatten": "RESHAPE", "Floor": "FLOOR", "Gather": "GATHER"},
    **{"Gelu": "GELU", "GlobalAveragePool": "MEAN", "GlobalMaxPool": "REDUCE_MAX"},
    **{"HardSwish": "HARD_SWISH", "LeakyRelu": "LEAKY_RELU", "Log": "LOG", "Max": "MAXIMUM"},
    **{"LogSoftmax": "LOG_SOFTMAX", "Min": "MINIMUM", "Mul": "MUL", "Neg": "NEG", "PRelu": "PRELU"},
    **{"Pad": "PAD", "Pow": "POW", "ReduceMax": "REDUCE_MAX", "ReduceMean": "MEAN"},
    **{"ReduceMin": "REDUCE_MIN", "ReduceSum": "SUM", "Relu": "RELU", "Reshape": "RESHAPE"},
    **{"Sigmoid": "LOGISTIC", "Slice": "STRIDED_SLICE", "Softmax": "SOFTMAX", "Split": "SPLIT"},
    **{"SpaceToDepth": "SPACE_TO_DEPTH", "Sqrt": "SQRT", "Squeeze": "SQUEEZE", "Sub": "SUB"},
    **{"Tanh": "TANH", "Tile": "TILE", "Transpose": "TRANSPOSE", "Unsqueeze": "EXPAND_DIMS"},
}
"""Names in TensorFlow Lite; an operator without one keeps the name it has."""

ALIASES = {"Dropout", "Identity"}
"""Operators that give what they read."""

FOLDED = {"Constant", "Shape", "Size"}
"""Operators whose output is known once shapes are."""

FIRST = {
    *("AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "GlobalAveragePool"),
    *("GlobalMaxPool", "GroupNormalization", "InstanceNormalization", "MaxPool", "QLinearConv"),
}
"""Operators that read and give channels first."""

SETTINGS: Mapping[str, tuple[int, ...]] = {
    "BatchNormalization": (3, 4),  # statistics are not trained
    **dict.fromkeys(("Clip", "Pad", "Pow", "Resize", "Upsample", "OneHot"), tuple(range(1, 8))),
    "QLinearConv": (1, 2, 4, 5, 6, 7),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7),
}
"""Which operands were not trained, where that cannot be told from their type."""

_WINDOWS = {
    ("Conv", 2): "CONV_2D",
    ("Conv", 3): "CONV_3D",
    ("ConvTranspose", 2): "TRANSPOSE_CONV",
    ("ConvTranspose", 3): "CONV_3D_TRANSPOSE",
    ("AveragePool", 2): "AVERAGE_POOL_2D",
    ("MaxPool", 2): "MAX_POOL_2D",
}


def channels_last(shape: Shape, axis: int) -> Shape:
    """A shape with the channels, which stand at an axis, moved to the end; batch first.

    A sequence with its channels first becomes an image of height 1.
    """
    if not shape:
        return shape
    moved = (*shape[:axis], *shape[axis + 1 :], shape[axis])
    return (moved[0], 1, *moved[1:]) if len(shape) == 3 and axis == 1 else moved


def windowed(
    kind: str, attributes: Mapping[str, Any], into: Shape, weight: Shape
) -> tuple[str, dict[str, Any]]:
    """Kind and settings of a ``Layer`` for an operator that slides a window.

    Args:
        kind: Name in ONNX.
        attributes: Its attributes.
        into: Shape of what it slides over, ``(batch, channels, *spatial)``.
        weight: Shape of its weight; empty for a pool.

    Raises:
        ValueError: They do not fit together.
    """
    spatial = into[2:]
    axes = len(spatial)
    kernel = tuple(weight[2:] or attributes.get("kernel_shape", ()))
    if not 1 <= axes <= 3 or len(kernel) != axes:
        raise ValueError(f"{kind} with a window of {kernel} on a tensor of {into}")
    stride = tuple(attributes.get("strides") or (1,) * axes)
    dilation = tuple(attributes.get("dilations") or (1,) * axes)
    if min(*stride, *dilation, *kernel) < 1 or len(stride) != axes or len(dilation) != axes:
        raise ValueError(f"{kind} with window {kernel}, stride {stride}, dilation {dilation}")
    pads = _pads(attributes, spatial, kernel, stride, dilation)
    if axes == 1:
        kernel, stride, dilation, pads = (1, *kernel), (1, *stride), (1, *dilation), (0, 0, *pads)
    found: dict[str, Any] = {
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "pads": pads,
    }
    name = _WINDOWS.get((kind, len(kernel)), kind)
    if not weight:
        return name, found
    groups = int(attributes.get("group", 1))
    inside = weight[0] if kind == "ConvTranspose" else weight[1] * groups
    if groups < 1 or inside != into[1]:
        raise ValueError(f"{kind} in {groups} groups with a weight of {weight} on {into}")
    if name == "CONV_2D" and groups == into[1] and groups > 1:
        return "DEPTHWISE_CONV_2D", found
    return name, found | {"groups": groups}


def _pads(
    attributes: Mapping[str, Any],
    spatial: Shape,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> tuple[int, ...]:
    """Padding before and behind each axis in turn."""
    axes = len(spatial)
    auto = attributes.get("auto_pad", b"NOTSET")
    if auto in (b"SAME_UPPER", b"SAME_LOWER"):
        return same_pads(spatial, kernel, stride, dilation)
    pads = tuple(attributes.get("pads") or (0,) * 2 * axes)
    if len(pads) != 2 * axes:
        raise ValueError(f"padding {pads} on {axes} axes")
    return tuple([pads[side * axes + axis] for axis in range(axes) for side in (0, 1)])
