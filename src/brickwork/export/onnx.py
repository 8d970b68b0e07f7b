"""ONNX written directly from a graph and its weights, in milliseconds.

Nothing is traced: each op of the graph becomes the ONNX operators that compute the same. That is
fast enough to write, and so to measure, every candidate of a search. Batch norms are folded into
the convolution or linear layer before them, as every runtime would do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from math import prod, sqrt
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from brickwork.errors import ExportError
from brickwork.space import (
    Activation,
    Add,
    Concat,
    Conv,
    Depthwise,
    Dropout,
    Flatten,
    GlobalPool,
    Graph,
    Input,
    Linear,
    Multiply,
    Node,
    Norm,
    Normalize,
    Op,
    Pool,
    Reshape,
    Shape,
    Zero,
    per_axis,
)

__all__ = ["INPUT", "OPSET", "OUTPUT", "producer_version", "random_weights", "write_onnx"]

INPUT = "input"
"""Name of the input: raw values, float32, ``(batch, channels, *spatial)``."""

OUTPUT = "logits"
"""Name of the output: float32, ``(batch, outputs)``."""

OPSET = 21
"""Operator set; the first with a group norm that scales by channel. ONNX Runtime 1.18 reads it."""

_IR_VERSION = 10  # the format version that came with OPSET

Array = NDArray[Any]


def write_onnx(graph: Graph, weights: Mapping[str, Array], *, fold: bool = True) -> bytes:
    """The model file of a graph.

    It takes raw values as ``input`` (float32, ``(batch, *graph.input)`` for any batch) and gives
    ``logits`` (``(batch, *graph.output)``).

    Args:
        graph: The network.
        weights: Its weights by state-dict key, such as ``"stem.conv.weight"``.
        fold: Whether a batch norm that is the only reader of a convolution or linear layer is
            folded into its weights.

    Raises:
        ExportError: A weight is missing or has another shape, or an op has no ONNX form.
    """
    writer = _Writer(graph, weights, fold)
    writer.write()
    shapes: tuple[tuple[str | int, ...], ...] = (("batch", *graph.input), ("batch", *graph.output))
    proto = helper.make_graph(
        writer.nodes,
        "brickwork",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, shapes[0])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shapes[1])],
        list(writer.constants.values()),
        value_info=writer.shapes,
    )
    model = onnx.ModelProto(
        ir_version=_IR_VERSION,
        producer_name="brickwork",
        producer_version=producer_version(),
        opset_import=[helper.make_opsetid("", OPSET)],
        graph=proto,
    )
    helper.set_model_props(model, {"brickwork.graph": graph.hash})
    return bytes(model.SerializeToString(deterministic=True))


def random_weights(graph: Graph, rng: np.random.Generator) -> dict[str, Array]:
    """Weights with which a graph can be run before it is trained, such as to measure its latency.

    Activations keep their scale through the network, so no value becomes infinite or denormal,
    either of which would distort a measurement.
    """
    weights: dict[str, Array] = {}
    for node in graph.nodes:
        shapes = graph.shapes_into(node)
        for name, shape in node.op.weights(shapes).items():
            values = rng.standard_normal(shape, dtype=np.float32)
            if isinstance(node.op, Norm):
                values = 0.1 * values + (1.0 if name == "weight" else 0.0)
            elif name == "weight":
                values *= sqrt(2 / prod(shape[1:]))
            else:
                values *= 0.1
            weights[f"{node.name}.{name}"] = values.astype(np.float32, copy=False)
        for name, shape in node.op.buffers(shapes).items():
            if name == "running_mean":
                weights[f"{node.name}.{name}"] = 0.1 * rng.standard_normal(shape, dtype=np.float32)
            elif name == "running_var":
                weights[f"{node.name}.{name}"] = 0.5 + rng.random(shape, dtype=np.float32)
            else:
                weights[f"{node.name}.{name}"] = np.zeros(shape, dtype=np.int64)
    return weights


@functools.cache
def producer_version() -> str:
    """Version of Brickwork, as files name it."""
    try:
        return metadata.version("brickwork")
    except metadata.PackageNotFoundError:  # run from a source tree
        return "source"


class _Writer:
    """Collects ONNX nodes and constants on one walk over a graph.

    Attributes:
        nodes: The ONNX nodes, in execution order.
        constants: The initializers by name.
        shapes: The shapes of tensors that ONNX's own inference does not find.
    """

    def __init__(self, graph: Graph, weights: Mapping[str, Array], fold: bool) -> None:
        self.graph = graph
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self.shapes: list[onnx.ValueInfoProto] = []
        self._values: list[str] = []  # name of the tensor that each node of the graph gives
        self._folded = _folds(graph) if fold else {}

    def write(self) -> None:
        """Fill ``nodes`` and ``constants``."""
        folded_norms = set(self._folded.values())
        for index, node in enumerate(self.graph.nodes):
            inputs = [self._values[i] for i in node.inputs]
            if isinstance(node.op, Input):
                self._values.append(INPUT)
            elif isinstance(node.op, Dropout) or index in folded_norms:
                self._values.append(inputs[0])
            else:
                self._values.append(self._op(index, node, inputs))
        if self.nodes and self.nodes[-1].output[0] == self._values[-1]:
            self.nodes[-1].output[0] = OUTPUT  # nothing reads the last node
            self.shapes = [info for info in self.shapes if info.name != self._values[-1]]
        else:
            self.emit("Identity", [self._values[-1]], OUTPUT)

    def _op(self, index: int, node: Node, inputs: list[str]) -> str:
        write = _WRITERS.get(type(node.op))
        if write is None:
            raise ExportError(f"{node.name}: the op {node.op.kind!r} cannot be written as ONNX")
        if isinstance(node.op, Conv | Depthwise | Linear):
            weight, bias = self.layer(node)
            if index in self._folded:
                weight, bias = self.fold(self.graph.nodes[self._folded[index]], weight, bias)
            inputs = [*inputs, self.constant(f"{node.name}.weight", weight)]
            if bias is not None:
                inputs.append(self.constant(f"{node.name}.bias", bias))
        return write(self, node, inputs)

    def emit(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Append an ONNX node whose only output has its name."""
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def constant(self, name: str, value: Array) -> str:
        """Add an initializer, once for each name."""
        if name not in self.constants:
            kind = TensorProto.INT64 if value.dtype == np.int64 else TensorProto.FLOAT
            self.constants[name] = TensorProto(
                name=name, data_type=kind, dims=value.shape, raw_data=value.tobytes()
            )
        return name

    def weight(self, node: Node, name: str, shape: Shape) -> Array:
        """A weight as float32.

        Raises:
            ExportError: It is missing or has another shape.
        """
        key = f"{node.name}.{name}"
        if key not in self.weights:
            raise ExportError(f"the weights have no {key!r}: they belong to another network")
        value = np.asarray(self.weights[key], dtype=np.float32)
        if value.shape != tuple(shape):
            raise ExportError(
                f"the weight {key!r} has shape {value.shape}, expected {tuple(shape)}"
            )
        return value

    def layer(self, node: Node) -> tuple[Array, Array | None]:
        """Weight and bias of a convolution or linear layer."""
        shapes = node.op.weights(self.graph.shapes_into(node))
        weight = self.weight(node, "weight", shapes["weight"])
        return weight, self.weight(node, "bias", shapes["bias"]) if "bias" in shapes else None

    def norm(self, node: Node) -> list[Array]:
        """Scale and shift of a norm; for batch norm also running mean and variance."""
        shapes = node.op.weights(self.graph.shapes_into(node))
        names = ["weight", "bias"]
        if isinstance(node.op, Norm) and node.op.how == "batch":
            names += ["running_mean", "running_var"]
        return [self.weight(node, name, shapes["weight"]) for name in names]

    def fold(self, norm: Node, weight: Array, bias: Array | None) -> tuple[Array, Array]:
        """Weight and bias of a layer that is followed by a batch norm, with the norm in them."""
        gamma, beta, mean, variance = (w.astype(np.float64) for w in self.norm(norm))
        scale = gamma / np.sqrt(variance + norm.op.eps)  # type: ignore[attr-defined]  # it is a Norm
        shift = beta + ((0.0 if bias is None else bias) - mean) * scale
        per_output = scale.astype(np.float32).reshape(-1, *(1,) * (weight.ndim - 1))
        return weight * per_output, shift.astype(np.float32)


