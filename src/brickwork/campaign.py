"""One study from data to report: search, retrain, test once, export, verify, judge.

Each phase records what it did as events of the study, so that a campaign which was interrupted
anywhere goes on from there when it is run again.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brickwork.announcing import Line, announced
from brickwork.config import Context, Run, space_for
from brickwork.engine.executors import Executor, Inline, Processes, Setup
from brickwork.engine.loop import AHEAD, Loop, Progress
from brickwork.engine.store import FILE, Store
from brickwork.errors import BrickworkError, BudgetError, LimitError, ShapeError, StudyMismatch
from brickwork.finish import Finish
from brickwork.names import RELAXATIONS, SUPERNETS
from brickwork.objective import violation
from brickwork.own import digests
from brickwork.preparation import SHARED, Preparation, needed, suggestions
from brickwork.space import Arch
from brickwork.space.cover import largest
from brickwork.strategies.base import explained
from brickwork.tasks.task import FORM, Task, warnings_first
from brickwork.timetable import MOST
from brickwork.trial import rng_for

__all__ = ["Campaign", "Shares", "Watch", "feasible_or_raise"]

log = logging.getLogger(__name__)

_KNOWN = 2000  # members of the space that are looked at before anything is trained
_LEAST_FINAL, _MOST_FINAL = 0.47, 0.65  # parts of the time that go to retraining
_TRAININGS = 12  # full ones that the retraining should have time for
_BESIDE_CONTROL = 0.6  # what a random control leaves of its part
_LEAST_S = 5.0  # seconds of search; below that not one trial ends

DATA = "data"
"""Where in a study's folder the workers find the data, while a campaign runs."""

FREE = ("budget_s", "max_trials")
"""What may differ when a study is continued."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How a budget is divided, in seconds of wall-clock time.

    Attributes:
        search: For the search.
        control: For the random control, as much as the search or nothing.
        final: For retraining.
        export: For writing and verifying files.
    """

    search: float
    control: float
    final: float
    export: float

    @classmethod
    def of(cls, context: Context, budget_s: float) -> Shares:
        """The shares of a budget: the slower trainings are, the more goes to the final ones."""
        run = context.run
        export = min(0.1 * budget_s, MOST * context.export_s / run.workers)
        rest = budget_s - export
        wanted = _TRAININGS * context.full_training_s / run.workers / rest
        final = min(_MOST_FINAL, max(_LEAST_FINAL, wanted))
        if run.control:
            final *= _BESIDE_CONTROL
        search = (1.0 - final) * rest / (2 if run.control else 1)
        return cls(search, search if run.control else 0.0, final * rest, export)


class Watch:
    """Who wants to see a campaign at work; each method may be overridden."""

    def recognised(self, lines: Sequence[Line]) -> None:
        """What is known of the data before anything is done; warnings are logged by default."""
        for line in lines:
            if line.warning:
                log.warning(line.text)

    def phase(self, name: str, seconds: float) -> None:
        """A phase begins and should take so many seconds."""

    def searched(self, progress: Progress) -> None:
        """The search has moved."""

    def step(self, done: int, total: int) -> None:
        """A retraining or an export has ended."""


