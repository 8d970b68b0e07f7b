"""The end of a campaign: retrain the front, open the test split once, export and verify.

Every result is an event of the study (and every retrained network a file in it), so that an
interrupted end is taken up where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brickwork.config import EXPORTERS, Context
from brickwork.engine.executors import Executor, Outcome
from brickwork.engine.store import Store
from brickwork.errors import TrainingError
from brickwork.final import MOST, candidates, overhead, plan, runners_up, spread_out
from brickwork.objective import violation
from brickwork.space import Arch
from brickwork.trial import State, Trial, rng_for

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
    """

    role: str
    arch: Arch
    trial: int | None
    repetitions: int

    def to_json(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "arch": self.arch.to_json(),
            "trial": self.trial,
            "repetitions": self.repetitions,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Net:
        arch = Arch.from_json(data["arch"])
        return cls(data["role"], arch, data["trial"], data["repetitions"])


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

        Args:
            seconds: Wall-clock time there is.
        """
        begun = time.monotonic()
        nets, part = self._planned(seconds)
        nets.sort(key=lambda net: -self.context.known(net.arch)["macs"].value)  # longest first
        jobs = {
            f"{net.arch.id}-{i}": {
                "kind": "retrain",
                "arch": net.arch.to_json(),
                "repetition": i,
                "part": part,
            }
            for net in nets
            for i in range(net.repetitions)
        }
        jobs = {key: job for key, job in jobs.items() if not self._weights(key).is_file()}
        self._weights("x").parent.mkdir(exist_ok=True)
        for key, outcome in self._done(jobs, _OVERTIME * seconds + 5.0):
            if outcome.result is None:
                self.store.record("lost", {"key": key, "cause": outcome.cause})
                continue
            path = self._weights(key)
            path.with_suffix(".part").write_bytes(outcome.result["weights"])
            path.with_suffix(".part").rename(path)
            facts = {name: outcome.result[name] for name in ("seconds", "epochs")}
            self.store.record("retrained", {"key": key, **facts})
        self.store.record("spent", {"phase": "final", "seconds": time.monotonic() - begun})

    def export(self) -> None:
        """Write, run and score the files of every retrained network of the front.

        Raises:
            TrainingError: Not one network was retrained.
        """
        begun = time.monotonic()
        nets, _ = self._planned(0.0)
        ready = {net: self._retrained(net) for net in nets}
        if not any(ready[net] for net in nets if net.role == "front"):
            causes = [event["cause"] for event in self.store.events("lost")]
            raise TrainingError(
                "not one model of the front could be retrained in the time left"
                f"{f': {causes[-1]}' if causes else ''}; run again to go on, or give more budget"
            )
        if not any(True for _ in self.store.events("test opened")):
            self.store.record("test opened", {"at": time.time()})
        known = {(e["role"], e["id"]) for e in self.store.events("tested")}
        jobs: dict[str, dict[str, Any]] = {}
        which: dict[str, Net] = {}
        for net, paths in ready.items():
            if paths and (net.role, net.arch.id) not in known:
                key = f"{net.role}-{net.arch.id}"
                which[key] = net
                jobs[key] = {
                    "kind": "export" if net.role == "front" else "test",
                    "arch": net.arch.to_json(),
                    "weights": [path.read_bytes() for path in paths],
                    "folder": str(self.folder / "models" / net.arch.id),
                    "formats": list(EXPORTERS),
                    "info": self._info(net),
                }
        for key, outcome in self._done(jobs, float("inf")):
            net = which[key]
            event = {**net.to_json(), "id": net.arch.id, "cause": outcome.cause}
            if outcome.result is not None:
                event |= {k: outcome.result.get(k) for k in ("scores", "verification", "seconds")}
            self.store.record("tested", event)
        self.store.record("spent", {"phase": "export", "seconds": time.monotonic() - begun})

    def _planned(self, seconds: float) -> tuple[list[Net], float]:
        """What is retrained: as planned before, or planned now."""
        for event in self.store.events("plan"):
            return [Net.from_json(net) for net in event["nets"]], event["part"]
        trials = self.store.trials()
        found = self._found(trials)
        control = self._random_front() if self.context.run.control else []
        fixed = overhead(trials)
        made = plan(
            found,
            self.context.objectives,
            lambda trial: self._seconds_of(trial, fixed),
            seconds,
            self.executor.workers,
            extra=2 if self.context.run.control else 0,
        )
        archs = {trial.number: trial.proposal.arch for trial in trials}
        nets = [Net("front", archs[number], number, made.repetitions) for number in made.trials]
        if self.context.run.control:
            chosen = spread_out(control, self.context.objectives, len(nets)) if control else []
            nets += [Net("random", trial.proposal.arch, trial.number, 1) for trial in chosen]
            nets += [Net("size", arch, None, 1) for arch in self._of_size(nets)]
        self.store.record("plan", {**made.to_json(), "nets": [net.to_json() for net in nets]})
        return nets, made.part

    def _found(self, trials: Sequence[Trial]) -> list[Trial]:
        """The candidates of a search that keep all limits, and those that come next."""
        kept = [t for t in trials if violation(t.metrics, self.context.limits) == 0]
        ahead = candidates(kept, self.context.objectives)
        return ahead + runners_up(kept, self.context.objectives, ahead, MOST - len(ahead))

    def _seconds_of(self, trial: Trial, fixed: float) -> float:
        """CPU seconds that a full training of a trial's network on all data should take.

        Args:
            trial: It tells how long a part of a training took.
            fixed: Seconds of a trial that do not grow with its fidelity.
        """
        splits = self.context.task.splits
        more = (splits["train"].size + splits["val"].size) / splits["train"].size
        seconds = trial.seconds
        if trial.state is State.TWIN and trial.twin_of is not None:
            seconds = self.store.trial(trial.twin_of).seconds
        seconds = max(seconds - fixed, _LEAST_GROWING * seconds)
        return more * seconds / max(1e-9, trial.proposal.fidelity * self.context.run.scale)

    def _random_front(self) -> list[Trial]:
        with Store.open(self.folder / "control") as control:
            return self._found(control.trials())

    def _of_size(self, nets: Sequence[Net]) -> list[Arch]:
        """For each net of the front a random architecture of nearly its number of parameters."""
        rng = rng_for(self.context.run.seed, "size-only")
        pool: dict[str, tuple[float, Arch]] = {}
        for _ in range(_SIZES):
            arch = self.context.space.sample(rng)
            costs = self.context.known(arch)
            if violation(costs, self.context.limits) == 0:
                pool[arch.id] = (costs["parameters"].value, arch)
        chosen: list[Arch] = []
        for net in nets:
            pool.pop(net.arch.id, None)
        for net in nets:
            if net.role == "front" and pool:
                size = self.context.known(net.arch)["parameters"].value
                nearest = min(pool, key=lambda key: abs(pool[key][0] / size - 1.0))
                chosen.append(pool.pop(nearest)[1])
        return chosen

    def _done(
        self, jobs: Mapping[str, Mapping[str, Any]], seconds: float
    ) -> Iterator[tuple[str, Outcome]]:
        """Run jobs and yield each as it ends; those that take too long are lost."""
        keys = list(jobs)
        for number, key in enumerate(keys):
            self.executor.submit(number, jobs[key])
        deadline = time.monotonic() + seconds
        open_ = set(range(len(keys)))
        self.step(0, len(keys))
        while open_:
            for outcome in self.executor.wait(0.5):
                open_.discard(outcome.number)
                yield keys[outcome.number], outcome
                self.step(len(keys) - len(open_), len(keys))
            if open_ and time.monotonic() > deadline:
                self.executor.cancel()
                for number in open_:
                    yield keys[number], Outcome(number, None, "no time was left")
                return

    def _weights(self, key: str) -> Path:
        return self.folder / "retrained" / f"{key}.safetensors"

    def _retrained(self, net: Net) -> list[Path]:
        paths = [self._weights(f"{net.arch.id}-{i}") for i in range(net.repetitions)]
        return [path for path in paths if path.is_file()]

    def _info(self, net: Net) -> dict[str, Any]:
        """What the card of a model says beside its numbers."""
        context, task = self.context, self.context.task
        return {
            "id": net.arch.id,
            "task": task.title,
            "classes": list(task.classes),
            "target": context.target.title,
            "limits": [limit.text for limit in context.limits],
            "metrics": {k: q.to_json() for k, q in context.known(net.arch).items()},
            "splits": {k: {"size": s.size, "sha256": s.sha256} for k, s in task.splits.items()},
            "recipe": dict(context.space.recipe(net.arch)),
            "arch": net.arch.to_json(),
            "seed": context.run.seed,
        }
