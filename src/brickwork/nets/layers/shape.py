"""The same numbers in another shape."""

from __future__ import annotations

from torch import Tensor, nn

from brickwork.space import ops

__all__ = ["Flatten", "Reshape"]


class Flatten(nn.Module):
    """All axes into one."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


class Reshape(nn.Module):
    """Another shape."""

    def __init__(self, op: ops.Reshape, *_: object) -> None:
        super().__init__()
        self.to_shape = op.to

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], *self.to_shape)
