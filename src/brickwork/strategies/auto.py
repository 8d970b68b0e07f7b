"""The default: costs are known before training, so only quality is learned.

Predictor-guided Pareto search. A Gaussian process on decisions, pairs of decisions and known costs
predicts what must be trained or measured; each proposal is the candidate of the largest expected
gain of hypervolume at its exact known costs. After:
- White, Neiswanger, Savani: "BANANAS: Bayesian Optimization with Neural Architectures for Neural
  Architecture Search", 2021 (a predictor, and mutations of the best as candidates);
- Emmerich, Giannakoglou, Naujoks: "Single- and Multiobjective Evolutionary Optimization Assisted
  by Gaussian Random Field Metamodels", 2006 (expected gain of hypervolume);
- Li, Jamieson et al.: "A System for Massively Parallel Hyperparameter Tuning", 2020 (promotion as
  soon as one is due, ASHA).

Differs from the papers:
- no ranking across the whole low fidelity: a short training under-ranks small networks, so who is
  promoted is decided along the front (the largest gain over those that were promoted already);
- the first proposals are stratified along the cost, small end included, and unlike each other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brickwork.objective import front
from brickwork.predictor import Encoder, Observation, Outlook
from brickwork.quantity import metric
from brickwork.space import Arch
from brickwork.strategies.base import Asked, Member, Problem, ranks
from brickwork.trial import Proposal, State, Trial, rng_for

__all__ = ["Auto"]

Array = NDArray[np.float64]

_BREED = 24  # children of the front, then of the best candidates, whenever candidates are renewed
_SHORT = 64  # candidates that are compared at each ask
_KEPT = 300  # trials that the predictor learns from; twice as many are remembered at most
_STALE = 16  # candidates are renewed when a sixteenth of all trials is new
_UNLIKE = 30  # samples in a stratum, of which the one least like the others is a starting point


@dataclass(frozen=True, slots=True)
class _Record:
    """A trial as it is remembered: its number, its architecture and what it told."""

    number: int
    arch: Arch
    seen: Observation


class Auto:
    """Learns quality, knows costs, and asks for the candidate of the largest expected gain.

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals to the same answers.
        low: Fidelity of a first look; the promising are asked again at 1. With 1 all are.
        share: Part of the compute that goes to fidelity 1, when ``low`` is lower.
        starts: Proposals before the first prediction.
        samples: Candidates whose costs are known that are kept at hand.
        explore: Part of the proposals that is drawn uniformly.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        low: float = 0.25,
        share: float = 1 / 3,
        starts: int = 6,
        samples: int = 1000,
        explore: float = 0.1,
    ) -> None:
        if not 0 < low <= 1:
            raise ValueError(f"low is a fidelity in (0, 1], got {low}")
        self._problem = problem
        self._seed = seed
        self._low = low
        self._share = share
        self._starts = starts
        self._samples = samples
        self._explore = explore
        self._count = 0
        self._told = 0
        self._asked = Asked(problem, seed)
        self._encoder = Encoder(problem.space, _free_costs(problem))
        self._outlook = Outlook(self._encoder, problem.objectives, problem.limits)
        self._pool = _Pool(problem, self._encoder)
        self._todo: list[Arch] | None = None  # starting points to be asked; None: not chosen yet
        self._looks = self._finals = 0.0  # compute asked for at low fidelity and at 1
        self._records: list[_Record] = []
        self._pending: dict[str, Array] = {}  # rows of what was asked and not told
        self._promoted: set[str] = set()
        self._short: list[tuple[Arch, Array]] = []
        self._renewed = -1  # how many trials were told when the short list was made

    def explain(self) -> str:
        """One sentence: what is done, and why."""
        wanted = [metric(o.metric) for o in self._problem.objectives]
        learned = " and ".join(metric(name).label for name in self._outlook.learned) or "nothing"
        costs = " and ".join(m.label for m in wanted if not m.quality)
        gain = f"gain of hypervolume over {costs}" if costs and len(wanted) > 1 else "improvement"
        looks = ""
        if self._low < 1:
            looks = (
                f"; a first look takes {100 * self._low:.0f} % of a training, and about "
                f"{100 * self._share:.0f} % of the compute goes to whole trainings of the "
                "promising all along the front, because short ones under-rank small networks"
            )
        return (
            f"starts spread along the cost; then a predictor learns {learned} from the trials and "
            f"the candidate of the largest expected {gain} comes next, because what is known "
            f"before training need not be learned{looks}"
        )

    def ask(self, n: int) -> list[Proposal]:
        proposals: list[Proposal] = []
        for _ in range(n):
            proposal = self._next(rng_for(self._seed, "strategy", self._count))
            self._count += 1
            if proposal is not None:
                proposals.append(proposal)
        return proposals

    def tell(self, trial: Trial) -> None:
        arch = trial.proposal.arch
        full = trial.proposal.fidelity >= 1
        self._told += 1
        self._asked.note(arch)
        if full:
            self._promoted.add(arch.id)
        row = self._pending.pop(arch.id, None)
        targets = self._outlook.targets(trial.metrics)
        if trial.state is State.FAILED or not any(map(math.isfinite, targets)):
            return  # nothing was learned
        if row is None:
            row = self._encoder.encode(arch, trial.metrics)
        over = self._problem.violation(trial.metrics)
        seen = Observation(row, targets, full, over)
        self._records.append(_Record(trial.number, arch, seen))
        if len(self._records) > 2 * _KEPT:
            self._forget()

    def _next(self, rng: np.random.Generator) -> Proposal | None:
        if self._todo is None:
            self._todo = self._survey()
        while self._todo:
            arch = self._todo.pop()
            if arch not in self._asked:
                return self._proposal(arch, self._low)
        if self._finals + 1 <= self._share * (self._looks + self._finals + 1):
            promotion = self._promotion()
            if promotion is not None:
                return promotion
        if rng.random() >= self._explore:
            found = self._best(rng)
            if found is not None:
                return self._proposal(found[0], self._low, row=found[1])
        new = self._asked.fresh(rng)
        return self._promotion() if new is None else self._proposal(new, self._low)

    def _proposal(
        self, arch: Arch, fidelity: float, *, row: Array | None = None, number: int | None = None
    ) -> Proposal:
        if row is None:
            row = self._encoder.encode(arch, self._problem.forecast(arch)[0])
        self._asked.note(arch)
        self._pending[arch.id] = row
        if fidelity < 1:
            self._looks += fidelity
        else:
            self._finals += fidelity
        return Proposal(arch, fidelity, number)

    def _survey(self) -> list[Arch]:
        """Find out the costs of many candidates, and choose where to start."""
        rng = rng_for(self._seed, "strategy", "survey")
        space = self._problem.space
        ends = space.extremes()
        drawn = list(ends)
        for i in range(self._samples):
            arch = space.sample(rng)
            # half of them lean to an end: uniform samples of many decisions hardly come near it
            drawn.append(space.cross(ends[i % 4 // 2], arch, rng) if i % 2 else arch)
        nearest = self._pool.add(drawn)
        for _ in range(4):  # where most of the space breaks the limits: closer step by step
            if len(self._pool.archs) >= self._samples // 4:
                break
            parents = self._pool.archs or nearest
            nearest = self._pool.add(self._children(parents, self._samples // 4, rng)) or nearest
        return self._pool.spread(self._starts, self._outlook.size, rng)

    def _best(self, rng: np.random.Generator) -> tuple[Arch, Array] | None:
        """The candidate of the largest expected gain; None while there is nothing to learn from."""
        if not self._pool.archs or len(self._records) < min(4, self._starts):
            return None
        if self._renewed < 0 or self._told - self._renewed >= max(1, self._told // _STALE):
            self._renew(rng)
        open_ = [entry for entry in self._short if entry[0] not in self._asked]
        if not open_ and self._told > self._renewed:
            self._renew(rng)
            open_ = self._short
        if not open_:
            return None
        gains = self._outlook.gains(np.array([row for _, row in open_]), self._taken())
        self._short = open_
        return open_[int(gains.argmax())]

    def _sound(self) -> list[_Record]:
        return [record for record in self._records if record.seen.violation == 0]

    def _taken(self) -> Array:
        """Where trials lie, then where pending ones are expected, (points, objectives)."""
        told = self._outlook.reached([record.seen for record in self._sound()])
        if not self._pending:
            return told
        return np.concatenate([told, self._outlook.expected(np.array([*self._pending.values()]))])

    def _learn(self) -> None:
        self._outlook.learn([record.seen for record in self._records], self._pool.rows)

    def _renew(self, rng: np.random.Generator) -> None:
        """Learn again, breed new candidates, and list the best."""
        self._learn()
        pool, taken, sound = self._pool, self._taken(), self._sound()
        elite = [sound[i].arch for i in np.flatnonzero(front(taken)) if i < len(sound)]
        pool.add(self._children(elite or pool.archs, _BREED, rng))
        gains = self._outlook.gains(pool.rows, taken)
        best = np.argsort(-gains, kind="stable")
        pool.add(self._children([pool.archs[i] for i in best[:8]], _BREED, rng))
        if len(pool.archs) > len(gains):
            more = self._outlook.gains(pool.rows[len(gains) :], taken)
            gains = np.concatenate([gains, more])
            best = np.argsort(-gains, kind="stable")
        new = (int(i) for i in best if pool.archs[i] not in self._asked)
        self._short = [(pool.archs[i], pool.rows[i]) for i in itertools.islice(new, _SHORT)]
        pool.keep(best[: self._samples])
        self._renewed = self._told

    def _forget(self) -> None:
        """Keep the latest trials and the best of the others, so that memory stays flat."""
        self._learn()
        half = _KEPT // 2
        older, latest = self._records[:-half], self._records[-half:]
        heights = self._outlook.reached([record.seen for record in older])
        members = [
            Member(record.arch, record.seen.violation, tuple(height))
            for record, height in zip(older, heights, strict=True)
        ]
        best = np.sort(np.argsort(ranks(members), kind="stable")[: _KEPT - half])
        self._records = [older[i] for i in best] + latest

    def _children(self, parents: Sequence[Arch], n: int, rng: np.random.Generator) -> list[Arch]:
        """New mutations and crosses of some architectures."""
        space = self._problem.space
        children: dict[str, Arch] = {}
        for _ in range(n if space.size() > 1 and parents else 0):
            parent = parents[int(rng.integers(len(parents)))]
            dice = rng.random()
            if dice < 0.3:
                child = space.cross(parent, parents[int(rng.integers(len(parents)))], rng)
            else:
                child = space.mutate(parent, rng)
            if dice > 0.8:
                child = space.mutate(child, rng)
            if child not in self._asked:
                children[child.id] = child
        return list(children.values())

    def _promotion(self) -> Proposal | None:
        """Of the first looks, the one that adds most to what was promoted already."""
        sound = self._sound()
        looks = [r for r in sound if not r.seen.full and r.arch.id not in self._promoted]
        if not looks:
            return None
        self._learn()
        taken = self._outlook.reached([r.seen for r in sound if r.seen.full])
        rows = [row for id, row in self._pending.items() if id in self._promoted]
        if rows:
            taken = np.concatenate([taken, self._outlook.expected(np.array(rows))])
        missing = self._outlook.missing(np.array([r.seen.row for r in looks]), taken)
        record = looks[int(missing.argmax())]
        if missing.max() <= 0:
            return None
        self._promoted.add(record.arch.id)
        return self._proposal(record.arch, 1.0, row=record.seen.row, number=record.number)


def _free_costs(problem: Problem) -> tuple[str, ...]:
    """Names of the metrics that are known without training, from a few architectures."""
    rng = rng_for(0, "strategy", "costs")
    samples = (problem.space.sample(rng) for _ in range(50))
    for arch in itertools.chain(problem.space.extremes(), samples):
        costs, _ = problem.forecast(arch)
        if costs:
            return tuple(name for name, cost in costs.items() if math.isfinite(cost.value))
    return ()


class _Pool:
    """Candidates that keep the limits as far as that is known, with their features.

    Args:
        problem: What is searched.
        encoder: Makes the rows.
    """

    def __init__(self, problem: Problem, encoder: Encoder) -> None:
        self._problem = problem
        self._encoder = encoder
        self._ids: set[str] = set()
        self.archs: list[Arch] = []
        self.rows: Array = np.zeros((0, encoder.width))

    def add(self, archs: Iterable[Arch]) -> list[Arch]:
        """Take in those that keep the limits; gives back the nearest of the others."""
        rows: list[Array] = []
        others: list[tuple[float, str, Arch]] = []
        for arch in archs:
            if arch.id in self._ids:
                continue
            costs, over = self._problem.forecast(arch)
            if over > 0:
                others.append((over, arch.id, arch))
                continue
            self._ids.add(arch.id)
            self.archs.append(arch)
            rows.append(self._encoder.encode(arch, costs))
        if rows:
            self.rows = np.concatenate([self.rows, np.array(rows)])
        return [arch for _, _, arch in sorted(others)[:_SHORT]]

    def keep(self, which: NDArray[np.int64]) -> None:
        """Forget all others."""
        if len(which) < len(self.archs):
            self.archs = [self.archs[i] for i in which]
            self.rows = self.rows[which]
            self._ids = {arch.id for arch in self.archs}

    def spread(self, n: int, column: int | None, rng: np.random.Generator) -> list[Arch]:
        """Candidates all along a cost, unlike each other, in random order.

        Strata are even in the middle between the rank and the logarithm of the cost: by rank alone
        few would be small, by the logarithm alone few would be ordinary.

        Args:
            n: How many strata; one candidate from each that is not empty.
            column: Of the cost in the rows; None if no cost is known.
            rng: Decides between candidates.
        """
        if not self.archs:
            return []
        size = np.zeros(len(self.archs)) if column is None else self.rows[:, column]
        size = (size - size.min()) / max(float(np.ptp(size)), 1e-9)
        place = size + np.argsort(np.argsort(size, kind="stable")) / len(size)
        stratum = np.minimum(n * place / max(float(place.max()), 1e-9), n - 1).astype(np.int64)
        options = self.rows[:, : self._encoder.categorical]
        chosen: list[int] = []
        for level in range(n):
            inside = np.flatnonzero(stratum == level)
            if len(inside):
                drawn = rng.choice(inside, min(_UNLIKE, len(inside)), replace=False)
                alike = (options[drawn] @ options[chosen].T).max(axis=1, initial=0.0)
                chosen.append(int(drawn[alike.argmin()]))
        return [self.archs[chosen[i]] for i in rng.permutation(len(chosen))]
