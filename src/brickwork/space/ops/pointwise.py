"""What keeps the shape: norms, activations and dropout, fused into the op before; softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from brickwork.errors import ShapeError
from brickwork.space.choice import Choice
from brickwork.space.ops.base import Op, Shape

__all__ = ["ACTIVATIONS", "Activation", "Dropout", "Norm", "Normalize", "Softmax"]


@dataclass(frozen=True, slots=True)
class Normalize(Op):
    """``(x - mean) / std`` with constants of the training data, so that raw values go in.

    Attributes:
        mean: One value for all channels, or one for each.
        std: Likewise.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    kind: ClassVar[str] = "normalize"
    follows: ClassVar[bool] = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        channels = inputs[0][0]
        if {len(self.mean), len(self.std)} - {1, channels}:
            raise ShapeError(f"normalize has {len(self.mean)} means for {channels} channels")
        return inputs[0]


@dataclass(frozen=True, slots=True)
class Norm(Op):
    """A normalisation with a scale and a shift for each channel.

    Attributes:
        how: ``"batch"`` (over batch and positions), ``"group"`` (over positions and the channels
            of a group), ``"layer"`` (over the channels, at each position).
        groups: Groups of channels, for ``"group"``.
        eps: Added to the variance.
    """

    how: str = "batch"
    groups: int = 1
    eps: float = 1e-5
    kind: ClassVar[str] = "norm"
    follows: ClassVar[bool] = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if self.how not in ("batch", "group", "layer"):
            raise ShapeError(f"unknown norm {self.how!r}: batch, group and layer are known")
        if self.how == "group" and inputs[0][0] % self.groups:
            raise ShapeError(f"{self.groups} groups do not divide {inputs[0][0]} channels")
        return inputs[0]

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        channels = inputs[0][:1]
        return {"weight": channels, "bias": channels}

    def buffers(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        channels = inputs[0][:1]
        if self.how != "batch":
            return {}
        return {"running_mean": channels, "running_var": channels, "num_batches_tracked": ()}


ACTIVATIONS = ("relu", "relu6", "gelu", "silu", "hard_swish", "hard_sigmoid", "sigmoid", "tanh")


@dataclass(frozen=True, slots=True)
class Activation(Op):
    """A non-linearity, element by element: one of ``ACTIVATIONS``."""

    how: str | Choice[str] = "relu"
    kind: ClassVar[str] = "activation"
    follows: ClassVar[bool] = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if self.how not in ACTIVATIONS:
            raise ShapeError(f"unknown activation {self.how!r}: known are {', '.join(ACTIVATIONS)}")
        return inputs[0]


@dataclass(frozen=True, slots=True)
class Dropout(Op):
    """Sets a part of the numbers to zero in training; nothing afterwards."""

    rate: float | Choice[float] = 0.1
    kind: ClassVar[str] = "dropout"
    follows: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Softmax(Op):
    """Numbers as shares: at each position those of all channels are positive and add up to 1.

    Losses want logits, so a network that is trained does not end in it; an exported one may.
    """

    kind: ClassVar[str] = "softmax"
