"""Faster ways round for small networks on a CPU, each with the condition under which it pays.

Networks of a few thousand weights spend most of a training step in the set-up of oneDNN's
convolutions and in kernels that are made for wider layers. The figures were taken with PyTorch 2.13
on one thread of an AVX-512 machine; everything here computes what PyTorch's own layer does.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # its usual name

__all__ = [
    "WideDepthwise",
    "batch_norm",
    "channels_last",
    "pays_batch_norm",
    "pays_pointwise",
    "pays_wide_depthwise",
    "pointwise",
    "skipped",
]

_POINTWISE_POSITIONS = 64
_NARROW = 3
_WIDE_SIZE = 800
_NORM_SIZE = 80_000
_NORM_CHANNELS = 32
_VECTOR = 8


def channels_last(x: Tensor) -> Tensor:
    """Images with their channels innermost in memory: most kernels are two to ten times faster.

    With one channel both layouts are the same bytes; the strides tell the kernels which is meant.
    """
    if x.dim() != 4:
        return x
    if x.shape[1] == 1:
        return x.reshape(x.shape[0], *x.shape[2:], 1).permute(0, 3, 1, 2)
    return x.contiguous(memory_format=torch.channels_last)


def pays_pointwise(positions: int) -> bool:
    """Whether a 1x1 convolution on so many positions is faster as a matrix product."""
    return positions <= _POINTWISE_POSITIONS


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A 1x1 convolution in two dimensions, without the set-up time of oneDNN's."""
    return F.linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)


def skipped(x: Tensor, stride: tuple[int, ...]) -> Tensor:
    """The pixels that a 1x1 convolution with a stride looks at.

    It is not for speed alone: of images with fewer than eight channels, channels last, oneDNN's
    weight gradient of such a convolution writes past its memory on AVX2 machines (PyTorch 2.13),
    and the process dies some steps later.
    """
    return x[:, :, :: stride[0], :: stride[1]]


def pays_wide_depthwise(kernel: tuple[int, ...], height: int, outputs: int) -> bool:
    """Whether ``WideDepthwise`` is faster.

    oneDNN's fast kernel for the weight gradient ends at windows three wide, and wants the input at
    least as high as the window; its replacement takes up to ten times as long.

    Args:
        kernel: The window.
        height: Height of the input.
        outputs: Numbers that come out for each sample.
    """
    return kernel[1] > _NARROW and height >= kernel[0] and outputs >= _WIDE_SIZE


class WideDepthwise(torch.autograd.Function):
    """A depthwise convolution in two dimensions whose weight gradient is made column by column."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, stride: tuple[int, ...], padding: tuple[int, ...]
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return torch.conv2d(x, weight, None, stride, padding, 1, x.shape[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        stride, (above, beside) = ctx.stride, ctx.padding
        grad = grad.contiguous(memory_format=torch.channels_last)
        into_x: Tensor | None = None
        if ctx.needs_input_grad[0]:
            into_x, _ = _depthwise_gradients(grad, x, weight, stride, ctx.padding, (True, False))
        padded = F.pad(x, (beside, beside, 0, 0))
        reach = (grad.shape[3] - 1) * stride[1]
        strips = []
        for first in range(0, weight.shape[3], _NARROW):
            strip = weight[..., first : first + _NARROW]
            seen = padded[..., first : first + reach + strip.shape[3]]
            pads = (above, 0)
            strips.append(_depthwise_gradients(grad, seen, strip, stride, pads, (False, True))[1])
        return into_x, torch.cat(strips, 3), None, None


def _depthwise_gradients(
    grad: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    wanted: tuple[bool, bool],
) -> tuple[Tensor, Tensor]:
    """Gradients of a depthwise convolution with respect to its input and its weight."""
    backward = torch.ops.aten.convolution_backward
    mask = (*wanted, False)
    into_x, into_weight, _ = backward(
        grad, x, weight, None, stride, padding, (1, 1), False, (0, 0), x.shape[1], mask
    )
    return into_x, into_weight


def pays_batch_norm(x: Tensor) -> bool:
    """Whether ``batch_norm`` is faster in training.

    PyTorch's kernel for channels-last images takes three times as long when the channels do not
    fill its vectors.
    """
    channels = x.shape[1]
    awkward = channels % _VECTOR != 0 and channels < _NORM_CHANNELS
    return awkward and x.dim() == 4 and x.numel() >= _NORM_SIZE


def batch_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    running: tuple[Tensor, Tensor],
    momentum: float,
    eps: float,
) -> Tensor:
    """Batch norm in training on ``(batch, channels, height, width)``.

    Args:
        x: The input.
        weight: Scale of each channel.
        bias: Shift of each channel.
        running: Mean and variance; they are updated.
        momentum: Weight of this batch in them.
        eps: Added to the variance.
    """
    y, mean, variance = _BatchNorm.apply(x, weight, bias, eps)  # type: ignore[no-untyped-call]
    count = x.numel() // x.shape[1]
    # Through ``data``: another member of a supernet, to which PyTorch's own norm was applied, may
    # have kept them for its backward pass, which does not use them but checks their version.
    running[0].data.lerp_(mean, momentum)
    running[1].data.lerp_(variance * (count / (count - 1)), momentum)
    return y  # type: ignore[no-any-return]


class _BatchNorm(torch.autograd.Function):
    """Several pixels in a row of memory are taken together, so that vectors are filled."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        batch, channels, height, width = x.shape
        count, fold = batch * height * width, 1
        while fold * channels < 64 and count % (2 * fold) == 0:
            fold *= 2
        rows = x.permute(0, 2, 3, 1).reshape(count // fold, fold * channels)
        mean = _folded(rows, channels) / count
        centred = rows - mean.repeat(fold)
        variance = _folded(centred * centred, channels) / count
        inverse = (variance + eps).rsqrt()
        ctx.save_for_backward(centred, weight, inverse)
        ctx.mark_non_differentiable(mean, variance)
        y = torch.addcmul(bias.repeat(fold), centred, (weight * inverse).repeat(fold))
        return y.view(batch, height, width, channels).permute(0, 3, 1, 2), mean, variance

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        centred, weight, inverse = ctx.saved_tensors
        batch, channels, height, width = grad.shape
        count, fold = batch * height * width, centred.shape[1] // channels
        grad = grad.contiguous(memory_format=torch.channels_last)
        rows = grad.permute(0, 2, 3, 1).reshape(centred.shape)
        into_bias = _folded(rows, channels)
        into_weight = _folded(rows * centred, channels) * inverse
        scale = weight * inverse
        shift, slope = scale * into_bias / -count, scale * inverse * into_weight / -count
        into_x = torch.addcmul(shift.repeat(fold), centred, slope.repeat(fold))
        into_x.addcmul_(rows, scale.repeat(fold))
        into_x = into_x.view(batch, height, width, channels).permute(0, 3, 1, 2)
        return into_x, into_weight, into_bias, None


def _folded(rows: Tensor, channels: int) -> Tensor:
    """Sums over each channel, of rows that hold several pixels."""
    return rows.sum(0).view(-1, channels).sum(0)
