"""A run as text, and the step from text to objects."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from brickwork.errors import (
    BrickworkError,
    BudgetError,
    DataError,
    SpaceError,
    TargetError,
    UnknownName,
)
from brickwork.names import (
    PREPARING,
    SPACES,
    SUPERNETS,
    TASKS,
    USUAL_SPACES,
    load,
    make_space,
    make_strategy,
    settings_of,
    strategy_or_raise,
)
from brickwork.objective import Limit, Objective, violation
from brickwork.own import is_own, resolved
from brickwork.quantity import METRICS, Quantity
from brickwork.recognising import recognised
from brickwork.space import Arch, Graph, Softmax, Space, graph
from brickwork.tasks.objects import as_arrays
from brickwork.tasks.task import formed
from brickwork.trial import Proposal, rng_for

if TYPE_CHECKING:
    from brickwork.devices.target import Target
    from brickwork.engine.loop import Candidate
    from brickwork.estimators.train import TrainEstimator
    from brickwork.oneshot.preparing import Suggestion
    from brickwork.strategies.base import Problem, Strategy
    from brickwork.tasks.samples import DataTask
    from brickwork.tasks.task import Task

__all__ = ["AUGMENT", "AUTO", "POSITIVE", "Context", "Run", "space_for", "task_for"]

AUTO = "auto"
"""What a task or a space is called that the data decide on."""

AUGMENT, POSITIVE = "augment", "positive"
"""Settings for any task: which random changes training makes, and which of two classes is found."""

_EXPORT_S = 1.5  # of a nominal core, to write and verify a model's files
_PASSES = 3.0  # over the test split: PyTorch, ONNX, int8
_TRIALS = 48  # trainings at low fidelity that a search should have time for
_PROMOTED = 0.5  # compute spent on higher fidelity, relative to that on low fidelity
_LEAST_SCALE = 0.03
_REPETITIONS = 4  # whole trainings of an architecture that a search may ask for
_LOOK = 0.08  # of a full training, at low fidelity: more time than that makes more looks of it
_LOOK_PASSES = 4.0  # over the data: in fewer large networks hardly stand out from small ones

# A nominal CPU core, for decisions that a seed must determine; never shown as a measurement.
# Fitted by eye to steps of small networks on one core of a server, 2026-11.
_SECONDS_A_NODE = 8e-5  # of one training step, for each node of a graph
_MACS_A_SECOND = 1e10


class Run(BaseModel):
    """Everything that determines a study, as text.

    Attributes:
        data: A path, or the name of embedded data.
        task: Name of a task, or ``"auto"`` for the one that the data look like.
        reading: How the data are to be read: settings that the task takes, such as
            ``{"label": "income", "group": "patient"}``.
        space: Name of a space, or ``"auto"`` for the usual one of the task.
        objectives: Metrics to improve; empty for the target's defaults.
        limits: Hard limits, such as ``"latency_ms<=20"``.
        budget_s: Wall-clock seconds for search, retraining and export together.
        max_trials: The most trials that are trained, or None.
        workers: Processes that train at once; also the lag of the loop.
        control: Whether a random search of equal budget is run beside.
        scale: The part of a full training that fidelity 1 stands for in the search.
        low: The fidelity of a first look, for strategies that use several.
        warm_start: Whether final trainings begin with the weights of the supernets that the
            strategy trained, not with fresh ones.
        sensitivity: The part of the second of two classes that is to be found: the threshold for it
            is chosen on the validation split, which final trainings then leave alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    task: str = AUTO
    reading: dict[str, str] = {}
    target: str = "cpu"
    space: str = AUTO
    strategy: str = "auto"
    objectives: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    budget_s: float = 600.0
    max_trials: int | None = None
    seed: int = 0
    workers: int = 1
    control: bool = False
    scale: float = 1.0
    low: float = 1.0 / 3.0
    warm_start: bool = False
    sensitivity: float | None = None

    _with_whole_paths = field_validator("space", "strategy")(resolved)

    @classmethod
    def of(cls, **values: Any) -> Run:
        """A run from settings as a person gives them.

        Raises:
            BrickworkError: A setting has the wrong form.
            UnknownName: A name is not known.
        """
        try:
            run = cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise BrickworkError(
                f"{where}: {first['msg'].lower()}, got {first['input']!r}"
            ) from None
        for kind, name, table in (("task", run.task, TASKS), ("space", run.space, SPACES)):
            if is_own(name) or (name != AUTO and name not in table):
                load(table, kind, name)
        strategy_or_raise(run.strategy)
        for name in run.objectives:
            if name not in METRICS:
                raise UnknownName("metric", name, METRICS)
        for text in run.limits:
            Limit.parse(text)
        if run.budget_s <= 0:
            raise BudgetError(f"the budget must be above zero, got {run.budget_s:g} s")
        if run.workers < 1:
            raise BrickworkError(f"workers must be at least 1, got {run.workers}")
        if run.warm_start and run.strategy not in SUPERNETS:
            raise BrickworkError(
                f"warm-start: strategy {run.strategy!r} trains no supernet whose weights could be "
                f"inherited; take one of {', '.join(SUPERNETS)}, or leave it out"
            )
        if run.max_trials is not None and run.max_trials < 1:
            raise BudgetError(f"max-trials must be at least 1, got {run.max_trials}")
        if run.sensitivity is not None and not 0 < run.sensitivity <= 1:
            raise BrickworkError(f"sensitivity is a part such as 0.95, got {run.sensitivity:g}")
        return run

    @property
    def learned(self) -> tuple[str, ...]:
        """The splits that final trainings learn from."""
        return ("train", "val") if self.sensitivity is None else ("train",)


