"""Primitive operations: what a graph is made of, and the leaves of every space.

One module for each family; ``base`` says what all of them share.
"""

from brickwork.space.ops.base import OUTPUTS, Extent, Input, Op, Shape, per_axis
from brickwork.space.ops.convolution import Conv, ConvTranspose, Depthwise
from brickwork.space.ops.custom import Custom, Description
from brickwork.space.ops.dense import Linear
from brickwork.space.ops.join import Add, Attend, Concat, MaskedMean, Multiply
from brickwork.space.ops.pointwise import ACTIVATIONS, Activation, Dropout, Norm, Normalize, Softmax
from brickwork.space.ops.pool import GlobalPool, Pool
from brickwork.space.ops.shape import Flatten, Reshape, Tokens, Zero
from brickwork.space.ops.tables import Columns, Embedding
from brickwork.space.ops.tokens import ClassToken, Position, Select

__all__ = [
    "ACTIVATIONS",
    "OUTPUTS",
    "Activation",
    "Add",
    "Attend",
    "ClassToken",
    "Columns",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Custom",
    "Depthwise",
    "Description",
    "Dropout",
    "Embedding",
    "Extent",
    "Flatten",
    "GlobalPool",
    "Input",
    "Linear",
    "MaskedMean",
    "Multiply",
    "Norm",
    "Normalize",
    "Op",
    "Pool",
    "Position",
    "Reshape",
    "Select",
    "Shape",
    "Softmax",
    "Tokens",
    "Zero",
    "per_axis",
]
