"""The same cell at another place, such as the next repetition, differs in its names only.

Cells of one kind mostly share their decisions, so a network holds each of them many times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brickwork.space.blocks import Block
from brickwork.space.graph import Fragment, Node
from brickwork.space.space import Values
from brickwork.space.walk import walk

__all__ = ["Twins"]

_CACHE = 4096  # fragments kept for a space


class Twins:
    """What the bricks of a space became, whatever their place."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, str], list[str]] = {}
        self._known: dict[tuple[Any, ...], tuple[str, Fragment]] = {}

    def fragment(
        self,
        scope: str,
        block: Block,
        values: Values,
        around: tuple[Any, ...],
        make: Callable[[], Fragment],
    ) -> Fragment:
        """The fragment of a brick: that of another place with other names, or else a new one.

        Args:
            scope: Where it stands.
            block: A brick of the space, which keeps it alive, and so its ``id`` its own.
            values: All decisions.
            around: What else the fragment depends on.
            make: Makes it.
        """
        place = (id(block), scope)
        if place not in self._names:
            self._names[place] = [name for name, _, _ in walk(block, scope, ())]
        key = (id(block), around, *[values.get(name) for name in self._names[place]])
        known = self._known.get(key)
        if known is None:
            part = make()
            if len(self._known) >= _CACHE:
                self._known.clear()
            self._known[key] = (scope, part)
            return part
        there, twin = known

        def moved(name: str) -> str:
            return scope + name[len(there) :]

        nodes = [
            Node(moved(n.name), n.op, n.inputs, n.shape, tuple(map(moved, n.passed)))
            for n in twin.nodes
        ]
        return Fragment(twin.input, tuple(nodes))
