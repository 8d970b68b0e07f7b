"""What works number by number."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its usual name

from brickwork.space import Shape, ops

__all__ = ["Activation", "Dropout", "Normalize", "Softmax", "dropout"]


class Normalize(nn.Module):
    """``(x - mean) / std`` with constants, which are no part of the state dict."""

    mean: Tensor
    std: Tensor

    def __init__(self, op: ops.Normalize, shapes: list[Shape], _: torch.Generator | None) -> None:
        super().__init__()
        axes = (1,) * (len(shapes[0]) - 1)
        self.register_buffer("mean", torch.tensor(op.mean).reshape(-1, *axes), persistent=False)
        self.register_buffer("std", torch.tensor(op.std).reshape(-1, *axes), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class Activation(nn.Module):
    """One of ``ACTIVATIONS``."""

    def __init__(self, op: ops.Activation, *_: object) -> None:
        super().__init__()
        self._apply_to = _ACTIVATIONS[str(op.how)]

    def forward(self, x: Tensor) -> Tensor:
        return self._apply_to(x)


class Softmax(nn.Module):
    """Shares over the channels, at each position."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.softmax(1)


class Dropout(nn.Module):
    """Dropout whose randomness is an argument.

    Attributes:
        rate: The part that is set to zero in training.
        generator: Where the mask comes from; None for PyTorch's global generator.
    """

    def __init__(self, rate: float, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.rate = rate
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0.0:
            return x
        keep = torch.empty_like(x).bernoulli_(1.0 - self.rate, generator=self.generator)
        return x * keep.div_(1.0 - self.rate) if self.rate < 1.0 else x * 0.0


def dropout(op: ops.Dropout, *_: object) -> nn.Module:
    """The dropout that an op asks for."""
    return Dropout(float(op.rate))  # type: ignore[arg-type]  # concrete in a graph


_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "relu6": F.relu6,
    "gelu": F.gelu,
    "silu": F.silu,
    "hard_swish": F.hardswish,
    "hard_sigmoid": F.hardsigmoid,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
