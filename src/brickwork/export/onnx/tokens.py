"""Sequences ``(batch, channels, length)``: positions, tokens, attention, the mean of a text."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from brickwork.export.onnx.shapes import batched
from brickwork.export.onnx.writer import Writer
from brickwork.space import Node
from brickwork.space.ops.tokens import sines

__all__ = ["attend", "class_token", "masked_mean", "position", "select"]


def position(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``Add``, of a weight or of sines."""
    op: Any = node.op
    if op.how == "learned":
        table = writer.weight(node, "weight", node.shape)
    else:
        table = np.array(sines(*node.shape), dtype=np.float32)
    return writer.emit("Add", [*inputs, writer.constant(f"{node.name}.weight", table)], node.name)


def class_token(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``Concat`` with the token, once for each sample."""
    channels = node.shape[0]
    weight = writer.weight(node, "weight", (channels,)).reshape(1, channels, 1)
    token = writer.constant(f"{node.name}.weight", weight)
    sizes = batched(writer, node, inputs[0], (channels, 1))
    first = writer.emit("Expand", [token, sizes], f"{node.name}.first")
    return writer.emit("Concat", [writer.shaped(first, (channels, 1)), *inputs], node.name, axis=2)


def select(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``Gather`` of one position."""
    op: Any = node.op
    index = writer.constant(f"{node.name}.index", np.array(op.index, dtype=np.int64))
    return writer.emit("Gather", [*inputs, index], node.name, axis=2)


def attend(writer: Writer, node: Node, inputs: list[str]) -> str:
    """Two ``MatMul`` with a ``Softmax`` over the keys between them.

    Scores are written as (keys, queries), so that only the keys have to be transposed.
    """
    op: Any = node.op
    name = node.name
    channels, length = node.shape
    heads = writer.constant(
        f"{name}.heads", np.array((0, channels // op.head, op.head, length), dtype=np.int64)
    )
    whole = writer.constant(f"{name}.whole", np.array((0, channels, length), dtype=np.int64))
    scale = writer.constant(f"{name}.scale", np.array(op.head**-0.5, dtype=np.float32))
    query, key, value = (
        writer.emit("Reshape", [source, heads], f"{name}.{what}")
        for source, what in zip(inputs, ("query", "key", "value"), strict=True)
    )
    key = writer.emit("Mul", [key, scale], f"{name}.scaled")
    key = writer.emit("Transpose", [key], f"{name}.transposed", perm=(0, 1, 3, 2))
    scores = writer.emit("MatMul", [key, query], f"{name}.scores")
    weights = writer.emit("Softmax", [scores], f"{name}.weights", axis=2)
    mixed = writer.emit("MatMul", [value, weights], f"{name}.mixed")
    return writer.emit("Reshape", [mixed, whole], name)


def masked_mean(writer: Writer, node: Node, inputs: list[str]) -> str:
    """The sum of what the mask leaves, divided by how much that is, at least one."""
    name = node.name
    values, ids = inputs
    one = writer.constant(f"{name}.one", np.array(1.0, dtype=np.float32))
    axis = writer.constant(f"{name}.axis", np.array([1], dtype=np.int64))
    last = writer.constant(f"{name}.last", np.array([2], dtype=np.int64))
    there = writer.emit("Cast", [ids], f"{name}.there", to=TensorProto.BOOL)
    flat = writer.emit("Cast", [there], f"{name}.flat", to=TensorProto.FLOAT)
    mask = writer.emit("Unsqueeze", [flat, axis], f"{name}.mask")
    kept = writer.emit("Mul", [values, mask], f"{name}.kept")
    total = writer.emit("ReduceSum", [kept, last], f"{name}.total", keepdims=0)
    count = writer.emit("ReduceSum", [mask, last], f"{name}.count", keepdims=0)
    most = writer.emit("Max", [count, one], f"{name}.most")
    return writer.emit("Div", [total, most], name)
