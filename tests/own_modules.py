"""A user's own module, as the tests of ``Custom`` name it; only building it needs torch."""

from __future__ import annotations

from typing import Any

from brickwork.space import Description, Shape

__all__ = ["describe", "describe_wrongly", "make"]


def describe(shape: Shape, width: int, bias: bool = True) -> Description:
    """A convolution of one pixel, twice as wide, and a batch norm."""
    channels, *spatial = shape
    weights: dict[str, Shape] = {"mix.weight": (width, channels, *(1 for _ in spatial))}
    if bias:
        weights["mix.bias"] = (width,)
    weights |= {"norm.weight": (width,), "norm.bias": (width,)}
    buffers: dict[str, Shape] = {"norm.running_mean": (width,), "norm.running_var": (width,)}
    buffers["norm.num_batches_tracked"] = ()
    positions = 1
    for size in spatial:
        positions *= size
    return Description((width, *spatial), weights, width * channels * positions, buffers)


def describe_wrongly(shape: Shape, width: int) -> Description:
    """Forgets the norm."""
    return Description((width, *shape[1:]), {"mix.weight": (width, shape[0], 1, 1)})


def make(shape: Shape, width: int, bias: bool = True) -> Any:
    """The module."""
    from torch import nn

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            axes = len(shape) - 1
            self.mix = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1](shape[0], width, 1, bias=bias)
            self.norm = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[axes - 1](width)

        def forward(self, x: Any) -> Any:
            return self.norm(self.mix(x)).relu()

    return Own()