class Campaign:
    """Carries out a run in a folder.

    Args:
        run: What to do.
        task: Its data.
        folder: The study.
        watch: Told what happens.
        inline: Whether jobs run in this process instead of in workers.
    """

    def __init__(
        self,
        run: Run,
        task: Task,
        folder: Path,
        watch: Watch | None = None,
        inline: bool = False,
    ) -> None:
        self.folder = Path(folder)
        self.watch = watch or Watch()
        self.inline = inline
        self.run, self.context = _settled(run, task, self.folder)
        self.shares = Shares.of(self.context, self.run.budget_s)
        self._searched_s = 0.0

    def carry_out(self) -> None:
        """Do all that is left to do.

        Raises:
            BudgetError: There is no time for one trial.
            LimitError: No candidate keeps the limits.
            SpaceError: A brick of the space cannot share its weights, as the strategy asks for.
            StudyError: The folder cannot be used.
        """
        if self.shares.search < _LEAST_S and self.run.max_trials is None:
            least = _least_budget(self.context)
            raise BudgetError(
                f"the budget of {self.run.budget_s:g} s leaves {self.shares.search:.1f} s for the "
                f"search, too short for one trial: give at least {least:.0f} s"
            )
        feasible_or_raise(self.context)
        if self.run.strategy in SUPERNETS and needed(self.context):
            task = self.context.task
            rng = rng_for(self.run.seed, "largest")
            largest(self.context.space, task.input, task.outputs, rng)
        if self.run.strategy in RELAXATIONS and needed(self.context):
            from brickwork import relaxing  # it loads torch

            relaxing.mixable_or_raise(self.context)
        fresh = not (self.folder / FILE).is_file()
        with self._store() as store:
            self.watch.recognised(announced(self.run, next(store.events("data")), fresh))
            data = self.folder / DATA
            executor: Executor | None = None
            for left in self.folder.glob(f"{DATA}*"):  # by a campaign that was killed
                shutil.rmtree(left, ignore_errors=True)
            try:
                self.context.task.save(data)
                executor = self._executor(data)
                self._search(store, executor)
                if self.run.control:
                    self._control(executor)
                self._final(store, executor)
            finally:
                if executor is not None:
                    executor.close()
                shutil.rmtree(data, ignore_errors=True)

    def _store(self, folder: Path | None = None) -> Store:
        """The study's store, after a check that data and own files are still the same."""
        store = Store.create(folder or self.folder, self.run.model_dump(mode="json"), FREE)
        facts = self._facts()
        for known in store.events("data"):
            if known["splits"] != facts["splits"]:
                store.close()
                raise StudyMismatch(
                    f"{self.folder} was made with other data: the contents of {self.run.data} have "
                    "changed since; give another --study"
                )
            before, now = known.get("own", {}), facts["own"]
            changed = [file for file in now if before.get(file, now[file]) != now[file]]
            if changed:
                store.close()
                raise StudyMismatch(
                    f"{self.folder} was made with another {changed[0]}: it has changed since; give "
                    "another --study"
                )
            return store
        store.record("data", facts)
        return store

    def _facts(self) -> dict[str, Any]:
        """What is recorded of the data and of the limits in force."""
        task = self.context.task
        splits = {k: {"size": s.size, "sha256": s.sha256} for k, s in task.splits.items()}
        searched = FORM in self.context.space.recipe_fields
        forms = {name: task.in_form(name) for name in (task.forms if searched else ())}
        return {
            "name": task.name,
            "title": task.title,
            "input": list(task.input),
            "outputs": task.outputs,
            "classes": list(task.classes),
            "normalize": _scale(task),
            "forms": {
                name: {"input": list(form.input), "normalize": _scale(form)}
                for name, form in forms.items()
            },
            "facts": dict(task.facts),
            "splits": splits,
            "notes": warnings_first(task.notes),
            "limits": [limit.text for limit in self.context.limits],
            "strategy": self.explain(),
            "own": digests(self.run.space, self.run.strategy),
        }

    def explain(self) -> str:
        """A sentence on what the strategy does, and how long its trainings are at this budget."""
        said = explained(self.context.strategy())
        if self.run.scale == 1:
            return said
        part = f"{100 * self.run.scale:.2g} %"
        return f"{said.removesuffix('.')}; a training of this search is {part} of a full one"

    def _executor(self, data: Path) -> Executor:
        arguments = {
            "run": self.run.model_dump(mode="json"),
            "data": str(data),
            "shared": str(self.folder / SHARED),
        }
        setup = Setup(
            "brickwork.worker:make",
            arguments,
            preload=("brickwork.worker",),
            memory_bytes=_memory_share(self.run.workers),
        )
        if self.inline:
            return Inline(setup)
        return Processes(setup, self.run.workers, max(120.0, self.run.budget_s))

    def _search(self, store: Store, executor: Executor) -> None:
        prepared = self._prepare(store, executor) if needed(self.context) else 0.0
        left = max(self.shares.search - prepared, 0.5 * self.shares.search)
        self.watch.phase("search", left)
        strategy = self.context.strategy(suggestions=suggestions(self.folder).found)
        loop = self._loop(strategy, executor, store)
        begun = time.monotonic()
        progress = loop.run(left, self.run.max_trials, self.watch.searched)
        self._searched_s = prepared + progress.elapsed_s
        store.record("spent", {"phase": "search", "seconds": time.monotonic() - begun})
        if not progress.trials:
            raise BrickworkError(f"the strategy {self.run.strategy} proposed no network")
        if not any(trial.scored for trial in progress.trials):
            causes = [trial.cause for trial in progress.trials if trial.cause]
            raise BudgetError(
                f"no trial ended with a score in {self.shares.search:.0f} s of search"
                f"{f' (last cause: {causes[-1]})' if causes else ''}: search again with a larger "
                f"--budget and --study {self.folder}, which goes on"
            )

    def _prepare(self, store: Store, executor: Executor) -> float:
        """What the strategy does before the search; the seconds it took, over all sessions."""
        self.watch.phase("preparation", self.shares.search)
        before = Preparation(self.context, store, executor, self.folder, self.watch.step)
        return before.carry_out(self.shares.search)

    def _control(self, executor: Executor) -> None:
        """A random search with the same budget, in a study of its own."""
        self.watch.phase("random control", self.shares.control)
        with self._store(self.folder / "control") as store:
            loop = self._loop(self.context.strategy("random"), executor, store)
            progress = loop.run(self.shares.control, self.run.max_trials, self.watch.searched)
            self._searched_s += progress.elapsed_s

    def _loop(self, strategy: Any, executor: Executor, store: Store) -> Loop:
        return Loop(
            strategy,
            self.context.describe,
            executor,
            store,
            self.context.objectives,
            self.context.limits,
            lag=self.run.workers + AHEAD,
        )

    def _final(self, store: Store, executor: Executor) -> None:
        """Retrain the front and the controls, then open the test split and export."""
        spent = self._searched_s + self.shares.export
        left = max(self.run.budget_s - spent, self.shares.final)
        finish = Finish(self.context, store, executor, self.folder, self.watch.step)
        self.watch.phase("retraining", left)
        finish.retrain(left)
        self.watch.phase("export", self.shares.export)
        finish.export()


