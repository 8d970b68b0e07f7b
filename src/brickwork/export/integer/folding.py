"""Trained weights in the layout of TensorFlow Lite, with batch norms folded into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.flattened import orders
from brickwork.devices.program import Layer, Program
from brickwork.errors import ExportError
from brickwork.space import Graph, Node, Shape

__all__ = ["Folded", "fold", "normalization"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """Weight and bias of a layer.

    Attributes:
        weight: As ``Program.weight_shape`` says.
        bias: (out,).
    """

    weight: Floats
    bias: Floats


def fold(
    program: Program, graph: Graph, weights: Mapping[str, NDArray[Any]]
) -> tuple[Folded | None, ...]:
    """For each layer its weight and bias; None for one without.

    Args:
        program: What ``graph`` was lowered to.
        graph: The network.
        weights: Its weights by state-dict key.

    Raises:
        ExportError: A weight is missing or has another shape.
    """
    flattened = orders(program)
    found: list[Folded | None] = []
    for layer in program.layers:
        if not program.weight_shape(layer):
            found.append(None)
            continue
        order = flattened[layer.inputs[0]]
        weight, bias = _own(program, graph, layer, weights, order)
        axis = 3 if layer.kind == "DEPTHWISE_CONV_2D" else 0
        for index in layer.norms:
            scale, shift = _norm(graph.nodes[index], weights)
            if order is not None and layer.node < 0:
                scale, shift = _reordered(scale, order), _reordered(shift, order)
            along = [1] * weight.ndim
            along[axis] = -1
            weight = weight * scale.reshape(along)
            bias = bias * scale + shift
        found.append(Folded(weight, bias))
    return tuple(found)


def normalization(graph: Graph, program: Program) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation that raw inputs are normalised with."""
    if program.normalize < 0:
        return (0.0,), (1.0,)
    op: Any = graph.nodes[program.normalize].op
    return tuple(op.mean), tuple(op.std)


def _own(
    program: Program,
    graph: Graph,
    layer: Layer,
    weights: Mapping[str, NDArray[Any]],
    order: Shape | None,
) -> tuple[Floats, Floats]:
    """Weight and bias of the op itself, in the layout of TensorFlow Lite."""
    shape = program.weight_shape(layer)
    if layer.node < 0:  # a norm that stands alone: a depthwise convolution of one pixel
        return np.ones(shape), np.zeros(shape[-1])
    node = graph.nodes[layer.node]
    weight = _weight(node, "weight", weights)
    count = shape[-1] if layer.kind == "DEPTHWISE_CONV_2D" else shape[0]
    has_bias = "bias" in node.op.weights(graph.shapes_into(node))
    bias = _weight(node, "bias", weights) if has_bias else np.zeros(count)
    if layer.kind == "FULLY_CONNECTED":
        found = weight if order is None else _reordered(weight, order)
    else:
        if weight.ndim == 3:  # along a sequence: height 1
            weight = weight[:, :, None]
        if layer.kind == "TRANSPOSE_CONV" or layer.kind == "DEPTHWISE_CONV_2D":
            found = weight.transpose(1, 2, 3, 0)
        else:
            found = weight.transpose(0, 2, 3, 1)
    if found.shape != shape:
        raise ExportError(
            f"the weight of {node.name} has shape {weight.shape}, not that of {shape}"
        )
    return np.ascontiguousarray(found), bias


def _norm(node: Node, weights: Mapping[str, NDArray[Any]]) -> tuple[Floats, Floats]:
    """A batch norm as a factor and a shift for each channel."""
    names = ("weight", "bias", "running_mean", "running_var")
    gamma, beta, mean, variance = [_weight(node, name, weights) for name in names]
    op: Any = node.op
    scale = gamma / np.sqrt(variance + op.eps)
    return scale, beta - mean * scale


def _reordered(values: Floats, order: Shape) -> Floats:
    """The last axis from channels first to channels last."""
    height, width, channels = order
    grid = values.reshape(*values.shape[:-1], channels, height, width)
    return np.moveaxis(grid, -3, -1).reshape(values.shape)


def _weight(node: Node, name: str, weights: Mapping[str, NDArray[Any]]) -> Floats:
    key = f"{node.name}.{name}"
    if key not in weights:
        raise ExportError(f"the weights have no {key!r}: they belong to another network")
    return np.asarray(weights[key], dtype=np.float64)
