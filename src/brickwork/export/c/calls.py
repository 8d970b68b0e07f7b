"""How a job is called: the kernel, the settings it is given, and the arrays these point to.

Kernels are the files of the folder ``kernels``, each a function with the record of its settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import ExportError
from brickwork.export.c.jobs import Job
from brickwork.export.c.placing import Placed
from brickwork.export.integer.fixed import multiplied
from brickwork.export.integer.network import Scale
from brickwork.space import Shape

__all__ = ["KERNELS", "Call", "call_of"]

_WEIGHTED = ("scaled", "clamped")

KERNELS: Mapping[str, tuple[str, ...]] = {
    "add": _WEIGHTED,
    "average_pool": ("clamped", "inside", "pool"),
    "clamp": ("clamped",),
    "convolution": (*_WEIGHTED, "inside", "pairs", "dot", "dot4"),
    "dense": (*_WEIGHTED, "pairs", "dot", "dot4"),
    "depthwise": (*_WEIGHTED, "inside"),
    "depthwise_multiplied": (*_WEIGHTED, "inside"),
    "join": (),
    "look_up": (),
    "max_pool": ("clamped", "inside", "pool"),
    "mean": _WEIGHTED,
    "multiply": _WEIGHTED,
    "pad": (),
    "pointwise": (*_WEIGHTED, "pairs", "dot", "dot4"),
    "softmax": _WEIGHTED,
    "transposed": (*_WEIGHTED, "pairs", "dot"),
}
"""What each kernel needs besides itself."""

Value = int | str | tuple[int, ...]
Values = dict[str, Value]
Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One job in C.

    Attributes:
        kernel: The function that is called.
        statements: The body of the layer's function.
        record: Type of the settings; empty if there are none.
        settings: Its fields and their values.
        arrays: Constants by name; their type of number is that of C.
    """

    kernel: str
    statements: tuple[str, ...]
    record: str
    settings: Values
    arrays: Mapping[str, Array]

    @property
    def constant_bytes(self) -> int:
        """Bytes of its arrays."""
        return sum(array.nbytes for array in self.arrays.values())


def call_of(placed: Placed, job: Job, name: str) -> Call:
    """The call of a job.

    Args:
        placed: The network.
        job: One of its jobs.
        name: What the layer is called in C.

    Raises:
        ExportError: No kernel can do it.
    """
    if job.layer.kind not in _WRITERS:
        raise ExportError(f"C files have no {job.layer.kind}")
    return _WRITERS[job.layer.kind](_Writing(placed, job, name))


@dataclass(frozen=True, slots=True)
class _Writing:
    """A job on its way into a file; attributes as in ``call_of``."""

    placed: Placed
    job: Job
    name: str

    @property
    def into(self) -> Shape:
        return self.job.shapes[0]

    @property
    def out(self) -> Shape:
        return self.placed.network.program.shapes[self.job.output]

    def scale(self, k: int = 0) -> Scale:
        """What the integers of an input mean."""
        return self.placed.network.scales[self.job.inputs[k]]

    @property
    def out_zero(self) -> int:
        return self.placed.network.scales[self.job.output].zero

    def at(self, tensor: int) -> str:
        """Where a tensor lies."""
        return f"arena + {self.placed.offsets[tensor]}"

    def call(
        self,
        kernel: str,
        settings: Values,
        arrays: Mapping[str, Array | None],
        operands: Sequence[str] | None = None,
        record: str = "",
    ) -> Call:
        """A call with settings; it reads its inputs unless other operands are given."""
        given = [self.at(i) for i in self.job.inputs] if operands is None else list(operands)
        pointers = ", ".join([*given, self.at(self.job.output), f"&{self.name}_settings"])
        named = {f"{self.name}_{part}": array for part, array in arrays.items()}
        for part in arrays:
            if part in _POINTED:
                settings[part] = f"{self.name}_{part}"
        known = {label: array for label, array in named.items() if array is not None}
        lines = (f"{kernel}({pointers});",)
        return Call(kernel, lines, record or f"{kernel}_settings", settings, known)

    def clamp(self) -> Values:
        return {"low": self.job.step.low, "high": self.job.step.high}

    def zeros(self) -> Values:
        return {"in_zero": self.scale().zero, "out_zero": self.out_zero, **self.clamp()}

    def factor(self) -> tuple[int, int]:
        """The only factor of the job."""
        return self.job.step.multipliers[0], self.job.step.shifts[0]


