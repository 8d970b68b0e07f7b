"""Small networks that together have every op, for the tests of exported files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from brickwork.space import (
    ACTIVATIONS,
    Activation,
    Add,
    ClassToken,
    Columns,
    Concat,
    Conv,
    ConvNorm,
    ConvTranspose,
    Depthwise,
    DepthwiseNorm,
    Dropout,
    Embedding,
    Flatten,
    GlobalPool,
    Graph,
    Identity,
    InvertedResidual,
    Linear,
    MaskedMean,
    MlpBlock,
    Multiply,
    Norm,
    Normalize,
    Op,
    Parallel,
    PatchEmbedding,
    Pool,
    Position,
    Repeat,
    Reshape,
    Residual,
    Select,
    Separable,
    Seq,
    Shape,
    Softmax,
    Space,
    SqueezeExcite,
    TransformerBlock,
    Wide,
    Zero,
    graph,
)
from brickwork.space.blocks import Block
from brickwork.spaces.attention import transformer, vit
from brickwork.spaces.cell import darts, nasbench201
from brickwork.spaces.mobile import mobile
from brickwork.spaces.residual import residual
from brickwork.spaces.signals import series, speech
from brickwork.spaces.tables import mlp
from brickwork.spaces.texts import textcnn
from brickwork.spaces.wiring import dag, hierarchy
from brickwork.trial import rng_for

INPUTS: dict[int, Shape] = {0: (13,), 1: (3, 24), 2: (3, 10, 9), 3: (3, 8, 7, 9)}
HEAD = Seq(GlobalPool(), Linear(), name="head")


@dataclass(frozen=True, slots=True)
class Strange(Op):
    """An op that no exporter knows."""

    kind: ClassVar[str] = "strange"


def graph_of(
    body: Block, input: Shape = (3, 10, 9), outputs: int = 5, normalize: Normalize | None = None
) -> Graph:
    space = Space("test", body)
    return graph(space, space.arch(), input, outputs, normalize)


def member(input: Shape, seed: int, outputs: int = 5) -> Graph:
    """A random member of the mobile space."""
    space = mobile(input)
    arch = space.sample(rng_for(seed, "member"))
    return graph(space, arch, input, outputs, Normalize((100.0,), (60.0,)))


WIRED = ("nasbench201", "darts", "dag", "hierarchy")


def wired(name: str) -> list[Graph]:
    """The extremes and random members of a small space whose connections are searched."""
    space = {
        "nasbench201": nasbench201(channels=4, cells=2),
        "darts": darts(channels=4, cells=4),
        "dag": dag(),
        "hierarchy": hierarchy(),
    }[name]
    archs = [*space.extremes(), *(space.sample(rng_for(seed, "wired")) for seed in range(3))]
    return [graph(space, arch, (3, 16, 16), 5, Normalize((100.0,), (60.0,))) for arch in archs]


FAMILIES: dict[str, tuple[Space, Shape]] = {
    "residual": (residual((3, 12, 11)), (3, 12, 11)),
    "speech": (speech((1, 20, 9)), (1, 20, 9)),
    "series": (series((2, 40)), (2, 40)),
    "vit": (vit((3, 12, 11)), (3, 12, 11)),
    "transformer": (transformer((9,), 50), (9,)),
    "textcnn": (textcnn((9,), 50), (9,)),
    "mlp": (mlp((6,), (3, 4)), (6,)),
}
"""Small spaces of the catalogue that are not wired, and the shape of a sample."""


def relatives(name: str) -> list[Graph]:
    """The largest and two random members of such a space; rows are not normalised."""
    space, input = FAMILIES[name]
    normalize = None if len(input) == 1 else Normalize((100.0,), (60.0,))
    archs = [space.extremes()[1], *(space.sample(rng_for(seed, "family")) for seed in range(2))]
    return [graph(space, arch, input, 5, normalize) for arch in archs]


def raw(whole: Graph, samples: int = 3, seed: int = 0) -> NDArray[np.float32]:
    """Raw pixels for a graph."""
    return rng_for(seed, "raw").integers(0, 255, (samples, *whole.input)).astype(np.float32)


def relative(expected: NDArray[Any], found: NDArray[Any]) -> float:
    """Largest difference, relative to the largest expected value."""
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-6))


def every_op(axes: int) -> dict[str, Block]:
    """Networks that together have every op with every setting, for so many spatial axes."""
    return _images(axes) if axes else _rows()


def _rows() -> dict[str, Block]:
    """Networks for rows of numbers: tables and texts."""

    def text(position: Block, *encoder: Block) -> Block:
        body = Seq(Embedding(9, 6), position, *encoder, name="text")
        return Seq(Parallel((body, Identity()), MaskedMean()), Linear())

    return {
        "tables": Seq(Columns(8, (3, 4, 2, 7, 5), 3), Linear(6), Norm(), Activation(), Linear()),
        "categories": Seq(Columns(0, (3,) * 13, 2), Linear(6), Activation("gelu"), Linear()),
        "texts": text(Position(), TransformerBlock(2, dropout=0.1)),
        "sentences": text(Position("sinusoidal"), TransformerBlock(3, Wide(2)), Norm("layer")),
        "words": text(Identity(), ConvNorm(4, 3), MlpBlock(2)),
        "lists": Seq(Embedding(9, 3), Position("sinusoidal"), Select(-1), Linear()),
    }


def _images(axes: int) -> dict[str, Block]:
    size = INPUTS[axes][1:]
    uneven = (3, 1, 2)[:axes]
    return {
        "activations": Seq(
            Conv(6, 1),
            *(Seq(Conv(6, 1, bias=True), Activation(how), name=how) for how in ACTIVATIONS),
            HEAD,
        ),
        "convolutions": Seq(
            Conv(6, 3, 2, bias=True),
            Conv(6, 3, groups=3, padding=2),
            Conv(8, 3, dilation=2),
            Conv(8, uneven, padding=(1, 0, 1)[:axes]),
            Depthwise(3, bias=True),
            Depthwise(5, 2),
            Depthwise(3, dilation=2, padding=2),
            HEAD,
        ),
        "norms": Seq(
            Norm(),
            Conv(6, 1),
            Norm("layer"),
            Conv(6, 1),
            Norm("group", 3, eps=1e-3),
            Conv(6, 1, bias=True),
            Norm(eps=1e-2),
            Norm(),
            GlobalPool(),
            Linear(7),
            Norm(),
            Linear(6, bias=False),
            Norm("layer"),
            Norm("group", 2),
            Linear(),
        ),
        "pools": Seq(
            Conv(4, 1),
            Pool("max", 3, 2, 1),
            Pool("average", 3, 1, 1),
            Pool("max", 2, 1),
            Pool("average", uneven, 1, (1, 0, 0)[:axes]),
            Parallel((GlobalPool("max", keep=True), GlobalPool(keep=True)), Concat()),
            GlobalPool("max"),
            Linear(),
        ),
        "shares": Seq(
            Conv(6, 1, bias=True),
            Softmax(),
            Conv(4, 1),
            Norm(),
            Pool("max", 2),
            Softmax(),
            HEAD,
            Softmax(),
        ),
        "shapes": Seq(
            Conv(4, 1, bias=True),
            Dropout(0.3),
            Reshape((2, 2 * size[0], *size[1:])),
            Flatten(),
            Reshape((4, *size)),
            Flatten(),
            Linear(6),
            Dropout(0.5),
            Linear(),
        ),
        "joins": Seq(
            Parallel((Identity(), Conv(3, 3), Seq(Conv(3, 1), name="third")), Add()),
            Parallel((Identity(), Seq(Conv(3, 1), GlobalPool(keep=True), name="gate")), Multiply()),
            Parallel((Identity(), Depthwise(3), Identity()), Concat()),
            Residual(Conv(9, 3)),
            Residual(Conv(4, 3, 2), Conv(4, 1, 2)),
            SqueezeExcite(),
            Parallel((Conv(4, 3, 2), Seq(Conv(4, 1), Zero(2), name="none"))),
            Parallel((Identity(), Seq(Zero(), Conv(4, 1, bias=True), name="bias")), Concat()),
            Parallel((Identity(), Zero(to=(8, *(-(-n // 4) for n in size)))), Concat()),
            HEAD,
        ),
        "blocks": Seq(
            Seq(ConvNorm(6, 3, 1, "hard_swish"), name="stem"),
            Repeat("deep", InvertedResidual(6, 3, expand=2, gate=SqueezeExcite()), 2),
            Repeat("wide", Seq(DepthwiseNorm(3), Seq(ConvNorm(8, 1), name="point")), 2),
            Repeat("separable", Separable(6), 2),
            HEAD,
        ),
        "decoders": Seq(
            Seq(Conv(6, 3, 2), ConvTranspose(4, bias=True), Activation(), name="double"),
            Seq(Conv(6, 3, 2), ConvTranspose(6, 3, 2, 1, 1, groups=3), Norm(), name="grouped"),
            Seq(ConvTranspose(4, uneven, 1), Norm(), Activation(), name="uneven"),
            ConvTranspose(3, 3, 3, (1, 0, 2)[:axes]),
            HEAD,
        ),
        "attention": Seq(
            Seq(PatchEmbedding(6, (3, 2, 3)[:axes]), ClassToken(), Position(), name="stem"),
            Repeat("block", TransformerBlock(3, expand=2, eps=1e-6), 2),
            TransformerBlock(2, 4, 1, "relu", 0.1, bias=False),
            Norm("layer"),
            Select(),
            Linear(),
        ),
        "zeros": Seq(
            Parallel((Conv(4, 1), Zero(out=4)), Add()),
            Parallel((Conv(4, 1, 2), Zero(2), Pool("max", 1, 2)), Add()),
            Parallel((Identity(), Zero(1, 3)), Concat()),
            HEAD,
        ),
    }


CASES = [(axes, name) for axes in INPUTS for name in every_op(axes)]
"""Every network of ``every_op``: number of axes and name."""