def _folds(graph: Graph) -> dict[int, int]:
    """The layers (by index) whose only reader is a batch norm, and that norm."""
    folds: dict[int, int] = {}
    for index, readers in enumerate(graph.consumers()):
        if len(readers) == 1 and isinstance(graph.nodes[index].op, Conv | Depthwise | Linear):
            reader = graph.nodes[readers[0]].op
            if isinstance(reader, Norm) and reader.how == "batch":
                folds[index] = readers[0]
    return folds


def _window(node: Node, kernel: Any, stride: Any, padding: Any) -> dict[str, tuple[int, ...]]:
    """The attributes that convolutions and pooling share; ONNX wants pads as begins, then ends."""
    axes = len(node.shape) - 1
    return {
        "kernel_shape": per_axis(kernel, axes),
        "strides": per_axis(stride, axes),
        "pads": per_axis(padding, axes) * 2,
    }


def _convolution(writer: _Writer, node: Node, inputs: list[str]) -> str:
    op: Any = node.op
    return writer.emit(
        "Conv",
        inputs,
        node.name,
        dilations=per_axis(op.dilation, len(node.shape) - 1),
        group=node.shape[0] if isinstance(op, Depthwise) else op.groups,
        **_window(node, op.kernel, op.stride, op.pads),
    )


