"""The report as one HTML page that needs no network: text, drawings, style and script inlined.

The page answers, in this order: what did I get, what can I choose from, what is the model that I
select, can I believe it, what did it cost and how do I do it again. Names come from users, so
everything is escaped: text by the template, drawings by ``svg.tag``, the script's data by
``_script_json``; a content security policy lets no other script run.

The schema of the data is ``data.ReportData``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup, escape

from brickwork.objective import Limit
from brickwork.quantity import METRICS
from brickwork.report import pages
from brickwork.report.data import ReportData, bare
from brickwork.report.front import View, knee, quality_of, views
from brickwork.report.numbers import HOW_KNOWN, bound_text, bounds
from brickwork.report.plots import draw_front

__all__ = ["ReportData", "render"]

_WIDE = (690.0, 480.0)
_NARROW = (336.0, 400.0)
_UNIT = re.compile(r"(?<=\d) (?=(?:%|points|ms|s|min|h|B|KiB|MiB|mJ)\b|%)")
_KEY = re.compile(r"\*\*(.+?)\*\*")


def render(data: Mapping[str, Any]) -> str:
    """The report of a study.

    Args:
        data: A ``ReportData``; every part of it may be missing, null or empty.

    Returns:
        A complete HTML document.
    """
    script = _asset("report.js")
    seen = views(data)
    limits = bounds(data.get("limits") or (), data.get("target") or {})
    order = _order(data, seen)
    context = {
        "title": str(data.get("title") or "A Brickwork study"),
        "meta": _meta(data),
        "style": Markup(_asset("report.css")),
        "script": Markup(script),
        "script_hash": _hash(script),
        "verdict": [_sentence(text) for text in data.get("verdict") or ()],
        "fronts": [_front(view) for view in seen],
        "caption": _caption(data, seen),
        "panels": pages.panels(data, order, limits),
        "selected": _selected(data, seen, order),
        "table": pages.table(data, order, limits),
        "evidence": pages.evidence(data, order),
        "cost": pages.cost(data),
        "setting": _setting(data, limits),
        "again": _filled(
            data.get("reproduce"), "command", "resume", "python", "packages", "machine"
        ),
        "task": _filled(data.get("task"), "name", "title", "input", "classes", "notes"),
        "splits": _splits((data.get("task") or {}).get("splits") or {}),
        "target": _filled(data.get("target"), "sources"),
        "kinds": [(str(how), words) for how, words in HOW_KNOWN.items()],
        "payload": _script_json(_payload(data, seen)),
    }
    return _environment().get_template("report.html.j2").render(context)


def _filled(part: Mapping[str, Any] | None, *keys: str) -> dict[str, Any]:
    """A part of the data with all the keys that the template reads; None where there is nothing."""
    return {key: (part or {}).get(key) for key in keys}


def _splits(splits: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name, number of samples and checksum of each split."""
    found = []
    for name, split in splits.items():
        size = (split or {}).get("size")
        shown = "" if size is None else f"{size:,}"
        found.append((name, shown, str((split or {}).get("sha256") or "")))
    return found


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _asset(name: str) -> str:
    """A file of the page, without the indentation that is for who reads the file."""
    text = resources.files("brickwork.report").joinpath("assets", name).read_text("utf-8")
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _sentence(words: str) -> Markup:
    """A sentence of the verdict: its key number set apart, no number parted from its unit."""
    words = _UNIT.sub("\u00a0", words)
    return Markup(_KEY.sub(r"<strong>\1</strong>", str(escape(words))))


def _meta(data: Mapping[str, Any]) -> list[str]:
    """What else there is to know at once; what the title says is not said again."""
    task, target = data.get("task") or {}, data.get("target") or {}
    title = str(data.get("title") or "")
    names = [part.get("title") or part.get("name") for part in (task, target)]
    parts = [
        *(name for name in names if name and name not in title),
        ", ".join(str(part) for part in (target.get("engine"), target.get("precision")) if part),
        str(data.get("created") or "")[:16].replace("T", " "),
        f"seed {data['seed']}" if data.get("seed") is not None else "",
        f"brickwork {data['version']}" if data.get("version") else "",
    ]
    return [str(part) for part in parts if part]


def _order(data: Mapping[str, Any], seen: Sequence[View]) -> list[int]:
    """The models of the front from the cheapest to the dearest, along the first view."""
    models = data.get("models") or ()
    name = seen[0].x if seen else "parameters"
    costs = [bare((model.get("metrics") or {}).get(name)) for model in models]
    return sorted(
        range(len(models)), key=lambda i: (costs[i] is None, costs[i] if costs[i] else 0.0, i)
    )


