"""What a class of the file is made of, before it becomes text."""

from __future__ import annotations

import keyword
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from brickwork.export.source.merge import Merged
from brickwork.export.source.pieces import Slot, constructor, slots, structure
from brickwork.export.source.tree import Leaf, Scope

__all__ = [
    "Chain",
    "Definition",
    "Param",
    "Piece",
    "Use",
    "flat",
    "is_module",
    "key",
    "plain",
    "unused",
]


@dataclass(frozen=True, slots=True)
class Chain:
    """Modules one after another, written where they are used."""

    names: tuple[str, ...]
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """An instance of a class of the file.

    Attributes:
        definition: The class.
        values: Its arguments by name; None where it does not matter.
    """

    definition: Definition
    values: Mapping[str, Any]


Piece = Leaf | Chain | Use


@dataclass(frozen=True, slots=True)
class Param:
    """An argument of a class; role as in ``Slot``."""

    name: str
    role: str
    default: str | None
    type: str


@dataclass(eq=False)
class Definition:
    """A class to be written.

    Attributes:
        merged: Its statements.
        members: Its instances, and their pieces by statement.
        pieces: A piece of each statement, from some instance.
        name: Its name.
        params: The arguments of its constructor.
        texts: For each statement the text of its slots: a number or the name of an argument.
        conditions: The argument that says whether an optional statement is there.
        through: Whether as many channels come out as went in.
    """

    merged: Merged
    members: list[tuple[Scope, Mapping[str, Piece]]]
    pieces: dict[str, Piece]
    name: str = ""
    params: list[Param] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    conditions: dict[str, str] = field(default_factory=dict)
    through: bool = False

    def pieces_in_order(self) -> list[tuple[str, Piece]]:
        """Each statement's name and piece."""
        return [(outline.name, self.pieces[outline.name]) for outline in self.merged.outlines]


def plain(name: str) -> bool:
    """Whether a name can be an attribute of a module in source."""
    return name.isidentifier() and not keyword.iskeyword(name) and not hasattr(nn.Module(), name)


def key(piece: Piece) -> Hashable:
    """What a piece is, without its numbers."""
    if isinstance(piece, Leaf):
        return structure(piece)
    if isinstance(piece, Chain):
        return tuple((name, key(p)) for name, p in zip(piece.names, piece.pieces, strict=True))
    return piece.definition


def flat(piece: Piece) -> list[Slot]:
    """All slots of a piece, in a fixed order."""
    if isinstance(piece, Leaf):
        return slots(piece)
    if isinstance(piece, Chain):
        return [slot for part in piece.pieces for slot in flat(part)]
    return [Slot(p.name, piece.values[p.name], p.role) for p in piece.definition.params]


def is_module(leaf: Leaf) -> bool:
    """Whether an operation is a module rather than an expression."""
    texts = {slot.label: repr(slot.value) for slot in slots(leaf)}
    return constructor(leaf, texts) is not None


def unused(taken: Iterable[str], *wishes: str) -> str:
    """The first wish that is not taken, or the last one with a number."""
    used = set(taken)
    for wish in wishes:
        if wish not in used:
            return wish
    return next(name for i in range(2, 10**6) if (name := f"{wishes[-1]}{i}") not in used)
