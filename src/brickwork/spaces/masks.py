"""Encoder-decoders, which say a class for each pixel or voxel."""

from __future__ import annotations

from math import prod

from brickwork.errors import SpaceError
from brickwork.space import (
    OUTPUTS,
    Choice,
    Concat,
    Conv,
    ConvNorm,
    ConvTranspose,
    Identity,
    OneOf,
    Parallel,
    Repeat,
    Separable,
    Seq,
    Shape,
    Space,
)
from brickwork.space.blocks import Block
from brickwork.spaces.inputs import expect
from brickwork.spaces.recipes import DENSE

__all__ = ["unet"]

_LEAST = 4  # pixels that are left of the shortest side
_MOST = 3  # halvings
_LARGE = 2**16  # pixels or voxels
_WIDTHS = ((8, 12, 16, 24), (16, 24, 32, 48), (24, 32, 48, 64), (32, 48, 64, 96))


def unet(input: Shape = (1, 32, 32)) -> Space:
    """U-Net (Ronneberger, Fischer and Brox, 2015; in 3-D Cicek et al., 2016) with few channels.

    On the way down each level halves the size; on the way up a transposed convolution doubles it,
    and what the level had on the way down is put beside. The finest level works at full size; of
    large samples at half of it, which costs an eighth in a volume.

    Differs from the paper: borders are padded, so that sizes stay; convolutions with a stride stand
    in place of pooling; norms; half the channels and less; those of a stage may be depthwise and
    pointwise (Howard et al., 2017); the number of halvings follows from the size, three at most. A
    depthwise window of five takes four times as long as one of three in a volume, so it is for
    images only.

    Args:
        input: Shape of a sample, ``(channels, *spatial)``; all sides are even.

    Raises:
        SpaceError: A side is odd, or too short.
    """
    expect("unet", input, "images", "volumes")
    half = tuple(side // 2 for side in input[1:])
    large = prod(input[1:]) > _LARGE and _halvings(half) > 0
    last = min(_halvings(half), _MOST - 1) if large else _halvings(input[1:])
    if not last:
        raise SpaceError(f"space 'unet' needs even sides of at least 8, got a sample of {input}")
    width = Choice("width", _WIDTHS[0])
    stem = (Seq(ConvNorm(width, 3, 2), name="stem"),) if large else ()
    grown = (Seq(ConvTranspose(width, 2, 2), name="grown"),) if large else ()
    answer = Seq(Conv(OUTPUTS, 1, bias=True), name="answer")
    kernels = (3, 5) if len(input) == 3 else (3,)
    body = Seq(*stem, _levels(0, last, kernels), *grown, answer)
    return Space("unet", body, DENSE, doc="encoder-decoders for masks")


def _levels(level: int, last: int, kernels: tuple[int, ...]) -> Block:
    """A level, those below it, and the way up from them."""
    down = _stage(f"down{level}", _WIDTHS[level], kernels)
    if level == last:
        return down
    below = Seq(
        Seq(ConvNorm(Choice("width", _WIDTHS[level + 1]), 3, 2), name=f"halve{level}"),
        _levels(level + 1, last, kernels),
        Seq(ConvTranspose(Choice("width", _WIDTHS[level]), 2, 2), name=f"double{level}"),
        name=f"below{level}",
    )
    up = _stage(f"up{level}", _WIDTHS[level], kernels)
    return Seq(down, Parallel((Identity(), below), Concat()), up)


def _stage(name: str, widths: tuple[int, ...], kernels: tuple[int, ...]) -> Block:
    """Convolutions of one width and one kind."""
    width = Choice("../../../width", widths)
    kinds: dict[str, Block] = {
        "separable": Separable(width, Choice("../../../kernel", kernels)),
        "conv": ConvNorm(width),
    }
    return Repeat(name, OneOf("../kind", kinds), Choice("depth", (1, 2)))


def _halvings(sides: Shape) -> int:
    """How often all sides can be halved, until the shortest has so few pixels."""
    count = 0
    while count < _MOST and all(side % 2 == 0 and side // 2 >= _LEAST for side in sides):
        sides, count = tuple(side // 2 for side in sides), count + 1
    return count
