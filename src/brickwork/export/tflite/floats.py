"""A float file from trained weights; raw samples go in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.lowering import lower
from brickwork.devices.program import Constant, Layer
from brickwork.export.integer.folding import Folded, fold, normalization
from brickwork.export.tflite.file import Writer
from brickwork.export.tflite.operators import emit
from brickwork.space import Graph

__all__ = ["write_tflite"]


def write_tflite(graph: Graph, weights: Mapping[str, NDArray[Any]], text: str = "") -> bytes:
    """The file: raw float samples in, channels last; logits out.

    Args:
        graph: The network.
        weights: Its weights by state-dict key.
        text: A description, kept in the file.

    Raises:
        ExportError: The network cannot be lowered, or the extra ``mcu`` is missing.
    """
    program = lower(graph)
    folded = fold(program, graph, weights)
    writer = Writer(int8=False)
    made = {0: writer.tensor("input", program.shapes[0])}
    first = made[0]
    if program.normalize >= 0:
        made[0] = _normalized(writer, first, program.shapes[0], *normalization(graph, program))
    for place, (layer, own) in enumerate(zip(program.layers, folded, strict=True)):
        name = graph.nodes[layer.node].name if layer.node >= 0 else f"{layer.kind.lower()}_{place}"
        made[layer.output] = writer.tensor(name, program.shapes[layer.output])
        inputs = [made[i] for i in layer.inputs] + _constants(writer, layer, own, name)
        emit(writer, program, layer, name, inputs, made[layer.output])
    return writer.finished([first], [made[program.output]], text)


def _normalized(
    writer: Writer,
    first: int,
    shape: tuple[int, ...],
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> int:
    """``(x - mean) * (1 / std)`` as two operators, in this order: large means cancel at once."""
    at = first
    for kind, values in (("ADD", -np.array(mean)), ("MUL", 1.0 / np.array(std))):
        constant = writer.constant(f"normalize.{kind.lower()}", values.astype(np.float32))
        options = getattr(writer.schema, f"{kind.capitalize()}OptionsT")()
        after = writer.tensor(f"normalized.{kind.lower()}", shape)
        writer.operator(kind, [at, constant], after, options)
        at = after
    return at


def _constants(writer: Writer, layer: Layer, own: Folded | None, name: str) -> list[int]:
    if own is not None:
        pairs = (("weight", own.weight), ("bias", own.bias))
        return [writer.constant(f"{name}.{k}", v.astype(np.float32)) for k, v in pairs]
    if layer.constant is not None:
        constant: Constant = layer.constant
        values = np.array(constant.values, np.float32).reshape(1, *constant.shape)
        return [writer.constant(f"{name}.constant", values)]
    if layer.kind == "PADV2":
        lowest = np.array([np.finfo(np.float32).min], np.float32)
        return [writer.constant(f"{name}.value", lowest)]
    return []
