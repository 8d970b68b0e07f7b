"""Multi-layer perceptrons for tables."""

from __future__ import annotations

from brickwork.errors import SpaceError
from brickwork.space import (
    Activation,
    Choice,
    Columns,
    Dropout,
    Linear,
    Norm,
    OneOf,
    Repeat,
    Residual,
    Seq,
    Shape,
    Space,
    Wide,
)
from brickwork.space.blocks import Block
from brickwork.spaces.inputs import expect
from brickwork.spaces.recipes import TABULAR

__all__ = ["mlp"]


def mlp(input: Shape = (16,), categories: tuple[int, ...] = ()) -> Space:
    """Plain and residual perceptrons for rows of numbers and categories.

    After Gorishniy et al. ("Revisiting deep learning models for tabular data", 2021): a plain block
    is a layer with norm, activation and dropout, a residual one is a norm, a wider layer and one
    back, around which the input goes.

    Args:
        input: Shape of a sample, ``(columns,)``; numbers first, then a code for each category.
        categories: For each of the last columns how many codes it has; all others are numbers.

    Raises:
        SpaceError: There are more categories than columns.
    """
    expect("mlp", input, "rows")
    width = Choice("/width", (16, 32, 64, 128, 256))
    embedding = Choice("embedding", (2, 4, 8))
    numbers = input[0] - len(categories)
    if numbers < 0:
        raise SpaceError(f"space 'mlp' has {len(categories)} categories, got rows of {input[0]}")
    columns = (Columns(numbers, categories, embedding),) if categories else ()
    kinds: dict[str, Block] = {
        "plain": Seq(Linear(width), Norm(), Activation(), _dropout()),
        "residual": Residual(
            Seq(
                Norm(),
                Seq(Linear(Wide(Choice("../../../expand", (1, 2)))), name="expand"),
                Activation(),
                _dropout(),
                Seq(Linear(width), name="project"),
            )
        ),
    }
    body = Seq(
        Seq(*columns, Linear(width), name="stem"),
        Repeat("block", OneOf("/kind", kinds), Choice("depth", (1, 2, 3, 4))),
        Seq(Norm(), Activation(), Linear(), name="classifier"),
    )
    return Space("mlp", body, TABULAR, doc="plain and residual perceptrons for tables")


def _dropout() -> Dropout:
    return Dropout(Choice("/dropout", (0.0, 0.1, 0.3)))
