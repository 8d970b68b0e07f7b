"""Bricks made of bricks. A brick without choices is one network; with choices it is a space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from brickwork.errors import SpaceError
from brickwork.space.choice import Choice
from brickwork.space.ops import Add, Attend, Concat, MaskedMean, Multiply, Op, Shape

if TYPE_CHECKING:
    from brickwork.space.cells import Cell, Chain

__all__ = [
    "Block",
    "Composite",
    "Identity",
    "OneOf",
    "Optional",
    "Parallel",
    "Repeat",
    "Residual",
    "Seq",
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
        join: How their outputs become one; its choices are scoped where the whole stands.
    """

    branches: tuple[Block, ...]
    join: Add | Attend | Concat | MaskedMean | Multiply = Add()  # noqa: RUF009  # ops are frozen values

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


Block: TypeAlias = (
    "Op | Identity | Seq | Residual | Parallel | Repeat | OneOf | Optional "
    "| Cell | Chain | Composite"
)
