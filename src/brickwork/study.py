"""What a person holds after a search: a study, its front, its models.

Everything is read from the study's folder, at any time, also while a search is running in it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brickwork.config import Run
from brickwork.devices.energy import energy
from brickwork.devices.target import load_target
from brickwork.engine.store import Store
from brickwork.errors import BrickworkError, UnknownName
from brickwork.final import Gap, gap, on_new_data, table
from brickwork.leading import leading
from brickwork.made_for import MadeFor
from brickwork.objective import Limit, Objective, broken, front, quality_of, violation
from brickwork.quantity import METRICS, Quantity, metric
from brickwork.seeds import averaged
from brickwork.space import Arch, Graph, Space
from brickwork.trial import Trial

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Front", "Model", "Study"]


@dataclass(frozen=True)
class Model:
    """A model of the front.

    Attributes:
        study: The study it belongs to.
        id: Its architecture's id.
        arch: Its architecture.
        metrics: The numbers to stand behind. Once it is retrained and exported, the qualities are
            those of the exported file on the test split.
        search: Its qualities in the search (validation split).
        final: Its qualities after retraining, mean over ``seeds``; empty before.
        seeds: The first quality of each retraining.
        trial: Number of the trial that found it.
        artifacts: Exported files by name: path (relative to the study), sha256, verified, detail.
        dropped: Why it is not part of the front after all; empty if it is.
    """

    study: Path
    id: str
    arch: Arch
    metrics: Mapping[str, Quantity]
    search: Mapping[str, Quantity]
    final: Mapping[str, Quantity]
    seeds: tuple[float, ...]
    trial: int
    artifacts: Mapping[str, Mapping[str, Any]]
    dropped: str = ""

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.study / "models" / self.id

    def graph(self) -> Graph:
        """Its graph, raw data in."""
        return Study(self.study).graph(self.arch)

    def module(self) -> nn.Module:
        """The trained network, in evaluation mode; raw input ``(batch, channels, *spatial)``."""
        from safetensors.numpy import load_file

        from brickwork.nets.build import build, load_weights

        path = self.folder / "weights.safetensors"
        if not path.is_file():
            raise BrickworkError(f"model {self.id} has no weights yet: its search did not finish")
        module = build(self.graph())
        load_weights(module, load_file(path))
        return module.eval()

    def export(self, path: str | Path, formats: Sequence[str] = (), softmax: bool = False) -> Path:
        """Copy its files to a folder; a float format that it does not have yet is written there.

        Args:
            path: The folder; made if it is not there.
            formats: Names as ``brickwork export --to`` takes them; all where none are given.
            softmax: Whether all files are written again to give probabilities, not logits.

        Raises:
            UnknownName: A format is not known.
            BrickworkError: It was not exported, or cannot have this format.
        """
        from brickwork.export.later import copy_or_write

        return copy_or_write(self.folder, Path(path), tuple(formats), self.graph, softmax)

    def to_json(self) -> dict[str, Any]:
        def quantities(metrics: Mapping[str, Quantity]) -> dict[str, Any]:
            return {name: quantity.to_json() for name, quantity in metrics.items()}

        final = {**quantities(self.final), "seeds": list(self.seeds)} if self.final else {}
        return {
            "id": self.id,
            "arch": self.arch.to_json(),
            "metrics": quantities(self.metrics),
            "search": quantities(self.search),
            "final": final,
            "artifacts": {name: dict(facts) for name, facts in self.artifacts.items()},
        }


class Front(Sequence[Model]):
    """The models of a study, from the cheapest to the most expensive."""

    def __init__(self, models: Sequence[Model], objectives: Sequence[Objective]) -> None:
        self._models = tuple(models)
        self._objectives = tuple(objectives)

    def __len__(self) -> int:
        return len(self._models)

    def __getitem__(self, index: Any) -> Any:
        return self._models[index]

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models)

    def best(self, by: str | None = None, **limits: float) -> Model:
        """The best model by one metric, inside bounds.

        Args:
            by: Name of the metric; by default the first objective.
            **limits: Bounds by metric: at most for costs, at least for qualities, such as
                ``parameters=5000``.

        Raises:
            UnknownName: A metric is not known.
            BrickworkError: No model keeps the bounds.
        """
        goal = Objective(by) if by else self._objectives[0]
        bounds = [Limit(name, not metric(name).maximize, value) for name, value in limits.items()]
        fitting = [
            model
            for model in self._models
            if all(
                bound.metric in model.metrics
                and bound.excess(model.metrics[bound.metric].value) == 0
                for bound in bounds
            )
        ]
        if not fitting:
            raise BrickworkError(self._too_far(bounds))
        return min(fitting, key=lambda model: goal.loss(model.metrics))

    def _too_far(self, bounds: Sequence[Limit]) -> str:
        """Why no model keeps some bounds, and which comes nearest."""
        asked = ", ".join(bound.text for bound in bounds)
        if not self._models:
            return "the front has no model" + (f", and so none that keeps {asked}" if asked else "")
        nearest = min(self._models, key=lambda model: violation(model.metrics, bounds))
        known = (name for name in (b.metric for b in bounds) if name in nearest.metrics)
        has = ", ".join(f"{name} {nearest.metrics[name].text()}" for name in known) or "none known"
        return (
            f"no model of the front keeps {asked}: the nearest of its {len(self)}, {nearest.id}, "
            f"has {has}"
        )

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """The front as a table of text: header and rows, each number as a person reads it."""
        names = [n for n in METRICS if any(n in model.metrics for model in self._models)]
        header = ["model", *(METRICS[name].label for name in names)]
        body = [
            [m.id, *(m.metrics[n].text() if n in m.metrics else "" for n in names)]
            for m in self._models
        ]
        return header, body

    def __repr__(self) -> str:
        header, body = self.rows()
        widths = [max(map(len, column)) for column in zip(header, *body, strict=True)]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in (header, *body)
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        header, body = self.rows()
        names = [n for n in METRICS if any(n in model.metrics for model in self._models)]
        rows = []
        for model, cells in zip(self._models, body, strict=True):
            hows = ["", *(str(model.metrics[n].how) if n in model.metrics else "" for n in names)]
            pairs = zip(cells, hows, strict=True)
            rows.append(
                "".join(
                    f"<td>{escape(cell)} <small>{escape(how)}</small></td>" for cell, how in pairs
                )
            )
        head = "".join(f"<th>{escape(name)}</th>" for name in header)
        return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


class Study:
    """A study on disk.

    Args:
        folder: The study's folder.

    Raises:
        StudyError: There is no study, or it cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        with Store.open(self.folder) as store:
            self.run = Run(**store.run)

    def __repr__(self) -> str:
        return f"Study({str(self.folder)!r}, {len(self.front)} models)"

    @functools.cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """What was wanted."""
        return tuple(Objective(name) for name in self.run.objectives)

    @functools.cached_property
    def task(self) -> Mapping[str, Any]:
        """What is recorded of the data: name, title, input, outputs, classes, splits, normalize."""
        facts: dict[str, Any] = {}
        for event in self.events("data"):
            facts = event
        return facts

    def events(self, kind: str) -> list[dict[str, Any]]:
        """All recorded events of a kind."""
        with Store.open(self.folder) as store:
            return list(store.events(kind))

    def trials(self) -> list[Trial]:
        """All trials of the search."""
        with Store.open(self.folder) as store:
            return store.trials()

    def graph(self, arch: Arch) -> Graph:
        """The graph of an architecture on this study's data."""
        return self._made_for.graph(arch)

    @property
    def space(self) -> Space:
        """The space that was searched."""
        return self._made_for.space

    @functools.cached_property
    def _made_for(self) -> MadeFor:
        return MadeFor(self.run.space, self.task)

    @functools.cached_property
    def models(self) -> tuple[Model, ...]:
        """All models that were retrained, also those that are not part of the front after all."""
        tested = [event for event in self.events("tested") if event["role"] == "front"]
        models = [self._model(event) for event in tested]
        models.sort(key=lambda model: self.objectives[-1].loss(model.metrics))
        return tuple(self._judged(models))

    @functools.cached_property
    def front(self) -> Front:
        """The retrained, exported and verified front; before that the candidates of the search."""
        if self.models:
            kept = [model for model in self.models if not model.dropped]
            return Front(kept, self.objectives)
        with Store.open(self.folder) as store:
            found = leading(store, self.objectives)
        return Front([self._candidate(trial) for trial in found], self.objectives)

    def model(self, id: str) -> Model:
        """The retrained model of an id, or of the beginning of one.

        Raises:
            UnknownName: There is none, or more than one.
        """
        fitting = [model for model in self.models if model.id.startswith(id)]
        if len(fitting) != 1 or not id:
            raise UnknownName("model", id, [model.id for model in self.models])
        return fitting[0]

    @property
    def finished(self) -> bool:
        """Whether the models of the front are retrained and exported."""
        return bool(self.models)

    @functools.cached_property
    def gap(self) -> Gap:
        """Search scores against final scores, over all retrained models."""
        quality = self.quality
        pairs = [
            (model.search[quality].value, model.final[quality].value)
            for model in self.models
            if quality in model.search and quality in model.final
        ]
        return gap(pairs, self.run.seed)

    @functools.cached_property
    def expected(self) -> Mapping[str, Quantity]:
        """What to expect of the models of the front on new data, by id: estimated.

        Their test scores chose them among all that were retrained, so these are a bit too good.
        """
        name = self.quality
        tested = [m for m in self.models if m.final and m.metrics[name].spread is not None]
        if not tested:
            return {}
        likely = on_new_data([m.metrics for m in tested], self.objectives, self.run.seed)
        return {m.id: q for m, q in zip(tested, likely, strict=True) if not m.dropped}

    @property
    def quality(self) -> str:
        """The first objective that training decides."""
        return quality_of(self.objectives)

    def _candidate(self, trial: Trial) -> Model:
        search = {n: q for n, q in trial.metrics.items() if METRICS[n].quality}
        arch = trial.proposal.arch
        return Model(self.folder, arch.id, arch, trial.metrics, search, {}, (), trial.number, {})

    def _model(self, event: Mapping[str, Any]) -> Model:
        """A model from the event that it was tested."""
        arch = Arch.from_json(event["arch"])
        with Store.open(self.folder) as store:
            trial = store.trial(event["trial"])
        search = {n: q for n, q in trial.metrics.items() if METRICS[n].quality}
        costs = {n: q for n, q in trial.metrics.items() if not METRICS[n].quality}
        if event["cause"]:
            return Model(
                self.folder,
                arch.id,
                arch,
                trial.metrics,
                search,
                {},
                (),
                trial.number,
                {},
                f"it could not be exported: {event['cause']}",
            )
        final, seeds = averaged(event["scores"], self.quality)
        checked = event["verification"]
        metrics = costs | {n: Quantity.from_json(q) for n, q in checked["metrics"].items()}
        metrics |= self._measured(checked)
        return Model(
            self.folder,
            arch.id,
            arch,
            metrics,
            search,
            final,
            seeds,
            trial.number,
            checked["artifacts"],
            checked["reason"],
        )

    def _measured(self, checked: Mapping[str, Any]) -> dict[str, Quantity]:
        """Latency and energy of the judged file itself, where this machine is the target."""
        target = load_target(self.run.target)
        found = {check["file"]: check["latency"] for check in checked["checks"]}
        latency = found.get(checked["judged"])
        if not target.measurable or latency is None:
            return {}
        measured = Quantity.from_json(latency)
        return {"latency_ms": measured, "energy_mj": energy(measured, target)}

    def _judged(self, models: Sequence[Model]) -> Iterator[Model]:
        """Drop what breaks a limit after all, and what another model dominates."""
        limits = [Limit.parse(text) for text in self.task.get("limits", ())]
        judged: list[Model] = []
        for model in models:
            reason = model.dropped or broken(model.metrics, limits)
            judged.append(replace(model, dropped=reason))
        standing = [i for i, model in enumerate(judged) if not model.dropped]
        keep = front(table(self.objectives, [judged[i].metrics for i in standing]))
        for i, kept in zip(standing, keep, strict=True):
            if not kept:
                reason = "after retraining another model of the front is better and no more costly"
                judged[i] = replace(judged[i], dropped=reason)
        return iter(judged)
