"""Random changes to images and volumes, and to masks with them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # its usual name

__all__ = ["VoxelChanges"]

_TURN = 15.0  # degrees, at strength 1
_SCALE = 0.15
_SHIFT = 0.08
_GAIN = 0.3  # of the contrast
_LIGHT = 0.3  # standard deviations
_NOWHERE = 255.0  # label of what comes in from outside


@dataclass(frozen=True, slots=True)
class VoxelChanges:
    """Turns, scales and shifts samples, and changes their light; masks go with their sample.

    Nothing is mirrored: left and right differ in a body.

    Attributes:
        masks: Whether labels are a class for each position.
        mean: Of all values.
        std: Likewise their standard deviation.
    """

    masks: bool
    mean: float
    std: float

    @property
    def said(self) -> str:
        """See ``Changes``."""
        return "turned, scaled and shifted, not mirrored, in other light"

    def __call__(
        self, x: Tensor, y: Tensor, strength: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """See ``Changes``; ``x`` is ``(batch, channels, *spatial)``."""
        if strength <= 0.0:
            return x, y
        axes = x.dim() - 2
        turns = 1 if axes == 2 else 3
        random = 2 * torch.rand((len(x), turns + 1 + axes + 2), generator=generator) - 1
        random = random.to(x.device) * strength
        turn, grown, aside, lit, gained = torch.split(random, [turns, 1, axes, 1, 1], 1)
        turned = torch.eye(axes, device=x.device).expand(len(x), axes, axes)
        for plane, (a, b) in enumerate([(0, 1), (1, 2), (0, 2)][:turns]):
            turned = turned @ _turn(turn[:, plane] * math.radians(_TURN), a, b, axes)
        scale = torch.exp(grown * math.log1p(_SCALE))[:, :, None]
        sides = x.new_tensor(x.shape[2:]).flip(0)  # theta counts the axes from the last one
        theta = turned * scale * sides[None, None] / sides[None, :, None]
        shift = 2 * _SHIFT * aside[:, :, None]
        grid = F.affine_grid(
            torch.cat([theta, shift], 2).to(x.dtype), list(x.shape), align_corners=False
        )
        x = F.grid_sample(x, grid, "bilinear", "border", align_corners=False)
        if self.masks:
            y = _moved(y, grid)
        shape = (len(x), 1, *[1] * axes)
        gain = torch.exp(gained * math.log1p(_GAIN)).view(shape)
        light = (_LIGHT * self.std * lit).view(shape)
        return self.mean + (x - self.mean) * gain + light, y


def _turn(angle: Tensor, a: int, b: int, axes: int) -> Tensor:
    """Rotations in the plane of two axes, ``(batch, axes, axes)``."""
    out = torch.eye(axes, device=angle.device).repeat(len(angle), 1, 1)
    out[:, a, a] = out[:, b, b] = torch.cos(angle)
    out[:, a, b], out[:, b, a] = -torch.sin(angle), torch.sin(angle)
    return out


def _moved(y: Tensor, grid: Tensor) -> Tensor:
    """Classes of positions, moved without being mixed."""
    outside = y.unsqueeze(1).to(grid.dtype) - _NOWHERE  # zero is what comes in from outside
    moved = F.grid_sample(outside, grid, "nearest", "zeros", align_corners=False)
    return (moved + _NOWHERE).squeeze(1).round().to(y.dtype)
