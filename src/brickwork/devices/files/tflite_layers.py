"""What a ``.tflite`` file says of each operation: windows, padding, activations, constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from brickwork.devices.files.model import Numbers
from brickwork.devices.program import Constant
from brickwork.space import Shape

__all__ = ["constant_of", "same_pads", "settings_of"]

_OPTIONS = {
    "ADD": "AddOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "CONV_2D": "Conv2DOptions",
    "CONV_3D": "Conv3DOptions",
    "CONV_3D_TRANSPOSE": "Conv3DOptions",
    "CONCATENATION": "ConcatenationOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "DIV": "DivOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MUL": "MulOptions",
    "SUB": "SubOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
}
"""Where each kind keeps its settings; kinds without any of ours are not listed."""

_ACTIVATIONS = ("none", "relu", "relu_n1_to_1", "relu6", "tanh", "sign_bit")
_SAME = 0  # of TensorFlow Lite's Padding
_INPUT = {"TRANSPOSE_CONV": 2, "CONV_3D_TRANSPOSE": 2}  # which operand is slid over; else the first


def settings_of(
    schema: Any,
    op: Any,
    kind: str,
    shapes: Sequence[Shape],
    out: Shape,
    values: Callable[[int], Any],
) -> dict[str, Any]:
    """The settings of a ``Layer``.

    Args:
        schema: The generated schema.
        op: The operation.
        kind: Its name.
        shapes: Shapes of its operands, batch included; empty for those left out.
        out: Shape of what it writes, likewise.
        values: The numbers of a constant tensor.

    Raises:
        ValueError: They make no sense.
    """
    if kind in ("PAD", "PADV2", "MIRROR_PAD"):
        return {"pads": _added(values(op.Inputs(1))), "lowest": kind == "PADV2"}
    options = _options(schema, op, kind)
    if options is None:
        return {}
    found: dict[str, Any] = {"activation": _ACTIVATIONS[options.FusedActivationFunction()]}
    if kind == "CONCATENATION" or not hasattr(options, "StrideW"):
        return found
    into = shapes[_INPUT.get(kind, 0)]
    kernel = _kernel(kind, options, shapes)
    axes = len(kernel)
    if len(into) != axes + 2:
        raise ValueError(f"{kind} on a tensor of shape {into}")
    stride = _numbers(options, axes, ("StrideD", "StrideH", "StrideW"))
    dilation = _numbers(
        options, axes, ("DilationDFactor", "DilationHFactor", "DilationWFactor"), missing=1
    )
    if min(*stride, *dilation, *kernel) < 1:
        raise ValueError(f"{kind} with window {kernel}, stride {stride}, dilation {dilation}")
    found |= {"kernel": kernel, "stride": stride, "dilation": dilation}
    if kind in ("CONV_2D", "CONV_3D"):
        inside = shapes[1][-1] if kind == "CONV_2D" else shapes[1][-2]
        if not inside or into[-1] % inside:
            raise ValueError(f"{kind} with {into[-1]} channels and {inside} in its weight")
        found["groups"] = into[-1] // inside
    if options.Padding() == _SAME:  # a transposed window slides over what it writes
        slid = out if kind in _INPUT else into
        found["pads"] = same_pads(slid[1:-1], kernel, stride, dilation)
    return found


def constant_of(shape: Shape, values: Any, numbers: Numbers) -> Constant | None:
    """The constant operand of a sum or product, as real numbers; None where it cannot be read."""
    if values is None or len(values) != prod(shape):
        return None
    if len(numbers.scale) == 1:
        zero = numbers.zero_point[0] if numbers.zero_point else 0
        values = (values.astype("int64") - zero) * numbers.scale[0]
    return Constant(shape, tuple(map(float, values)))


def _options(schema: Any, op: Any, kind: str) -> Any:
    name = _OPTIONS.get(kind)
    table = op.BuiltinOptions()
    if name is None or table is None:
        return None
    if op.BuiltinOptionsType() != getattr(schema.BuiltinOptions, name):
        raise ValueError(f"{kind} with the options of another operation")
    options = getattr(schema, name)()
    options.Init(table.Bytes, table.Pos)
    return options


def _kernel(kind: str, options: Any, shapes: Sequence[Shape]) -> tuple[int, ...]:
    if hasattr(options, "FilterWidth"):
        return options.FilterHeight(), options.FilterWidth()
    weight = shapes[1]
    return weight[:3] if kind.startswith("CONV_3D") else weight[1:3]


def _numbers(
    options: Any, axes: int, names: tuple[str, ...], missing: int | None = None
) -> tuple[int, ...]:
    """Depth (in 3D), height and width of a setting."""
    asked = names[-axes:]
    return tuple(
        [missing if missing is not None and not hasattr(options, name) else getattr(options, name)()
         for name in asked]
    )  # fmt: skip


def same_pads(
    sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[int, ...]:
    """What TensorFlow's SAME adds before and behind each axis."""
    pads: list[int] = []
    for size, window, step, spacing in zip(sizes, kernel, stride, dilation, strict=True):
        total = max(0, (-(-size // step) - 1) * step + spacing * (window - 1) + 1 - size)
        pads += [total // 2, total - total // 2]
    return tuple(pads)


def _added(values: Any) -> tuple[int, ...]:
    """What a ``PAD`` adds above, below, left and right; nothing where that is not known."""
    if values is None or len(values) != 8:
        return (0, 0, 0, 0)
    return tuple(int(value) for value in values[2:6])