def _selected(data: Mapping[str, Any], seen: Sequence[View], order: Sequence[int]) -> int | None:
    """The model that is shown first: the one that the study names, else the knee of the front."""
    for index, model in enumerate(data.get("models") or ()):
        if data.get("best") and model.get("id") == data["best"]:
            return index
    best = knee(seen[0].models) if seen else None
    return best.index if best is not None else (order[0] if order else None)


def _front(view: View) -> dict[str, Any]:
    wide, notes = draw_front(view, *_WIDE)
    narrow, small_notes = draw_front(view, *_NARROW)
    unlabelled = [note for note in small_notes if note not in notes]
    return {
        "name": view.x,
        "label": METRICS[view.x].label,
        "wide": wide,
        "narrow": narrow,
        "notes": [*view.notes, *notes],
        "small_notes": unlabelled,
    }


def _caption(data: Mapping[str, Any], seen: Sequence[View]) -> dict[str, Any]:
    """What the marks are, so far as they cannot be labelled where they stand."""
    score = METRICS[quality_of(data)].label
    tested = any(view.tested for view in seen)
    return {
        "models": any(view.models for view in seen),
        "trials": any(view.trials for view in seen),
        "refused": any(view.refused for view in seen),
        "references": any(view.references for view in seen),
        "interval": any(p.y and p.y.spread for view in seen for p in view.models),
        "score": f"test {score} of the exported file" if tested else f"{score} in the search",
    }


def _setting(data: Mapping[str, Any], limits: Mapping[str, Limit]) -> list[tuple[str, str]]:
    """What was asked for, as pairs of term and text."""
    space, strategy = data.get("space") or {}, data.get("strategy") or {}
    size = space.get("size")
    room = [
        str(space.get("name") or ""),
        f"{_size(size)} architectures" if size else "",
        f"{space['decisions']} decisions" if space.get("decisions") else "",
    ]
    how = [str(strategy.get("name") or ""), str(strategy.get("explain") or "")]
    objectives = [METRICS[name].label for name in data.get("objectives") or ()]
    asked = {Limit.parse(text).metric for text in data.get("limits") or ()}
    shown = [
        f"{METRICS[name].label} {'≤' if limit.upper else '≥'} {bound_text(limit)}"
        f"{'' if name in asked else ' (of the device)'}"
        for name, limit in limits.items()
    ]
    pairs = [
        ("Objectives", ", ".join(objectives)),
        ("Limits", ", ".join(shown)),
        ("Space", ", ".join(part for part in room if part)),
        ("Strategy", ": ".join(part for part in how if part)),
        ("Study", str(data.get("study") or "")),
    ]
    return [(term, text) for term, text in pairs if text]


def _size(size: float) -> str:
    if size < 1e6:
        return f"{size:,.0f}"
    power = len(str(int(size))) - 1
    raised = str(power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"about {int(size) / 10**power:.1f}×10{raised}"


def _payload(data: Mapping[str, Any], seen: Sequence[View]) -> dict[str, Any]:
    """What the script needs and the page does not say: the drawn trials, as columns."""
    drawn = sorted({point.index for view in seen for point in view.trials})
    place = {index: i for i, index in enumerate(drawn)}
    trials = [data["trials"][index] for index in drawn]
    columns: dict[str, list[float | None]] = {}
    for view in seen:
        for point in view.trials:
            for name, known in ((view.x, point.x), (view.y, point.y)):
                column = columns.setdefault(name, [None] * len(trials))
                if known is not None:
                    column[place[point.index]] = _short(known.value)
    return {
        "trials": {
            "number": [trial.get("number") for trial in trials],
            "fidelity": [round(trial.get("fidelity") or 1.0, 3) for trial in trials],
            "metrics": columns,
        },
        "how": {name: str(how) for v in seen for name, how in ((v.x, v.x_how), (v.y, v.y_how))},
        "metrics": {
            name: {"label": metric.label, "unit": metric.unit} for name, metric in METRICS.items()
        },
    }


def _short(value: float) -> float:
    """Four digits, which is what a tip shows; a whole number without a decimal point."""
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() else short


def _script_json(value: Any) -> Markup:
    """JSON that cannot end its script element."""
    dumped = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for char in "<>&\u2028\u2029":
        dumped = dumped.replace(char, f"\\u{ord(char):04x}")
    return Markup(dumped)
