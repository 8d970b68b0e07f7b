"""The faster ways round compute what PyTorch's own layers do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812  # its usual name

from brickwork.nets import fast
from brickwork.nets.layers.convolution import Convolution
from brickwork.nets.supernet import Supernet
from brickwork.space import Choice, Conv, GlobalPool, Linear, Norm, Seq, Space


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    x = torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    return fast.channels_last(3 * x - 1)


@pytest.mark.parametrize("channels", [1, 4, 6, 12, 20])
@pytest.mark.parametrize("side", [5, 8])
def test_batch_norm(channels: int, side: int) -> None:
    x = images(6, channels, side, side).requires_grad_()
    weight, bias = (images(1, channels, 1, 1, seed=s).flatten().requires_grad_() for s in (1, 2))
    grad = images(6, channels, side, side, seed=3)
    ours = [torch.zeros(channels).double(), torch.ones(channels).double()]
    theirs = [value.clone() for value in ours]
    y = fast.batch_norm(x, weight, bias, (ours[0], ours[1]), 0.1, 1e-5)
    plain = F.batch_norm(x, theirs[0], theirs[1], weight, bias, True, 0.1, 1e-5)
    torch.testing.assert_close(y, plain)
    torch.testing.assert_close(ours, theirs)
    inputs = (x, weight, bias)
    torch.testing.assert_close(
        torch.autograd.grad(y, inputs, grad), torch.autograd.grad(plain, inputs, grad)
    )
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_batch_norm_of_values_far_from_zero() -> None:
    x = (images(64, 4, 8, 8) + 1000).float()
    running = (torch.zeros(4), torch.ones(4))
    y = fast.batch_norm(x, torch.ones(4), torch.zeros(4), running, 0.1, 1e-5)
    plain = F.batch_norm(x, None, None, training=True)
    torch.testing.assert_close(y, plain, rtol=0.0, atol=0.01)


@pytest.mark.parametrize("bias", [True, False])
def test_pointwise(bias: bool) -> None:
    x, weight = images(3, 5, 4, 6), images(7, 5, 1, 1, seed=1)
    shift = images(1, 7, 1, 1, seed=2).flatten() if bias else None
    torch.testing.assert_close(fast.pointwise(x, weight, shift), F.conv2d(x, weight, shift))


@pytest.mark.parametrize("side", [8, 9, 30])
@pytest.mark.parametrize("stride", [2, (1, 3)])
def test_strided_windows_of_one_pixel(side: int, stride: int | tuple[int, int]) -> None:
    """They are convolved without a stride, and give what they would with one."""
    shape = (4, side, side)
    layer = Convolution(Conv(6, 1, stride, bias=True), [shape], torch.Generator()).double()
    x = images(3, *shape).requires_grad_()
    plain = F.conv2d(x, layer.weight, layer.bias, stride)
    seen: list[tuple[int, ...]] = []

    def convolve(*given: Any) -> torch.Tensor:
        seen.append(given[3])
        return F.conv2d(*given)

    layer._convolve = convolve
    y = layer(x)
    assert set(seen) <= {(1, 1)}
    torch.testing.assert_close(y, plain)
    grad, inputs = images(*y.shape, seed=1), (x, layer.weight, layer.bias)
    torch.testing.assert_close(
        torch.autograd.grad(y, inputs, grad), torch.autograd.grad(plain, inputs, grad)
    )


@pytest.mark.parametrize("kernel", [(3, 4), (5, 5), (5, 7), (3, 9)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (2, 2)])
def test_wide_depthwise(kernel: tuple[int, int], stride: tuple[int, int]) -> None:
    x = images(3, 6, 11, 13).requires_grad_()
    weight = images(6, 1, *kernel, seed=1).contiguous().requires_grad_()
    padding = (kernel[0] // 2, kernel[1] // 2)
    y = fast.WideDepthwise.apply(x, weight, stride, padding)
    plain = F.conv2d(x, weight, None, stride, padding, 1, 6)
    torch.testing.assert_close(y, plain)
    grad = images(*y.shape, seed=2)
    torch.testing.assert_close(
        torch.autograd.grad(y, (x, weight), grad), torch.autograd.grad(plain, (x, weight), grad)
    )


def test_wide_depthwise_without_a_gradient_for_its_input() -> None:
    x, weight = images(2, 4, 8, 8), images(4, 1, 5, 5, seed=1).contiguous().requires_grad_()
    fast.WideDepthwise.apply(x, weight, (1, 1), (2, 2)).sum().backward()
    ours = weight.grad
    weight.grad = None
    F.conv2d(x, weight, None, 1, 2, 1, 4).sum().backward()
    torch.testing.assert_close(ours, weight.grad)


@pytest.mark.parametrize("shape", [(2, 1, 5, 4), (2, 3, 5, 4)])
def test_channels_last_keeps_the_numbers(shape: tuple[int, ...]) -> None:
    x = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    y = fast.channels_last(x)
    assert torch.equal(x, y)
    assert y.stride(1) == 1


def test_other_numbers_of_axes_are_left_alone() -> None:
    for shape in ((2, 3), (2, 3, 4), (2, 3, 4, 5, 6)):
        x = torch.zeros(shape)
        assert fast.channels_last(x) is x


@pytest.mark.parametrize("order", [(8, 4), (4, 8), (8, 4, 8, 4)])
def test_members_of_a_step_may_take_the_fast_norm_and_pytorchs_own(order: tuple[int, ...]) -> None:
    """Both keep and change the same running statistics before the backward pass."""
    body = Seq(Conv(Choice("width", (4, 8)), 3), Norm(), GlobalPool(), Linear())
    space = Space("widths", body)
    net = Supernet(space, (1, 32, 32), 2, generator=torch.Generator().manual_seed(0))
    net.train()
    x = images(64, 1, 32, 32).float()
    widths = {w: torch.zeros(64, w, 32, 32) for w in (4, 8)}
    assert [fast.pays_batch_norm(widths[w]) for w in (4, 8)] == [True, False]
    sum(net(x, space.arch({"width": w})).sum() for w in order).backward()
    weights = dict(net.named_parameters())
    assert all(weight.grad is not None for weight in weights.values())
