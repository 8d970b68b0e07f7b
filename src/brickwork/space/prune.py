"""What reads nothing gives nothing, and what nobody reads is not there: the nodes of a cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set

from brickwork.space.graph import Node
from brickwork.space.ops import Add, Concat, Zero

__all__ = ["nothing", "pruned", "reached"]


def nothing(nodes: Sequence[Node], start: int) -> set[int]:
    """Which nodes from ``start`` on give nothing: zeros, and all that reads them.

    A sum and a concatenation give nothing only if none of their inputs gives something.
    """
    void: set[int] = set()
    for index in range(start, len(nodes)):
        node = nodes[index]
        joins = isinstance(node.op, Add | Concat)
        reads_some = not void.isdisjoint(node.inputs) and not joins
        if isinstance(node.op, Zero) or reads_some or void.issuperset(node.inputs):
            void.add(index)
    return void


def reached(nodes: Sequence[Node], start: int, end: int) -> tuple[list[Node], int]:
    """The nodes from ``start`` on that lead to ``end``, and the new index of the end."""
    asked = {end}
    for index in range(len(nodes) - 1, start - 1, -1):
        if index in asked:
            asked.update(nodes[index].inputs)
    kept: list[Node] = []
    new: dict[int, int] = {}
    for index in range(start, len(nodes)):
        if index in asked:
            node = nodes[index]
            new[index] = start + len(kept)
            kept.append(_reading(node, tuple([new.get(i, i) for i in node.inputs])))
    return kept, new.get(end, end)


def pruned(
    nodes: Sequence[Node], start: int, end: int, void: Set[int], source: int
) -> tuple[list[Node], int]:
    """What is left of the nodes from ``start`` on, for an output at ``end``.

    Sums leave out what gives nothing; a sum of one is no node, and a sum that only a sum reads is
    part of it. A concatenation gets zeros in place of what gives nothing. What does not lead to
    the end goes. The last node that is left is the end, unless the end lies before ``start``. All
    names of a cell are below its own, so those that come up once need not be counted.

    Args:
        nodes: All nodes so far; those before ``start`` stay as they are.
        start: Where the piece begins.
        end: Its output; it gives something.
        void: The nodes of the piece that give nothing.
        source: What zeros take their batch from.

    Returns:
        The nodes of the piece, and the new index of its output.
    """
    reads, end = _summed(nodes, start, end, void)
    readers: dict[int, list[int]] = {end: []}
    for index in reversed(reads):
        if index in readers:
            for read in reads[index]:
                readers.setdefault(read, []).append(index)
    kept: list[Node] = []
    named = Counter(node.name for node in nodes[start:])
    passed: tuple[str, ...] = ()
    stands: dict[int, tuple[int, ...]] = {}  # the new indices that stand for an old one
    for index in range(start, len(nodes)):
        node = nodes[index]
        if (index in void or index not in readers) and named[node.name] > 1:
            passed += (*node.passed, node.name)
        if index not in readers:
            continue
        if index in void:  # a concatenation reads it
            scope = node.name.rpartition(".")[0]
            node = Node(f"{scope}.zero", Zero(to=node.shape), (source,), node.shape)
        else:
            inputs = tuple([new for old in reads[index] for new in stands.get(old, (old,))])
            if isinstance(node.op, Add) and index != end and len(readers[index]) == 1:
                (reader,) = readers[index]
                if isinstance(nodes[reader].op, Add):
                    stands[index] = inputs
                    continue
            node, passed = _reading(node, inputs, passed), ()
        stands[index] = (start + len(kept),)
        kept.append(node)
    return kept, stands[end][0] if end in stands else end


def _reading(node: Node, inputs: tuple[int, ...], passed: tuple[str, ...] = ()) -> Node:
    if inputs == node.inputs and not passed:
        return node
    return Node(node.name, node.op, inputs, node.shape, passed + node.passed)


def _summed(
    nodes: Sequence[Node], start: int, end: int, void: Set[int]
) -> tuple[dict[int, tuple[int, ...]], int]:
    """What each node reads that gives something, without sums of one; and what the end is then."""
    reads: dict[int, tuple[int, ...]] = {}
    same: dict[int, int] = {}  # sums of one, and what they are
    for index in range(start, len(nodes)):
        if index in void:
            continue
        inputs = nodes[index].inputs
        if same:
            inputs = tuple([same.get(read, read) for read in inputs])
        if isinstance(nodes[index].op, Add):
            inputs = tuple([read for read in inputs if read not in void])
            if len(inputs) == 1:
                same[index] = inputs[0]
                continue
        reads[index] = inputs
    return reads, same.get(end, end)