@dataclass(frozen=True)
class Context:
    """The objects of a run, made from its text in the parent and again in each worker.

    Attributes:
        run: The text.
        task: The data.
        space: What is searched.
        target: The device.
    """

    run: Run
    task: Task
    space: Space
    target: Target

    @classmethod
    def of(cls, run: Run, task: Task) -> Context:
        from brickwork.devices.target import load_target

        forms = () if run.strategy in PREPARING else task.forms
        space = make_space(space_for(run, task), task.input, task.facts, forms)
        context = cls(run, task, space, load_target(run.target))
        wanted = {objective.metric for objective in context.objectives}
        wanted |= {limit.metric for limit in context.limits}
        if context.target.npu is not None and wanted & {"latency_ms", "energy_mj"}:
            raise TargetError(
                f"target {run.target!r} tells latency of files only, by its compiler: search with "
                "other objectives and limits, then use 'brickwork cost FILE'"
            )
        return context

    @functools.cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """What was asked for; by default quality against what costs most on the target."""
        cost = "parameters" if self.target.family in ("mcu", "npu") else "latency_ms"
        usual = (self.task.quality, cost)
        return tuple(Objective(name) for name in self.run.objectives or usual)

    @functools.cached_property
    def limits(self) -> tuple[Limit, ...]:
        """The user's limits, and those of the device where the user set none for the metric."""
        own = tuple(Limit.parse(text) for text in self.run.limits)
        asked = {limit.metric for limit in own}
        return own + tuple(lim for lim in self.target.limits() if lim.metric not in asked)

    def form(self, arch: Arch) -> Task:
        """The data in the form that a network takes."""
        return formed(self.task, self.space.recipe(arch))

    def graph(self, arch: Arch) -> Graph:
        """The graph of an architecture, raw data in, as many outputs as the task has."""
        return self._graphs(arch)

    @functools.cached_property
    def _graphs(self) -> Callable[[Arch], Graph]:
        """The same, the latest kept: who asks for costs often wants to see the graph as well."""

        def whole(arch: Arch) -> Graph:
            task = self.form(arch)
            made = graph(self.space, arch, task.input, task.outputs, task.normalize)
            if made.parts and isinstance(made.parts[-1].nodes[-1].op, Softmax):
                raise SpaceError(
                    f"space {self.space.name!r} ends in a softmax, training wants logits: leave it "
                    "out, and export with --softmax"
                )
            return made

        return functools.lru_cache(maxsize=256)(whole)

    def known(self, arch: Arch) -> Mapping[str, Quantity]:
        """The costs of an architecture that are known without training or measuring it."""
        from brickwork.devices import known_costs

        return known_costs(self.graph(arch), self.target)

    def describe(self, proposal: Proposal) -> Candidate:
        """What a search wants to know of a proposal."""
        from brickwork.devices import known_costs
        from brickwork.engine.loop import Candidate

        whole = self.graph(proposal.arch)
        recipe = sorted(self.space.recipe(proposal.arch).items())
        return Candidate(f"{whole.hash}{recipe}", known_costs(whole, self.target))

    def members(self, purpose: str, most: int = 200) -> Iterator[Arch]:
        """Those of so many random members of the space that fit the input."""
        rng = rng_for(self.run.seed, purpose)
        for _ in range(most):
            arch = self.space.sample(rng)
            with contextlib.suppress(SpaceError):
                self.graph(arch)
                yield arch

    @functools.cached_property
    def typical_macs(self) -> float:
        """The median MACs of the space inside the limits: what an ordinary member costs."""
        known = map(self.known, self.members("typical"))
        fitting = sorted(one["macs"].value for one in known if violation(one, self.limits) == 0)
        return fitting[len(fitting) // 2] if fitting else 1e6

    @functools.cached_property
    def problem(self) -> Problem:
        """What a strategy is given."""
        from brickwork.strategies.base import Problem

        return Problem(
            self.space, self.objectives, self.limits, self.known, self.graph, _REPETITIONS
        )

    def strategy(self, name: str | None = None, suggestions: Sequence[Suggestion] = ()) -> Strategy:
        """A strategy by name, by default the run's; with what its preparation suggests."""
        low = self.run.low
        return make_strategy(
            name or self.run.strategy,
            self.problem,
            self.run.seed,
            low=low,
            rungs=(low * low, low, 1.0),
            suggestions=suggestions,
        )

    @functools.cached_property
    def estimator(self) -> TrainEstimator:
        """What tells the quality of a network."""
        from brickwork.estimators.train import TrainEstimator

        run = self.run
        return TrainEstimator(
            self.task, self.space, self.graph, self.typical_macs, run.seed, run.scale
        )

    @functools.cached_property
    def full_training_s(self) -> float:
        """CPU seconds of a full training of the typical member, on a nominal core.

        For decisions that a seed must determine, not for display.
        """
        member = next(self.members("nodes"), None)
        nodes = len(self.graph(member).nodes) if member else 0
        return self.pass_s(nodes, round(self.typical_macs)) * self._typical_epochs

    @property
    def _typical_epochs(self) -> int:
        from brickwork.tasks.training.recipe import full_epochs

        macs = round(self.typical_macs)
        return full_epochs(self.task.splits["train"].size, macs, macs)

    def epoch_s(self, whole: Graph) -> float:
        """CPU seconds of an epoch of a network, likewise."""
        from brickwork.devices.counts import macs

        return self.pass_s(len(whole.nodes), macs(whole))

    def pass_s(self, nodes: int, macs: float) -> float:
        """CPU seconds of an epoch of so many operations and multiplications, likewise."""
        return self._step_s(nodes, macs) * self._steps

    def step_s(self, whole: Graph) -> float:
        """CPU seconds of a step of training a network, likewise."""
        from brickwork.devices.counts import macs

        return self._step_s(len(whole.nodes), macs(whole))

    @functools.cached_property
    def _batch(self) -> int:
        from brickwork.tasks.training.recipe import default_batch

        return default_batch(self.task.splits["train"].size)

    @property
    def _steps(self) -> int:
        return max(1, self.task.splits["train"].size // self._batch)

    def _step_s(self, nodes: int, macs: float) -> float:
        return _SECONDS_A_NODE * nodes + 3 * self._batch * macs / _MACS_A_SECOND

    @functools.cached_property
    def export_s(self) -> float:
        """CPU seconds to write, run and score the files of the typical member, likewise."""
        return (
            _EXPORT_S + _PASSES * self.task.splits["test"].size * self.typical_macs / _MACS_A_SECOND
        )

    def affordable(self, search_s: float) -> float:
        """The part of a full training that fidelity 1 can stand for in a search.

        Enough trainings at low fidelity, and some at fidelity 1, must fit into the time. Where
        there is time for more, most of it goes into their number, not into their length.

        Args:
            search_s: Wall-clock seconds of search.
        """
        low_s = search_s * self.run.workers / (_TRIALS * (1 + _PROMOTED))
        look = low_s / self.full_training_s
        enough = max(_LOOK, _LOOK_PASSES / self._typical_epochs)
        if look > enough:
            look = enough * (look / enough) ** 0.25
        return min(1.0, max(_LEAST_SCALE, look / self.run.low))


def space_for(run: Run, task: Task) -> str:
    """The name of the space of a run: what was asked for, or what is usual for the task."""
    return USUAL_SPACES[task.kind] if run.space == AUTO else run.space


def task_for(run: Run, data: Any = None) -> Task:
    """Load the data of a run.

    Args:
        run: The run.
        data: Arrays, where the run's ``data`` is only a name for them.

    Raises:
        DataError: The data cannot be used.
    """
    from brickwork.tasks.augmenting import augmented  # it loads torch
    from brickwork.tasks.positive import with_positive

    notes: list[str] = []
    source, rest = as_arrays(run.data if data is None else data, run.reading, notes)
    reading = {key: value for key, value in rest.items() if key not in (AUGMENT, POSITIVE)}
    name, why = run.task, tuple[str, ...]()
    if name == AUTO:
        found = recognised(source, reading)
        name, why = found.task, (f"{found.task}, because {found.why}",)
    read = load(TASKS, "task", name)
    for setting in reading:
        if setting not in settings_of(name):
            option = setting.replace("_", "-")
            raise DataError(f"task {name!r} takes no --{option}: leave it out")
    plain: DataTask = read(source, seed=run.seed, **reading)
    task = with_positive(plain, run.reading.get(POSITIVE, ""))
    return augmented(task, run.reading.get(AUGMENT, "")).noted((*why, *notes))
