"""The parts of the page that are text: model panels, table, evidence, cost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from brickwork.objective import Limit
from brickwork.quantity import METRICS, How, Quantity
from brickwork.report.data import bare, quantity_of
from brickwork.report.drawing import draw_architecture, draw_memory
from brickwork.report.evidence import draw_agreement, draw_progress, draw_seeds
from brickwork.report.front import quality_of
from brickwork.report.numbers import Number, bound_text, duration, minus, number

__all__ = ["cost", "evidence", "panels", "table"]

_NUMBERS = re.compile(r"\d[\d.,]*")


def _numbers_of(
    metrics: Mapping[str, Any] | None, limits: Mapping[str, Limit]
) -> dict[str, Number]:
    """All metrics of a model, set in type, in the order of the table of metrics."""
    found = {}
    for name in METRICS:
        quantity = quantity_of(metrics, name)
        if quantity is not None:
            found[name] = number(name, quantity, limits)
    return found


def panels(
    data: Mapping[str, Any], order: Sequence[int], limits: Mapping[str, Limit]
) -> list[dict[str, Any]]:
    """One panel for each model of the front, in the given order."""
    quality = quality_of(data)
    shape = (data.get("task") or {}).get("input") or ()
    limit = limits.get("peak_sram_bytes")
    found = []
    for place, index in enumerate(order, start=1):
        model = data["models"][index]
        final = model.get("final") or {}
        believed = quantity_of(model.get("search"), quality) if final else None
        seeds = [v for seed in final.get("seeds") or () if (v := bare(seed)) is not None]
        memory = draw_memory(model.get("memory") or (), limit)
        choices = (model.get("arch") or {}).get("choices") or {}
        found.append(
            {
                "index": index,
                "place": place,
                "id": str(model.get("id") or ""),
                "final": bool(final),
                "numbers": list(_numbers_of(model.get("metrics"), limits).values()),
                "search": number(quality, believed) if believed else None,
                "seeds": [_plain(quality, seed) for seed in seeds],
                "files": [
                    _file(name, file or {}) for name, file in (model.get("artifacts") or {}).items()
                ],
                "folder": _folder(model.get("artifacts") or {}),
                "drawing": draw_architecture(
                    (model.get("drawing") or {}).get("blocks") or (), shape
                ),
                "memory": memory[0] if memory else None,
                "memory_title": _memory_title(memory[1], limit) if memory else "",
                "memory_share": _share(memory[1], limit) if memory else None,
                "choices": [f"{key} = {value}" for key, value in choices.items()],
            }
        )
    return found


def _file(name: str, file: Mapping[str, Any]) -> dict[str, str]:
    verified, detail = file.get("verified"), str(file.get("detail") or "")
    state = "" if verified is None else "verified" if verified else "failed"
    size = file.get("bytes")
    return {
        "name": name,
        "sha256": str(file.get("sha256") or "")[:16],
        "size": Quantity(float(size), "B", How.COUNTED).text() if size is not None else "",
        "state": state,
        "detail": detail,
    }


def _folder(files: Mapping[str, Any]) -> str:
    """The folder that holds all the files; empty where they lie in several."""
    folders = {str((file or {}).get("path") or "").rpartition("/")[0] for file in files.values()}
    return folders.pop() if len(folders) == 1 else ""


def _memory_title(peak: float, limit: Limit | None) -> str:
    text = f"peak {Quantity(peak, 'B', How.COUNTED).text()}"
    whole = text if limit is None else f"{text} of {bound_text(limit)}"
    return whole.replace(" ", "\u00a0")


def _share(peak: float, limit: Limit | None) -> float | None:
    """The part of the limit that is used, in percent."""
    return None if limit is None or not limit.bound else round(100 * peak / limit.bound, 1)


def _plain(name: str, value: float) -> str:
    return Quantity(value, METRICS[name].unit, How.MEASURED).text()


def table(
    data: Mapping[str, Any], order: Sequence[int], limits: Mapping[str, Limit]
) -> dict[str, Any]:
    """All models of the front: a column for each metric that any of them has."""
    quality = quality_of(data)
    rows: list[dict[str, Any]] = []
    for place, index in enumerate(order, start=1):
        model = data["models"][index]
        believed = quantity_of(model.get("search"), quality) if model.get("final") else None
        files = (model.get("artifacts") or {}).values()
        checked = [file for file in files if (file or {}).get("verified") is not None]
        good = sum(bool(file["verified"]) for file in checked)
        rows.append(
            {
                "index": index,
                "place": place,
                "id": str(model.get("id") or ""),
                "cells": _numbers_of(model.get("metrics"), limits),
                "search": number(quality, believed) if believed else None,
                "checked": f"{good} of {len(checked)}" if checked else "none",
                "good": good,
            }
        )
    names = [name for name in METRICS if any(name in row["cells"] for row in rows)]
    return {
        "columns": [(name, _head(name)) for name in names],
        "rows": rows,
        "search": f"{_head(quality)} in search" if any(row["search"] for row in rows) else "",
    }


def _head(name: str) -> str:
    label = METRICS[name].label
    return label[:1].upper() + label[1:]


def evidence(data: Mapping[str, Any], order: Sequence[int]) -> dict[str, Any]:
    """What there is to believe it, or the plain word that it is missing."""
    quality = quality_of(data)
    models = data.get("models") or ()
    gap = data.get("gap") or {}
    pairs = gap.get("pairs") or ()
    rows = []
    for place, index in enumerate(order, start=1):
        final = models[index].get("final") or {}
        score = quantity_of(final, quality) or quantity_of(models[index].get("metrics"), quality)
        seeds = [v for seed in final.get("seeds") or () if (v := bare(seed)) is not None]
        if score is not None and seeds:
            rows.append((place, score.value, score.spread, seeds))
    return {
        "agreement": draw_agreement(
            pairs, quality, {str(model.get("id")): i for i, model in enumerate(models)}
        ),
        "gap": _gap(pairs, gap.get("tau"), quality),
        "progress": draw_progress(data.get("progress") or {}),
        "seeds": draw_seeds(rows, quality),
        "seeds_hidden": max(0, len(rows) - 24),
        "controls": _controls(data.get("controls") or {}),
        "failed": _groups(data.get("failures") or ()),
        "refused": _groups(
            trial for trial in data.get("trials") or () if trial.get("state") == "infeasible"
        ),
        "dropped": [_dropped(item, data) for item in data.get("dropped") or ()],
    }


def _gap(pairs: Sequence[Mapping[str, Any]], tau: Any, quality: str) -> list[str]:
    """Sentences on how the scores of the search fared."""
    gaps = [
        final - search
        for pair in pairs
        if (search := bare(pair.get("search"))) is not None
        and (final := bare(pair.get("final"))) is not None
    ]
    if not gaps:
        return []
    mean = sum(gaps) / len(gaps)
    fraction = METRICS[quality].unit == "fraction"
    size = f"{100 * abs(mean):.2f} points" if fraction else f"{abs(mean):.4g}"
    side = "too low" if mean > 0 else "too high"
    counted = f"{len(gaps)} model{'' if len(gaps) == 1 else 's'}"
    found = [f"Scores in the search were {size} {side} on average ({counted})."]
    value = bare(tau.get("value")) if isinstance(tau, Mapping) else None
    if value is None:
        found.append("Too few models to say how well they were ranked.")
        return found
    sentence = f"Rank agreement (Kendall's tau) is {value:.2f}"
    low, high = bare(tau.get("low")), bare(tau.get("high"))
    if low is not None and high is not None:
        sentence += minus(f", bootstrap interval {low:.2f} to {high:.2f}")
        if low <= 0:
            sentence += ": it cannot be told from none"
    found.append(sentence + ".")
    return found


def _controls(controls: Mapping[str, Any]) -> list[dict[str, str]]:
    names = {"random": "Random search, same budget", "size_only": "Same sizes, drawn at random"}
    found = []
    for key, control in controls.items():
        if not control:
            continue
        theirs, ours = bare(control.get("hypervolume")), bare(control.get("search_hypervolume"))
        result = ""
        if theirs is not None and ours is not None:
            better = "search better" if ours > theirs else "search not better"
            result = better if ours != theirs else "no difference"
            if ours != theirs and theirs > 0 and 0.1 < ours / theirs < 10:
                result += minus(f" ({100 * (ours / theirs - 1):+.1f} %)")
        found.append(
            {
                "name": names.get(key, key),
                "theirs": "" if theirs is None else f"{theirs:.3f}",
                "ours": "" if ours is None else f"{ours:.3f}",
                "result": result,
                "trials": "" if control.get("trials") is None else f"{control['trials']:,}",
                "note": str(control.get("note") or ""),
            }
        )
    return found


def _groups(items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Causes that differ in their numbers only are one group, shown by its first member."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        cause = str(item.get("cause") or "no cause was recorded")
        groups.setdefault(_NUMBERS.sub("#", cause), []).append(item)
    found = []
    for members in sorted(groups.values(), key=len, reverse=True):
        cause = str(members[0].get("cause") or "no cause was recorded")
        numbers = [str(m["number"]) for m in members if m.get("number") is not None]
        more = f" and {len(numbers) - 6} more" if len(numbers) > 6 else ""
        found.append(
            {
                "count": len(members),
                "cause": cause,
                "similar": len({m.get("cause") for m in members}) > 1,
                "numbers": ", ".join(numbers[:6]) + more,
            }
        )
    return found


def _dropped(item: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, str]:
    kinds = (data.get("kinds") or {}).get("dropped")
    shown = []
    for name in METRICS:
        quantity = quantity_of(item.get("metrics"), name, kinds)
        if quantity is not None:
            shown.append(f"{METRICS[name].label} {quantity}")
    return {
        "id": str(item.get("id") or ""),
        "reason": str(item.get("reason") or "no reason was recorded"),
        "metrics": ", ".join(shown),
    }


def cost(data: Mapping[str, Any]) -> dict[str, Any]:
    """Candidates, time and energy."""
    spent = data.get("spent") or {}
    labels = {
        "known": "known by cost",
        "trained": "trained",
        "infeasible": "refused",
        "twins": "twins",
        "failed": "failed",
    }
    phases = [
        ("preparation", spent.get("preparation_s") or None),
        ("search", spent.get("search_s")),
        ("retraining", spent.get("final_s")),
        ("export and verification", spent.get("export_s")),
    ]
    known = [(name, float(seconds)) for name, seconds in phases if seconds is not None]
    used = sum(seconds for _, seconds in known)
    budget = spent.get("budget_s")
    if budget and used < budget:
        known.append(("not used", budget - used))
    whole = max(used, budget or 0.0) or 1.0
    energy = spent.get("energy")
    quantity = Quantity.from_json(energy) if energy and bare(energy) is not None else None
    return {
        "counts": [
            (f"{spent[key]:,}", label)
            for key, label in labels.items()
            if spent.get(key) is not None
        ],
        "phases": [
            {"name": name, "time": duration(seconds), "share": round(100 * seconds / whole, 2)}
            for name, seconds in known
        ],
        "budget": duration(budget) if budget else "",
        "over": duration(used - budget) if budget and used > budget else "",
        "used": duration(used) if known else "",
        "cpu": duration(spent["cpu_s"]) if spent.get("cpu_s") is not None else "",
        "energy": number("Energy", quantity) if quantity else None,
    }
