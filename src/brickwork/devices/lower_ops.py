"""How each op becomes operations of TensorFlow Lite; ``lowering`` says what for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from brickwork.devices.fusion import fused
from brickwork.devices.program import CLAMPING, WEIGHTED, Constant, Layer
from brickwork.devices.windows import Window, pair
from brickwork.space import (
    Activation,
    Add,
    Concat,
    Conv,
    ConvTranspose,
    Depthwise,
    Dropout,
    Flatten,
    Fragment,
    GlobalPool,
    Linear,
    Multiply,
    Norm,
    Normalize,
    Op,
    Pool,
    Shape,
    Softmax,
    Tokens,
)

__all__ = ["WRITERS", "Pass", "Refused", "channels_last"]

_SINGLE = {
    "relu": "RELU",
    "relu6": "RELU6",
    "hard_swish": "HARD_SWISH",
    "sigmoid": "LOGISTIC",
    "tanh": "TANH",
    "gelu": "GELU",
}
"""Activations that are one operation."""


class Refused(Exception):
    """An op that has no counterpart."""


def channels_last(shape: Shape) -> Shape:
    """Channels last, two spatial axes."""
    if len(shape) == 2:
        return 1, shape[1], shape[0]
    return (*shape[1:], shape[0])


class Pass:
    """One walk over a fragment."""

    def __init__(self, fragment: Fragment) -> None:
        self.fragment = fragment
        self.readers = fused(fragment).readers
        self.shapes: list[Shape] = [channels_last(fragment.input)]
        self.layers: list[Layer] = []
        self.at = {-1: 0}  # the tensor that holds each node's output
        self.host: dict[int, int] = {}  # the layer that a follower of a node may go into
        self.activated: dict[tuple[str, int], int] = {}  # what became of a tensor's activations
        self.normalizes = False

    def add(self, index: int) -> None:
        node = self.fragment.nodes[index]
        write = WRITERS.get(type(node.op))
        if write is None or len(node.shape) > 3:
            axes = f" on {len(node.shape) - 1} spatial axes" if len(node.shape) > 3 else ""
            raise Refused(
                f"{node.name}: TensorFlow Lite has no integer op for {node.op.kind}{axes}"
            )
        write(self, index)

    def source(self, index: int, k: int = 0) -> int:
        """The tensor that an input of a node stands for."""
        return self.at[self.fragment.nodes[index].inputs[k]]

    def emit(
        self, index: int, kind: str, inputs: tuple[int, ...], shape: Shape, **settings: Any
    ) -> int:
        """Append a layer whose output has that shape; a node's last layer gives its output."""
        self.shapes.append(shape)
        output = len(self.shapes) - 1
        self.layers.append(Layer(kind, settings.pop("node", -1), inputs, output, **settings))
        self.at[index] = output
        self.host[index] = len(self.layers) - 1
        return output

    def alias(self, index: int) -> None:
        """The node gives what it reads."""
        before = self.fragment.nodes[index].inputs[0]
        self.at[index] = self.at[before]
        if before in self.host and self.readers[before] == 1:
            self.host[index] = self.host[before]

    def hosting(self, index: int) -> int | None:
        """The layer that the node may become part of: its input's, if nobody else reads that."""
        before = self.fragment.nodes[index].inputs[0]
        return self.host.get(before) if self.readers[before] == 1 else None

    def shape(self, index: int) -> Shape:
        """Shape of a node's output, channels last."""
        return channels_last(self.fragment.nodes[index].shape)

    def op(self, index: int) -> Any:
        """The op of a node, concrete."""
        return self.fragment.nodes[index].op

    def axes(self, index: int) -> int:
        """How many spatial axes a node's output has."""
        return len(self.fragment.nodes[index].shape) - 1

    def refuse(self, index: int, reason: str) -> Refused:
        return Refused(f"{self.fragment.nodes[index].name}: {reason}")


def _normalize(lowering: Pass, index: int) -> None:
    if lowering.fragment.nodes[index].inputs != (-1,) or len(lowering.fragment.nodes) > 1:
        raise lowering.refuse(index, "only the input of a network can be normalised")
    lowering.normalizes = True
    lowering.at[index] = 0


