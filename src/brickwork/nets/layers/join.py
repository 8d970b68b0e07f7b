"""Several inputs become one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brickwork.space import ops

__all__ = ["Add", "Attend", "Concat", "MaskedMean", "Multiply"]


class Add(nn.Module):
    """The sum."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, *inputs: Tensor) -> Tensor:
        total = inputs[0] + inputs[1] if len(inputs) > 1 else inputs[0]
        for other in inputs[2:]:
            total = total + other
        return total


class Concat(nn.Module):
    """Side by side along the channels."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.cat(inputs, 1)


class Multiply(nn.Module):
    """The product; a gate is stretched over the positions."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a * b


class Attend(nn.Module):
    """Attention of several heads over sequences ``(batch, channels, length)``.

    Written out, since PyTorch's fused attention wants the channels last and is slower on a CPU.
    """

    def __init__(self, op: ops.Attend, *_: object) -> None:
        super().__init__()
        self.head: int = op.head  # type: ignore[assignment]  # concrete in a graph

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        batch, _, length = query.shape
        q, k, v = (x.reshape(batch, -1, self.head, length) for x in (query, key, value))
        scores = torch.matmul((k * self.head**-0.5).transpose(2, 3), q)
        return torch.matmul(v, scores.softmax(2)).flatten(1, 2)


class MaskedMean(nn.Module):
    """The mean over the positions whose id is not 0."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, values: Tensor, ids: Tensor) -> Tensor:
        mask = (ids != 0).to(values.dtype).unsqueeze(1)
        return (values * mask).sum(2) / mask.sum(2).clamp(min=1.0)
