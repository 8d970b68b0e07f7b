"""Every choice of a space, by its full name, and when it matters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brickwork.space.blocks import (
    Block,
    Composite,
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

__all__ = ["Guard", "place", "walk"]

Guard = tuple[tuple[str, frozenset[Option]], ...]
"""Decisions, each with the options that it may have: all must hold."""


def place(scope: str, name: str) -> str:
    """Where the options of a decision stand: below the brick, wherever its name is scoped.

    So bricks that share a decision have weights of their own.
    """
    return scope + (name.rpartition("/")[2].rpartition(".")[2] if "/" in name else name)


def walk(block: Block, scope: str, guard: Guard) -> Iterator[tuple[str, Choice[Any], Guard]]:
    """Every choice below a brick: full name, choice, and what must hold for it to matter."""
    if isinstance(block, Seq):
        inner = f"{scope}{block.name}." if block.name else scope
        for child in block.blocks:
            yield from walk(child, inner, guard)
    elif isinstance(block, Residual):
        for choice in choices_of(block):
            yield full_name(scope, choice.name), choice, guard
        yield from walk(block.body, scope, guard)
        if block.shortcut is not None and not isinstance(block.shortcut, str):
            yield from walk(block.shortcut, f"{scope}shortcut.", guard)
    elif isinstance(block, Parallel):
        for i, branch in enumerate(block.branches):
            yield from walk(branch, scope + block.scope(i), guard)
        yield from walk(block.join, scope, guard)
    elif isinstance(block, Repeat):
        times = block.times
        inner = f"{scope}{block.name}."
        if isinstance(times, Choice):
            yield full_name(inner, times.name), times, guard
        for i in range(max(times.options) if isinstance(times, Choice) else times):
            more = guard
            if isinstance(times, Choice) and i >= min(times.options):
                enough = frozenset[Option](n for n in times.options if n > i)
                more = (*guard, (full_name(inner, times.name), enough))
            yield from walk(block.at(i), f"{inner}{i}.", more)
    elif isinstance(block, OneOf):
        name = full_name(scope, block.name)
        yield name, block.choice, guard
        for label, option in block.options:
            more = (*guard, (name, frozenset[Option]((label,))))
            yield from walk(option, f"{place(scope, block.name)}.{label}.", more)
    elif isinstance(block, Optional):
        name = full_name(scope, block.name)
        yield name, block.choice, guard
        more = (*guard, (name, frozenset[Option]((True,))))
        yield from walk(block.body, f"{place(scope, block.name)}.", more)
    elif isinstance(block, Cell):
        yield from _walk_cell(block, f"{scope}{block.name}.", guard)
    elif isinstance(block, Chain):
        for child in block.blocks:
            yield from walk(child, scope, guard)
    elif isinstance(block, Composite):
        for choice in choices_of(block):
            yield full_name(scope, choice.name), choice, guard
        yield from walk(bound(block, scope).lower((1, 1, 1)), scope, guard)
    else:
        for choice in choices_of(block):
            yield full_name(scope, choice.name), choice, guard


def _walk_cell(cell: Cell, scope: str, guard: Guard) -> Iterator[tuple[str, Choice[Any], Guard]]:
    """Every choice in a cell; what an edge passes matters for the nodes that it may then read."""
    count = len(cell.inputs)
    for i, block in enumerate(cell.inputs):
        yield from walk(block, f"{scope}node{i}.", guard)
    for i, node in enumerate(cell.nodes, start=count):
        inner = f"{scope}node{i}."
        for k, edge in enumerate(node.edges):
            at = f"{inner}edge{k}."
            if isinstance(edge.source, Choice):
                yield full_name(at, edge.source.name), edge.source, guard
            early = frozenset[Option](s for s in edge.sources if s < count and edge.first)
            for body, reads in ((edge.first, early), (edge.body, {*edge.sources} - early)):
                more = guard
                if isinstance(edge.source, Choice) and len(reads) < len(edge.sources):
                    more = (*guard, (full_name(at, edge.source.name), frozenset[Option](reads)))
                if body is not None and reads:
                    yield from walk(body, at, more)
        yield from walk(node.body, inner, guard)
