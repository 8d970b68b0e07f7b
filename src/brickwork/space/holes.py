"""Choices in the fields of bricks: which there are, what they are called, what stands for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from brickwork.errors import SpaceError
from brickwork.space.blocks import Composite
from brickwork.space.choice import Choice, Wide

__all__ = ["bound", "choices_of", "filled", "full_name", "holes"]

_HOLDERS = (Choice, Wide, tuple)


def full_name(scope: str, name: str) -> str:
    """The full name of a decision: ``name`` seen from ``scope`` (``"stage1.0."``).

    Raises:
        SpaceError: ``"../"`` leads above the root.
    """
    if name.startswith("/"):
        return name[1:]
    while name.startswith("../"):
        if not scope:
            raise SpaceError(f"the choice {name!r} leads above the root of the space")
        name, scope = name[3:], scope[: scope.rfind(".", 0, -1) + 1]
    return scope + name


def bound(block: Composite, scope: str) -> Composite:
    """A composite whose own choices have absolute names, so that lowering does not move them."""

    def absolute(choice: Choice[Any]) -> Choice[Any]:
        return Choice("/" + full_name(scope, choice.name), choice.options)

    changes: dict[str, Any] = {}
    for field in fields(block):  # type: ignore[arg-type]  # composites are dataclasses
        value = getattr(block, field.name)
        if isinstance(value, _HOLDERS) and (put := filled(value, absolute)) is not value:
            changes[field.name] = put
    return replace(block, **changes) if changes else block  # type: ignore[type-var]  # composites are dataclasses


def filled(value: Any, put: Callable[[Choice[Any]], Any]) -> Any:
    """A field's value with something else in the place of each choice; itself if there is none."""
    if isinstance(value, Choice):
        return put(value)
    if isinstance(value, Wide):
        return replace(value, factor=filled(value.factor, put)) if holes(value) else value
    if isinstance(value, tuple) and holes(value):
        return tuple(filled(item, put) for item in value)
    return value


def holes(value: Any) -> list[Choice[Any]]:
    """The choices in a field's value: itself, inside a ``Wide``, or inside a tuple."""
    if isinstance(value, Choice):
        return [value]
    if isinstance(value, Wide):
        return holes(value.factor)
    if isinstance(value, tuple):
        return [choice for item in value for choice in holes(item)]
    return []


def choices_of(block: object) -> Iterator[Choice[Any]]:
    """The choices in a brick's own fields."""
    if not is_dataclass(block):
        raise SpaceError(f"a brick is a frozen dataclass, got {block!r}")
    for field in fields(block):
        value = getattr(block, field.name)
        if isinstance(value, _HOLDERS):
            yield from holes(value)
