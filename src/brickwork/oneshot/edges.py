"""Edges of cells: which decisions choose the brick of one, and whether a cell has collapsed.

Gradient-based search is known to end in cells of skip connections: they help the other weights to
learn, and so their own numbers grow, but a network of skips learns little on its own (Zela et al.,
"Understanding and robustifying differentiable architecture search", ICLR 2020).
"""

from __future__ import annotations

from brickwork.space import Arch, Identity, OneOf, Option, Space, Zero
from brickwork.space.holes import full_name
from brickwork.space.walk import cells

__all__ = ["Edges", "collapse", "edges_of"]

_MOST = 0.5  # of the bricks of a cell, that may be skips or nothing

Edges = dict[str, frozenset[Option]]
"""The decisions between the bricks of a cell; for each the options that are a skip or nothing."""


def edges_of(space: Space) -> list[Edges]:
    """The decisions between bricks in each kind of cell of a space.

    Cells that share their decisions are of one kind. A decision that is about wiring only, such as
    between nothing and a skip, is none of them.
    """
    kinds: list[Edges] = []
    for scope, cell in cells(space.body):
        found: Edges = {}
        for i, node in enumerate(cell.nodes, start=len(cell.inputs)):
            inner = f"{scope}node{i}."
            bricks = [(inner, node.body)]
            for k, edge in enumerate(node.edges):
                bricks += [(f"{inner}edge{k}.", body) for body in (edge.body, edge.first) if body]
            for at, brick in bricks:
                if isinstance(brick, OneOf):
                    quiet = frozenset[Option](
                        label for label, one in brick.options if isinstance(one, Identity | Zero)
                    )
                    if len(quiet) < len(brick.options):
                        name = full_name(at, brick.name)
                        found[name] = found.get(name, frozenset()) | quiet
        if found and found not in kinds:
            kinds.append(found)
    return kinds


def collapse(space: Space, arch: Arch) -> str:
    """Why an architecture is a collapse, in words; empty where it is none.

    It is one if more than half of the bricks of a kind of cell are skips or nothing.
    """
    chosen = dict(arch.choices)
    for kind in edges_of(space):
        quiet = [name for name, options in kind.items() if chosen.get(name) in options]
        if len(quiet) > _MOST * len(kind):
            return f"{len(quiet)} of {len(kind)} bricks of a cell are skips or nothing"
    return ""
