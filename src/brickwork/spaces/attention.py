"""Transformers, for texts and for images."""

from __future__ import annotations

from math import prod

from brickwork.space import (
    Choice,
    ClassToken,
    Dropout,
    Embedding,
    GlobalPool,
    Identity,
    Linear,
    MaskedMean,
    Norm,
    OneOf,
    Parallel,
    PatchEmbedding,
    Position,
    Repeat,
    Select,
    Seq,
    Shape,
    Space,
    TransformerBlock,
)
from brickwork.spaces.inputs import expect
from brickwork.spaces.recipes import GENTLE

__all__ = ["transformer", "vit"]

_POSITIONS = ("sinusoidal", "learned")


def transformer(input: Shape = (64,), vocabulary: int = 4096) -> Space:
    """Encoders (Vaswani et al., 2017) for texts, with the norms in front, and the mean at the end.

    Width and depth of the encoder, heads and inner width of each block, and the kind of positions
    may be chosen. Positions with id 0 are padding: the mean leaves them out.

    Args:
        input: Shape of a sample, ``(length,)``: ids, as whole numbers.
        vocabulary: How many ids there are, from 0.
    """
    expect("transformer", input, "rows")
    block = TransformerBlock(
        16, Choice("attention", (16, 32, 64, 128)), Choice("expand", (1, 2, 4)), dropout=0.1
    )
    stem = Seq(
        Embedding(vocabulary, Choice("width", (32, 48, 64, 96, 128))),
        Position(Choice("position", _POSITIONS)),
        Dropout(0.1),
        name="stem",
    )
    blocks = Repeat("block", block, Choice("depth", (1, 2, 3, 4)))
    encoder = Seq(stem, blocks, Norm("layer"), name="encoder")
    body = Seq(
        Parallel((encoder, Identity()), MaskedMean()),
        Seq(Linear(), name="classifier"),
    )
    return Space("transformer", body, GENTLE, doc="encoders for texts, as ids")


def vit(input: Shape = (3, 224, 224)) -> Space:
    """Vision transformers (Dosovitskiy et al., 2021), with as small patches as stay affordable.

    A token for each patch and one for the class; what is said of the whole is read off that one,
    or off the mean of all. The size of a patch follows from the input, since positions of another
    number of tokens could not be shared: it leaves at most 64 tokens of up to 64x64 pixels, and at
    most 256 of more. At 224x224 pixels DeiT-Ti and DeiT-S (Touvron et al., 2021) lie inside.

    Args:
        input: Shape of a sample, ``(channels, *spatial)``.
    """
    expect("vit", input, "series", "images", "volumes")
    pixels = prod(input[1:])
    attention: tuple[int, ...]
    widths: tuple[int, ...]
    if pixels <= 16**2:
        head, widths, attention, depths = 8, (16, 24, 32, 48), (8, 16, 32), (1, 2, 3, 4)
    elif pixels <= 64**2:
        head, widths, attention, depths = 16, (32, 48, 64, 96), (16, 32, 64), (2, 3, 4, 6)
    else:
        head, widths, attention, depths = 64, (96, 192, 384), (64, 128, 192, 384), (4, 6, 8, 12)
    block = TransformerBlock(
        head, Choice("attention", attention), Choice("expand", (1, 2, 4)), eps=1e-6
    )
    pool = OneOf("pool", {"mean": GlobalPool(), "token": Select()})
    body = Seq(
        Seq(
            PatchEmbedding(Choice("width", widths), _patch(input, 64 if pixels <= 64**2 else 256)),
            ClassToken(),
            Position(Choice("position", _POSITIONS)),
            name="stem",
        ),
        Repeat("block", block, Choice("depth", depths)),
        Seq(Norm("layer", eps=1e-6), pool, Linear(), name="classifier"),
    )
    return Space("vit", body, GENTLE, doc="vision transformers on patches")


def _patch(input: Shape, most: int) -> int | tuple[int, ...]:
    """Side of a patch: the smallest power of two, from 2, that leaves at most so many tokens.

    Where an axis is shorter than that, the patch has a side for each axis.
    """
    patch = 2
    while prod(max(1, size // patch) for size in input[1:]) > most:
        patch *= 2
    sides = tuple(min(patch, size) for size in input[1:])
    return patch if min(sides) == patch else sides
