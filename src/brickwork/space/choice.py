"""A hole in a model, and the numbers that may stand where a width is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from brickwork.errors import SpaceError

__all__ = ["Choice", "Option", "Wide", "Width", "round_to"]

Option = int | float | str | bool
T = TypeVar("T", bound=Option)


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """A decision between options; it may stand in any field of a brick.

    Attributes:
        name: The author's name, scoped by the path of the brick it stands in. ``"../width"`` is
            scoped one level up (all repetitions of a stage share it), ``"/act"`` at the root.
        options: What may be chosen, in ascending order where there is an order.

    Raises:
        SpaceError: There are no options, or one of them stands twice.
    """

    name: str
    options: tuple[T, ...]

    def __post_init__(self) -> None:
        if not self.options:
            raise SpaceError(f"the choice {self.name!r} has no options")
        if len(set(self.options)) < len(self.options):
            raise SpaceError(f"the choice {self.name!r} has an option twice: {self.options}")
        if not self.name or self.name.endswith("/"):
            raise SpaceError(f"{self.name!r} is not a name for a choice")


@dataclass(frozen=True, slots=True)
class Wide:
    """A width relative to the channels that come in, rounded to a multiple of ``divisor``.

    Attributes:
        factor: How many times as wide as the input.
        divisor: The result is a multiple of it, at least ``divisor``, never 10 % narrower than
            asked (the rounding of MobileNetV2, Sandler et al., 2018).
    """

    factor: float | Choice[float] | Choice[int]
    divisor: int = 1


Width = int | Choice[int] | Wide


def round_to(width: float, divisor: int) -> int:
    """The nearest multiple of ``divisor``, at least ``divisor``, never 10 % below ``width``."""
    rounded = max(divisor, int(width + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * width else rounded
