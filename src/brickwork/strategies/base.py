"""What a strategy is, what it is given, and the little that all strategies need."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import SpaceError
from brickwork.objective import Limit, Objective, violation
from brickwork.quantity import Quantity, metric
from brickwork.space import Arch, Graph, Option, Space
from brickwork.trial import Proposal, State, Trial, rng_for

__all__ = [
    "Asked",
    "Member",
    "OneByOne",
    "Problem",
    "Strategy",
    "crowding",
    "every",
    "explained",
    "ranks",
]

WALK = 256  # mutations, at most, from a network that breaks the limits to one that keeps them
_FAR = 1e30  # in place of an infinite loss
TRIES = 32  # children, then as many samples, that are drawn in search of a new feasible one
SMALL = 20_000  # members of a space that are all gone through, once, where luck finds nothing


@dataclass(frozen=True, slots=True)
class Problem:
    """What is searched, what is wanted, and what is known for free.

    Attributes:
        space: The architectures and recipes.
        objectives: What to improve.
        limits: What must be kept.
        known: The costs of an architecture that need no training and no measurement. Objectives
            and limits on other metrics (accuracy, a latency to be measured) are learned from
            trials. It raises ``SpaceError`` for an architecture that does not fit the input.
        graph: The graph of an architecture, from which a predictor may learn what it is made of;
            it raises ``SpaceError`` likewise. None where only decisions and costs are known.
        repetitions: How often an architecture may be trained in full, each time with another seed;
            1 where the answer would be the same again.
        scores: What else is known of an architecture without training, by name, such as a score of
            the untrained network: the part of all architectures, from 0 to 1, of which it is less;
            NaN where it is not known. A predictor may learn from them; they are never wanted.
    """

    space: Space
    objectives: tuple[Objective, ...]
    limits: tuple[Limit, ...]
    known: Callable[[Arch], Mapping[str, Quantity]]
    graph: Callable[[Arch], Graph] | None = None
    repetitions: int = 1
    scores: Mapping[str, Callable[[Arch], float]] = field(default_factory=dict)

    def losses(self, metrics: Mapping[str, Quantity]) -> tuple[float, ...]:
        """One value to be minimised for each objective; infinite where it is missing."""
        return tuple(objective.loss(metrics) for objective in self.objectives)

    def violation(self, metrics: Mapping[str, Quantity]) -> float:
        """Total relative violation of the limits whose metric is given."""
        return violation(metrics, self.limits)

    def costs(self) -> tuple[str, ...]:
        """Names of the metrics that are known without training, as found on a few members.

        Of a small space all are gone through if need be: few may have known costs.
        """
        rng = rng_for(0, "strategy", "costs")
        samples = (self.space.sample(rng) for _ in range(TRIES))
        rest = every(self.space, rng) if self.space.size() <= SMALL else ()
        for arch in itertools.chain(self.space.extremes(), samples, rest):
            known, over = self.forecast(arch)
            if known or over < float("inf"):
                return tuple(name for name, cost in known.items() if math.isfinite(cost.value))
        return ()

    def forecast(self, arch: Arch) -> tuple[Mapping[str, Quantity], float]:
        """The known costs of an architecture and by how much they break the limits.

        One that does not fit the input has no costs and breaks them infinitely: it is a last
        resort, and the search records the reason when it comes to that.
        """
        try:
            costs = self.known(arch)
        except SpaceError:
            return {}, float("inf")
        return costs, self.violation(costs)


class Strategy(Protocol):
    """Proposes architectures; is told what became of them.

    A strategy is a pure fold: its next proposals depend on the seed, on how often it was asked
    and on what it was told, in that order; on no clock, file, process or device. Replaying the
    same calls gives the same proposals, which is how a study is resumed.
    """

    def ask(self, n: int) -> list[Proposal]:
        """Up to n proposals, none of which was asked before; fewer when the space is exhausted.

        None at all may also mean that results are waited for: the strategy is asked again after
        each that it is told, and the search is over when it has heard them all. The same
        architecture comes again at another fidelity, or with another repetition.
        """
        ...

    def tell(self, trial: Trial) -> None:
        """A trial has ended. Trials may come in any order, and any of them may have failed."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a population.

    Attributes:
        arch: The architecture.
        violation: By how much it breaks the limits; 0.0 when feasible.
        losses: One value to be minimised for each objective.
    """

    arch: Arch
    violation: float
    losses: tuple[float, ...]

    @classmethod
    def of(cls, problem: Problem, trial: Trial) -> Member | None:
        """The member that a trial gives: scored or infeasible; None for one without numbers.

        A score that is NaN or infinite is no number; a cost of which that is so is not known.
        """
        if trial.state in (State.FAILED, State.WAITING):
            return None
        scores = (o.metric for o in problem.objectives if metric(o.metric).quality)
        told = (trial.metrics[name].value for name in scores if name in trial.metrics)
        if not all(map(math.isfinite, told)):
            return None
        over = problem.violation(trial.metrics)
        if not trial.scored:
            over = max(over, 1e-9)  # infeasible for a reason that is not a limit
        return cls(trial.proposal.arch, over, problem.losses(trial.metrics))


class Asked:
    """Remembers what was asked for, and finds what is new.

    Args:
        problem: What is searched.
        seed: Decides the order in which what is left of a small space is handed out.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        self._problem = problem
        self._single = problem.space.size() == 1
        self._small = problem.space.size() <= SMALL
        self._ids: set[str] = set()
        self._members = every(problem.space, rng_for(seed, "strategy", "rest"))  # once through all
        self._rest = every(problem.space, rng_for(seed, "strategy", "rest"))  # where none is sound
        self._sound = False  # whether one that it came by keeps the limits
        self._ended = False  # whether it has gone through all

    def __contains__(self, arch: Arch) -> bool:
        return arch.id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def note(self, arch: Arch) -> None:
        """Remember an architecture."""
        self._ids.add(arch.id)

    def fresh(
        self, rng: np.random.Generator, make: Callable[[], Arch] | None = None
    ) -> Arch | None:
        """An architecture that was not asked before and is known to be sound; noted.

        It is sound where its costs are known and break no limit.

        Args:
            rng: Where samples come from.
            make: What to draw first, such as a mutation; samples follow if it gives nothing.

        Returns:
            What is drawn; where samples break the limits, what a walk from the nearest towards them
            finds; without luck in a bounded number of steps the next one of a small space that is
            sound, and None if all of those were asked before. Of a large space, or of one without
            any sound member, the nearest, or when all that was drawn had been asked before, the
            next one that was not; None if there is none.
        """
        if self._ended and self._sound:
            return None
        best, nearest = None, float("inf")
        space = self._problem.space
        for attempt in range(2 * TRIES):
            children = make is not None and attempt < TRIES and not self._single
            arch = make() if make is not None and children else space.sample(rng)
            if arch.id in self._ids:
                continue
            over = self._problem.forecast(arch)[1]
            if best is None or over < nearest:
                best, nearest = arch, over
            if over == 0.0:
                break
        if best is not None and 0.0 < nearest < float("inf"):
            best, nearest = self._nearer(best, nearest, rng)
        if nearest > 0.0 and self._small:
            sound = self._next_sound()
            if sound is not None or self._sound:
                best = sound
        if best is None and not self._sound:
            best = next((arch for arch in self._rest if arch.id not in self._ids), None)
        if best is not None:
            self.note(best)
        return best

    def _next_sound(self) -> Arch | None:
        """The next member of the space that is sound and new; each is looked at once."""
        for arch in self._members:
            new = arch.id not in self._ids
            if (new or not self._sound) and self._problem.forecast(arch)[1] == 0.0:
                self._sound = True
                if new:
                    return arch
        self._ended = True
        return None

    def _nearer(self, arch: Arch, over: float, rng: np.random.Generator) -> tuple[Arch, float]:
        """Mutations that come closer to the limits, until a new one keeps them; by how much not."""
        at, best = (arch, over), (arch, over)
        for _ in range(WALK if not self._single else 0):
            child = self._problem.space.mutate(at[0], rng)
            step = self._problem.forecast(child)[1]
            if step <= at[1]:  # inside the limits it goes on to what is new
                at = child, step
            if step < best[1] and child.id not in self._ids:
                best = child, step
                if step == 0.0:
                    break
        return best


