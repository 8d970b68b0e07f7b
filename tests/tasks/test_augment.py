"""Random changes to images."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F  # noqa: N812  # its usual name

from brickwork.tasks.changing.images import (
    BRIGHTNESS,
    CONTRAST,
    ROTATION_DEGREES,
    SCALE,
    SHIFT,
    _positions,
    relit,
    warped,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def warp(x: torch.Tensor, strength: float, seed: int = 0, **how: bool) -> torch.Tensor:
    how = {"flip": False, "repeat_border": False} | how
    return warped(x, strength, generator(seed), **how)


def blob(height: int, width: int) -> torch.Tensor:
    """A smooth spot in the middle, brighter to the right."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    return (torch.exp(-(x**2 + y**2) / 8) * (1 + 0.2 * x)).expand(64, 1, height, width).clone()


def centre(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre of mass of each image, in pixels from the middle: right, down."""
    mass = x[:, 0] / x[:, 0].sum((1, 2), keepdim=True)
    right = torch.arange(x.shape[3]) - (x.shape[3] - 1) / 2
    down = torch.arange(x.shape[2]) - (x.shape[2] - 1) / 2
    return (mass.sum(1) * right).sum(1), (mass.sum(2) * down).sum(1)


def test_strength_zero_changes_nothing() -> None:
    x = torch.rand(4, 3, 8, 8, generator=generator())
    assert warp(x, 0.0, flip=True) is x


def test_the_same_stream_gives_the_same_images() -> None:
    x = torch.rand(16, 1, 9, 7, generator=generator())
    assert torch.equal(warp(x, 0.5, 3), warp(x, 0.5, 3))
    assert not torch.equal(warp(x, 0.5, 3), warp(x, 0.5, 4))


def test_the_global_stream_is_left_alone() -> None:
    before = torch.get_rng_state()
    warp(torch.rand(16, 1, 8, 8, generator=generator()), 1.0, flip=True)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_image_is_changed_in_its_own_way() -> None:
    out = warp(blob(16, 16), 0.5)
    assert len({image.numpy().tobytes() for image in out}) == len(out)


@pytest.mark.parametrize("strength", [0.2, 1.0])
@pytest.mark.parametrize("size", [(24, 24), (20, 36)])
def test_shifts_stay_in_their_range_and_grow_with_strength(
    strength: float, size: tuple[int, int]
) -> None:
    height, width = size
    x = blob(height, width)
    right, down = centre(warp(x, strength))
    start = float(centre(x)[0][0])
    farthest = start * (1 + SCALE)  # a zoom moves the centre of mass, which is not in the middle
    assert float(right.abs().max()) <= SHIFT * width * strength * (1 + SCALE) + farthest
    assert float(down.abs().max()) <= SHIFT * height * strength * (1 + SCALE) + farthest
    assert float(right.std()) == pytest.approx(SHIFT * width * strength / math.sqrt(3), rel=0.3)


def test_a_rotation_of_a_wide_image_does_not_shear_it() -> None:
    # A ring keeps equal moments along both axes under rotation, shift and zoom, not under shear.
    y, x = torch.meshgrid(torch.arange(40) - 19.5, torch.arange(80) - 39.5, indexing="ij")
    ring = torch.exp(-(((x**2 + y**2).sqrt() - 8) ** 2) / 4).expand(64, 1, 40, 80)
    out = warp(ring, 1.0)[:, 0]
    mass = out / out.sum((1, 2), keepdim=True)
    cx, cy = (mass * x).sum((1, 2)), (mass * y).sum((1, 2))
    xx = (mass * (x - cx[:, None, None]) ** 2).sum((1, 2))
    yy = (mass * (y - cy[:, None, None]) ** 2).sum((1, 2))
    xy = (mass * (x - cx[:, None, None]) * (y - cy[:, None, None])).sum((1, 2))
    torch.testing.assert_close(xx, yy, rtol=0.02, atol=0.0)
    assert float((xy / xx).abs().max()) < 0.02


def test_the_angle_is_at_most_what_is_stated() -> None:
    x = torch.zeros(400, 1, 41, 41)
    x[:, :, 20, 28:36] = 1  # a bar to the right of the middle
    y0, x0 = torch.meshgrid(torch.arange(41) - 20.0, torch.arange(41) - 20.0, indexing="ij")
    out = warp(x, 1.0)[:, 0]
    mass = out / out.sum((1, 2), keepdim=True)
    dx = x0 - (mass * x0).sum((1, 2))[:, None, None]
    dy = y0 - (mass * y0).sum((1, 2))[:, None, None]
    xx, yy, xy = ((mass * a * b).sum((1, 2)) for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    angles = torch.rad2deg(torch.atan2(2 * xy, xx - yy) / 2)
    assert float(angles.abs().max()) <= ROTATION_DEGREES + 1
    assert float(angles.abs().max()) >= 0.9 * ROTATION_DEGREES


def test_half_of_the_images_are_mirrored_where_that_is_sensible() -> None:
    x = blob(16, 16)
    bright = (x[..., 8:].sum((1, 2, 3)) > x[..., :8].sum((1, 2, 3))).float()
    assert bright.min() == 1
    out = warp(x, 1e-6, flip=True)
    mirrored = (out[..., 8:].sum((1, 2, 3)) < out[..., :8].sum((1, 2, 3))).float().mean()
    assert 0.25 < float(mirrored) < 0.75
    torch.testing.assert_close(warp(x, 1e-6), x, rtol=1e-3, atol=1e-3)


def test_what_comes_in_from_outside() -> None:
    x = torch.ones(32, 1, 12, 12)
    assert warp(x, 1.0, repeat_border=True).min() == pytest.approx(1.0)
    assert warp(x, 1.0, repeat_border=False).min() == 0.0


def test_positions_are_those_of_pytorch() -> None:
    theta = torch.rand(5, 2, 3, generator=generator())
    ours = (theta.reshape(10, 3) @ _positions(7, 9)).reshape(5, 2, 7, 9).permute(0, 2, 3, 1)
    torch.testing.assert_close(ours, F.affine_grid(theta, [5, 1, 7, 9], align_corners=False))


def test_other_light_keeps_to_its_ranges() -> None:
    x = torch.rand(512, 3, 4, 4, generator=generator())
    mean, std = torch.tensor([0.4, 0.5, 0.6]).view(-1, 1, 1), torch.tensor(0.3).expand(3, 1, 1)
    out = relit(x, 0.5, generator(), mean, std)
    spread = (out[:, 0].flatten(1).std(1) / x[:, 0].flatten(1).std(1)).log() / math.log1p(CONTRAST)
    assert spread.abs().max() <= 0.5 + 1e-5
    assert spread.min() < -0.45
    assert spread.max() > 0.45
    # what is left when contrast about the mean is taken out is one shift for all channels
    gain = ((1 + CONTRAST) ** spread).view(-1, 1, 1, 1)
    shift = (out - mean - gain * (x - mean)) / (BRIGHTNESS * std)
    assert shift.flatten(1).std(1).max() < 1e-3
    assert shift.abs().max() == pytest.approx(0.5, abs=0.01)
    assert relit(x, 0.0, generator(), mean, std) is x
