"""What there is, as rows for ``brickwork targets``, ``strategies``, ``tasks`` and ``spaces``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from brickwork.devices.installed import installed_folder, installed_names
from brickwork.devices.target import Target, load_target, target_names
from brickwork.errors import TargetError
from brickwork.names import SPACES, load, make_space
from brickwork.spaces.inputs import KINDS, kinds_of

__all__ = ["described", "space_rows", "target_rows"]

Rows = list[dict[str, Any]]


def target_rows() -> Rows:
    """The targets of the library, and those installed; a file that is none says why not."""
    library = target_names()
    own = [name for name in installed_names() if name not in library]
    rows = [_target_row(load_target(name), "library") for name in library]
    for name in own:
        path = str(installed_folder() / f"{name}.toml")
        try:
            rows.append({**_target_row(load_target(name), path), "name": name})
        except TargetError as error:
            empty = {**dict.fromkeys(rows[0], ""), "limits": [], "from": path}
            rows.append({**empty, "name": name, "title": str(error)})
    return rows


def _target_row(target: Target, origin: str) -> dict[str, Any]:
    return {
        "name": target.name,
        "title": target.title,
        "family": target.family,
        "precision": target.precision,
        "engine": target.engine,
        "limits": [limit.text for limit in target.limits()],
        "latency": _latency_of(target),
        "from": origin,
    }


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
