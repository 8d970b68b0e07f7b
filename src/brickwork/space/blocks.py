"""Bricks made of bricks. A brick without choices is one network; with choices it is a space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from brickwork.errors import SpaceError
from brickwork.space.choice import Choice, Wide, Width
from brickwork.space.ops import (
    Activation,
    Add,
    Concat,
    Conv,
    Depthwise,
    GlobalPool,
    Multiply,
    Norm,
    Op,
    Pool,
    Shape,
)

if TYPE_CHECKING:
    from brickwork.space.cells import Cell, Chain

__all__ = [
    "Block",
    "Composite",
    "ConvNorm",
    "DepthwiseNorm",
    "Halve",
    "Identity",
    "InvertedResidual",
    "OneOf",
    "Optional",
    "Parallel",
    "Repeat",
    "Residual",
    "Seq",
    "SqueezeExcite",
]


@runtime_checkable
class Composite(Protocol):
    """A brick that is short for others.

    ``lower`` gets the shape that comes in and returns simpler bricks. It may hand choices on but
    not look into them, so that the same definition serves a network and a supernet.
    """

    def lower(self, shape: Shape) -> Block: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Nothing."""


@dataclass(frozen=True, slots=True, init=False)
class Seq:
    """One brick after another.

    Args:
        blocks: The bricks, in order.
        name: A scope for the names of choices and ops within; empty for none.
    """

    blocks: tuple[Block, ...]
    name: str

    def __init__(self, *blocks: Block, name: str = "") -> None:
        object.__setattr__(self, "blocks", blocks)
        object.__setattr__(self, "name", name)


@dataclass(frozen=True, slots=True)
class Residual:
    """The body's output plus its input.

    Attributes:
        body: The brick to go around.
        shortcut: What the input passes through where the body changes the shape. None: such a
            body is an error. ``"drop"``: no sum there (as in MobileNetV2). A brick, usually a
            projection: used only where the shapes differ (as in ResNet).
        keep: Whether there is a sum at all.
    """

    body: Block
    shortcut: Block | str | None = None
    keep: bool | Choice[bool] = True

    def __post_init__(self) -> None:
        if isinstance(self.shortcut, str) and self.shortcut != "drop":
            raise SpaceError(f"shortcut is None, 'drop' or a brick, got {self.shortcut!r}")


@dataclass(frozen=True, slots=True)
class Parallel:
    """Several bricks on the same input, joined.

    Attributes:
        branches: The bricks.
        join: How their outputs become one.
    """

    branches: tuple[Block, ...]
    join: Add | Concat | Multiply = Add()  # noqa: RUF009  # ops are frozen values

    def scope(self, index: int) -> str:
        """The scope of a branch: its own name if it has one, else its index."""
        branch = self.branches[index]
        return "" if isinstance(branch, Seq) and branch.name else f"{index}."


@dataclass(frozen=True, slots=True)
class Repeat:
    """A brick several times over; repetition ``i`` has the scope ``name.i``.

    Attributes:
        name: Scope of the whole.
        body: What is repeated.
        times: How often.
        first: What stands in place of the first repetition, such as the body with a stride.
    """

    name: str
    body: Block
    times: int | Choice[int]
    first: Block | None = None

    def at(self, index: int) -> Block:
        """The brick of a repetition."""
        return self.first if index == 0 and self.first is not None else self.body


@dataclass(frozen=True, slots=True, init=False)
class OneOf:
    """One of several bricks; the options agree on their output shape.

    Args:
        name: Name of the decision.
        options: Label of each option, and its brick.
    """

    name: str
    options: tuple[tuple[str, Block], ...]

    def __init__(self, name: str, options: Mapping[str, Block]) -> None:
        if not options:
            raise SpaceError(f"the choice {name!r} has no options")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "options", tuple(options.items()))

    @property
    def choice(self) -> Choice[str]:
        return Choice(self.name, tuple(label for label, _ in self.options))


@dataclass(frozen=True, slots=True)
class Optional:
    """A brick that may be left out; it must keep the shape.

    Attributes:
        name: Name of the decision.
        body: The brick.
    """

    name: str
    body: Block

    @property
    def choice(self) -> Choice[bool]:
        return Choice(self.name, (False, True))


