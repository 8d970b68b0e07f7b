"""Norms: PyTorch's, and one over the channels at each position."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its usual name

from brickwork.nets import fast
from brickwork.space import Shape, ops

__all__ = ["BATCH_NORM_MOMENTUM", "BatchNorm", "GroupNorm", "LayerNorm", "Scaled", "norm"]

BATCH_NORM_MOMENTUM = 0.1
"""Weight of a new batch in the running statistics; PyTorch's default."""


class Scaled(nn.Module):
    """What the norms share: a scale and a shift for each channel."""

    def __init__(self, op: ops.Norm, shapes: list[Shape]) -> None:
        super().__init__()
        self.eps = op.eps
        self.weight = nn.Parameter(torch.ones(shapes[0][0]))
        self.bias = nn.Parameter(torch.zeros(shapes[0][0]))


class BatchNorm(Scaled):
    """Batch norm with PyTorch's names; batches are not counted, which nothing here would read."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, op: ops.Norm, shapes: list[Shape]) -> None:
        super().__init__(op, shapes)
        self.register_buffer("running_mean", torch.zeros(shapes[0][0]))
        self.register_buffer("running_var", torch.ones(shapes[0][0]))
        self.register_buffer("num_batches_tracked", torch.tensor(0))
        self.momentum = BATCH_NORM_MOMENTUM

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.device.type == "cpu" and fast.pays_batch_norm(x):
            running = (self.running_mean, self.running_var)
            return fast.batch_norm(x, self.weight, self.bias, running, self.momentum, self.eps)
        return torch.batch_norm(
            x,
            self.weight,
            self.bias,
            self.running_mean,
            self.running_var,
            self.training,
            self.momentum,
            self.eps,
            torch.backends.cudnn.enabled,
        )


class GroupNorm(Scaled):
    """Over the positions and the channels of a group."""

    def __init__(self, op: ops.Norm, shapes: list[Shape]) -> None:
        super().__init__(op, shapes)
        self.groups = op.groups

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, self.groups, self.weight, self.bias, self.eps)


class LayerNorm(Scaled):
    """Over the channels, at each position."""

    def forward(self, x: Tensor) -> Tensor:
        last = x.movedim(1, -1)
        normed = F.layer_norm(last, self.weight.shape, self.weight, self.bias, self.eps)
        return normed.movedim(-1, 1)


def norm(op: ops.Norm, shapes: list[Shape], _: torch.Generator | None) -> nn.Module:
    """The norm that an op asks for."""
    makers = {"batch": BatchNorm, "group": GroupNorm, "layer": LayerNorm}
    return makers[op.how](op, shapes)
