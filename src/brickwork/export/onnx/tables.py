"""Look-up tables: ``Gather`` with ids that were moved into their range."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np
from onnx import TensorProto

from brickwork.export.onnx.writer import Writer
from brickwork.space import Node

__all__ = ["columns", "embedding"]


def embedding(writer: Writer, node: Node, inputs: list[str]) -> str:
    """A row for each id; then the channels come first."""
    op: Any = node.op
    last = np.array(op.entries - 1, dtype=np.int64)
    ids = _whole(writer, node, inputs[0], last)
    table = writer.weight(node, "weight", (op.entries, op.out))
    weight = writer.constant(f"{node.name}.weight", table)
    rows = writer.emit("Gather", [weight, ids], f"{node.name}.rows", axis=0)
    return writer.emit("Transpose", [rows], node.name, perm=(0, 2, 1))


def columns(writer: Writer, node: Node, inputs: list[str]) -> str:
    """The numbers, and beside them a row for each category."""
    op: Any = node.op
    name = node.name
    axis = writer.constant(f"{name}.axis", np.array([1], dtype=np.int64))
    middle = writer.constant(f"{name}.middle", np.array([op.numbers], dtype=np.int64))
    end = writer.constant(
        f"{name}.end", np.array([op.numbers + len(op.categories)], dtype=np.int64)
    )
    codes = writer.emit("Slice", [*inputs, middle, end, axis], f"{name}.codes")
    last = np.array(op.categories, dtype=np.int64) - 1
    ids = _whole(writer, node, codes, last)
    first = np.array([0, *accumulate(op.categories[:-1])], dtype=np.int64)
    rows = writer.emit("Add", [ids, writer.constant(f"{name}.first", first)], f"{name}.places")
    table = writer.weight(node, "weight", (sum(op.categories), op.width))
    weight = writer.constant(f"{name}.weight", table)
    vectors = writer.emit("Gather", [weight, rows], f"{name}.rows", axis=0)
    to = np.array((0, len(op.categories) * op.width), dtype=np.int64)
    flat = writer.emit("Reshape", [vectors, writer.constant(f"{name}.to", to)], f"{name}.flat")
    if op.numbers == 0:
        return flat
    start = writer.constant(f"{name}.start", np.array([0], dtype=np.int64))
    numbers = writer.emit("Slice", [*inputs, start, middle, axis], f"{name}.numbers")
    return writer.emit("Concat", [numbers, flat], name, axis=1)


def _whole(writer: Writer, node: Node, ids: str, last: np.ndarray[Any, Any]) -> str:
    """Float ids as integers from 0 to ``last``."""
    name = node.name
    cast = writer.emit("Cast", [ids], f"{name}.cast", to=TensorProto.INT64)
    least = writer.constant(f"{name}.least", np.array(0, dtype=np.int64))
    above = writer.emit("Max", [cast, least], f"{name}.above")
    return writer.emit("Min", [above, writer.constant(f"{name}.last", last)], f"{name}.ids")