@dataclass(frozen=True, slots=True)
class ConvNorm:
    """Convolution, batch norm and activation (none if empty). Attributes as in ``Conv``."""

    out: Width
    kernel: int | tuple[int, ...] | Choice[int] = 3
    stride: int | tuple[int, ...] = 1
    activation: str | Choice[str] = "relu"
    bias: bool = False
    padding: int | tuple[int, ...] | None = None

    def lower(self, shape: Shape) -> Block:
        conv = Conv(self.out, self.kernel, self.stride, bias=self.bias, padding=self.padding)
        return Seq(conv, Norm(), *_activation(self.activation))


@dataclass(frozen=True, slots=True)
class DepthwiseNorm:
    """Depthwise convolution, batch norm and activation. Attributes as in ``Depthwise``."""

    kernel: int | tuple[int, ...] | Choice[int] = 3
    stride: int | tuple[int, ...] = 1
    activation: str | Choice[str] = "relu"
    bias: bool = False

    def lower(self, shape: Shape) -> Block:
        conv = Depthwise(self.kernel, self.stride, bias=self.bias)
        return Seq(conv, Norm(), *_activation(self.activation))


@dataclass(frozen=True, slots=True)
class Halve:
    """Average pooling to half the size, rounded up.

    Over windows of two, as in shortcuts of residual networks; where a size is odd, over windows of
    three, so that the result fits a padded convolution with stride 2 beside it.
    """

    def lower(self, shape: Shape) -> Block:
        odd = tuple(size % 2 for size in shape[1:])
        if len(set(odd)) == 1:
            return Pool("average", 2 + odd[0], 2, odd[0])
        return Pool("average", tuple(2 + o for o in odd), 2, odd)


@dataclass(frozen=True, slots=True)
class SqueezeExcite:
    """A gate for each channel, from the channel means (Hu et al., 2018; hard gate of MobileNetV3).

    Attributes:
        ratio: Width of the bottleneck relative to the channels.
        divisor: The bottleneck is a multiple of it.
    """

    ratio: float | Choice[float] = 0.25
    divisor: int = 4

    def lower(self, shape: Shape) -> Block:
        gate = Seq(
            GlobalPool(keep=True),
            Seq(
                Conv(Wide(self.ratio, self.divisor), 1, bias=True),
                Activation("relu"),
                name="squeeze",
            ),
            Seq(Conv(shape[0], 1, bias=True), Activation("hard_sigmoid"), name="excite"),
            name="gate",
        )
        return Seq(Parallel((Identity(), gate), Multiply()), name="se")


@dataclass(frozen=True, slots=True)
class InvertedResidual:
    """Expand, depthwise, project; with a skip where the shape allows it.

    Source: MobileNetV2 (Sandler et al., 2018); squeeze-excite after the depthwise convolution as
    in MnasNet and MobileNetV3.

    Attributes:
        out: Output channels.
        kernel: Window of the depthwise convolution.
        stride: Its step.
        expand: Inner width relative to the input; a plain 1 leaves the expansion out.
        activation: After expansion and depthwise convolution.
        gate: None, or what stands between depthwise and projection, such as ``SqueezeExcite()``.
        skip: Whether the input is added where the shape allows it.
        divisor: The inner width is a multiple of it.
    """

    out: Width
    kernel: int | Choice[int] = 3
    stride: int = 1
    expand: float | Choice[int] | Choice[float] = 6
    activation: str | Choice[str] = "relu6"
    gate: Block | None = None
    skip: bool | Choice[bool] = True
    divisor: int = 1

    def lower(self, shape: Shape) -> Block:
        inner = Wide(self.expand, self.divisor)
        parts: list[Block] = []
        if self.expand != 1:
            parts.append(Seq(Conv(inner, 1), Norm(), *_activation(self.activation), name="expand"))
        parts.append(
            Seq(
                Depthwise(self.kernel, self.stride),
                Norm(),
                *_activation(self.activation),
                name="depthwise",
            )
        )
        if self.gate is not None:
            parts.append(self.gate)
        parts.append(Seq(Conv(self.out, 1), Norm(), name="project"))
        body = Seq(*parts)
        return body if self.stride != 1 else Residual(body, "drop", self.skip)


def _activation(how: str | Choice[str]) -> tuple[Activation, ...]:
    return () if how == "" else (Activation(how),)


Block: TypeAlias = (
    "Op | Identity | Seq | Residual | Parallel | Repeat | OneOf | Optional "
    "| Cell | Chain | Composite"
)
