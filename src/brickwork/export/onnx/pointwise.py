"""What keeps the shape: normalisation, norms, activations, softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from brickwork.export.onnx.writer import Writer
from brickwork.space import Node

__all__ = ["activation", "norm", "normalize", "softmax"]


def normalize(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``Sub`` and ``Div``, the first operations of the model."""
    op: Any = node.op
    ones = (1,) * (len(node.shape) - 1)
    mean = np.array(op.mean, dtype=np.float32).reshape(-1, *ones)
    std = np.array(op.std, dtype=np.float32).reshape(-1, *ones)
    mean_name = writer.constant(f"{node.name}.mean", mean)
    centred = writer.emit("Sub", [*inputs, mean_name], f"{node.name}.centred")
    return writer.emit("Div", [centred, writer.constant(f"{node.name}.std", std)], node.name)


def norm(writer: Writer, node: Node, inputs: list[str]) -> str:
    """The norm's own operator; a layer norm between two transpositions."""
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
        return writer.shaped(value, node.shape)
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


def activation(writer: Writer, node: Node, inputs: list[str]) -> str:
    """One operator, or the few that compute the same."""
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
    if how == "hard_sigmoid":  # PyTorch"s slope is 1/6, the default of ONNX is 0.2
        return writer.emit("HardSigmoid", inputs, node.name, alpha=1 / 6, beta=0.5)
    return writer.emit(_PLAIN_ACTIVATIONS[how], inputs, node.name)


def softmax(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``Softmax`` over the channels."""
    return writer.emit("Softmax", inputs, node.name, axis=1)


_PLAIN_ACTIVATIONS = {
    "relu": "Relu",
    "gelu": "Gelu",
    "hard_swish": "HardSwish",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
}
