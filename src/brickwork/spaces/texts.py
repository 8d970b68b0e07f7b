"""Convolutions and bags of words, for texts."""

from __future__ import annotations

from brickwork.space import (
    Activation,
    Choice,
    Concat,
    Conv,
    Dropout,
    Embedding,
    GlobalPool,
    Identity,
    Linear,
    MaskedMean,
    OneOf,
    Parallel,
    Seq,
    Shape,
    Space,
)
from brickwork.space.blocks import Block
from brickwork.spaces.inputs import expect
from brickwork.spaces.recipes import WORDS

__all__ = ["textcnn"]

_WINDOWS = ((1, 3), (3, 5), (5, 7))


def textcnn(input: Shape = (64,), vocabulary: int = 4096) -> Space:
    """Windows of three lengths side by side over embedded tokens, and their largest answer.

    Source: Kim, "Convolutional neural networks for sentence classification", 2014 (CNN-rand). What
    is read off is the largest answer of each window, or the mean of the embeddings alone ("bag", as
    in Joulin et al., "Bag of tricks for efficient text classification", 2017).

    Positions with id 0 are padding. The mean leaves them out. A window over nothing but padding
    answers the same in every text, and so sets the least that the largest answer can be: what the
    windows tell does not depend on how much padding there is, as long as there is some.

    Differs from the paper: windows are odd, all weights decay, where the paper holds the rows of
    the last layer to a norm.

    Args:
        input: Shape of a sample, ``(length,)``: ids, as whole numbers.
        vocabulary: How many ids there are, from 0.
    """
    expect("textcnn", input, "rows")
    embedding = Embedding(vocabulary, Choice("/width", (8, 16, 24, 32, 48, 64)))
    channels = Choice("/channels", (8, 16, 32, 64, 96))
    drop = Dropout(Choice("/dropout", (0.2, 0.35, 0.5)))

    def window(index: int, kernels: tuple[int, ...]) -> Block:
        kernel = Choice(f"/window{index}", kernels)
        return Seq(
            Conv(channels, kernel, bias=True),
            Activation("relu"),
            GlobalPool("max"),
            name=f"window{index}",
        )

    windows = tuple(window(i, kernels) for i, kernels in enumerate(_WINDOWS, start=1))
    bag = Parallel((Seq(embedding, name="words"), Identity()), MaskedMean())
    largest = Seq(embedding, Parallel(windows, Concat()))
    readers: dict[str, Block] = {
        "bag": Seq(bag, drop, Linear()),
        "windows": Seq(largest, drop, Linear()),
    }
    return Space(
        "textcnn", OneOf("reader", readers), WORDS, doc="windows or bags of words of texts"
    )
