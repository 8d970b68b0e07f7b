"""What a mixture is made of: for each decision, options and their weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from brickwork.errors import SpaceError
from brickwork.nets.live import Weight
from brickwork.space import Choice, Option
from brickwork.space.holes import full_name

__all__ = ["Chosen", "Mix", "Partial"]


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """Weights over the bricks of a ``OneOf`` that only a part of the channels goes through.

    The other channels pass by, and all are shuffled, so that each takes its turn at the next such
    choice. Only the first channels of each weight are used: a part of the memory and of the time.

    Source: Xu et al., "PC-DARTS: Partial channel connections for memory-efficient architecture
    search", ICLR 2020. Differs from the paper: nothing.

    Attributes:
        weights: Weights over the options.
        of: One channel of so many goes through.
    """

    weights: Tensor
    of: int = 4


Mix = Mapping[str, int | Tensor | Mapping[int, Tensor] | Partial]
"""For each decision: the index of one option, weights over its options, the weights of some options
by index (the others are not run at all), or a partial one."""


class Chosen:
    """The options of a mixture, and those that are taken while one of several is looked at.

    Args:
        mix: The mixture.
    """

    def __init__(self, mix: Mix) -> None:
        self._mix = mix
        self._given: dict[str, Option] = {}  # decisions inside one of their own options

    @contextmanager
    def given(self, name: str, option: Option) -> Iterator[None]:
        """Take an option of a decision for certain, for as long as the context lasts."""
        outer = self._given
        self._given = {**outer, name: option}
        yield
        self._given = outer

    def partial(self, name: str) -> Partial | None:
        """How a decision is partial, if it is."""
        chosen = self._mix.get(name)
        return chosen if isinstance(chosen, Partial) else None

    def options(self, scope: str, choice: Choice[Any]) -> list[tuple[Any, Weight]]:
        """The options of a choice that have a weight, each with it."""
        name = full_name(scope, choice.name)
        if name in self._given:
            return [(self._given[name], 1.0)]
        if name not in self._mix:
            raise SpaceError(f"the mix does not decide {name}")
        chosen = self._mix[name]
        if isinstance(chosen, Partial):
            raise SpaceError(f"{name} does not choose between bricks of a cell: it is not partial")
        if isinstance(chosen, Mapping):
            return [(choice.options[i], weight) for i, weight in chosen.items()]
        if not isinstance(chosen, Tensor):
            return [(choice.options[chosen], 1.0)]
        return self.weighted(name, choice, chosen)

    def weighted(self, name: str, choice: Choice[Any], chosen: Tensor) -> list[tuple[Any, Weight]]:
        """Every option of a choice with its weight."""
        if chosen.shape != (len(choice.options),):
            raise SpaceError(
                f"{name} has {len(choice.options)} options, the mix has weights of shape "
                f"{tuple(chosen.shape)}"
            )
        return list(zip(choice.options, chosen.unbind(), strict=True))
