"""A leaf module for each operation of a graph.

Their parameters have the names of PyTorch's own layers, and they compute the same; where there is a
faster way round for small networks (``fast.py``) they take it. One module for each family, as in
``space.ops``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn

from brickwork.errors import ShapeError, SpaceError
from brickwork.nets.layers import (
    convolution,
    custom,
    dense,
    join,
    norm,
    pointwise,
    pool,
    shape,
    tables,
    tokens,
)
from brickwork.nets.layers.norm import BATCH_NORM_MOMENTUM, BatchNorm
from brickwork.nets.layers.pointwise import Dropout
from brickwork.space import Node, Op, Shape, ops

__all__ = ["BATCH_NORM_MOMENTUM", "BatchNorm", "Dropout", "leaf"]


def leaf(node: Node, shapes: list[Shape], generator: torch.Generator | None) -> nn.Module:
    """The module of a node whose inputs have these shapes.

    Args:
        node: The node.
        shapes: Shapes of its inputs.
        generator: Source of the initial weights; None for weights that come from elsewhere.

    Raises:
        SpaceError: The op has no module.
        ShapeError: PyTorch cannot do what the op asks for.
    """
    make = _LEAVES.get(type(node.op))
    if make is None:
        raise SpaceError(f"{node.name}: no module is known for the op {node.op.kind!r}")
    try:
        return make(node.op, shapes, generator)
    except ShapeError as error:
        raise ShapeError(f"{node.name}: {error}") from None


_LEAVES: Mapping[type[Op], Callable[..., nn.Module]] = {
    ops.Activation: pointwise.Activation,
    ops.Add: join.Add,
    ops.Attend: join.Attend,
    ops.ClassToken: tokens.ClassToken,
    ops.Columns: tables.Columns,
    ops.Concat: join.Concat,
    ops.Conv: convolution.Convolution,
    ops.ConvTranspose: convolution.Transposed,
    ops.Custom: custom.custom,
    ops.Depthwise: convolution.Convolution,
    ops.Dropout: pointwise.dropout,
    ops.Embedding: tables.Embedding,
    ops.Flatten: shape.Flatten,
    ops.GlobalPool: pool.GlobalPool,
    ops.Linear: dense.Linear,
    ops.MaskedMean: join.MaskedMean,
    ops.Multiply: join.Multiply,
    ops.Norm: norm.norm,
    ops.Normalize: pointwise.Normalize,
    ops.Pool: pool.Pool,
    ops.Position: tokens.position,
    ops.Reshape: shape.Reshape,
    ops.Select: tokens.Select,
    ops.Softmax: pointwise.Softmax,
    ops.Tokens: shape.Tokens,
    ops.Zero: shape.Zero,
}