_POINTED = ("weights", "bias", "multipliers", "shifts", "exponentials")


def _channelwise(writing: _Writing) -> dict[str, Array | None]:
    """The arrays of a layer with weights and a factor for each channel."""
    step = writing.job.step
    return {
        "weights": step.weight,
        "bias": step.bias,
        "multipliers": np.array(step.multipliers, np.int32),
        "shifts": np.array(step.shifts, np.int8),
    }


def _window(writing: _Writing, dilated: bool = True) -> Values:
    """What slides over what."""
    layer = writing.job.layer
    fields: Values = {}
    pairs = {"kernel": layer.kernel, "stride": layer.stride}
    if dilated:
        pairs["dilation"] = layer.dilation
    for field, (height, width) in pairs.items():
        fields |= {f"{field}_height": height, f"{field}_width": width}
    return fields | {"top": layer.pads[0], "left": layer.pads[2]}


def _convolution(writing: _Writing) -> Call:
    layer, into, out = writing.job.layer, writing.into, writing.out
    if (
        layer.kernel == layer.stride == (1, 1)
        and layer.groups == 1
        and not any(layer.pads)
        and into[:-1] == out[:-1]
    ):
        settings: Values = {
            "positions": prod(into[:-1]),
            "in_channels": into[-1],
            "out_channels": out[-1],
        }
        return writing.call("pointwise", settings | writing.zeros(), _channelwise(writing))
    sizes = _sizes(into, out, "in_channels", "out_channels")
    settings = sizes | _window(writing) | {"groups": layer.groups} | writing.zeros()
    return writing.call("convolution", settings, _channelwise(writing))


def _depthwise(writing: _Writing) -> Call:
    into, out = writing.into, writing.out
    filters = out[-1] // into[-1]
    settings = _sizes(into, out, "channels", "") | _window(writing) | writing.zeros()
    if filters == 1:
        return writing.call("depthwise", settings, _channelwise(writing))
    settings = {"filters": filters, **settings}
    return writing.call("depthwise_multiplied", settings, _channelwise(writing))


def _transposed(writing: _Writing) -> Call:
    sizes = _sizes(writing.into, writing.out, "in_channels", "out_channels")
    settings = sizes | _window(writing, dilated=False) | writing.zeros()
    return writing.call("transposed", settings, _channelwise(writing))


def _sizes(into: Shape, out: Shape, channels: str, out_channels: str) -> Values:
    fields: Values = {"in_height": into[0], "in_width": into[1], channels: into[2]}
    fields |= {"out_height": out[0], "out_width": out[1]}
    return fields | ({out_channels: out[2]} if out_channels else {})


def _dense(writing: _Writing) -> Call:
    multiplier, shift = writing.factor()
    settings: Values = {
        "rows": prod(writing.into[:-1]),
        "inputs": writing.into[-1],
        "outputs": writing.out[-1],
        "multiplier": multiplier,
        "shift": shift,
    }
    step = writing.job.step
    arrays = {"weights": step.weight, "bias": step.bias}
    return writing.call("dense", settings | writing.zeros(), arrays)


def _of_two(writing: _Writing) -> Call:
    step, out = writing.job.step, writing.out
    shapes = list(writing.job.shapes)
    operands = [writing.at(i) for i in writing.job.inputs]
    meanings = [writing.scale(k) for k in range(len(operands))]
    if step.constant is not None and step.constant_scale is not None:
        shapes.append(step.constant.shape)
        operands.append(f"{writing.name}_constant")
        meanings.append(step.constant_scale)
    if all(prod(shape) in (1, prod(out)) for shape in shapes):
        out = (1, 1, prod(out))  # one run of numbers
        shapes = [(1, 1, prod(shape)) for shape in shapes]
    out = (*[1] * (3 - len(out)), *out)
    settings: Values = dict(zip(("height", "width", "channels"), out, strict=True))
    for letter, shape in zip("ab", shapes, strict=True):
        settings[f"strides_{letter}"] = _strides(shape, out)
    if step.layer.kind == "ADD":
        for letter, factor, shift in zip(
            ("_a", "_b", ""), step.multipliers, step.shifts, strict=True
        ):
            settings |= {f"multiplier{letter}": factor, f"shift{letter}": shift}
    else:
        settings["multiplier"], settings["shift"] = writing.factor()
    settings |= {"zero_a": meanings[0].zero, "zero_b": meanings[1].zero}
    settings |= {"zero": writing.out_zero, **writing.clamp()}
    kernel = "add" if step.layer.kind == "ADD" else "multiply"
    return writing.call(kernel, settings, {"constant": step.constant}, operands)