def _dropout(lowering: Pass, index: int) -> None:
    lowering.alias(index)


def _convolution(lowering: Pass, index: int) -> None:
    op: Conv | Depthwise = lowering.op(index)
    source = lowering.source(index)
    into = lowering.shapes[source]
    groups = into[-1] if isinstance(op, Depthwise) else op.groups
    settings: dict[str, Any] = {"node": index}
    kind = "CONV_2D"
    if groups == into[-1] and groups > 1:  # each output channel reads one input channel
        kind = "DEPTHWISE_CONV_2D"
    else:
        settings["groups"] = groups
    axes = lowering.axes(index)
    window = Window.of(axes, op.kernel, op.stride, op.pads, op.dilation)
    source, pads = _padded(lowering, index, source, window)
    shape = lowering.shape(index)
    lowering.emit(index, kind, (source,), shape, **window.settings, pads=pads, **settings)


def _transposed(lowering: Pass, index: int) -> None:
    op: ConvTranspose = lowering.op(index)
    if op.groups != 1:
        raise lowering.refuse(index, "TensorFlow Lite has no grouped transposed convolution")
    out = lowering.shape(index)
    axes = lowering.axes(index)
    window = Window.of(axes, op.kernel, op.stride, op.padding)
    extra = pair(axes, op.output_padding, 0)
    if any(p and e for p, e in zip(window.padding, extra, strict=True)):
        raise lowering.refuse(index, "TensorFlow Lite cannot pad both input and output of it")
    (top, left) = window.padding
    pads = (top, top, left, left)
    lowering.emit(
        index,
        "TRANSPOSE_CONV",
        (lowering.source(index),),
        out,
        **window.settings,
        pads=pads,
        node=index,
    )


def _linear(lowering: Pass, index: int) -> None:
    source = (lowering.source(index),)
    lowering.emit(index, "FULLY_CONNECTED", source, lowering.shape(index), node=index)


def _norm(lowering: Pass, index: int) -> None:
    op: Norm = lowering.op(index)
    if op.how != "batch":
        raise lowering.refuse(index, f"TensorFlow Lite has no integer op for {op.how} norm")
    place = lowering.hosting(index)
    if place is not None:
        host = lowering.layers[place]
        if host.kind in WEIGHTED and host.node >= 0 and host.activation == "none":
            lowering.layers[place] = replace(host, norms=(*host.norms, index))
            lowering.alias(index)
            return
    source, shape = lowering.source(index), lowering.shape(index)
    if len(shape) == 1:
        source = lowering.emit(index, "RESHAPE", (source,), (1, 1, *shape))
    spatial = lowering.shapes[source]
    source = lowering.emit(index, "DEPTHWISE_CONV_2D", (source,), spatial, norms=(index,))
    if len(shape) == 1:
        lowering.emit(index, "RESHAPE", (source,), shape)


def _activation(lowering: Pass, index: int) -> None:
    op: Activation = lowering.op(index)
    how = str(op.how)
    place = lowering.hosting(index)
    if place is not None and how in ("relu", "relu6"):
        host = lowering.layers[place]
        if host.kind in CLAMPING and host.activation == "none":
            lowering.layers[place] = replace(host, activation=how)
            lowering.alias(index)
            return
    source, shape = lowering.source(index), lowering.shape(index)
    if (how, source) in lowering.activated:  # several edges of a cell begin with the same one
        lowering.at[index] = lowering.activated[how, source]
    elif how in _SINGLE:
        tensor = lowering.emit(index, _SINGLE[how], (source,), shape)
        lowering.activated[how, source] = tensor
    elif how == "silu":
        gate = lowering.emit(index, "LOGISTIC", (source,), shape)
        lowering.emit(index, "MUL", (source, gate), shape)
    else:  # hard_sigmoid
        three, sixth = Constant((), (3.0,)), Constant((), (1.0 / 6.0,))
        clamped = lowering.emit(index, "ADD", (source,), shape, constant=three, activation="relu6")
        lowering.emit(index, "MUL", (clamped,), shape, constant=sixth)


