"""Several fidelities around any strategy: what is promising is trained for longer.

- Jamieson, Talwalkar: "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
  2016 (``Halving``); Li et al.: "Hyperband: A Novel Bandit-Based Approach to Hyperparameter
  Optimization", 2018 (``Hyperband``).
- Li, Jamieson et al.: "A System for Massively Parallel Hyperparameter Tuning", 2020, and, for
  several objectives, Schmucker et al.: "Multi-objective Asynchronous Successive Halving", 2021
  (``Asha``).
- Bohdal et al.: "PASHA: Efficient HPO and NAS with Progressive Resource Allocation", 2023
  (``Pasha``).

Differs from the papers:
- networks come from an inner strategy, which is told every score and may wait for them; without
  one, or where it has heard all and proposes nothing, they are drawn;
- of several objectives the front is promoted first, then the next, the loneliest of each first.
  Costs are objectives, so small networks, which short trainings under-rank, stay in the race;
- where nothing new is left, the best go straight to whole trainings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from brickwork.space import Arch
from brickwork.strategies.base import Member, OneByOne, Problem, Strategy, crowding, ranks
from brickwork.trial import Proposal, Trial

__all__ = ["Asha", "Halving", "Hyperband", "Pasha"]

_RUNGS = (1 / 9, 1 / 3, 1.0)
_STALE = 50
_Inner = Callable[[Problem, int], Strategy]


@dataclass(frozen=True, slots=True)
class _Scored:
    """A network with its score at one fidelity, and the number of the trial that found it."""

    member: Member
    number: int

    @property
    def arch(self) -> Arch:
        return self.member.arch


class _Rungs(OneByOne):
    """What all of them share: new networks, scores by rung, and who is the best of a rung.

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals to the same answers.
        rungs: Fidelities, from the lowest to 1.
        eta: One in so many is promoted.
        inner: Where new networks come from; by default they are drawn.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        rungs: Sequence[float] = _RUNGS,
        eta: float = 3.0,
        inner: _Inner | None = None,
    ) -> None:
        if not rungs or list(rungs) != sorted(set(rungs)) or rungs[-1] != 1:
            raise ValueError(f"rungs rise to 1, got {tuple(rungs)}")
        super().__init__(problem, seed)
        self._fidelities = tuple(rungs)
        self._eta = eta
        once = replace(problem, repetitions=1)  # what comes again is decided here
        self._inner = inner(once, seed) if inner is not None else None
        self._waits = False  # the inner strategy, for what it is still to hear
        self._dry = False  # it has heard all and proposes nothing
        self._open: set[tuple[str, float]] = set()  # asked for and not told
        self._scored: list[dict[str, _Scored]] = [{} for _ in rungs]
        self._promoted: list[set[str]] = [set() for _ in rungs]
        self._ordered: dict[int, tuple[int, list[_Scored]]] = {}

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        self._open.discard((trial.proposal.arch.id, trial.proposal.fidelity))
        if self._inner is not None:
            self._inner.tell(trial)
        rung = self._rung(trial.proposal.fidelity)
        for below in range(rung):  # also what was told from elsewhere is not promoted again
            self._promoted[below].add(trial.proposal.arch.id)
        member = Member.of(self._problem, trial)
        if trial.scored and member is not None and member.violation == 0:
            self._scored[rung][member.arch.id] = _Scored(member, trial.number)

    def _rung(self, fidelity: float) -> int:
        return max((i for i, f in enumerate(self._fidelities) if f <= fidelity + 1e-9), default=0)

    def _new(self, rng: np.random.Generator, rung: int) -> Proposal | None:
        """A network that was not asked for before, at a rung; None if none is left or one waits."""
        if self._inner is not None:
            proposals = self._inner.ask(1)
            self._dry = not proposals and (self._dry or not self._open)
            self._waits = not proposals and not self._dry
            if self._waits:
                return None
            for proposal in proposals:
                if proposal.arch not in self._asked:
                    self._asked.note(proposal.arch)
                    return self._opened(proposal.arch, rung)
        arch = self._asked.fresh(rng)
        return None if arch is None else self._opened(arch, rung)

    def _opened(self, arch: Arch, rung: int, continues: int | None = None) -> Proposal:
        self._open.add((arch.id, self._fidelities[rung]))
        return Proposal(arch, self._fidelities[rung], continues)

    def _due(self, rung: int) -> list[_Scored]:
        """The best of a rung, one in ``eta``; of many, as they were a fiftieth ago."""
        here = self._scored[rung]
        known, best = self._ordered.get(rung, (-1, []))
        if len(here) - known > known // _STALE:
            best = _best_first(list(here.values()))[: int(len(here) / self._eta)]
            self._ordered[rung] = len(here), best
        return best

    def _up(self, one: _Scored, rung: int, to: int) -> Proposal:
        """A promotion from a rung to a higher one."""
        for below in range(rung, to):
            self._promoted[below].add(one.arch.id)
        return self._opened(one.arch, to, one.number)

    def _last(self) -> Proposal | None:
        """The best that was not trained in full, straight to a whole training."""
        if self._waits:
            return None
        top = len(self._fidelities) - 1
        for rung in range(top - 1, -1, -1):
            left = [o for o in self._scored[rung].values() if o.arch.id not in self._promoted[rung]]
            if left:
                return self._up(_best_first(left)[0], rung, top)
        return None


