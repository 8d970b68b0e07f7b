"""Published networks as spaces with one point: baselines need no code of their own."""

from __future__ import annotations

from brickwork.space import (
    Activation,
    Conv,
    ConvNorm,
    Dropout,
    GlobalPool,
    InvertedResidual,
    Linear,
    Norm,
    Repeat,
    Residual,
    Separable,
    Seq,
    Space,
    round_to,
)
from brickwork.space.blocks import Block

__all__ = ["PUBLISHED", "dscnn", "mobilenetv2", "resnet8"]

PUBLISHED = {
    "resnet8": ((3, 32, 32), 10),
    "mobilenetv2": ((3, 224, 224), 1000),
    "dscnn": ((1, 49, 10), 12),
}
"""Input shape and number of outputs each network was published with."""


def resnet8() -> Space:
    """ResNet-8 of MLPerf Tiny (image classification), after ResNet (He et al., 2016).

    Three residual stages of 16, 32 and 64 channels. As in the benchmark's Keras reference every
    convolution has a bias and the projections have no norm.
    """

    def stage(name: str, width: int, stride: int) -> Block:
        body = Seq(
            Seq(Conv(width, 3, stride, bias=True), Norm(), Activation(), name="first"),
            Seq(Conv(width, 3, bias=True), Norm(), name="second"),
        )
        projection = Conv(width, 1, stride, bias=True)
        return Seq(Residual(body, projection), Activation(), name=name)

    body = Seq(
        Seq(ConvNorm(16, 3, bias=True), name="stem"),
        stage("stage1", 16, 1),
        stage("stage2", 32, 2),
        stage("stage3", 64, 2),
        Seq(GlobalPool(), Linear(), name="classifier"),
    )
    return Space("resnet8", body, doc="ResNet-8 of MLPerf Tiny, one network")


def mobilenetv2(width: float = 1.0) -> Space:
    """MobileNetV2 (Sandler et al., 2018), at a width multiplier."""
    settings = (
        # expand, channels, repetitions, stride
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )
    stages = [
        Repeat(
            f"stage{i}",
            InvertedResidual(round_to(channels * width, 8), expand=expand),
            times,
            first=InvertedResidual(round_to(channels * width, 8), stride=stride, expand=expand),
        )
        for i, (expand, channels, times, stride) in enumerate(settings, start=1)
    ]
    last = round_to(1280 * max(1.0, width), 8)
    body = Seq(
        Seq(ConvNorm(round_to(32 * width, 8), 3, 2, "relu6"), name="stem"),
        *stages,
        Seq(ConvNorm(last, 1, 1, "relu6"), name="head"),
        Seq(GlobalPool(), Dropout(0.2), Linear(), name="classifier"),
    )
    return Space("mobilenetv2", body, doc="MobileNetV2 1.0, one network")


def dscnn() -> Space:
    """DS-CNN of MLPerf Tiny (keyword spotting), after Zhang et al., "Hello Edge", 2017.

    A 10x4 convolution at stride 2, then four depthwise-separable blocks of 64 channels. As in the
    benchmark's Keras reference every convolution has a bias.
    """
    body = Seq(
        Seq(
            ConvNorm(64, (10, 4), 2, bias=True, padding=(5, 1)),
            Dropout(0.2),
            name="stem",
        ),
        Repeat("block", Separable(64, bias=True), 4),
        Seq(Dropout(0.4), GlobalPool(), Linear(), name="classifier"),
    )
    return Space("dscnn", body, doc="DS-CNN of MLPerf Tiny, one network")
