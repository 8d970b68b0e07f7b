"""A study as JSON: what ``brickwork front --json`` prints."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.devices import known_costs
from brickwork.devices.target import load_target
from brickwork.engine.store import Store
from brickwork.final import shared_hypervolume, table
from brickwork.quantity import METRICS, How, Quantity
from brickwork.space import Arch
from brickwork.study import Study
from brickwork.trial import State

__all__ = ["command", "controls", "points", "spent", "summary", "values"]

_WATTS_A_CORE = 10.0
_WATTS_SOURCE = "10 W for each busy core, a guess for a server CPU; no power meter was read"


def summary(study: Study) -> dict[str, Any]:
    """What ``brickwork front --json`` prints."""
    return {
        "study": str(study.folder),
        "task": study.task.get("name", study.run.task),
        "data": _data(study),
        "target": study.run.target,
        "objectives": list(study.run.objectives),
        "limits": list(study.task.get("limits", ())),
        "seed": study.run.seed,
        "finished": study.finished,
        "models": [model.to_json() for model in study.front],
        "dropped": [{"id": m.id, "reason": m.dropped} for m in study.models if m.dropped],
        "expected": {id: quantity.to_json() for id, quantity in study.expected.items()},
        "points": points(study),
        "gap": study.gap.to_json() if study.finished else {},
        "controls": controls(study),
        "spent": spent(study),
    }


def _data(study: Study) -> dict[str, Any]:
    """What was recognised in the data, and why; warnings are the first notes."""
    facts = study.task
    return {
        "task": study.run.task,
        "reading": dict(study.run.reading),
        **{name: facts.get(name) for name in ("title", "input", "outputs", "classes", "notes")},
        "splits": {name: split["size"] for name, split in facts.get("splits", {}).items()},
    }


def points(study: Study) -> dict[str, dict[str, Any]]:
    """By model what the threshold gives that was chosen for a sensitivity, if one was wanted."""
    if study.run.sensitivity is None:
        return {}
    checked = {e["id"]: e["verification"] for e in study.events("tested") if e["role"] == "front"}
    found = {id: (known or {}).get("details", {}).get("points") for id, known in checked.items()}
    return {model.id: found[model.id][0] for model in study.front if found.get(model.id)}


def controls(study: Study) -> dict[str, Any]:
    """The front beside a random search of equal budget and beside networks chosen by size alone.

    Qualities are those of the float networks on the test split, so that all are judged alike.
    """
    tested = [event for event in study.events("tested") if event.get("scores")]
    if not study.run.control or not tested:
        return {}
    sets: dict[str, list[dict[str, Quantity]]] = {"front": [], "random": [], "size": []}
    for event in tested:
        scores = {name: Quantity.from_json(q) for name, q in event["scores"][0].items()}
        sets[event["role"]].append(_costs(study, event) | scores)
    found: dict[str, Any] = {}
    compared: dict[str, NDArray[np.float64]] = {}
    for name, rows in sets.items():
        best = max((row[study.quality].value for row in rows), default=float("nan"))
        models = [{"metrics": {n: q.to_json() for n, q in row.items()}} for row in rows]
        found[name] = {"models": models, "best": _number(best)}
        if rows and all(o.metric in row for row in rows for o in study.objectives):
            compared[name] = table(study.objectives, rows)
    if compared:
        volumes = shared_hypervolume(*compared.values())
        for name, volume in zip(compared, volumes, strict=True):
            found[name]["hypervolume"] = volume
    return found


def _costs(study: Study, event: Mapping[str, Any]) -> dict[str, Quantity]:
    """What a retrained network costs: as its trial says, or as is known without one."""
    if event["trial"] is None:
        whole = study.graph(Arch.from_json(event["arch"]))
        return known_costs(whole, load_target(study.run.target))
    folder = study.folder / "control" if event["role"] == "random" else study.folder
    with Store.open(folder) as store:
        metrics = store.trial(event["trial"]).metrics
    return {name: q for name, q in metrics.items() if not METRICS[name].quality}


def spent(study: Study) -> dict[str, Any]:
    """Time, trials and energy of a study so far."""
    phases = {"preparation": 0.0, "search": 0.0, "control": 0.0, "final": 0.0, "export": 0.0}
    for event in study.events("spent"):
        phases[event["phase"]] += event["seconds"]
    trials = study.trials()
    count = {state: sum(t.state is state for t in trials) for state in State}
    cpu = sum(trial.seconds for trial in trials)
    for kind in ("prepared", "retrained"):
        cpu += sum(event.get("seconds") or 0.0 for event in study.events(kind))
    cpu += sum(event.get("seconds") or 0.0 for event in study.events("tested"))
    energy = Quantity(cpu * _WATTS_A_CORE / 3600, "Wh", How.ESTIMATED, None, _WATTS_SOURCE)
    return {
        "budget_s": study.run.budget_s,
        **{f"{name}_s": round(seconds, 2) for name, seconds in phases.items()},
        "cpu_s": round(cpu, 2),
        "known": len(trials),
        "trained": count[State.DONE],
        "infeasible": count[State.INFEASIBLE],
        "failed": count[State.FAILED],
        "twins": count[State.TWIN],
        "energy": energy.to_json(),
    }


def command(study: Study) -> str:
    """The command that makes this study again."""
    run = study.run
    words = ["brickwork", "search", run.data, "--target", run.target, "--space", run.space]
    words += ["--strategy", run.strategy, "--seed", str(run.seed), "--workers", str(run.workers)]
    words += ["--task", run.task]
    for name, value in run.reading.items():
        words += [f"--{name.replace('_', '-')}", value]
    for limit in run.limits:
        words += ["--limit", limit]
    for objective in run.objectives:
        words += ["--objective", objective]
    words += ["--budget", f"{run.budget_s:g}s"]
    if run.max_trials is not None:
        words += ["--max-trials", str(run.max_trials)]
    words += ["--study", str(study.folder), *(["--control"] if run.control else [])]
    if run.sensitivity is not None:
        words += ["--sensitivity", f"{run.sensitivity:g}"]
    return shlex.join(words)


def values(metrics: Mapping[str, Quantity]) -> dict[str, float | None]:
    """The bare numbers of quantities; None where a number is not known."""
    return {name: _number(quantity.value) for name, quantity in metrics.items()}


def _number(value: float) -> float | None:
    return None if value != value else value