def _linear(writer: _Writer, node: Node, inputs: list[str]) -> str:
    return writer.emit("Gemm", inputs, node.name, transB=1)


def _norm(writer: _Writer, node: Node, inputs: list[str]) -> str:
    op: Any = node.op
    names = ("weight", "bias", "running_mean", "running_var")
    arrays = writer.norm(node)
    constants = [
        writer.constant(f"{node.name}.{name}", value)
        for name, value in zip(names[: len(arrays)], arrays, strict=True)
    ]
    if op.how == "batch":
        return writer.emit("BatchNormalization", inputs + constants, node.name, epsilon=op.eps)
    if op.how == "group":
        settings = {"epsilon": op.eps, "num_groups": op.groups}
        value = writer.emit("GroupNormalization", inputs + constants, node.name, **settings)
        writer.shapes.append(
            helper.make_tensor_value_info(value, TensorProto.FLOAT, ("batch", *node.shape))
        )
        return value
    axes = len(node.shape) - 1
    (value,) = inputs
    if axes:  # ONNX normalises over the last axes, Brickwork over the channels
        to_last = (0, *range(2, axes + 2), 1)
        value = writer.emit("Transpose", [value], f"{node.name}.to_last", perm=to_last)
    name = f"{node.name}.last" if axes else node.name
    value = writer.emit("LayerNormalization", [value, *constants], name, axis=-1, epsilon=op.eps)
    if not axes:
        return value
    return writer.emit("Transpose", [value], node.name, perm=(0, axes + 1, *range(1, axes + 1)))


def _activation(writer: _Writer, node: Node, inputs: list[str]) -> str:
    how = str(node.op.how)  # type: ignore[attr-defined]  # it is an Activation
    if how == "relu6":
        bounds = [
            writer.constant("zero", np.zeros((), np.float32)),
            writer.constant("six", np.full((), 6.0, np.float32)),
        ]
        return writer.emit("Clip", inputs + bounds, node.name)
    if how == "silu":
        gate = writer.emit("Sigmoid", inputs, f"{node.name}.sigmoid")
        return writer.emit("Mul", [*inputs, gate], node.name)
    if how == "hard_sigmoid":  # PyTorch's slope is 1/6, the default of ONNX is 0.2
        return writer.emit("HardSigmoid", inputs, node.name, alpha=1 / 6, beta=0.5)
    return writer.emit(_PLAIN_ACTIVATIONS[how], inputs, node.name)


