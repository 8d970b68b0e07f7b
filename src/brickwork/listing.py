"""What there is, as rows for ``brickwork targets``, ``strategies``, ``tasks`` and ``spaces``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from brickwork.devices.target import Target, load_target, target_names
from brickwork.names import SPACES, load, make_space
from brickwork.spaces.inputs import KINDS, kinds_of

__all__ = ["described", "space_rows", "target_rows"]

Rows = list[dict[str, Any]]


def target_rows() -> Rows:
    """The targets of the library."""
    targets = map(load_target, target_names())
    return [
        {
            "name": target.name,
            "title": target.title,
            "family": target.family,
            "precision": target.precision,
            "engine": target.engine,
            "limits": [limit.text for limit in target.limits()],
            "latency": _latency_of(target),
        }
        for target in targets
    ]


def space_rows(whole: bool) -> Rows:
    """The spaces of the catalogue; their decisions, or how many there are."""
    rows = []
    for name in SPACES:
        kinds = kinds_of(partial(make_space, name))
        space = make_space(name, KINDS["images" if "images" in kinds else kinds[0]])
        decisions = [{"name": d.name, "options": list(d.options)} for d in space.decisions()]
        rows.append(
            {
                "name": name,
                "doc": space.doc,
                "inputs": list(kinds),
                "size": space.size(),
                "decisions": decisions if whole else len(decisions),
            }
        )
    return rows


def described(table: Mapping[str, str], kind: str) -> Rows:
    """The first line of what is said of each entry of a table of names."""
    rows = []
    for name in table:
        text = (load(table, kind, name).__doc__ or "").strip().splitlines()
        rows.append({"name": name, "doc": text[0] if text else ""})
    return rows


def _latency_of(target: Target) -> str:
    """How the latency of a target is known."""
    if target.npu is not None:
        return "simulated"
    return "measured" if target.measurable else "predicted"