class OneByOne:
    """A strategy that proposes one after another, each with random numbers of its own.

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals to the same answers.
    """

    stream: ClassVar[str] = "strategy"
    """Whose random numbers they are: one around another of the same seed has its own."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._problem = problem
        self._seed = seed
        self._asked = Asked(problem, seed)
        self._count = 0  # how often it was asked for one, this time counted

    def ask(self, n: int) -> list[Proposal]:
        proposals: list[Proposal] = []
        for _ in range(n):
            rng = rng_for(self._seed, self.stream, self._count)
            self._count += 1
            found = self._next(rng)
            if found is not None:
                proposals.append(found if isinstance(found, Proposal) else Proposal(found))
        return proposals

    def tell(self, trial: Trial) -> None:
        self._asked.note(trial.proposal.arch)

    def _next(self, rng: np.random.Generator) -> Arch | Proposal | None:
        """An architecture to be trained in full, or another proposal; None where there is none."""
        raise NotImplementedError


def explained(strategy: Strategy) -> str:
    """What a strategy says of itself, or the first line of its documentation; empty without one."""
    explain = getattr(strategy, "explain", None)
    if explain is not None:
        return str(explain())
    return next(iter((type(strategy).__doc__ or "").strip().splitlines()), "")


def every(space: Space, rng: np.random.Generator) -> Iterator[Arch]:
    """All architectures of a space once; the options of each decision in a random order."""
    decisions = space.decisions()
    orders = [[d.options[i] for i in rng.permutation(len(d.options))] for d in decisions]

    def walk(i: int, chosen: dict[str, Option]) -> Iterator[Arch]:
        while i < len(decisions) and not decisions[i].active(chosen):
            i += 1
        if i == len(decisions):
            yield Arch.of(space.name, chosen)
            return
        for option in orders[i]:
            yield from walk(i + 1, {**chosen, decisions[i].name: option})

    return walk(0, {})


def ranks(members: Sequence[Member]) -> NDArray[np.int64]:
    """The front each member lies in, from 0, after Deb et al. (2002).

    Feasible members come first, in the order of non-dominated fronts; the others follow by their
    total violation.
    """
    import moocore  # it takes long to load

    over = np.array([member.violation for member in members])
    rank = np.zeros(len(members), dtype=np.int64)
    feasible = np.flatnonzero(over == 0.0)
    level = 0
    if len(feasible):
        table = np.array([members[i].losses for i in feasible.tolist()])
        rank[feasible] = moocore.pareto_rank(np.minimum(table, _FAR))
        level = int(rank.max()) + 1
    broken = np.unique(over[over > 0.0])
    rank[over > 0.0] = level + np.searchsorted(broken, over[over > 0.0])
    return rank


def crowding(members: Sequence[Member], rank: NDArray[np.int64]) -> NDArray[np.float64]:
    """How lonely each member is in its front (crowding distance, Deb et al., 2002)."""
    table = np.array([member.losses for member in members])
    distance = np.zeros(len(members))
    for level in np.unique(rank):
        inside = np.flatnonzero(rank == level)
        for column in table[inside].T:
            order = np.argsort(column, kind="stable")
            values = column[order]
            distance[inside[order[[0, -1]]]] = np.inf
            if np.isfinite(values[[0, -1]]).all() and values[-1] > values[0]:
                width = values[-1] - values[0]
                distance[inside[order[1:-1]]] += (values[2:] - values[:-2]) / width
    return distance
