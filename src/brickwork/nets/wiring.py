"""Cells of a mixture: every edge with the weight that it has, and what gives nothing kept silent.

In the graph of a member what reads nothing is not there (``space/cells.py``). In a mixture it is
there, and must give zeros: each activation carries whether it gives something, and what could make
something of nothing, such as the shift of a norm, is multiplied by that. It is a yes or no, so that
mixing does not shrink a cell; gradients reach decisions through the weights of their options.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from brickwork.nets.live import Weight
from brickwork.nets.signal import Signal, any_gives, mixed
from brickwork.space import Add, Cell, Choice, Concat, Edge
from brickwork.space.blocks import Block
from brickwork.space.ops import Op

__all__ = ["Wiring"]


@dataclass(slots=True)
class Wiring:
    """What a cell needs of the walk that it is part of.

    Attributes:
        add: What a brick gives, in a scope.
        op: What an operation gives of several inputs.
        sources: The nodes that an edge may read, each with its weight, in a scope.
        again: Runs several alternatives of which a member has one, so that each gets the names of
            the first.
    """

    add: Callable[[Block, str, Signal], Signal]
    op: Callable[[Op, str, Sequence[Signal]], Signal]
    sources: Callable[[str, Choice[int]], list[tuple[int, Weight]]]
    again: Callable[[Sequence[Callable[[], Signal]]], list[Signal]]

    def cell(self, cell: Cell, scope: str, before: Signal, at: Signal) -> Signal:
        """What a cell gives."""
        count = len(cell.inputs)
        ends = [
            self.add(block, f"{scope}node{i}.", source)
            for i, (block, source) in enumerate(
                zip(cell.inputs, (before, at)[-count:], strict=True)
            )
        ]
        read: dict[int, list[Weight]] = {}
        for i, node in enumerate(cell.nodes, start=count):
            inner = f"{scope}node{i}."
            summands, reads = [], []
            for k, edge in enumerate(node.edges):
                summand, sources = self._edge(edge, f"{inner}edge{k}.", ends, count)
                summands.append(summand)
                reads += [(s, weight * summand.gives) for s, weight in sources]
            ends.append(self.add(node.body, inner, self.op(Add(), inner, summands)))
            for source, weight in reads:
                read.setdefault(source, []).append(weight * ends[-1].gives)
        if cell.output == "last":
            return ends[-1]
        if cell.output == "all":
            return self.op(Concat(), scope, ends[count:])
        loose = []
        for i, end in enumerate(ends[count:], start=count):
            alone: Weight = 1.0
            for weight in read.get(i, ()):
                alone = alone * (1.0 - weight)
            loose.append(Signal(alone * end.x, end.live, any_gives([(end.gives, alone)])))
        return self.op(Add(), scope, loose)

    def _edge(
        self, edge: Edge, scope: str, ends: Sequence[Signal], count: int
    ) -> tuple[Signal, list[tuple[int, Weight]]]:
        """What an edge gives, and what it reads."""
        sources: list[tuple[int, Weight]] = (
            self.sources(scope, edge.source)
            if isinstance(edge.source, Choice)
            else [(edge.source, 1.0)]
        )
        found = self.again(
            [lambda s=s: self.add(edge.at(s, count), scope, ends[s]) for s, _ in sources]  # type: ignore[misc]  # bound now
        )
        parts = [(signal, weight) for signal, (_, weight) in zip(found, sources, strict=True)]
        return mixed(parts, scope), sources