def _strides(shape: Shape, out: Shape) -> tuple[int, int, int]:
    """How far an operand moves with each axis of the output."""
    whole = (*[1] * (3 - len(shape)), *shape)
    if any(size not in (1, full) for size, full in zip(whole, out, strict=True)):
        raise ExportError(f"shape {shape} does not broadcast to {out}")
    steps = (whole[1] * whole[2], whole[2], 1)
    a, b, c = [0 if size == 1 else step for size, step in zip(whole, steps, strict=True)]
    return a, b, c


def _pad(writing: _Writing) -> Call:
    (top, bottom, left, right), (height, width, channels) = writing.job.layer.pads, writing.into
    line = (left + width + right) * channels
    settings: Values = {
        "height": height,
        "line": width * channels,
        "above": top * line,
        "below": bottom * line,
        "before": left * channels,
        "behind": right * channels,
        "value": -128 if writing.job.layer.lowest else writing.out_zero,
    }
    return writing.call("pad", settings, {})


def _pool(writing: _Writing) -> Call:
    kernel = "max_pool" if writing.job.layer.kind == "MAX_POOL_2D" else "average_pool"
    settings = _sizes(writing.into, writing.out, "channels", "")
    settings |= _window(writing, dilated=False) | writing.clamp()
    if kernel == "average_pool":
        settings |= {"zero": writing.scale().zero, "counted": int(writing.job.counted)}
    return writing.call(kernel, settings, {}, record="pool_settings")


def _mean(writing: _Writing) -> Call:
    multiplier, shift = writing.factor()
    settings: Values = {"positions": prod(writing.into[:-1]), "channels": writing.into[-1]}
    settings |= {"multiplier": multiplier, "shift": shift}
    return writing.call("mean", settings | writing.zeros(), {})


def _concatenation(writing: _Writing) -> Call:
    positions, width = prod(writing.out[:-1]), writing.out[-1]
    start = writing.placed.offsets[writing.job.output]
    lines = []
    for tensor, shape in zip(writing.job.inputs, writing.job.shapes, strict=True):
        place = f"{writing.at(tensor)}, arena + {start}"
        lines.append(f"join({place}, {positions}, {shape[-1]}, {width});")
        start += shape[-1]
    return Call("join", tuple(lines), "", {}, {})


def _of_one(writing: _Writing) -> Call:
    """A function of one number: a clamp, or a table."""
    step = writing.job.step
    inputs = np.arange(-128, 128, dtype=np.int64)
    if step.table is not None:
        table = step.table
    else:
        values = inputs
        if step.multipliers:
            values = multiplied(inputs - writing.scale().zero, *writing.factor()) + writing.out_zero
        table = np.clip(values, step.low, step.high).astype(np.int8)
    place = ", ".join([writing.at(writing.job.inputs[0]), writing.at(writing.job.output)])
    count = prod(writing.out)
    if np.array_equal(table, np.clip(inputs, step.low, step.high)):
        return Call("clamp", (f"clamp({place}, {count}, {step.low}, {step.high});",), "", {}, {})
    name = f"{writing.name}_table"
    return Call("look_up", (f"look_up({place}, {count}, {name});",), "", {}, {name: table})


def _softmax(writing: _Writing) -> Call:
    step, out = writing.job.step, writing.out
    if step.exponentials is None:
        raise RuntimeError("a softmax without its exponentials")
    settings: Values = {
        "positions": prod(out[:-1]),
        "channels": out[-1],
        "counted": len(step.exponentials),
    }
    return writing.call("softmax", settings, {"exponentials": step.exponentials})


_WRITERS: Mapping[str, Callable[[_Writing], Call]] = {
    "ADD": _of_two,
    "AVERAGE_POOL_2D": _pool,
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "GELU": _of_one,
    "HARD_SWISH": _of_one,
    "LOGISTIC": _of_one,
    "MAX_POOL_2D": _pool,
    "MEAN": _mean,
    "MUL": _of_two,
    "PAD": _pad,
    "PADV2": _pad,
    "RELU": _of_one,
    "RELU6": _of_one,
    "SOFTMAX": _softmax,
    "TANH": _of_one,
    "TRANSPOSE_CONV": _transposed,
}
