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
    Parallel,
    Repeat,
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
    in place of pooling; norms; half the channels and less; the number of halvings follows from the
    size, three at most.

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
    body = Seq(*stem, _levels(0, last), *grown, answer)
    return Space("unet", body, DENSE, doc="encoder-decoders for masks")


def _levels(level: int, last: int) -> Block:
    """A level, those below it, and the way up from them."""
    width = Choice("../width", _WIDTHS[level])
    down = Repeat(f"down{level}", ConvNorm(width), Choice("depth", (1, 2)))
    if level == last:
        return down
    below = Seq(
        Seq(ConvNorm(Choice("width", _WIDTHS[level + 1]), 3, 2), name=f"halve{level}"),
        _levels(level + 1, last),
        Seq(ConvTranspose(Choice("width", _WIDTHS[level]), 2, 2), name=f"double{level}"),
        name=f"below{level}",
    )
    up = Repeat(f"up{level}", ConvNorm(width), Choice("depth", (1, 2)))
    return Seq(down, Parallel((Identity(), below), Concat()), up)


def _halvings(sides: Shape) -> int:
    """How often all sides can be halved, until the shortest has so few pixels."""
    count = 0
    while count < _MOST and all(side % 2 == 0 and side // 2 >= _LEAST for side in sides):
        sides, count = tuple(side // 2 for side in sides), count + 1
    return count
