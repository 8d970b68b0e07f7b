"""Spaces whose connections are searched: free graphs, and hierarchies that grow by a grammar."""

from __future__ import annotations

from collections.abc import Callable

from brickwork.space import (
    Cell,
    Choice,
    ConvNorm,
    DepthwiseNorm,
    Edge,
    GlobalPool,
    Grammar,
    Identity,
    Linear,
    OneOf,
    Parallel,
    Pool,
    Residual,
    Seq,
    Shape,
    Space,
    Sum,
    Symbol,
    Wide,
    Zero,
)
from brickwork.space.blocks import Block
from brickwork.spaces.inputs import expect
from brickwork.spaces.recipes import ELASTIC

__all__ = ["dag", "hierarchy"]


def dag(input: Shape = (3, 32, 32)) -> Space:
    """Free graphs for small images: any node may read any earlier one, and has its own operation.

    Two or three stages of one cell each, of depthwise-separable operations and elastic width. The
    first node reads what comes in, so that something always leaves.

    Args:
        input: Shape of a sample, ``(channels, *spatial)``.
    """
    expect("dag", input, "series", "images", "volumes")
    ops: dict[str, Block] = {
        "pool": Pool("average", 3, 1, 1),
        "separable3": _separable(3),
        "separable5": _separable(5),
    }

    def node(index: int) -> Sum:
        wires: dict[str, Block] = {"no": Zero(), "yes": Identity()}
        later = (Edge(i, OneOf(f"../from{i}", wires)) for i in range(index))
        return Sum((Edge(0),) if index == 1 else tuple(later), OneOf("op", ops))

    cell = Cell("cell", tuple(node(i) for i in range(1, 6)), output="ends")
    return Space(
        "dag", _staged(input, lambda: cell), ELASTIC, doc="free graphs of cheap operations"
    )


def hierarchy(input: Shape = (3, 32, 32)) -> Space:
    """Hierarchies for small images: each part of a stage is a layer, or parts of its own.

    Args:
        input: Shape of a sample, ``(channels, *spatial)``.
    """
    expect("hierarchy", input, "series", "images", "volumes")

    def part(name: str) -> Block:
        return Seq(Symbol("part"), name=name)

    rule = {
        "separable": _separable(3),
        "conv": ConvNorm(Wide(1), 3),
        "skip": Residual(part("body")),
        "sum": Parallel((part("left"), part("right"))),
        "chain": Seq(part("first"), part("second")),
    }
    grammar = Grammar("part", {"part": rule}, "part", depth=3)
    return Space("hierarchy", _staged(input, lambda: grammar), ELASTIC, doc="parts made of parts")


def _staged(input: Shape, stage: Callable[[], Block]) -> Block:
    """A stem, stages that begin with a convolution of elastic width, and a classifier."""
    widths = ((8, 12, 16, 24), (16, 24, 32, 48), (24, 32, 48, 64))
    stages = [
        Seq(ConvNorm(Choice("width", options), 3, 2 if i else 1), stage(), name=f"stage{i + 1}")
        for i, options in enumerate(widths if max(input[1:]) > 16 else widths[:2])
    ]
    return Seq(*stages, Seq(GlobalPool(), Linear(), name="classifier"))


def _separable(kernel: int) -> Block:
    return Seq(DepthwiseNorm(kernel), Seq(ConvNorm(Wide(1), 1), name="point"))
