"""Spaces for what comes over time: spectrograms of speech, and series of any kind."""

from __future__ import annotations

from brickwork.space import (
    BasicBlock,
    Choice,
    ConvNorm,
    GlobalPool,
    Linear,
    OneOf,
    Optional,
    Repeat,
    Separable,
    Seq,
    Shape,
    Space,
    SqueezeExcite,
)
from brickwork.space.blocks import Block
from brickwork.spaces.inputs import expect
from brickwork.spaces.recipes import ELASTIC

__all__ = ["series", "speech"]

_FEW = 1000  # cells of a spectrogram, of which one halving is enough


def speech(input: Shape = (1, 49, 10)) -> Space:
    """DS-CNN (Zhang et al., "Hello Edge", 2017) for spectrograms of one second or so.

    A strided convolution that sees more of time than of frequency, then depthwise-separable
    convolutions of one width; 64, 172 and 276 channels are the paper's small, medium and large.
    Its dropout and its uneven strides are left out.

    Args:
        input: Shape of a sample, ``(channels, frames, bands)``.
    """
    expect("speech", input, "images")
    width = Choice("/width", (16, 24, 32, 48, 64, 96, 128, 172, 276))
    windows: dict[str, Block] = {
        "short": ConvNorm(width, (5, 3), 2),
        "long": ConvNorm(width, (9, 5), 2),
    }

    def block(stride: int) -> Block:
        return Separable(width, Choice("kernel", (3, 5)), stride)

    depth = Choice("depth", (2, 3, 4, 5, 6))
    first = block(1 if input[1] * input[2] < _FEW else 2)
    body = Seq(
        Seq(OneOf("window", windows), name="stem"),
        Repeat("block", block(1), depth, first=first),
        Seq(GlobalPool(), Linear(), name="classifier"),
    )
    return Space("speech", body, ELASTIC, doc="DS-CNN for spectrograms of speech")


def series(input: Shape = (3, 128)) -> Space:
    """Residual convolutions over time, with short and long windows, near and far spaced.

    After the ResNet for time series of Wang et al. ("Time series classification from scratch",
    2017), with the dilations of Bai et al. ("An empirical evaluation of generic convolutional and
    recurrent networks for sequence modeling", 2018). Stages halve the length until 8 to 16 steps
    are left, six times at most.

    Args:
        input: Shape of a sample, ``(channels, length)``.
    """
    expect("series", input, "series")
    length = input[1]
    stride = 1 if length <= 64 else 2 if length <= 1024 else 4
    widths = ((8, 16, 24, 32), (12, 24, 32, 48), (16, 32, 48, 64), (24, 48, 64, 96))
    count = min(6, max(2, (length // stride).bit_length() - 4))
    stages = [_stage(f"stage{i + 1}", widths[min(i, len(widths) - 1)]) for i in range(count)]
    stem = ConvNorm(Choice("width", (8, 16, 24, 32)), Choice("kernel", (3, 7, 15)), stride)
    body = Seq(Seq(stem, name="stem"), *stages, Seq(GlobalPool(), Linear(), name="classifier"))
    return Space("series", body, ELASTIC, doc="residual convolutions over time")


def _stage(name: str, widths: tuple[int, ...]) -> Block:
    """Blocks of one width; the first one halves the length."""

    def block(stride: int) -> Block:
        return BasicBlock(
            Choice("../width", widths),
            Choice("kernel", (3, 5, 9)),
            stride,
            Choice("dilation", (1, 2, 4)),
            gate=Optional("se", SqueezeExcite()),
        )

    return Repeat(name, block(1), Choice("depth", (1, 2, 3)), first=block(2))
