"""A graph and its weights as an ONNX file."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata

import onnx
from onnx import TensorProto, helper

from brickwork.errors import ExportError
from brickwork.export.ending import LOGITS, answers
from brickwork.export.onnx import joins, layers, pointwise, shapes, tables, tokens
from brickwork.export.onnx.writer import LAYERS, Array, Writer
from brickwork.space import Graph, Node, Op, ops

__all__ = [
    "INPUT",
    "OPSET",
    "OUTPUT",
    "assembled",
    "end_in_softmax",
    "producer_version",
    "write_onnx",
]

INPUT = "input"
"""Name of the input: raw values, float32, ``(batch, channels, *spatial)``."""

OUTPUT = LOGITS
"""Name of the output: float32, ``(batch, outputs)``; behind a softmax it has another."""

OPSET = 21
"""Operator set; the first with a group norm that scales by channel. ONNX Runtime 1.18 reads it."""

_IR_VERSION = 10  # the format version that came with OPSET


def write_onnx(graph: Graph, weights: Mapping[str, Array], *, fold: bool = True) -> bytes:
    """The model file of a graph.

    It takes raw values as ``input`` (float32, ``(batch, *graph.input)`` for any batch) and gives
    ``logits`` or, behind a softmax, ``probabilities`` (``(batch, *graph.output)``).

    Args:
        graph: The network.
        weights: Its weights by state-dict key, such as ``"stem.conv.weight"``.
        fold: Whether a batch norm that is the only reader of a convolution or linear layer is
            folded into its weights.

    Raises:
        ExportError: A weight is missing or has another shape, or an op has no ONNX form.
    """
    writer = Writer(graph, weights, fold)
    _write_nodes(writer, answers(graph))
    return assembled(graph, writer.nodes, writer.constants.values(), writer.shapes)


def assembled(
    graph: Graph,
    nodes: Sequence[onnx.NodeProto],
    constants: Iterable[TensorProto],
    inner: Sequence[onnx.ValueInfoProto] = (),
) -> bytes:
    """The model file of nodes that read ``INPUT`` and give the answers of a graph.

    Args:
        graph: The network.
        nodes: In execution order.
        constants: What they read besides.
        inner: Shapes of tensors that ONNX's own inference does not find.
    """
    shapes: tuple[tuple[str | int, ...], ...] = (("batch", *graph.input), ("batch", *graph.output))
    proto = helper.make_graph(
        nodes,
        "brickwork",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, shapes[0])],
        [helper.make_tensor_value_info(answers(graph), TensorProto.FLOAT, shapes[1])],
        list(constants),
        value_info=inner,
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


def end_in_softmax(model: bytes, graph: Graph) -> bytes:
    """A file of logits with a softmax of them, such as an int8 one that is not written again.

    Args:
        model: The file.
        graph: What it is a file of then.
    """
    proto = onnx.load_model_from_string(model)
    last, output = proto.graph.output[0], answers(graph)
    proto.graph.node.append(helper.make_node("Softmax", [last.name], [output], "softmax", axis=1))
    last.name = output
    properties = {p.key: p.value for p in proto.metadata_props}
    helper.set_model_props(proto, properties | {"brickwork.graph": graph.hash})
    return bytes(proto.SerializeToString(deterministic=True))


@functools.cache
def producer_version() -> str:
    """Version of Brickwork, as files name it."""
    try:
        return metadata.version("brickwork")
    except metadata.PackageNotFoundError:  # run from a source tree
        return "source"


def _write_nodes(writer: Writer, output: str) -> None:
    """Write every operation, in order; the last one's output is the network's."""
    values: list[str] = []  # name of the tensor that each node of the graph gives
    folded_norms = set(writer.folded.values())
    for index, node in enumerate(writer.graph.nodes):
        inputs = [values[i] for i in node.inputs]
        if isinstance(node.op, ops.Input):
            values.append(INPUT)
        elif isinstance(node.op, ops.Dropout) or index in folded_norms:
            values.append(inputs[0])
        else:
            values.append(_write(writer, index, node, inputs))
    if writer.nodes and writer.nodes[-1].output[0] == values[-1]:
        writer.nodes[-1].output[0] = output  # nothing reads the last node
        writer.shapes = [info for info in writer.shapes if info.name != values[-1]]
    else:
        writer.emit("Identity", [values[-1]], output)


def _write(writer: Writer, index: int, node: Node, inputs: list[str]) -> str:
    if isinstance(node.op, ops.Custom):
        raise ExportError(
            f"{node.name}: {node.op.make} is a module of your own, which Brickwork cannot write as "
            "ONNX: use torch.export or torch.onnx.export on what brickwork.nets.build makes"
        )
    write = _WRITERS.get(type(node.op))
    if write is None:
        raise ExportError(f"{node.name}: the op {node.op.kind!r} cannot be written as ONNX")
    if isinstance(node.op, LAYERS):
        norm = writer.folded.get(index)
        weight, bias = (
            writer.layer(node) if norm is None else writer.fold(node, writer.graph.nodes[norm])
        )
        inputs = [*inputs, writer.constant(f"{node.name}.weight", weight)]
        if bias is not None:
            inputs.append(writer.constant(f"{node.name}.bias", bias))
    return write(writer, node, inputs)


_WRITERS: Mapping[type[Op], Callable[[Writer, Node, list[str]], str]] = {
    ops.Activation: pointwise.activation,
    ops.Add: joins.add,
    ops.Attend: tokens.attend,
    ops.ClassToken: tokens.class_token,
    ops.Columns: tables.columns,
    ops.Concat: joins.concat,
    ops.Conv: layers.convolution,
    ops.ConvTranspose: layers.transposed,
    ops.Depthwise: layers.convolution,
    ops.Embedding: tables.embedding,
    ops.Flatten: shapes.flatten,
    ops.GlobalPool: shapes.global_pool,
    ops.Linear: layers.linear,
    ops.MaskedMean: tokens.masked_mean,
    ops.Multiply: joins.multiply,
    ops.Norm: pointwise.norm,
    ops.Normalize: pointwise.normalize,
    ops.Pool: shapes.pool,
    ops.Position: tokens.position,
    ops.Reshape: shapes.reshape,
    ops.Select: tokens.select,
    ops.Softmax: pointwise.softmax,
    ops.Tokens: shapes.tokens,
    ops.Zero: shapes.zero,
}
