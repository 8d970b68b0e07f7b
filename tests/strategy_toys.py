"""Toy problems for strategies: small spaces with scores and costs that are formulas."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Mapping

from brickwork.errors import SpaceError
from brickwork.objective import Limit, Objective
from brickwork.quantity import How, Quantity
from brickwork.space import Arch, Choice, Conv, Identity, OneOf, Optional, Repeat, Seq, Space
from brickwork.strategies.base import Problem, Strategy
from brickwork.trial import Proposal, State, Trial, rng_for

TABLE = Space("table", Seq(*(OneOf(f"e{i}", {o: Identity() for o in "abcde"}) for i in range(5))))
"""3,125 architectures, no decision depends on another."""

STAGE = Repeat(
    "stage",
    Seq(
        Conv(Choice("width", (4, 8, 16, 32)), 3), Optional("wide", Conv(Choice("more", (1, 2)), 1))
    ),
    Choice("depth", (1, 2, 3)),
)
NESTED = Space("nested", STAGE, {"lr": Choice("lr", (0.01, 0.02, 0.04))})
"""Decisions that depend on others, numbers, and a recipe: 5,652 architectures."""

TINY = Space(
    "tiny", Seq(Conv(Choice("a", (1, 2, 3)), 1), Optional("b", Conv(Choice("c", (1, 2)), 1)))
)
"""Nine architectures."""

ONE = Space("one", Conv(4, 3))
"""A published network: one architecture."""

SPACES = (TABLE, NESTED, TINY, ONE)


@functools.cache
def effect(arch: Arch) -> float:
    """An effect of every decision and of some pairs, about -1 to 1."""
    total = 0.0
    choices = [f"{name}={option}" for name, option in arch.choices]
    for one, two in itertools.pairwise(choices):
        total += float(rng_for(1, one).normal()) + 0.5 * float(rng_for(2, one, two).normal())
    return math.tanh(total / math.sqrt(max(1, len(choices))))


@functools.cache
def size(arch: Arch) -> float:
    """A cost that most decisions raise."""
    numbers = [float(rng_for(3, name, str(option)).random()) for name, option in arch.choices]
    return 100.0 * math.exp(0.8 * sum(numbers))


def known(arch: Arch) -> Mapping[str, Quantity]:
    return {
        "parameters": Quantity(size(arch), "1", How.COUNTED),
        "macs": Quantity(size(arch) ** 1.2, "1", How.COUNTED),
    }


def accuracy(arch: Arch, fidelity: float = 1.0) -> float:
    """Better for larger networks; a short training is worse, most of all for small ones."""
    error = 0.15 * (size(arch) / 1000.0) ** -0.3 * math.exp(0.8 * effect(arch))
    short = (1.0 / fidelity) ** (0.5 + 0.1 * math.log(3000.0 / size(arch)))
    return 1.0 - min(0.9, error * short)


def problem(
    space: Space = TABLE,
    objectives: Iterable[str] = ("accuracy", "parameters"),
    limits: Iterable[str] = (),
) -> Problem:
    return Problem(
        space,
        tuple(Objective(name) for name in objectives),
        tuple(Limit.parse(text) for text in limits),
        known,
    )


def done(number: int, proposal: Proposal) -> Trial:
    """The trial of a proposal, with its costs, its accuracy and a latency that was measured."""
    metrics = {
        **known(proposal.arch),
        "accuracy": Quantity(accuracy(proposal.arch, proposal.fidelity), "fraction", How.MEASURED),
        "latency_ms": Quantity(size(proposal.arch) / 50 + 1, "ms", How.MEASURED),
    }
    return Trial(number, proposal, State.DONE, metrics)


def ended(number: int, proposal: Proposal) -> Trial:
    """A trial that ended in one of all ways that there are, as its number says."""
    trial = done(number, proposal)
    if number % 7 == 2:
        return Trial(number, proposal, State.FAILED, known(proposal.arch), cause="worker died")
    if number % 7 == 4:
        cause = "latency 9 ms"
        return Trial(number, proposal, State.INFEASIBLE, known(proposal.arch), cause=cause)
    if number % 7 == 5:
        return Trial(number, proposal, State.TWIN, trial.metrics, twin_of=0)
    return trial


def search(strategy: Strategy, n: int, lag: int = 1, end=ended) -> list[Trial]:
    """Ask one at a time with up to ``lag`` trials outstanding; until nothing is left."""
    waiting: list[Trial] = []
    trials: list[Trial] = []
    for number in range(n):
        proposals = strategy.ask(1)
        if proposals:
            waiting.append(end(number, proposals[0]))
        elif not waiting:
            break
        if waiting and (len(waiting) >= lag or not proposals):
            trials.append(waiting.pop(0))
            strategy.tell(trials[-1])
    return trials + waiting


def unfit(arch: Arch) -> Mapping[str, Quantity]:
    """Like ``known``, but a third of the members of ``TABLE`` does not fit the input."""
    if dict(arch.choices)["e0"] in "ab":
        raise SpaceError("e0: no pixel is left")
    return known(arch)
