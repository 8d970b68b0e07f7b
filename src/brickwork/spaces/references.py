"""Published networks as spaces with one point: baselines need no code of their own."""

from __future__ import annotations

from brickwork.space import (
    Activation,
    BasicBlock,
    ClassToken,
    Conv,
    ConvNorm,
    Dropout,
    GlobalPool,
    InvertedResidual,
    Linear,
    Norm,
    PatchEmbedding,
    Pool,
    Position,
    Repeat,
    Residual,
    Select,
    Separable,
    Seq,
    Space,
    SqueezeExcite,
    TransformerBlock,
    round_to,
)
from brickwork.space.blocks import Block

__all__ = [
    "PUBLISHED",
    "dscnn",
    "efficientnetb0",
    "mobilenetv2",
    "resnet8",
    "resnet18",
    "vittiny",
]

PUBLISHED = {
    "resnet8": ((3, 32, 32), 10),
    "mobilenetv2": ((3, 224, 224), 1000),
    "dscnn": ((1, 49, 10), 12),
    "resnet18": ((3, 224, 224), 1000),
    "efficientnetb0": ((3, 224, 224), 1000),
    "vittiny": ((3, 224, 224), 1000),
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


def resnet18() -> Space:
    """ResNet-18 (He et al., 2016), with projections where the shape changes, as in torchvision."""
    body = Seq(
        Seq(ConvNorm(64, 7, 2), Pool("max", 3, 2, 1), name="stem"),
        *(
            Repeat(f"stage{i}", BasicBlock(width), 2, first=BasicBlock(width, stride=stride))
            for i, (width, stride) in enumerate(((64, 1), (128, 2), (256, 2), (512, 2)), start=1)
        ),
        Seq(GlobalPool(), Linear(), name="classifier"),
    )
    return Space("resnet18", body, doc="ResNet-18, one network")


def efficientnetb0() -> Space:
    """EfficientNet-B0 (Tan and Le, 2019).

    The norms add 0.001 to the variance, as in the authors' code (torchvision's B0: 0.00001, with
    the same sizes). Differs from the paper: no blocks are dropped in training.
    """
    settings = (
        # expand, channels, repetitions, stride, kernel
        (1, 16, 1, 1, 3),
        (6, 24, 2, 2, 3),
        (6, 40, 2, 2, 5),
        (6, 80, 3, 2, 3),
        (6, 112, 3, 1, 5),
        (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    )

    def block(channels: int, kernel: int, stride: int, expand: int) -> Block:
        # The bottleneck of the gate is a quarter of the block's input, not of the widened one.
        gate = SqueezeExcite(0.25 / expand, 1, "silu", "sigmoid")
        return InvertedResidual(channels, kernel, stride, expand, "silu", gate, eps=1e-3)

    stages = [
        Repeat(
            f"stage{i}",
            block(channels, kernel, 1, expand),
            times,
            first=block(channels, kernel, stride, expand),
        )
        for i, (expand, channels, times, stride, kernel) in enumerate(settings, start=1)
    ]
    body = Seq(
        Seq(ConvNorm(32, 3, 2, "silu", eps=1e-3), name="stem"),
        *stages,
        Seq(ConvNorm(1280, 1, 1, "silu", eps=1e-3), name="head"),
        Seq(GlobalPool(), Dropout(0.2), Linear(), name="classifier"),
    )
    return Space("efficientnetb0", body, doc="EfficientNet-B0, one network")


def vittiny() -> Space:
    """DeiT-Ti (Touvron et al., 2021): the vision transformer of 192 channels, patches of 16 pixels.

    Without the paper's distillation token. Differs from the paper: no blocks are dropped in
    training.
    """
    body = Seq(
        Seq(PatchEmbedding(192, 16), ClassToken(), Position(), name="stem"),
        Repeat("block", TransformerBlock(64, eps=1e-6), 12),
        Seq(Norm("layer", eps=1e-6), Select(), Linear(), name="classifier"),
    )
    return Space("vittiny", body, doc="DeiT-Ti (ViT-Ti/16), one network")
