"""The ResNet family: basic and bottleneck blocks, from ResNet-8 to beyond ResNet-50."""

from __future__ import annotations

from brickwork.space import (
    BasicBlock,
    Bottleneck,
    Choice,
    ConvNorm,
    GlobalPool,
    Linear,
    OneOf,
    Pool,
    Repeat,
    Seq,
    Shape,
    Space,
    Wide,
)
from brickwork.space.blocks import Block
from brickwork.spaces.inputs import expect
from brickwork.spaces.recipes import ELASTIC

__all__ = ["residual"]


def residual(input: Shape = (3, 224, 224)) -> Space:
    """ResNets (He et al., 2016) for images of any size, and for 1-D and 3-D input.

    Each stage has its own depth, width and kind of block, each block its own kernel. Above 64
    pixels ResNet-18, -34 and -50 lie inside, at 17 to 64 pixels the ResNet-8, -14, -20 and -32 of
    the paper's section on CIFAR-10, with projections where the shape changes. Widths are those of
    the output, so that both kinds of block fit; the inner width of bottlenecks is a decision of
    its own.

    Args:
        input: Shape of a sample, ``(channels, *spatial)``.
    """
    expect("residual", input, "series", "images", "volumes")
    side = max(input[1:])
    stem: Block
    widths: tuple[tuple[int, ...], ...]
    strides: tuple[int, ...]
    depths: tuple[int, ...]
    if side <= 16:
        widths, strides, depths = ((4, 8, 16, 32), (8, 16, 32, 64)), (2, 2), (1, 2, 3)
        stem = ConvNorm(Choice("width", (4, 8, 16)), Choice("kernel", (3, 5)))
    elif side <= 64:
        widths = ((8, 16, 32, 64), (16, 32, 64, 128), (32, 64, 128, 256))
        strides, depths = (1, 2, 2), (1, 2, 3, 5)
        stem = ConvNorm(Choice("width", (8, 16, 32)), Choice("kernel", (3, 5)))
    else:
        widths = tuple(tuple(w * 2**i for w in (32, 64, 128, 256)) for i in range(4))
        strides, depths = (1, 2, 2, 2), (1, 2, 3, 4, 6)
        down: dict[str, Block] = {"pool": Pool("max", 3, 2, 1), "conv": ConvNorm(Wide(1), 3, 2)}
        wide = ConvNorm(Choice("width", (16, 32, 64)), Choice("kernel", (3, 5, 7)), 2)
        stem = Seq(wide, OneOf("down", down))
    stages = [
        _stage(f"stage{i}", options, depths, stride)
        for i, (options, stride) in enumerate(zip(widths, strides, strict=True), start=1)
    ]
    body = Seq(Seq(stem, name="stem"), *stages, Seq(GlobalPool(), Linear(), name="classifier"))
    return Space("residual", body, ELASTIC, doc="ResNets: basic and bottleneck blocks")


def _stage(name: str, widths: tuple[int, ...], depths: tuple[int, ...], stride: int) -> Block:
    """Blocks of one kind and one width; the first one strides."""
    width = Choice(f"/{name}.width", widths)
    inner = Choice(f"/{name}.inner", tuple(w // 4 for w in widths))

    def block(stride: int) -> Block:
        kernel = Choice("../../kernel", (3, 5))
        kinds: dict[str, Block] = {
            "basic": BasicBlock(width, kernel, stride),
            "bottleneck": Bottleneck(width, inner, kernel, stride),
        }
        return OneOf(f"/{name}.block", kinds)

    return Repeat(name, block(1), Choice("depth", depths), first=block(stride))
