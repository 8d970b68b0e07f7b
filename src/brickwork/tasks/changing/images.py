"""Random changes to a batch of images that keep their labels, as a few tensor operations."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # its usual name

__all__ = [
    "BRIGHTNESS",
    "CONTRAST",
    "ROTATION_DEGREES",
    "SCALE",
    "SHIFT",
    "ImageChanges",
    "relit",
    "warped",
]

ROTATION_DEGREES = 15.0
SCALE = 0.15
SHIFT = 0.125
"""Ranges at strength 1: degrees, parts of the size, parts of the side."""
CONTRAST = 0.4
BRIGHTNESS = 0.4
"""Ranges at strength 1: part of the contrast, and standard deviations of the pixels."""


@dataclass(frozen=True, slots=True)
class ImageChanges:
    """Shifts, turns and scales images and, where it is sensible, mirrors and relights them.

    Attributes:
        flips: Whether a mirrored image keeps its label.
        photos: Whether images are treated as photographs: their light changes, and border pixels
            continue outwards. Else they are drawings before a black background.
        mean: Of the pixels, one value or one for each channel.
        std: Likewise their standard deviation.
    """

    flips: bool
    photos: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def said(self) -> str:
        """See ``Changes``."""
        mirrored = "mirrored" if self.flips else "not mirrored"
        light = "in other light" if self.photos else "in the same light"
        return f"turned, scaled and shifted, {mirrored}, {light}"

    def __call__(
        self, x: Tensor, y: Tensor, strength: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """See ``Changes``; ``x`` is ``(batch, channels, height, width)``."""
        x = warped(x, strength, generator, flip=self.flips, repeat_border=self.photos)
        if self.photos:
            mean, std = (x.new_tensor(values).view(-1, 1, 1) for values in (self.mean, self.std))
            x = relit(x, strength, generator, mean, std)
        return x, y


def warped(
    x: Tensor, strength: float, generator: torch.Generator, *, flip: bool, repeat_border: bool
) -> Tensor:
    """Every image shifted, turned and scaled at random, in one affine resampling of the batch.

    Args:
        x: ``(batch, channels, height, width)``, floating point.
        strength: 0 for no change, 1 for the full ranges.
        generator: Source of randomness.
        flip: Whether half of the images are mirrored left to right.
        repeat_border: Whether what comes in from outside is the border pixel; else it is 0.
    """
    if strength <= 0.0:
        return x
    count, _, height, width = x.shape
    random = torch.rand((5, count), generator=generator).to(x.device)
    angle, zoom, right, down = (2 * random[:4] - 1) * strength
    angle = angle * math.radians(ROTATION_DEGREES)
    zoom = torch.exp(zoom * math.log1p(SCALE))
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    mirror = torch.where(random[4] < 0.5, -1.0, 1.0) if flip else torch.ones_like(angle)
    side = height / width  # a rotation in pixels is a shear in the coordinates of a wide image
    theta = torch.stack(
        [
            cosine * mirror, -sine * side, 2 * SHIFT * right,
            sine / side * mirror, cosine, 2 * SHIFT * down,
        ],
        dim=1,
    )  # fmt: skip
    # One matrix product for all images; torch's affine_grid takes ten times as long.
    places = theta.reshape(2 * count, 3) @ _positions(height, width).to(theta)
    grid = places.reshape(count, 2, height, width).permute(0, 2, 3, 1)
    border = "border" if repeat_border else "zeros"
    return F.grid_sample(x, grid.to(x.dtype), "bilinear", border, align_corners=False)


def relit(
    x: Tensor, strength: float, generator: torch.Generator, mean: Tensor, std: Tensor
) -> Tensor:
    """Every image in other light: contrast and brightness changed at random, all channels alike.

    Args:
        x: ``(batch, channels, height, width)``, floating point.
        strength: 0 for no change, 1 for the full ranges.
        generator: Source of randomness.
        mean: Of the pixels of all images, ``(channels, 1, 1)``; contrast is about it.
        std: Likewise their standard deviation.
    """
    if strength <= 0.0:
        return x
    random = (2 * torch.rand((2, len(x), 1, 1, 1), generator=generator).to(x.device) - 1) * strength
    gain = torch.exp(random[0] * math.log1p(CONTRAST))
    return torch.addcmul(mean * (1 - gain) + BRIGHTNESS * std * random[1], x, gain)


@functools.lru_cache(maxsize=16)
def _positions(height: int, width: int) -> Tensor:
    """The centre of every pixel as ``(x, y, 1)``, in [-1, 1]: ``(3, height * width)``."""
    down = (2 * torch.arange(height) + 1) / height - 1
    right = (2 * torch.arange(width) + 1) / width - 1
    y, x = torch.meshgrid(down, right, indexing="ij")
    return torch.stack([x.reshape(-1), y.reshape(-1), torch.ones(height * width)])
