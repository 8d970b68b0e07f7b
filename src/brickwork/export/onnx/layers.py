"""Convolutions and fully connected layers; their weights come in as constants."""

from __future__ import annotations

from typing import Any

from brickwork.export.onnx.writer import Writer
from brickwork.space import Depthwise, Node, per_axis

__all__ = ["convolution", "linear", "transposed", "window_attributes"]


def window_attributes(
    node: Node, kernel: Any, stride: Any, padding: Any
) -> dict[str, tuple[int, ...]]:
    """The attributes that convolutions and pooling share; ONNX wants pads as begins, then ends."""
    axes = len(node.shape) - 1
    return {
        "kernel_shape": per_axis(kernel, axes),
        "strides": per_axis(stride, axes),
        "pads": per_axis(padding, axes) * 2,
    }


def convolution(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``Conv``."""
    op: Any = node.op
    return writer.emit(
        "Conv",
        inputs,
        node.name,
        dilations=per_axis(op.dilation, len(node.shape) - 1),
        group=node.shape[0] if isinstance(op, Depthwise) else op.groups,
        **window_attributes(node, op.kernel, op.stride, op.pads),
    )


def transposed(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``ConvTranspose``."""
    op: Any = node.op
    return writer.emit(
        "ConvTranspose",
        inputs,
        node.name,
        group=op.groups,
        output_padding=per_axis(op.output_padding, len(node.shape) - 1),
        **window_attributes(node, op.kernel, op.stride, op.padding),
    )


def linear(writer: Writer, node: Node, inputs: list[str]) -> str:
    """``Gemm``, which is matrix and bias in one."""
    return writer.emit("Gemm", inputs, node.name, transB=1)
