"""Which members a step of weight-sharing training runs. Each rule is a few lines of its paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from brickwork.space import Arch, Decision, Option, Space

__all__ = ["Fair", "Paths", "Progressive", "Sandwich", "Uniform", "structural"]


class Paths(Protocol):
    """A rule for the members of a training step; it keeps nothing between steps."""

    teaches: bool
    """Whether the first member of a step teaches the others (in-place distillation)."""

    def paths(self, progress: float, rng: np.random.Generator) -> Sequence[Arch]:
        """The members whose gradients are added up for one step.

        Args:
            progress: Part of the training that is done, in [0, 1).
            rng: Where samples come from.
        """
        ...


class Uniform:
    """One member a step, drawn uniformly.

    Source: Guo et al., "Single path one-shot neural architecture search with uniform sampling",
    ECCV 2020. Differs from the paper: nothing.
    """

    teaches = False

    def __init__(self, space: Space) -> None:
        self._space = space

    def paths(self, progress: float, rng: np.random.Generator) -> Sequence[Arch]:
        return [self._space.sample(rng)]


class Fair:
    """As many members a step as there are options: each option is trained equally often.

    Source: Chu, Zhang, Xu, "FairNAS: Rethinking evaluation fairness of weight sharing neural
    architecture search", ICCV 2021. Differs from the paper: decisions may have unequal numbers of
    options; one with fewer goes through its options again, in another order.
    """

    teaches = False

    def __init__(self, space: Space) -> None:
        self._space = space
        self._decisions = structural(space)

    def paths(self, progress: float, rng: np.random.Generator) -> Sequence[Arch]:
        count = max((len(d.options) for d in self._decisions), default=1)
        columns = {d.name: _rounds(d, count, rng) for d in self._decisions}
        return [
            self._space.arch({name: options[i] for name, options in columns.items()})
            for i in range(count)
        ]


class Sandwich:
    """The largest member, the smallest, and some between; the largest teaches the others.

    Source: Yu and Huang, "Universally slimmable networks and improved training techniques", ICCV
    2019; Yu et al., "BigNAS", ECCV 2020. Differs from the papers: the other members are drawn
    uniformly over all decisions, not over widths or stages only.

    Args:
        space: The space.
        between: How many besides the two ends.
    """

    teaches = True

    def __init__(self, space: Space, between: int = 2) -> None:
        self._space = space
        self._between = between
        smallest, largest = space.extremes()
        self._ends = (largest, smallest)

    def paths(self, progress: float, rng: np.random.Generator) -> Sequence[Arch]:
        return [*self._ends, *(self._space.sample(rng) for _ in range(self._between))]


class Progressive:
    """The largest member first, then smaller ones too: kernels, then depths, then widths.

    Source: Cai et al., "Once-for-all: Train one network and specialize it for efficient
    deployment", ICLR 2020. Differs from the paper: no learned kernel transformation; the largest
    member is a teacher in every step instead of a network that was trained before; phases are equal
    parts of one training; decisions that are none of the three open last.
    """

    teaches = True

    _OPENED = ("kernel", "depth")

    def __init__(self, space: Space, between: int = 2) -> None:
        self._space = space
        self._between = between
        self._largest = space.extremes()[1]
        self._phases = {d: self._phase(d) for d in structural(space)}
        self._last = max(self._phases.values(), default=0)

    def paths(self, progress: float, rng: np.random.Generator) -> Sequence[Arch]:
        opened = math.floor(progress * (self._last + 1))
        closed = {d.name: d.options[-1] for d, phase in self._phases.items() if phase > opened}
        found = [self._largest]
        for _ in range(self._between if opened else 0):
            drawn = dict(self._space.sample(rng).choices)
            found.append(self._space.arch({**drawn, **closed}))
        return found

    def _phase(self, decision: Decision) -> int:
        """In which part of the training a decision opens, from 1."""
        last = decision.name.rpartition(".")[2]
        for phase, name in enumerate(self._OPENED, 1):
            if name in last:
                return phase
        return len(self._OPENED) + 1


def structural(space: Space) -> list[Decision]:
    """The decisions that make the network, not its recipe."""
    return [d for d in space.decisions() if not d.name.startswith("recipe.")]


def _rounds(decision: Decision, count: int, rng: np.random.Generator) -> list[Option]:
    """So many options, each as often as the others, give or take one."""
    size = len(decision.options)
    order: list[Option] = []
    while len(order) < count:
        order += [decision.options[i] for i in rng.permutation(size)]
    return order[:count]
