"""A study as JSON: what ``brickwork front --json`` prints."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from brickwork.devices import known_costs
from brickwork.devices.target import load_target
from brickwork.final import shared_hypervolume, table
from brickwork.quantity import How, Quantity
from brickwork.space import Arch
from brickwork.study import Study
from brickwork.trial import State

__all__ = ["command", "controls", "spent", "summary", "values"]

_WATTS_A_CORE = 10.0
_WATTS_SOURCE = "10 W for each busy core, a guess for a server CPU; no power meter was read"


def summary(study: Study) -> dict[str, Any]:
    """What ``brickwork front --json`` prints."""
    return {
        "study": str(study.folder),
        "task": study.task.get("name", study.run.task),
        "target": study.run.target,
        "objectives": list(study.run.objectives),
        "limits": list(study.task.get("limits", ())),
        "seed": study.run.seed,
        "finished": study.finished,
        "models": [model.to_json() for model in study.front],
        "dropped": [{"id": m.id, "reason": m.dropped} for m in study.models if m.dropped],
        "gap": study.gap.to_json() if study.finished else {},
        "controls": controls(study),
        "spent": spent(study),
    }


def controls(study: Study) -> dict[str, Any]:
    """The front beside a random search of equal budget and beside networks chosen by size alone.

    Qualities are those of the float networks on the test split, so that all are judged alike.
    """
    tested = [event for event in study.events("tested") if event.get("scores")]
    if not study.run.control or not tested:
        return {}
    sets: dict[str, list[dict[str, Quantity]]] = {"front": [], "random": [], "size": []}
    target = load_target(study.run.target)
    for event in tested:
        whole = study.graph(Arch.from_json(event["arch"]))
        scores = event["scores"][0]
        sets[event["role"]].append(
            known_costs(whole, target) | {n: Quantity.from_json(q) for n, q in scores.items()}
        )
    measured = any(o.metric not in sets["front"][0] for o in study.objectives)
    quality = study.quality
    found: dict[str, Any] = {}
    for name, rows in sets.items():
        best = max((row[quality].value for row in rows), default=float("nan"))
        found[name] = {"models": [{"metrics": values(row)} for row in rows], "best": _number(best)}
    if not measured:
        tables = [table(study.objectives, rows) for rows in sets.values()]
        for name, volume in zip(sets, shared_hypervolume(*tables), strict=True):
            found[name]["hypervolume"] = volume
    return found


def spent(study: Study) -> dict[str, Any]:
    """Time, trials and energy of a study so far."""
    phases = {"search": 0.0, "control": 0.0, "final": 0.0, "export": 0.0}
    for event in study.events("spent"):
        phases[event["phase"]] += event["seconds"]
    trials = study.trials()
    count = {state: sum(t.state is state for t in trials) for state in State}
    cpu = sum(trial.seconds for trial in trials)
    cpu += sum(event["seconds"] for event in study.events("retrained"))
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
    for limit in run.limits:
        words += ["--limit", limit]
    for objective in run.objectives:
        words += ["--objective", objective]
    words += ["--budget", f"{run.budget_s:g}s"]
    if run.max_trials is not None:
        words += ["--max-trials", str(run.max_trials)]
    words += ["--study", str(study.folder), *(["--control"] if run.control else [])]
    return shlex.join(words)


def values(metrics: Mapping[str, Quantity]) -> dict[str, float | None]:
    """The bare numbers of quantities; None where a number is not known."""
    return {name: _number(quantity.value) for name, quantity in metrics.items()}


def _number(value: float) -> float | None:
    return None if value != value else value
