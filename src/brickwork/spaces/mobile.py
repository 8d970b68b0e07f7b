"""The mobile space: inverted residuals with everything elastic, scaled to the input."""

from __future__ import annotations

from brickwork.space import (
    Choice,
    ConvNorm,
    GlobalPool,
    InvertedResidual,
    Linear,
    OneOf,
    Optional,
    Pool,
    Repeat,
    Seq,
    Shape,
    Space,
    SqueezeExcite,
)
from brickwork.space.blocks import Block
from brickwork.spaces.inputs import expect
from brickwork.spaces.recipes import ELASTIC

__all__ = ["mobile"]


def mobile(input: Shape = (3, 224, 224)) -> Space:
    """MBConv-type space (MobileNetV2, MnasNet) for images of any size, and for 1-D and 3-D input.

    Depth, width, expansion, kernel, squeeze-excite and skips of every stage may be chosen; the
    number of stages and the widths on offer follow from the size of the input.

    Args:
        input: Shape of a sample, ``(channels, *spatial)``.
    """
    expect("mobile", input, "series", "images", "volumes")
    side = max(input[1:])
    stem: tuple[int, ...]
    stages: tuple[tuple[int, ...], ...]
    strides: tuple[int, ...]
    if side <= 16:
        stem, stages = (4, 6, 8, 12, 16), ((4, 6, 8, 12, 16, 24), (8, 12, 16, 24, 32, 48))
        first, strides = _stem(stem), (2, 2)
    elif side <= 64:
        stem = (4, 6, 8, 12, 16, 24)
        stages = ((6, 8, 12, 16, 24), (8, 12, 16, 24, 32, 48), (12, 16, 24, 32, 48, 64, 96))
        first = _stem(stem) if side < 24 else _elastic_stem(stem)
        strides = (1, 2, 1 if 24 <= side <= 32 else 2)  # at least 7 pixels are left
    else:
        stem = (8, 16, 24, 32)
        stages = (
            (8, 16, 24),
            (16, 24, 32),
            (24, 32, 48),
            (48, 64, 96),
            (96, 160, 224),
        )
        first, strides = _stem(stem, stride=2), (1, 2, 2, 2, 2)
    body = Seq(
        Seq(first, name="stem"),
        *(
            _stage(i, widths, stride)
            for i, (widths, stride) in enumerate(zip(stages, strides, strict=True), start=1)
        ),
        Seq(GlobalPool(), Linear(), name="classifier"),
    )
    return Space("mobile", body, ELASTIC, doc="inverted residuals, everything elastic")


def _stem(widths: tuple[int, ...], stride: int = 1) -> Block:
    return ConvNorm(Choice("width", widths), 3, stride, "relu")


def _elastic_stem(widths: tuple[int, ...]) -> Block:
    """A convolution that strides, or one that sees every pixel before a pooling that does."""
    width, kernel = Choice("../../width", widths), Choice("../../kernel", (3, 5))
    pool = Pool("max", 3, 2, 1)
    return OneOf(
        "down",
        {
            "stride": ConvNorm(width, kernel, 2, "relu"),
            "pool": Seq(ConvNorm(width, kernel, 1, "relu"), pool),
        },
    )


def _stage(index: int, widths: tuple[int, ...], stride: int) -> Block:
    """One to three blocks of one width; the first one strides."""

    def block(stride: int) -> Block:
        return InvertedResidual(
            Choice("../width", widths),
            kernel=Choice("kernel", (3, 5)),
            stride=stride,
            expand=Choice("expand", (1, 2, 3, 4)),
            activation="relu",
            gate=Optional("se", SqueezeExcite()),
            skip=Choice("../skip", (False, True)),
        )

    return Repeat(f"stage{index}", block(1), Choice("depth", (1, 2, 3)), first=block(stride))
