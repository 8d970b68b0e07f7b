"""Several inputs become one."""

from __future__ import annotations

from brickwork.export.onnx.writer import Writer
from brickwork.space import Node

__all__ = ["add", "concat", "multiply"]


def add(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``Add`` takes two at a time."""
    total = inputs[0]
    for i, other in enumerate(inputs[1:-1]):
        total = writer.emit("Add", [total, other], f"{node.name}.{i}")
    return writer.emit("Add", [total, inputs[-1]], node.name)


def concat(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``Concat`` along the channels."""
    return writer.emit("Concat", inputs, node.name, axis=1)


def multiply(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``Mul``; a gate is broadcast."""
    return writer.emit("Mul", inputs, node.name)
