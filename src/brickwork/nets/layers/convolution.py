"""Convolutions, with the faster ways round for small networks."""

from __future__ import annotations

from math import prod, sqrt

import torch
from torch import Tensor, nn

from brickwork.nets import fast
from brickwork.nets.layers.initial import normal
from brickwork.space import Shape, ops, per_axis

__all__ = ["Convolution", "Transposed"]


class Convolution(nn.Module):
    """``Conv`` and ``Depthwise`` in one, two or three dimensions."""

    def __init__(
        self, op: ops.Conv | ops.Depthwise, shapes: list[Shape], random: torch.Generator | None
    ) -> None:
        super().__init__()
        channels, *spatial = shapes[0]
        axes = len(spatial)
        self.groups: int = channels if isinstance(op, ops.Depthwise) else op.groups  # type: ignore[assignment]  # concrete in a graph
        self.stride = per_axis(op.stride, axes)  # type: ignore[arg-type]  # concrete in a graph
        self.padding = per_axis(op.pads, axes)
        self.dilation = per_axis(op.dilation, axes)  # type: ignore[arg-type]  # concrete in a graph
        wanted = op.weights(shapes)
        fan_out = prod(wanted["weight"]) // wanted["weight"][1] // self.groups
        self.weight = normal(wanted["weight"], sqrt(2 / fan_out), random)
        self.bias = nn.Parameter(torch.zeros(wanted["bias"])) if op.bias else None
        kernel = wanted["weight"][2:]
        plain = axes == 2 and set(self.dilation) == {1}
        self.wide = (
            plain
            and isinstance(op, ops.Depthwise)
            and fast.pays_wide_depthwise(kernel, spatial[0], prod(op.shape(shapes)))
        )
        one_pixel = plain and prod(kernel) == self.groups == 1 and not any(self.padding)
        self.skips = one_pixel and prod(self.stride) > 1
        self.pointwise = one_pixel and fast.pays_pointwise(prod(op.shape(shapes)[1:]))
        self._convolve = (torch.conv1d, torch.conv2d, torch.conv3d)[axes - 1]

    def forward(self, x: Tensor) -> Tensor:
        stride = self.stride
        if self.skips and x.device.type == "cpu":
            x, stride = fast.skipped(x, stride), (1, 1)
        if self.pointwise and x.device.type == "cpu":
            return fast.pointwise(x, self.weight, self.bias)
        if self.wide and self.training and x.device.type == "cpu":
            y: Tensor = fast.WideDepthwise.apply(x, self.weight, self.stride, self.padding)  # type: ignore[no-untyped-call]
            return y if self.bias is None else y + self.bias.view(-1, 1, 1)
        return self._convolve(
            x, self.weight, self.bias, stride, self.padding, self.dilation, self.groups
        )


class Transposed(nn.Module):
    """``ConvTranspose`` in one, two or three dimensions."""

    def __init__(
        self, op: ops.ConvTranspose, shapes: list[Shape], random: torch.Generator | None
    ) -> None:
        super().__init__()
        axes = len(shapes[0]) - 1
        self.groups: int = op.groups  # type: ignore[assignment]  # concrete in a graph
        self.stride = per_axis(op.stride, axes)  # type: ignore[arg-type]  # concrete in a graph
        self.padding = per_axis(op.padding, axes)
        self.output_padding = per_axis(op.output_padding, axes)
        wanted = op.weights(shapes)
        self.weight = normal(wanted["weight"], sqrt(2 / prod(wanted["weight"][1:])), random)
        self.bias = nn.Parameter(torch.zeros(wanted["bias"])) if op.bias else None
        convolve = (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)
        self._convolve = convolve[axes - 1]

    def forward(self, x: Tensor) -> Tensor:
        return self._convolve(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups
        )
