"""What collects the nodes and constants of an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from brickwork.errors import ExportError
from brickwork.space import Conv, ConvTranspose, Depthwise, Graph, Linear, Node, Norm, Shape

__all__ = ["LAYERS", "Array", "Writer"]

Array = NDArray[Any]

LAYERS = (Conv, ConvTranspose, Depthwise, Linear)
"""Operations with a weight and perhaps a bias, into which a batch norm can be folded."""


class Writer:
    """Collects ONNX nodes and constants on one walk over a graph.

    Attributes:
        nodes: The ONNX nodes, in execution order.
        constants: The initializers by name.
        shapes: The shapes of tensors that ONNX's own inference does not find.
        folded: The layers that a batch norm is folded into, and that norm, both by index.
    """

    def __init__(self, graph: Graph, weights: Mapping[str, Array], fold: bool) -> None:
        self.graph = graph
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self.shapes: list[onnx.ValueInfoProto] = []
        self.folded = _folds(graph) if fold else {}

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

    def shaped(self, name: str, shape: Shape) -> str:
        """Say the shape of a tensor that ONNX's own inference does not find."""
        info = helper.make_tensor_value_info(name, TensorProto.FLOAT, ("batch", *shape))
        self.shapes.append(info)
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

    def fold(self, layer: Node, norm: Node) -> tuple[Array, Array]:
        """Weight and bias of a layer that is followed by a batch norm, with the norm in them."""
        weight, bias = self.layer(layer)
        gamma, beta, mean, variance = (w.astype(np.float64) for w in self.norm(norm))
        scale = gamma / np.sqrt(variance + norm.op.eps)  # type: ignore[attr-defined]  # it is a Norm
        shift = beta + ((0.0 if bias is None else bias) - mean) * scale
        per_output = scale.astype(np.float32)
        window = (1,) * (weight.ndim - 2)
        if isinstance(layer.op, ConvTranspose):  # its outputs lie along the second axis
            groups: int = layer.op.groups  # type: ignore[assignment]  # concrete in a graph
            grouped = weight.reshape(groups, -1, *weight.shape[1:])
            scaled = grouped * per_output.reshape(groups, 1, -1, *window)
            return scaled.reshape(weight.shape), shift.astype(np.float32)
        return weight * per_output.reshape(-1, 1, *window), shift.astype(np.float32)


def _folds(graph: Graph) -> dict[int, int]:
    """The layers (by index) whose only reader is a batch norm, and that norm."""
    folds: dict[int, int] = {}
    for index, readers in enumerate(graph.consumers()):
        if len(readers) == 1 and isinstance(graph.nodes[index].op, LAYERS):
            reader = graph.nodes[readers[0]].op
            if isinstance(reader, Norm) and reader.how == "batch":
                folds[index] = readers[0]
    return folds
