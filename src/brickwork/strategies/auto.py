"""The default: costs are known before training, so only quality is learned.

Predictor-guided Pareto search. Gaussian processes on decisions, graphs and known costs predict what
must be trained or measured; each proposal is the candidate of the largest expected
gain of hypervolume at its exact known costs. After:
- White, Neiswanger, Savani: "BANANAS: Bayesian Optimization with Neural Architectures for Neural
  Architecture Search", 2021 (a predictor, and mutations of the best as candidates);
- Emmerich, Giannakoglou, Naujoks: "Single- and Multiobjective Evolutionary Optimization Assisted
  by Gaussian Random Field Metamodels", 2006 (expected gain of hypervolume);
- Li, Jamieson et al.: "A System for Massively Parallel Hyperparameter Tuning", 2020 (promotion as
  soon as one is due, ASHA).

Where a seed matters, one whole training in six is of one of the best again (``predictor.repeats``);
what was trained several times counts by its mean.

Differs from the papers:
- no ranking across the whole low fidelity: a short training under-ranks small networks, so who is
  promoted is decided along the front (the largest gain over those that were promoted already);
- the first proposals are stratified along the cost, small end included; half of them are unlike
  each other, half have the most MACs for their cost, which costs nothing to know and often is good.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brickwork.objective import front
from brickwork.predictor import PART, Encoder, Observation, Outlook, Pool, Ranking, Repeats
from brickwork.quantity import metric
from brickwork.space import Arch
from brickwork.strategies.base import Member, OneByOne, Problem, ranks
from brickwork.trial import Proposal, Trial, rng_for

__all__ = ["Auto"]

Array = NDArray[np.float64]

_BREED = 40  # children of the front, then of the best candidates, whenever candidates are renewed
_EARLY, _LEAST = 64, 800  # trials up to which all candidates are kept; how many always are
_SHORT = 64  # best candidates that are listed for the next asks, at least
_EDGE = 1.2  # of the range of first looks: there a loss is as bad as any, so both ends count
_TYPICAL = 200  # candidates of the start that say what an ordinary network is like
_KEPT = 150  # trials that the predictor learns from; up to twice as many until some are forgotten
_STALE = 12  # candidates are gone through again when one in so many trials is new
# how much of the predicted spread counts; more where less finds nothing
_CURIOSITY = (0.25, 1.0, 4.0)


@dataclass(frozen=True, slots=True)
class _Record:
    """A trial as it is remembered: its number, its architecture and what it told."""

    number: int
    arch: Arch
    seen: Observation


class Auto(OneByOne):
    """Learns quality, knows costs, and asks for the candidate of the largest expected gain.

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals to the same answers.
        low: Fidelity of a first look; the promising are asked again at 1. With 1 all are.
        share: Part of the compute that goes to fidelity 1, when ``low`` is lower; by default a half
            where a look costs next to nothing, a third where it costs a third of a training.
        starts: Proposals before the first prediction; by default 6, and 10 where a front has to be
            covered.
        samples: Candidates whose costs are known that are kept at hand.
        explore: Part of the proposals that is drawn uniformly.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        low: float = 0.25,
        share: float | None = None,
        starts: int | None = None,
        samples: int = 1500,
        explore: float = 0.03,
    ) -> None:
        if not 0 < low <= 1:
            raise ValueError(f"low is a fidelity in (0, 1], got {low}")
        super().__init__(problem, seed)
        self._low = low
        self._share = (1 - low) / 2 if share is None else share
        self._starts = starts or (6 if len(problem.objectives) == 1 else 10)
        self._samples = samples
        self._explore = explore
        self._told = 0
        self._encoder = Encoder(
            problem.space, problem.costs(), problem.graph, problem.scores.values()
        )
        self._outlook = Outlook(self._encoder, problem.objectives, problem.limits)
        self._pool = Pool(self._encoder, problem.forecast)
        self._typical = self._pool.rows.copy()  # of members all over the space, from the start
        self._todo: list[Arch] | None = None  # starting points to be asked; None: not chosen yet
        self._spent = self._spent_whole = 0.0  # compute asked for; the part at fidelity 1
        self._records: list[_Record] = []
        self._pending: dict[str, Array] = {}  # rows of what was asked and not told
        self._promoted: set[str] = set()
        self._whole = 0  # trainings asked for at fidelity 1
        self._repeats = Repeats(problem.repetitions)
        self._seen = -1  # how many trials were told when all was last gone through
        self._elite: list[Arch] = []
        self._candidates: Ranking[tuple[Arch, Array]] | None = None
        self._looks: Ranking[_Record] | None = None

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
        again = ""
        if self._problem.repetitions > 1:
            again = (
                f"; one whole training in {round(1 / PART)} is of one of the best again, with "
                "another seed, because among these luck outweighs architecture"
            )
        seen = "decisions"
        if self._problem.graph is not None:
            seen += ", what the networks are made of"
        if self._problem.scores:
            seen += ", scores of untrained networks"
        apart = "unlike each other" if self._outlook.size is None else "spread along the cost"
        return (
            f"starts with {self._starts} networks {apart}; then a predictor learns {learned} from "
            f"the trials (of many the best and the latest, {_KEPT} at least; it looks at {seen}) "
            f"and the candidate of the largest expected {gain} comes next, because what is known "
            f"before training need not be learned{looks}{again}"
        )

    def tell(self, trial: Trial) -> None:
        arch = trial.proposal.arch
        full = trial.proposal.fidelity >= 1
        super().tell(trial)
        self._told += 1
        if full:
            self._promoted.add(arch.id)
        row = self._pending.pop(arch.id, None)
        targets = self._outlook.targets(trial.metrics)
        if Member.of(self._problem, trial) is None or not any(map(math.isfinite, targets)):
            return  # nothing was learned
        if row is None:
            row = self._encoder.encode(arch, trial.metrics)
        over = self._problem.violation(trial.metrics)
        seen = Observation(row, targets, full, over)
        self._records.append(_Record(trial.number, arch, seen))
        if len(self._records) > 2 * _KEPT:
            self._forget()

    def expect(self, proposal: Proposal, row: Array | None = None) -> None:
        """Count on a proposal, whoever makes it: it is not made again, and a trial will be told.

        Args:
            proposal: What is asked for.
            row: Its features, where they are known already.
        """
        arch = proposal.arch
        if row is None:
            row = self._encoder.encode(arch, self._problem.forecast(arch)[0])
        self._asked.note(arch)
        self._pending[arch.id] = row
        if proposal.fidelity >= 1:
            self._promoted.add(arch.id)
            self._whole += 1

    def _next(self, rng: np.random.Generator) -> Proposal | None:
        if self._todo is None:
            self._todo = self._survey()
        while self._todo:
            arch = self._todo.pop()
            if arch not in self._asked:
                return self._proposal(arch, self._low)
        if len(self._records) >= min(4, self._starts) and self._pool.archs:
            if self._stale(_STALE):
                self._renew(rng)
            if self._low == 1 or self._spent_whole + 1 <= self._share * (self._spent + 1):
                first = self._starts if self._low == 1 else 0  # starting points are no search yet
                again = self._repeats.take(self._whole - first, self._pending)
                if again is not None:
                    return self._proposal(again[0], 1.0, repetition=again[1])
                promotion = self._promotion() if self._low < 1 else None
                if promotion is not None:
                    return promotion
            if rng.random() >= self._explore:
                best = self._best(rng)
                if best is not None:
                    return best
        new = self._asked.fresh(rng, None if self._pool.archs else lambda: self._nearer(rng))
        if new is not None:
            self._pool.add([new])
            return self._proposal(new, self._low)
        if self._records and self._stale(self._told):  # nothing new is left, but something to learn
            self._renew(rng)
        return self._promotion()

    def _proposal(
        self,
        arch: Arch,
        fidelity: float,
        *,
        row: Array | None = None,
        number: int | None = None,
        repetition: int = 0,
    ) -> Proposal:
        proposal = Proposal(arch, fidelity, number, repetition)
        self.expect(proposal, row)
        self._spent += fidelity
        self._spent_whole += fidelity if fidelity == 1 else 0.0
        return proposal

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
        self._pool.add(drawn)
        for _ in range(8):  # where most of the space breaks the limits: closer step by step
            if len(self._pool.archs) >= self._samples // 4:
                break
            parents = self._pool.archs or self._pool.nearest
            self._pool.add(self._children(parents, self._samples // 4, rng))
        self._typical = self._pool.rows[:_TYPICAL].copy()
        size, macs = self._outlook.size, self._encoder.column("macs")
        proxy = macs if macs != size else None
        return self._pool.spread(self._starts, size, rng, proxy)

    def _stale(self, part: int) -> bool:
        """Whether more than one part in so many of what was told has not been learned yet."""
        return self._seen < 0 or self._told - self._seen >= max(1, self._told // part)

    def _renew(self, rng: np.random.Generator) -> None:
        """Learn again, breed new candidates, and rank all."""
        outlook, pool = self._outlook, self._pool
        seen = [record.seen for record in self._records]
        heights = outlook.learn(seen, pool.rows, self._typical)
        taken = self._front(heights)
        pool.add(self._children(self._elite or pool.archs, _BREED, rng))
        for curiosity in _CURIOSITY:
            gains = outlook.prospects(pool.rows, curiosity).gains(taken)
            if gains.max(initial=0.0) > 0:
                break
        best = np.argsort(-gains, kind="stable")
        pool.add(self._children([pool.archs[i] for i in best[:8].tolist()], _BREED, rng))
        if len(pool.archs) > len(gains):
            more = outlook.prospects(pool.rows[len(gains) :], curiosity).gains(taken)
            gains = np.concatenate([gains, more])
            best = np.argsort(-gains, kind="stable")
        new = (i for i in best.tolist() if pool.archs[i] not in self._asked)
        short = list(itertools.islice(new, _SHORT + self._told // _STALE))
        rows = pool.rows[short]
        listed = [(pool.archs[i], row) for i, row in zip(short, rows, strict=True)]
        self._candidates = Ranking(listed, outlook.prospects(rows, curiosity), taken)
        self._looks = self._ranked_looks(heights) if self._low < 1 else None
        early = _EARLY / max(_EARLY, self._told)  # later the children of the best are what counts
        pool.keep(best[: max(min(self._samples, _LEAST), round(early * self._samples))])
        self._seen = self._told

    def _front(self, heights: Array) -> Array:
        """What was reached and what is expected of pending trials; notes whose front it is.

        An architecture counts by the mean of its whole trainings, or by its first look.
        """
        found: dict[tuple[str, bool], list[tuple[Arch, Array]]] = {}
        for record, height in zip(self._records, heights, strict=True):
            if record.seen.violation == 0:
                key = record.arch.id, record.seen.full
                found.setdefault(key, []).append((record.arch, height))
        sound = [
            (seen[0][0], np.mean([height for _, height in seen], axis=0), full)
            for (id, full), seen in found.items()
            if full or (id, True) not in found
        ]
        taken = np.array([height for _, height, _ in sound]).reshape(len(sound), heights.shape[1])
        self._elite = [sound[i][0] for i in np.flatnonzero(front(taken)).tolist()]
        whole = [i for i, (_, _, full) in enumerate(sound) if full]
        self._repeats.note([sound[i][0] for i in whole], taken[whole])
        return self._with_pending(taken, self._pending.values())

    def _ranked_looks(self, heights: Array) -> Ranking[_Record] | None:
        """First looks by what a whole training of each would add to what was promoted.

        Hypervolume is reckoned up to the ends of the front of these looks, so that its small end
        counts however bad it seems after a short training.
        """
        sound = np.array([record.seen.violation == 0 for record in self._records])
        full = np.array([record.seen.full for record in self._records])
        looks = [
            record
            for record, candidate in zip(self._records, sound & ~full, strict=True)
            if candidate and record.arch.id not in self._promoted
        ]
        if not looks:
            return None
        rows = [row for id, row in self._pending.items() if id in self._promoted]
        taken = self._with_pending(heights[sound & full], rows)
        prospects = self._outlook.prospects(np.array([record.seen.row for record in looks]))
        edge = prospects.expected[front(prospects.expected)]
        low = edge.min(axis=0)
        width = _EDGE * np.maximum(edge.max(axis=0) - low, 0.05)
        taken, prospects = (taken - low) / width, prospects.scaled(low, width)
        best = np.argsort(-prospects.gains(taken), kind="stable").tolist()
        return Ranking([looks[i] for i in best], prospects.of(best), taken)

    def _with_pending(self, heights: Array, rows: Iterable[Array]) -> Array:
        pending = list(rows)
        if not pending:
            return heights
        return np.concatenate([heights, self._outlook.expected(np.array(pending))])

    def _best(self, rng: np.random.Generator) -> Proposal | None:
        """The candidate of the largest expected gain, else a child of the front."""
        for _ in range(2):
            while self._candidates is not None and (found := self._candidates.take()) is not None:
                if found[0] not in self._asked:
                    return self._proposal(found[0], self._low, row=found[1])
            if not self._stale(2 * _STALE):
                break
            self._renew(rng)  # the ranking is used up
        children = self._children(self._elite, 1, rng)
        if children and self._problem.forecast(children[0])[1] == 0:
            return self._proposal(children[0], self._low)
        return None

    def _nearer(self, rng: np.random.Generator) -> Arch:
        """A child of those that break the limits least."""
        nearest = self._pool.nearest[:8]
        return self._problem.space.mutate(nearest[int(rng.integers(len(nearest)))], rng)

    def _promotion(self) -> Proposal | None:
        """Of the first looks, the one that adds most to what was promoted already."""
        while self._looks is not None and (record := self._looks.take()) is not None:
            if record.arch.id not in self._promoted:
                row, number = record.seen.row, record.number
                return self._proposal(record.arch, 1.0, row=row, number=number)
        return None

    def _forget(self) -> None:
        """Keep the latest trials and the best of the others, so that memory stays flat."""
        heights = self._outlook.learn([record.seen for record in self._records], self._pool.rows)
        half = _KEPT // 2
        older = self._records[:-half]
        members = [
            Member(record.arch, record.seen.violation, tuple(height))
            for record, height in zip(older, heights[:-half], strict=True)
        ]
        best = np.sort(np.argsort(ranks(members), kind="stable")[: _KEPT - half])
        self._records = [older[i] for i in best] + self._records[-half:]

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
