"""Pooling, the same numbers in another shape, and zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from brickwork.export.onnx.layers import window_attributes
from brickwork.export.onnx.writer import Writer
from brickwork.space import Node, Shape

__all__ = ["batched", "flatten", "global_pool", "pool", "reshape", "tokens", "zero"]


def pool(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``MaxPool`` or ``AveragePool``; padding does not count."""
    op: Any = node.op
    window = window_attributes(node, op.kernel, op.steps, op.pads)
    if op.how == "max":
        return writer.emit("MaxPool", inputs, node.name, **window)
    return writer.emit("AveragePool", inputs, node.name, count_include_pad=0, **window)


def global_pool(writer: Writer, node: Node, inputs: list[str]) -> str:
    """Global pooling; the axes of size 1 are dropped afterwards."""
    op: Any = node.op
    kind = "GlobalMaxPool" if op.how == "max" else "GlobalAveragePool"
    if op.keep:
        return writer.emit(kind, inputs, node.name)
    pooled = writer.emit(kind, inputs, f"{node.name}.kept")
    return writer.emit("Flatten", [pooled], node.name, axis=1)


def flatten(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``Flatten``."""
    return writer.emit("Flatten", inputs, node.name, axis=1)


def reshape(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``Reshape`` for any batch."""
    to = np.array((0, *node.shape), dtype=np.int64)  # 0 keeps the batch
    return writer.emit("Reshape", [*inputs, writer.constant(f"{node.name}.to", to)], node.name)


def tokens(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``Reshape`` for any batch."""
    return reshape(writer, node, inputs)


def zero(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``ConstantOfShape``, whose value is 0 unless told."""
    sizes = batched(writer, node, inputs[0], node.shape)
    return writer.shaped(writer.emit("ConstantOfShape", [sizes], node.name), node.shape)


def batched(writer: Writer, node: Node, source: str, shape: Shape) -> str:
    """The sizes ``(batch, *shape)`` as a tensor, with the batch of a source."""
    batch = writer.emit("Shape", [source], f"{node.name}.batch", start=0, end=1)
    sample = writer.constant(f"{node.name}.sample", np.array(shape, dtype=np.int64))
    return writer.emit("Concat", [batch, sample], f"{node.name}.sizes", axis=0)