def _settled(run: Run, task: Task, folder: Path) -> tuple[Run, Context]:
    """The run with what follows from data and budget: decided now, or when its study was begun."""
    context = Context.of(run, task)
    run = run.model_copy(
        update={
            "task": task.kind,
            "space": space_for(run, task),
            "objectives": tuple(objective.metric for objective in context.objectives),
        }
    )
    if (folder / FILE).is_file():
        with Store.open(folder) as store:
            scale = store.run.get("scale", run.scale)
    else:
        scale = round(context.affordable(Shares.of(context, run.budget_s).search), 4)
    run = run.model_copy(update={"scale": scale})
    return run, Context.of(run, task)


def feasible_or_raise(context: Context) -> None:
    """Look for one member of the space that keeps the limits which are known for free.

    Raises:
        LimitError: There is none; the message names the nearest and by how much it misses.
    """
    rng = rng_for(context.run.seed, "feasible")
    pool = [*context.space.extremes(), *(context.space.sample(rng) for _ in range(_KNOWN))]
    nearest: tuple[float, Arch] | None = None
    for arch in pool:
        excess = _excess(context, arch)
        if excess == 0:
            return
        if nearest is None or excess < nearest[0]:
            nearest = (excess, arch)
    while nearest is not None:  # downhill, one decision at a time
        step = min(
            ((_excess(context, arch), arch) for arch in context.space.neighbours(nearest[1])),
            key=lambda pair: pair[0],
            default=nearest,
        )
        if step[0] == 0:
            return
        if step[0] >= nearest[0]:
            break
        nearest = step
    raise LimitError(_missed(context, nearest))


def _scale(task: Task) -> list[list[float]] | None:
    scale = task.normalize
    return None if scale is None else [list(scale.mean), list(scale.std)]


def _excess(context: Context, arch: Arch) -> float:
    try:
        return violation(context.known(arch), context.limits)
    except ShapeError:
        return float("inf")


def _missed(context: Context, nearest: tuple[float, Arch] | None) -> str:
    if nearest is None or nearest[0] == float("inf"):
        return (
            f"no member of the space {context.space.name!r} fits input of shape "
            f"{context.task.input}: choose another --space"
        )
    costs = context.known(nearest[1])
    if "unsupported_ops" in costs:
        return (
            f"no network of the space {context.space.name!r} was found that {context.target.title} "
            f"can run: {costs['unsupported_ops'].source}; choose another --space or --target"
        )
    broken = [
        f"{limit.metric} {costs[limit.metric].text()} against {limit.text} "
        f"({100 * limit.excess(costs[limit.metric].value):.0f} % beyond)"
        for limit in context.limits
        if limit.metric in costs and limit.excess(costs[limit.metric].value) > 0
    ]
    return (
        f"no candidate of the space {context.space.name!r} keeps the limits; the nearest has "
        f"{'; '.join(broken)}: relax the limit, or choose another --space or --target"
    )


def _least_budget(context: Context) -> float:
    """The smallest budget that leaves enough for the search, in whole seconds."""
    budget = context.run.budget_s
    while Shares.of(context, budget).search < _LEAST_S:
        budget *= 1.1
    return float(math.ceil(budget))


def _memory_share(workers: int) -> int:
    """Bytes a worker may hold: its own allocation is to fail before the machine runs out."""
    try:
        pages, size = os.sysconf("SC_AVPHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not known on this system: no limit
        return 0
    return int(0.9 * pages * size / workers)