class Asha(_Rungs):
    """Promotes as soon as one in three of a rung is due, and draws a new network otherwise."""

    @property
    def _top(self) -> int:
        """The highest rung so far."""
        return len(self._fidelities) - 1

    def _next(self, rng: np.random.Generator) -> Proposal | None:
        for rung in range(self._top - 1, -1, -1):
            for one in self._due(rung):
                if one.arch.id not in self._promoted[rung]:
                    return self._up(one, rung, rung + 1)
        return self._new(rng, 0) or self._last()


class Pasha(Asha):
    """Trains for longer only while the two longest trainings disagree on what is best."""

    _reached = 1

    @property
    def _top(self) -> int:
        return min(self._reached, len(self._fidelities) - 1)

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        if self._rung(trial.proposal.fidelity) == self._top and self._unstable(self._top):
            self._reached = self._top + 1

    def _unstable(self, rung: int) -> bool:
        """Whether a rung and the one below differ in who is ahead, of those that both scored."""
        below = self._scored[rung - 1] if rung else {}
        both = [id for id in self._scored[rung] if id in below]
        if len(both) < 2:
            return False
        ahead = [ranks([self._scored[r][id].member for id in both]) == 0 for r in (rung, rung - 1)]
        return bool((ahead[0] != ahead[1]).any())


@dataclass(slots=True)
class _Bracket:
    """Networks that started together.

    Attributes:
        rung: Where they are now.
        size: How many of them.
        ids: Those that were asked for at this rung.
        queue: Promotions to this rung that are still to be asked for.
        open: Asked for and not told, by id.
    """

    rung: int
    size: int
    ids: list[str] = field(default_factory=list)
    queue: list[_Scored] = field(default_factory=list)
    open: set[str] = field(default_factory=set)


class Halving(_Rungs):
    """Starts networks together; when all of them are told, one in three goes on."""

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        rungs: Sequence[float] = _RUNGS,
        eta: float = 3.0,
        inner: _Inner | None = None,
    ) -> None:
        super().__init__(problem, seed, rungs=rungs, eta=eta, inner=inner)
        self._brackets: list[_Bracket] = []
        self._begun = 0

    def _starts(self) -> list[int]:
        """The rungs at which brackets begin, in turn."""
        return [0]

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        for bracket in self._brackets:
            if self._fidelities[bracket.rung] == trial.proposal.fidelity:
                bracket.open.discard(trial.proposal.arch.id)

    def _next(self, rng: np.random.Generator) -> Proposal | None:
        for bracket in list(self._brackets):
            if not bracket.queue and not bracket.open and len(bracket.ids) >= bracket.size:
                self._advance(bracket)
            if bracket.queue:
                one = bracket.queue.pop(0)
                self._join(bracket, one.arch)
                return self._up(one, bracket.rung - 1, bracket.rung)
        filling = next((b for b in self._brackets if len(b.ids) < b.size), None)
        if filling is None:
            filling = self._begin()
        proposal = self._new(rng, filling.rung)
        if proposal is None:
            return self._last()
        self._join(filling, proposal.arch)
        return proposal

    def _join(self, bracket: _Bracket, arch: Arch) -> None:
        bracket.ids.append(arch.id)
        bracket.open.add(arch.id)

    def _begin(self) -> _Bracket:
        starts, top = self._starts(), len(self._fidelities) - 1
        rung = starts[self._begun % len(starts)]
        self._begun += 1
        levels = top - rung  # as much compute in each bracket (Hyperband, algorithm 1)
        size = math.ceil((top + 1) / (levels + 1) * self._eta**levels)
        bracket = _Bracket(rung, size)
        self._brackets.append(bracket)
        return bracket

    def _advance(self, bracket: _Bracket) -> None:
        """One in ``eta`` of a bracket goes to the next rung; at the last it ends."""
        scored = [self._scored[bracket.rung].get(id) for id in bracket.ids]
        here = [one for one in scored if one is not None]
        due = _best_first(here)[: int(bracket.size / self._eta)]
        due = [one for one in due if one.arch.id not in self._promoted[bracket.rung]]
        if bracket.rung == len(self._fidelities) - 1 or not due:
            self._brackets.remove(bracket)
            return
        bracket.queue = due
        bracket.size, bracket.ids, bracket.rung = len(due), [], bracket.rung + 1


class Hyperband(Halving):
    """Brackets that begin at each rung in turn: a hedge against scores that mislead when short."""

    def _starts(self) -> list[int]:
        return list(range(len(self._fidelities)))


def _best_first(scored: Sequence[_Scored]) -> list[_Scored]:
    """By fronts, the loneliest of each first."""
    if not scored:
        return []
    members = [one.member for one in scored]
    rank = ranks(members)
    order = np.lexsort((-crowding(members, rank), rank))
    return [scored[i] for i in order.tolist()]