_PLAIN_ACTIVATIONS = {
    "relu": "Relu",
    "gelu": "Gelu",
    "hard_swish": "HardSwish",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
}


def _pool(writer: _Writer, node: Node, inputs: list[str]) -> str:
    op: Any = node.op
    window = _window(node, op.kernel, op.steps, op.pads)
    if op.how == "max":
        return writer.emit("MaxPool", inputs, node.name, **window)
    return writer.emit("AveragePool", inputs, node.name, count_include_pad=0, **window)


def _global_pool(writer: _Writer, node: Node, inputs: list[str]) -> str:
    op: Any = node.op
    kind = "GlobalMaxPool" if op.how == "max" else "GlobalAveragePool"
    if op.keep:
        return writer.emit(kind, inputs, node.name)
    pooled = writer.emit(kind, inputs, f"{node.name}.kept")
    return writer.emit("Flatten", [pooled], node.name, axis=1)


def _flatten(writer: _Writer, node: Node, inputs: list[str]) -> str:
    return writer.emit("Flatten", inputs, node.name, axis=1)


def _reshape(writer: _Writer, node: Node, inputs: list[str]) -> str:
    to = np.array((0, *node.shape), dtype=np.int64)  # 0 keeps the batch
    return writer.emit("Reshape", [*inputs, writer.constant(f"{node.name}.to", to)], node.name)


def _normalize(writer: _Writer, node: Node, inputs: list[str]) -> str:
    op: Any = node.op
    ones = (1,) * (len(node.shape) - 1)
    mean = np.array(op.mean, dtype=np.float32).reshape(-1, *ones)
    std = np.array(op.std, dtype=np.float32).reshape(-1, *ones)
    mean_name = writer.constant(f"{node.name}.mean", mean)
    centred = writer.emit("Sub", [*inputs, mean_name], f"{node.name}.centred")
    return writer.emit("Div", [centred, writer.constant(f"{node.name}.std", std)], node.name)


def _add(writer: _Writer, node: Node, inputs: list[str]) -> str:
    total = inputs[0]
    for i, other in enumerate(inputs[1:-1]):
        total = writer.emit("Add", [total, other], f"{node.name}.{i}")
    return writer.emit("Add", [total, inputs[-1]], node.name)


def _concat(writer: _Writer, node: Node, inputs: list[str]) -> str:
    return writer.emit("Concat", inputs, node.name, axis=1)


def _multiply(writer: _Writer, node: Node, inputs: list[str]) -> str:
    return writer.emit("Mul", inputs, node.name)


def _zero(writer: _Writer, node: Node, inputs: list[str]) -> str:
    batch = writer.emit("Shape", inputs, f"{node.name}.batch", start=0, end=1)
    rest = writer.constant(f"{node.name}.shape", np.array(node.shape, dtype=np.int64))
    shape = writer.emit("Concat", [batch, rest], f"{node.name}.to", axis=0)
    value = writer.emit("ConstantOfShape", [shape], node.name)  # zeros of float32 by default
    writer.shapes.append(
        helper.make_tensor_value_info(value, TensorProto.FLOAT, ("batch", *node.shape))
    )
    return value


_WRITERS: Mapping[type[Op], Callable[[_Writer, Node, list[str]], str]] = {
    Activation: _activation,
    Add: _add,
    Concat: _concat,
    Conv: _convolution,
    Depthwise: _convolution,
    Flatten: _flatten,
    GlobalPool: _global_pool,
    Linear: _linear,
    Multiply: _multiply,
    Norm: _norm,
    Normalize: _normalize,
    Pool: _pool,
    Reshape: _reshape,
    Zero: _zero,
}
