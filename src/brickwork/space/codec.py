"""Bricks as JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from brickwork.errors import SpaceError
from brickwork.space import blocks as _blocks
from brickwork.space import cells as _cells
from brickwork.space import composites as _composites
from brickwork.space import grammar as _grammar
from brickwork.space import ops as _ops
from brickwork.space.blocks import OneOf, Seq
from brickwork.space.choice import Choice, Wide
from brickwork.space.ops import Description

__all__ = ["decode", "encode"]

_BRICKS: Mapping[str, type] = {
    name: found
    for module in (_ops, _blocks, _composites, _cells, _grammar)
    for name in module.__all__
    if isinstance(found := getattr(module, name), type)
    and is_dataclass(found)
    and found is not Description  # it describes a brick and is none
} | {"Choice": Choice, "Wide": Wide}


def encode(value: Any) -> Any:
    """Bricks, choices and tuples as JSON; scalars stay.

    Raises:
        SpaceError: There is a brick that is not Brickwork's own.
    """
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if not is_dataclass(value):
        return value
    name = type(value).__name__
    if _BRICKS.get(name) is not type(value):
        raise SpaceError(f"{name} is not one of Brickwork's bricks: it cannot be written as JSON")
    return {"brick": name} | {f.name: encode(getattr(value, f.name)) for f in fields(value)}


def decode(value: Any) -> Any:
    """Read what ``encode`` wrote.

    Raises:
        SpaceError: A brick is not known, or has other fields.
    """
    if isinstance(value, list):
        return tuple(decode(item) for item in value)
    if not isinstance(value, Mapping):
        return value
    name = value.get("brick", "")
    if name not in _BRICKS:
        raise SpaceError(f"unknown brick {name!r}: known are {', '.join(sorted(_BRICKS))}")
    parts = {key: decode(item) for key, item in value.items() if key != "brick"}
    try:
        if name == "Seq":
            return Seq(*parts["blocks"], name=parts["name"])
        if name == "OneOf":
            return OneOf(parts["name"], dict(parts["options"]))
        return _BRICKS[name](**parts)
    except (KeyError, TypeError) as error:
        raise SpaceError(f"cannot read the brick {name}: {error}") from None
