"""Everything that the report of a study shows, as the JSON that ``report.html`` draws."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.devices import known_costs
from brickwork.devices.memory import memory_profile
from brickwork.devices.target import Target, load_target
from brickwork.engine.executors import usable_cores
from brickwork.engine.store import Store
from brickwork.errors import SpaceError
from brickwork.final import table
from brickwork.names import REFERENCES, make_space
from brickwork.objective import front, hypervolume
from brickwork.quantity import How, Quantity, weakest
from brickwork.space import graph
from brickwork.study import Model, Study
from brickwork.summary import command, controls, spent, values
from brickwork.trial import State, Trial
from brickwork.verdict import best_compromise, verdict
from brickwork.versions import package_versions

__all__ = ["progress", "references", "report_data", "write_report"]


def report_data(study: Study) -> dict[str, Any]:
    """Everything the report shows; see ``brickwork.report.data``."""
    target = load_target(study.run.target)
    trials = study.trials()
    space = study.space
    found = controls(study)
    return {
        "study": str(study.folder),
        "title": f"{study.task['title']} on {target.title}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": package_versions()["brickwork"],
        "task": {
            k: study.task[k] for k in ("name", "title", "input", "classes", "splits", "notes")
        },
        "target": _target(target),
        "objectives": list(study.run.objectives),
        "limits": list(study.task["limits"]),
        "seed": study.run.seed,
        "strategy": {"name": study.run.strategy, "explain": study.task["strategy"]},
        "space": {
            "name": space.name,
            "size": space.size(),
            "decisions": len(space.decisions()),
        },
        "verdict": verdict(study),
        "best": best_compromise(study).id if len(study.front) else "",
        "models": [_model(model, target) for model in study.front],
        "dropped": [
            {"id": m.id, "reason": m.dropped, "metrics": _quantities(m.metrics)}
            for m in study.models
            if m.dropped
        ],
        "trials": [_trial(trial) for trial in trials],
        "references": references(study, target),
        "kinds": _kinds(trials),
        "gap": _gap(study),
        "controls": _report_controls(found),
        "progress": progress(study, trials),
        "spent": spent(study),
        "failures": [
            {"number": t.number, "cause": t.cause} for t in trials if t.state is State.FAILED
        ],
        "reproduce": {
            "command": command(study),
            "resume": f"brickwork resume {shlex.quote(str(study.folder))}",
            "python": platform.python_version(),
            "packages": package_versions(),
            "machine": {
                "system": f"{platform.system()} {platform.machine()}",
                "cores": usable_cores(),
            },
        },
    }


def references(study: Study, target: Target) -> list[dict[str, Any]]:
    """What published networks would cost on this data and target; they are not trained."""
    found = []
    for name in REFERENCES:
        space = make_space(name, tuple(study.task["input"]))
        try:
            whole = graph(space, space.arch(), tuple(study.task["input"]), study.task["outputs"])
        except SpaceError:  # made for other input: there is nothing to compare
            continue
        costs = _quantities(known_costs(whole, target))
        found.append({"name": name, "metrics": costs, "note": "not trained here"})
    return found


def progress(study: Study, trials: Sequence[Trial]) -> dict[str, list[list[float]]]:
    """Hypervolume of the scores over time, of the search and of the random control."""
    runs = {"search": list(trials)}
    if (study.folder / "control").is_dir():
        with Store.open(study.folder / "control") as control:
            runs["random"] = control.trials()
    scored = {name: [t for t in ts if t.scored] for name, ts in runs.items()}
    tables = {
        name: table(study.objectives, [t.metrics for t in ts]) for name, ts in scored.items() if ts
    }
    if not tables:
        return {}
    every = np.concatenate(list(tables.values()))
    every = every[np.isfinite(every).all(axis=1)]
    if not len(every):
        return {}
    low, high = every.min(axis=0), every.max(axis=0)
    span = 1.1 * np.maximum(high - low, 1e-9)
    return {
        name: _curve([t.finished_s for t in scored[name]], (losses - low) / span)
        for name, losses in tables.items()
    }


def _curve(seconds: Sequence[float], losses: NDArray[np.float64]) -> list[list[float]]:
    order = np.argsort(seconds, kind="stable")
    kept = np.empty((0, losses.shape[1]))
    points: list[list[float]] = [[0.0, 0.0]]
    for row in order:
        kept = np.concatenate([kept, losses[row : row + 1]])
        kept = kept[front(kept)]
        points.append([seconds[row], hypervolume(kept, [1.0] * losses.shape[1])])
    return points


def _model(model: Model, target: Target) -> dict[str, Any]:
    from brickwork.report.outline import blocks

    whole = model.graph()
    memory = [[name, size] for name, size in memory_profile(whole, target.precision)]
    return {**model.to_json(), "drawing": {"blocks": blocks(whole)}, "memory": memory}


def _gap(study: Study) -> dict[str, Any] | None:
    if not study.finished:
        return None
    quality = study.quality
    pairs = [
        {"id": m.id, "search": m.search[quality].value, "final": m.final[quality].value}
        for m in study.models
        if quality in m.search and quality in m.final
    ]
    return {"pairs": pairs, **study.gap.to_json()}


def _report_controls(found: Mapping[str, Any]) -> dict[str, Any]:
    notes = {
        "random": "random search with the same budget, its front retrained in the same way",
        "size": "random architectures of the sizes of the front, retrained in the same way",
    }
    return {
        key: {
            "models": found[name]["models"],
            "hypervolume": found[name].get("hypervolume"),
            "search_hypervolume": found["front"].get("hypervolume"),
            "note": notes[name],
            "trials": len(found[name]["models"]),
        }
        for key, name in (("random", "random"), ("size_only", "size"))
        if found.get(name, {}).get("models")
    }


def _kinds(trials: Sequence[Trial]) -> dict[str, dict[str, str]]:
    """How the bare numbers of the trials are known: as the weakest among them."""
    kinds: dict[str, How] = {}
    for trial in trials:
        for name, quantity in trial.metrics.items():
            kinds[name] = weakest(kinds.get(name, quantity.how), quantity.how)
    return {"trials": {name: str(how) for name, how in kinds.items()}}


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "id": trial.proposal.arch.id,
        "state": str(trial.state),
        "fidelity": trial.proposal.fidelity,
        "metrics": values(trial.metrics),
        "finished_s": round(trial.finished_s, 2),
        "cause": trial.cause,
    }


def _target(target: Target) -> dict[str, Any]:
    names = ("name", "title", "engine", "precision", "sram_bytes", "flash_bytes")
    return {name: getattr(target, name) for name in names}


def _quantities(metrics: Mapping[str, Quantity]) -> dict[str, Any]:
    return {name: quantity.to_json() for name, quantity in metrics.items()}


def write_report(study: Study, path: Path | None = None) -> Path:
    """Write the report of a study; by default ``report.html`` in its folder."""
    from brickwork.report.html import render

    path = path or study.folder / "report.html"
    path.write_text(render(report_data(study)), encoding="utf-8")
    return path
