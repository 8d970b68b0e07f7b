"""Primitive operations: what a graph is made of, and the leaves of every space.

One module for each family; ``base`` says what all of them share.
"""

from brickwork.space.ops.base import OUTPUTS, Input, Op, Shape, per_axis
from brickwork.space.ops.convolution import Conv, Depthwise
from brickwork.space.ops.dense import Linear
from brickwork.space.ops.join import Add, Concat, Multiply
from brickwork.space.ops.pointwise import ACTIVATIONS, Activation, Dropout, Norm, Normalize
from brickwork.space.ops.pool import GlobalPool, Pool
from brickwork.space.ops.shape import Flatten, Reshape

__all__ = [
    "ACTIVATIONS",
    "OUTPUTS",
    "Activation",
    "Add",
    "Concat",
    "Conv",
    "Depthwise",
    "Dropout",
    "Flatten",
    "GlobalPool",
    "Input",
    "Linear",
    "Multiply",
    "Norm",
    "Normalize",
    "Op",
    "Pool",
    "Reshape",
    "Shape",
    "per_axis",
]
