"""Edges of cells: which decisions choose the brick of one, and whether a cell has collapsed.

Gradient-based search is known to end in cells of skip connections: they help the other weights to
learn, and so their own numbers grow, but a network of skips learns little on its own (Zela et al.,
"Understanding and robustifying differentiable architecture search", ICLR 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

from brickwork.space import Arch, Identity, OneOf, Option, Pool, Space, Zero
from brickwork.space.holes import full_name
from brickwork.space.walk import cells

__all__ = ["Edges", "Idle", "collapse", "edges_of"]

_MOST = 0.5  # of the bricks of a cell, that may be skips or nothing
_LEAST = 0.2  # of the bricks of all cells, that have weights: with no more, hardly anything learns


@dataclass(frozen=True, slots=True)
class Idle:
    """The options between bricks that learn nothing.

    Attributes:
        skips: Those that are a skip or nothing.
        pools: Those that pool.
    """

    skips: frozenset[Option] = frozenset()
    pools: frozenset[Option] = frozenset()

    def __or__(self, other: Idle) -> Idle:
        return Idle(self.skips | other.skips, self.pools | other.pools)


Edges = dict[str, Idle]
"""The decisions between the bricks of a cell, and which of their options learn nothing."""


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
                    idle = Idle(_labels(brick, (Identity, Zero)), _labels(brick, (Pool,)))
                    if len(idle.skips) < len(brick.options):
                        name = full_name(at, brick.name)
                        found[name] = found.get(name, Idle()) | idle
        if found and found not in kinds:
            kinds.append(found)
    return kinds


def collapse(space: Space, arch: Arch) -> str:
    """Why an architecture is a collapse, in words; empty where it is none.

    It is one if more than half of the bricks of a kind of cell are skips or nothing, or if no more
    than a fifth of those of all kinds have weights. Published reduction cells do without weights,
    so no kind alone is judged by these.
    """
    chosen = dict(arch.choices)
    kinds, learning, bricks = edges_of(space), 0, 0
    for kind in kinds:
        skips = sum(chosen.get(name) in idle.skips for name, idle in kind.items())
        if skips > _MOST * len(kind):
            return f"{skips} of {len(kind)} bricks of a cell are skips or nothing"
        pools = sum(chosen.get(name) in idle.pools for name, idle in kind.items())
        learning, bricks = learning + len(kind) - skips - pools, bricks + len(kind)
    if learning <= _LEAST * bricks and kinds:
        return f"only {learning} of {bricks} bricks of the cells have weights"
    return ""


def _labels(brick: OneOf, kinds: tuple[type, ...]) -> frozenset[Option]:
    return frozenset(label for label, one in brick.options if isinstance(one, kinds))
