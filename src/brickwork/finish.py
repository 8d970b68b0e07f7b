"""The end of a campaign: retrain the front, open the test split once, export and verify.

Every result is an event of the study (and every retrained network a file in it), so that an
interrupted end is taken up where it stopped.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brickwork.config import Context, space_for
from brickwork.engine.executors import Executor, Job, Outcome
from brickwork.engine.store import Store
from brickwork.errors import TrainingError
from brickwork.export.formats import impossible, preferred
from brickwork.final import candidates, expected, overhead, runners_up, spread_out
from brickwork.leading import some_or_raise
from brickwork.made_for import MadeFor
from brickwork.objective import quality_of, violation
from brickwork.oneshot import SHARED
from brickwork.oneshot.gated import alone, believable
from brickwork.predictor import Encoder
from brickwork.space import Arch
from brickwork.tasks.task import warnings_first
from brickwork.timetable import MOST, Pace, length, plan
from brickwork.trial import Trial

__all__ = ["Finish", "Net"]

_SIZES = 2000  # architectures from which the size-only control takes those of the right size
_LEAST_GROWING = 0.3  # part of a trial's time that is taken to grow with its fidelity, at least
_OVERTIME = 1.25  # a retraining that takes this much longer than planned is cut off


@dataclass(frozen=True, slots=True)
class Net:
    """An architecture that is retrained.

    Attributes:
        role: ``"front"``, or the control it belongs to: ``"random"`` or ``"size"``.
        arch: The architecture.
        trial: The trial that found it (of the control's own study for ``"random"``), or None.
        repetitions: How many seeds.
        full_s: CPU seconds that a full training should take.
    """

    role: str
    arch: Arch
    trial: int | None
    repetitions: int
    full_s: float

    def to_json(self) -> dict[str, Any]:
        plain = ("role", "trial", "repetitions", "full_s")
        return {"arch": self.arch.to_json(), **{name: getattr(self, name) for name in plain}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Net:
        plain = ("trial", "repetitions", "full_s")
        return cls(data["role"], Arch.from_json(data["arch"]), *(data[name] for name in plain))


@dataclass(frozen=True, slots=True)
class _Planned:
    """The networks of a plan.

    Attributes:
        nets: Those that are retrained.
        reserves: Those for which there may be time afterwards, the best first.
        part: Of a training of that length.
        length: Of their trainings, in full ones.
    """

    nets: tuple[Net, ...]
    reserves: tuple[Net, ...]
    part: float
    length: float

    def to_json(self) -> dict[str, Any]:
        return {
            "nets": [net.to_json() for net in self.nets],
            "reserves": [net.to_json() for net in self.reserves],
            "part": self.part,
            "length": self.length,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> _Planned:
        nets, reserves = (
            tuple(Net.from_json(net) for net in data[key]) for key in ("nets", "reserves")
        )
        return cls(nets, reserves, data["part"], data.get("length", 1.0))


class Finish:
    """Carries out the phases after the search.

    Args:
        context: The objects of the run.
        store: The study.
        executor: Does the work.
        folder: The study's folder.
        step: Called with (done, total) when a job of a phase has ended.
    """

    def __init__(
        self,
        context: Context,
        store: Store,
        executor: Executor,
        folder: Path,
        step: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        self.context = context
        self.store = store
        self.executor = executor
        self.folder = folder
        self.step = step

    def retrain(self, seconds: float) -> None:
        """Retrain the front, and what it is compared with, with the full recipe.

        Once the test split was opened nothing is trained any more, not even what was lost before.

        Args:
            seconds: Wall-clock time there is.
        """
        if self._opened():
            return
        begun = time.monotonic()
        made = self._planned(seconds)
        planned = self._trainings(sorted(made.nets, key=lambda net: -net.full_s))  # longest first
        reserves = self._trainings(made.reserves)
        jobs = planned | reserves
        full_s = {key: net.full_s for key, (net, _) in planned.items()}
        pace = Pace(full_s, made.part, begun + seconds, self.executor.workers)

        def job(key: str) -> Job:
            net, repetition = jobs[key]
            part = made.length * pace.begin(key, time.monotonic())
            arch = net.arch.to_json()
            return {"kind": "retrain", "arch": arch, "repetition": repetition, "part": part}

        def more() -> str | None:
            """The best of the reserves for which there is time."""
            now = time.monotonic()
            for key, (net, _) in reserves.items():
                if pace.spare(key, net.full_s, now):
                    del reserves[key]
                    return key
            return None

        self._weights("x").parent.mkdir(exist_ok=True)
        for key, outcome in self._done(planned, job, _OVERTIME * seconds + 5.0, more):
            if outcome.result is None:
                self.store.record("lost", {"key": key, "cause": outcome.cause})
                continue
            pace.ended(key, time.monotonic())
            path = self._weights(key)
            path.with_suffix(".part").write_bytes(outcome.result["weights"])
            facts = {name: outcome.result[name] for name in ("seconds", "epochs", "lr", "warm")}
            self.store.record("retrained", {"key": key, **facts})
            path.with_suffix(".part").rename(path)  # what lies there was recorded
        self.store.record("spent", {"phase": "final", "seconds": time.monotonic() - begun})

    def export(self) -> None:
        """Write, run and score the files of every retrained network of the front.

        Raises:
            TrainingError: Not one network was retrained.
        """
        begun = time.monotonic()
        made = self._planned(0.0)
        nets = (*made.nets, *made.reserves)
        ready = {net: self._retrained(net) for net in nets}
        if not any(ready[net] for net in nets if net.role == "front"):
            causes = [event["cause"] for event in self.store.events("lost")]
            raise TrainingError(
                "not one model of the front could be retrained in the time left"
                f"{f': {causes[-1]}' if causes else ''}; search again with a larger --budget and "
                f"--study {self.folder}, which goes on"
            )
        if not self._opened():
            self.store.record("test opened", {"at": time.time()})
        known = {(e["role"], e["id"]) for e in self.store.events("tested")}
        todo = {
            f"{net.role}-{net.arch.id}": net
            for net, paths in ready.items()
            if paths and (net.role, net.arch.id) not in known
        }

        def job(key: str) -> Job:
            net = todo[key]
            target = self.context.target
            wanted = preferred(target.family, target.precision, target.engine)
            left_out = impossible(self.context.graph(net.arch), wanted)
            return {
                "kind": "export" if net.role == "front" else "test",
                "arch": net.arch.to_json(),
                "weights": [path.read_bytes() for path in ready[net]],
                "folder": str(self.folder / "models" / net.arch.id),
                "formats": [name for name in wanted if name not in left_out],
                "info": {**self._info(net), "left_out": left_out},
            }

        for key, outcome in self._done(todo, job, float("inf")):
            net = todo[key]
            event = {**net.to_json(), "id": net.arch.id, "cause": outcome.cause}
            if outcome.result is not None:
                event |= {k: outcome.result.get(k) for k in ("scores", "verification", "seconds")}
            self.store.record("tested", event)
        self.store.record("spent", {"phase": "export", "seconds": time.monotonic() - begun})

    def _opened(self) -> bool:
        return any(True for _ in self.store.events("test opened"))

    def _planned(self, seconds: float) -> _Planned:
        """What is retrained: as planned before, or planned now."""
        for event in self.store.events("plan"):
            return _Planned.from_json(event)
        trials = self.store.trials()
        context = self.context
        found = some_or_raise(self._found(trials), trials, context.limits)
        quality, scale = quality_of(context.objectives), context.run.scale
        longer = length(alone(trials), quality, scale)
        seconds_of = self._seconds(trials, longer)
        workers, extra = self.executor.workers, 2 if context.run.control else 0
        made = plan(found, context.objectives, seconds_of, seconds, workers, extra=extra)
        by_number = {trial.number: trial for trial in trials}

        def net(number: int, repetitions: int) -> Net:
            trial = by_number[number]
            return Net("front", trial.proposal.arch, number, repetitions, seconds_of(trial))

        nets = [net(number, made.repetitions) for number in made.trials]
        if self.context.run.control:
            with Store.open(self.folder / "control") as store:
                control = store.trials()
            chosen = spread_out(self._found(control), self.context.objectives, len(nets))
            slow = self._seconds(control, longer)
            nets += [Net("random", t.proposal.arch, t.number, 1, slow(t)) for t in chosen]
            nets += self._of_size(nets)
        reserves = [net(number, 1) for number in made.reserves]
        planned = _Planned(tuple(nets), tuple(reserves), made.part, longer)
        self.store.record("plan", {**made.to_json(), **planned.to_json()})
        return planned

    def _found(self, trials: Sequence[Trial]) -> list[Trial]:
        """The candidates of a search that keep all limits, and those that come next."""
        context = self.context
        sound = believable(trials, quality_of(context.objectives))
        kept = [t for t in sound if violation(t.metrics, context.limits) == 0]
        known = tuple(context.known(kept[0].proposal.arch)) if kept else ()
        likely = expected(kept, Encoder(context.space, known, context.graph), context.objectives)
        ahead = candidates(likely, context.objectives)
        return ahead + runners_up(likely, context.objectives, ahead, MOST - len(ahead))

    def _seconds(self, trials: Sequence[Trial], longer: float) -> Callable[[Trial], float]:
        """CPU seconds that the final training of a trial's network on all data should take.

        Args:
            trials: Of the search that it is one of: what they took is what is known.
            longer: How many times as long as a full training it is.
        """
        context, estimator = self.context, self.context.estimator
        size = sum(context.task.splits[split].size for split in context.run.learned)
        seen = context.task.splits["train"].size
        first = {trial.number: trial for trial in trials}

        def passes(trial: Trial) -> float:
            whole = context.graph(trial.proposal.arch)
            return estimator.amount(whole, trial.proposal.fidelity).passes

        own = alone(trials)
        fixed = overhead(own, passes)

        def seconds(trial: Trial) -> float:
            if trial.proposal.fidelity == SHARED:  # it was not trained: by its costs
                whole = context.graph(trial.proposal.arch)
                full = longer * estimator.full(whole, size) * size / seen
                return pace() * full * context.epoch_s(whole)
            twin = None if trial.twin_of is None else first.get(trial.twin_of)
            taken = (twin or trial).seconds
            growing = max(taken - fixed, _LEAST_GROWING * taken)
            full = longer * estimator.full(context.graph(trial.proposal.arch), size) * size / seen
            return growing * full / passes(trial)

        @functools.cache
        def pace() -> float:
            """What trainings took, relative to a nominal core."""
            scored = [t for t in own if t.scored and t.twin_of is None]
            nominal = (passes(t) * context.epoch_s(context.graph(t.proposal.arch)) for t in scored)
            paces = [t.seconds / s for t, s in zip(scored, nominal, strict=True)]
            return float(np.median(paces)) if paces else 1.0

        return seconds

    def _of_size(self, nets: Sequence[Net]) -> list[Net]:
        """For each net of the front a random architecture of nearly its number of parameters."""
        pool: dict[str, tuple[float, Arch]] = {}
        for arch in self.context.members("size-only", _SIZES):
            costs = self.context.known(arch)
            if violation(costs, self.context.limits) == 0:
                pool[arch.id] = (costs["parameters"].value, arch)
        chosen: list[Net] = []
        for net in nets:
            pool.pop(net.arch.id, None)
        for net in nets:
            if net.role == "front" and pool:
                size = self.context.known(net.arch)["parameters"].value
                nearest = min(pool, key=lambda key: abs(pool[key][0] / size - 1.0))
                chosen.append(Net("size", pool.pop(nearest)[1], None, 1, net.full_s))
        return chosen

    def _done(
        self,
        keys: Iterable[str],
        job: Callable[[str], Job],
        seconds: float,
        more: Callable[[], str | None] = lambda: None,
    ) -> Iterator[tuple[str, Outcome]]:
        """Run a job for each key and yield it as it ends; those that take too long are lost.

        A job is made when a worker is free for it; when none is left to be begun, ``more`` is asked
        for another. For the first to end there is twice the time: one result late is better than
        none.
        """
        waiting = list(keys)[::-1]
        begun = ended = 0
        open_: dict[int, str] = {}
        deadline, last = (time.monotonic() + times * seconds for times in (1, 2))
        self.step(0, len(waiting))
        while True:
            while len(open_) < self.executor.workers:
                key = waiting.pop() if waiting else more()
                if key is None:
                    break
                open_[begun] = key
                self.executor.submit(begun, job(key))
                begun += 1
            if not open_:
                return
            for outcome in self.executor.wait(0.5):
                yield open_.pop(outcome.number), outcome
                ended += 1
                self.step(ended, begun + len(waiting))
            if time.monotonic() > (deadline if ended else last):
                self.executor.cancel()
                for key in [*open_.values(), *reversed(waiting)]:
                    yield key, Outcome(-1, None, "no time was left")
                return

    def _trainings(self, nets: Sequence[Net]) -> dict[str, tuple[Net, int]]:
        """By key the trainings of some networks that are still to be done: first one of each."""
        seeds = range(max((net.repetitions for net in nets), default=0))
        found = {f"{n.arch.id}-{i}": (n, i) for i in seeds for n in nets if i < n.repetitions}
        return {key: job for key, job in found.items() if not self._weights(key).is_file()}

    def _weights(self, key: str) -> Path:
        return self.folder / "retrained" / f"{key}.safetensors"

    def _retrained(self, net: Net) -> list[Path]:
        paths = [self._weights(f"{net.arch.id}-{i}") for i in range(net.repetitions)]
        return [path for path in paths if path.is_file()]

    def _info(self, net: Net) -> dict[str, Any]:
        """What the card of a model says beside its numbers."""
        context, task = self.context, self.context.form(net.arch)
        said = {event["key"]: event for event in self.store.events("retrained")}
        first = said[self._retrained(net)[0].stem]
        *_, data = self.store.events("data")
        return {
            "id": net.arch.id,
            "task": task.title,
            "classes": list(task.classes),
            "notes": warnings_first(task.notes),
            "target": context.target.title,
            "limits": [limit.text for limit in context.limits],
            "metrics": {k: q.to_json() for k, q in context.known(net.arch).items()},
            "splits": {k: {"size": s.size, "sha256": s.sha256} for k, s in task.splits.items()},
            "recipe": {
                **context.space.recipe(net.arch),
                "lr": float(f"{first['lr']:.3g}"),
                "epochs": first["epochs"],
                "starts from": "weights of a supernet" if first.get("warm") else "fresh weights",
            },
            "arch": net.arch.to_json(),
            "made_for": MadeFor(space_for(context.run, task), data).to_json(),
            "seed": context.run.seed,
            "learned": list(context.run.learned),
        }
