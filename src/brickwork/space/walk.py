"""Every choice of a space, by its full name, and when it matters; and every cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brickwork.errors import SpaceError
from brickwork.space.blocks import (
    Block,
    Composite,
    Identity,
    OneOf,
    Optional,
    Parallel,
    Repeat,
    Residual,
    Seq,
)
from brickwork.space.cells import Cell, Chain
from brickwork.space.choice import Choice, Option
from brickwork.space.holes import bound, choices_of, full_name
from brickwork.space.ops import Op

__all__ = ["Guard", "cells", "check_places", "operations", "place", "walk"]

Guard = tuple[tuple[str, frozenset[Option]], ...]
"""Decisions, each with the options that it may have: all must hold."""


def place(scope: str, name: str) -> str:
    """Where the options of a decision stand: below the brick, wherever its name is scoped.

    So bricks that share a decision have weights of their own.
    """
    return scope + (name.rpartition("/")[2].rpartition(".")[2] if "/" in name else name)


def walk(block: Block, scope: str, guard: Guard) -> Iterator[tuple[str, Choice[Any], Guard]]:
    """Every choice below a brick: full name, choice, and what must hold for it to matter."""
    for at, part, more in _parts(block, scope, guard):
        if isinstance(part, Choice):
            yield full_name(at, part.name), part, more
        else:
            yield from walk(part, at, more)


def cells(block: Block, scope: str = "") -> Iterator[tuple[str, Cell]]:
    """Every cell below a brick, with its scope."""
    if isinstance(block, Cell):
        yield f"{scope}{block.name}.", block
    for at, part, _ in _parts(block, scope, ()):
        if not isinstance(part, Choice):
            yield from cells(part, at)


def operations(block: Block, scope: str = "", guard: Guard = ()) -> Iterator[tuple[str, Op, Guard]]:
    """Every operation below a brick, with its scope and what must hold for it to be there."""
    if isinstance(block, Op):
        yield scope, block, guard
    for at, part, more in _parts(block, scope, guard):
        if not isinstance(part, Choice):
            yield from operations(part, at, more)


def check_places(block: Block) -> None:
    """No two bricks may open the same place if one can be there without the other.

    Operations of one name are numbered where they stand, and an architecture must not move the
    weights of one to another. So a name may stand twice at a place if the same decision says for
    both what is there. A cell leaves out what gives nothing, and a chain what it passes by: the
    cell and each brick of the chain have places of their own.

    Raises:
        SpaceError: Two bricks do, or a brick of a chain opens none.
    """
    found: dict[str, object] = {}
    for at, decided in _places(block, ""):
        if found.setdefault(at, decided) != decided:
            raise SpaceError(
                f"two bricks stand at {at.rstrip('.')!r}, and an architecture may have one without "
                "the other: give one another name, or put it into a Seq with a name"
            )


def _places(block: Block, scope: str, *, alone: bool = False) -> Iterator[tuple[str, object]]:
    """The scopes that a brick and those below it open, and what decides on what is in each."""
    opened: tuple[str, object] | None = None
    if isinstance(block, OneOf | Optional):
        opened = f"{place(scope, block.name)}.", full_name(scope, block.name)
    elif isinstance(block, Repeat):
        inner = f"{scope}{block.name}."
        many = block.times
        opened = inner, full_name(inner, many.name) if isinstance(many, Choice) else None
    elif isinstance(block, Cell) or (isinstance(block, Seq) and block.name):
        opened = f"{scope}{block.name}.", None
    elif alone and not isinstance(block, Identity):
        raise SpaceError(f"{block} stands in a chain: put it into a Seq with a name")
    if opened is not None:
        yield opened[0], object() if alone or isinstance(block, Cell) else opened[1]
    for at, part, _ in _parts(block, scope, ()):
        if not isinstance(part, Choice):
            yield from _places(part, at, alone=isinstance(block, Chain))


def _parts(
    block: Block, scope: str, guard: Guard
) -> Iterator[tuple[str, Choice[Any] | Block, Guard]]:
    """A brick's own choices and the bricks in it: scope, which it is, and when it matters."""
    if isinstance(block, Seq):
        inner = f"{scope}{block.name}." if block.name else scope
        for child in block.blocks:
            yield inner, child, guard
    elif isinstance(block, Residual):
        for choice in choices_of(block):
            yield scope, choice, guard
        yield scope, block.body, guard
        if block.shortcut is not None and not isinstance(block.shortcut, str):
            yield f"{scope}shortcut.", block.shortcut, guard
    elif isinstance(block, Parallel):
        for i, branch in enumerate(block.branches):
            yield scope + block.scope(i), branch, guard
        yield scope, block.join, guard
    elif isinstance(block, Repeat):
        times = block.times
        inner = f"{scope}{block.name}."
        if isinstance(times, Choice):
            yield inner, times, guard
        for i in range(max(times.options) if isinstance(times, Choice) else times):
            more = guard
            if isinstance(times, Choice) and i >= min(times.options):
                enough = frozenset[Option](n for n in times.options if n > i)
                more = (*guard, (full_name(inner, times.name), enough))
            yield f"{inner}{i}.", block.at(i), more
    elif isinstance(block, OneOf):
        name = full_name(scope, block.name)
        yield scope, block.choice, guard
        for label, option in block.options:
            more = (*guard, (name, frozenset[Option]((label,))))
            yield f"{place(scope, block.name)}.{label}.", option, more
    elif isinstance(block, Optional):
        name = full_name(scope, block.name)
        yield scope, block.choice, guard
        more = (*guard, (name, frozenset[Option]((True,))))
        yield f"{place(scope, block.name)}.", block.body, more
    elif isinstance(block, Cell):
        yield from _parts_of_cell(block, f"{scope}{block.name}.", guard)
    elif isinstance(block, Chain):
        for child in block.blocks:
            yield scope, child, guard
    elif isinstance(block, Composite):
        for choice in choices_of(block):
            yield scope, choice, guard
        yield scope, bound(block, scope).lower((1, 1, 1)), guard
    else:
        for choice in choices_of(block):
            yield scope, choice, guard


def _parts_of_cell(
    cell: Cell, scope: str, guard: Guard
) -> Iterator[tuple[str, Choice[Any] | Block, Guard]]:
    """The same; what an edge passes matters for the nodes that it may then read."""
    count = len(cell.inputs)
    for i, block in enumerate(cell.inputs):
        yield f"{scope}node{i}.", block, guard
    for i, node in enumerate(cell.nodes, start=count):
        inner = f"{scope}node{i}."
        for k, edge in enumerate(node.edges):
            at = f"{inner}edge{k}."
            if isinstance(edge.source, Choice):
                yield at, edge.source, guard
            early = frozenset[Option](s for s in edge.sources if s < count and edge.first)
            for body, reads in ((edge.first, early), (edge.body, {*edge.sources} - early)):
                more = guard
                if isinstance(edge.source, Choice) and len(reads) < len(edge.sources):
                    more = (*guard, (full_name(at, edge.source.name), frozenset[Option](reads)))
                if body is not None and reads:
                    yield at, body, more
        yield inner, node.body, guard