def _softmax(lowering: Pass, index: int) -> None:
    lowering.emit(index, "SOFTMAX", (lowering.source(index),), lowering.shape(index))


def _pool(lowering: Pass, index: int) -> None:
    op: Pool = lowering.op(index)
    source, shape = lowering.source(index), lowering.shape(index)
    window = Window.of(lowering.axes(index), op.kernel, op.steps, op.pads)
    if op.how == "max":
        source, pads = _padded(lowering, index, source, window, lowest=True)
        lowering.emit(index, "MAX_POOL_2D", (source,), shape, **window.settings, pads=pads)
        return
    into = lowering.shapes[source]
    source, pads = _padded(lowering, index, source, window)
    lowering.emit(index, "AVERAGE_POOL_2D", (source,), shape, **window.settings, pads=pads)
    if lowering.shapes[source] != into:  # the zeros that were added must not count
        covered = window.covered(into, shape)
        lowering.emit(index, "MUL", (lowering.at[index],), shape, constant=covered)


def _global_pool(lowering: Pass, index: int) -> None:
    op: GlobalPool = lowering.op(index)
    source, shape = lowering.source(index), lowering.shape(index)
    height, width, channels = lowering.shapes[source]
    if op.how == "average":
        lowering.emit(index, "MEAN", (source,), shape)
        return
    whole = (height, width)
    lowering.emit(index, "MAX_POOL_2D", (source,), (1, 1, channels), kernel=whole, stride=whole)
    if not op.keep:
        lowering.emit(index, "RESHAPE", (lowering.at[index],), shape)


def _add(lowering: Pass, index: int) -> None:
    first, *others = [lowering.at[i] for i in lowering.fragment.nodes[index].inputs]
    for other in others:
        first = lowering.emit(index, "ADD", (first, other), lowering.shape(index))
    if not others:
        lowering.alias(index)


def _multiply(lowering: Pass, index: int) -> None:
    inputs = (lowering.source(index), lowering.source(index, 1))
    lowering.emit(index, "MUL", inputs, lowering.shape(index))


def _concat(lowering: Pass, index: int) -> None:
    inputs = tuple([lowering.at[i] for i in lowering.fragment.nodes[index].inputs])
    lowering.emit(index, "CONCATENATION", inputs, lowering.shape(index))


def _reshape(lowering: Pass, index: int) -> None:
    source, shape = lowering.source(index), lowering.shape(index)
    if lowering.shapes[source] == shape:
        lowering.at[index] = source
    else:
        lowering.emit(index, "RESHAPE", (source,), shape, node=index)
        del lowering.host[index]


WRITERS: Mapping[type[Op], Callable[[Pass, int], None]] = {
    Activation: _activation,
    Add: _add,
    Concat: _concat,
    Conv: _convolution,
    ConvTranspose: _transposed,
    Depthwise: _convolution,
    Dropout: _dropout,
    Flatten: _reshape,
    GlobalPool: _global_pool,
    Linear: _linear,
    Multiply: _multiply,
    Norm: _norm,
    Normalize: _normalize,
    Pool: _pool,
    Softmax: _softmax,
    Tokens: _reshape,
}


def _padded(
    lowering: Pass, index: int, source: int, window: Window, lowest: bool = False
) -> tuple[int, tuple[int, int, int, int]]:
    """What the windows of a node slide over, and the padding that is left to them."""
    into, out = lowering.shapes[source], lowering.shape(index)
    sizes = [(axis, into[axis], out[axis]) for axis in (0, 1)]
    (top, bottom), (left, right) = [window.pads(*size) for size in sizes]
    pads = (top, bottom, left, right)
    if not any(pads) or all(window.same(*size) for size in sizes):
        return source, pads
    shape = (into[0] + top + bottom, into[1] + left + right, into[2])
    kind = "PADV2" if lowest else "PAD"
    return lowering.emit(index, kind, (source,), shape, pads=pads, lowest=lowest), (0, 0, 0, 0)
