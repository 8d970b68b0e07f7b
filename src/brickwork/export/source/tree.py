"""The scopes of a graph: node names are dotted paths, and every prefix is a module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from brickwork.space import Graph, Input, Node, Shape

__all__ = ["Irregular", "Item", "Leaf", "Scope", "scopes"]


class Irregular(Exception):
    """The names do not form modules with one output each; the network is written flat instead."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One operation.

    Attributes:
        node: Its node in the graph.
        inputs: Shapes of what comes in.
    """

    node: Node
    inputs: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One statement of a scope's forward pass.

    Attributes:
        name: Last component of the path.
        part: What is computed: an operation or an inner scope.
        inputs: Earlier items by index; negative ones are the scope's inputs, -1 the first.
    """

    name: str
    part: Leaf | Scope
    inputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """A module: items in execution order, the last of which gives the output.

    Attributes:
        path: The dotted path; empty for the whole network.
        items: The statements.
        inputs: Shapes of the inputs.
    """

    path: str
    items: tuple[Item, ...]
    inputs: tuple[Shape, ...]

    @property
    def name(self) -> str:
        """Last component of the path."""
        return self.path.rpartition(".")[2]

    @property
    def chain(self) -> bool:
        """Whether each item reads just the one before it."""
        return all(item.inputs == (index - 1,) for index, item in enumerate(self.items))


def scopes(graph: Graph) -> Scope:
    """The tree of scopes of a graph.

    Raises:
        Irregular: A scope has several outputs, is interrupted, or is called like an operation.
    """
    nodes = graph.nodes
    if len(nodes) == 1:
        raise Irregular("there are no operations")
    inner = [i for i, node in enumerate(nodes) if not isinstance(node.op, Input)]
    return _Tree(graph).scope("", inner, list(range(len(nodes) - len(inner))))


class _Tree:
    def __init__(self, graph: Graph) -> None:
        self.nodes = graph.nodes
        self.consumers = graph.consumers()

    def scope(self, path: str, members: Sequence[int], externals: Sequence[int]) -> Scope:
        """The scope of some nodes (indices) that reads ``externals``."""
        place = {node: -1 - k for k, node in enumerate(externals)}
        items: list[Item] = []
        seen: set[str] = set()
        for name, run in self._runs(len(path) + 1 if path else 0, members):
            if name in seen or not name:
                raise Irregular(f"{path}.{name} is interrupted, or an operation and a scope")
            seen.add(name)
            full = f"{path}.{name}" if path else name
            reads = list(
                dict.fromkeys(s for i in run for s in self.nodes[i].inputs if s not in run)
            )
            part: Leaf | Scope
            if self.nodes[run[0]].name == full:
                if len(run) > 1:
                    raise Irregular(f"{full} is an operation and a scope")
                node = self.nodes[run[0]]
                reads = list(node.inputs)
                part = Leaf(node, tuple(self.nodes[i].shape for i in node.inputs))
            else:
                part = self.scope(full, run, reads)
            if not set(reads) <= place.keys():
                raise Irregular(f"{full} reads from inside another scope")
            items.append(Item(name, part, tuple(place[i] for i in reads)))
            place[run[-1]] = len(items) - 1
        inside = set(members)
        for index in members[:-1]:
            if not inside.issuperset(self.consumers[index]):
                raise Irregular(f"{path} has several outputs")
        return Scope(path, tuple(items), tuple(self.nodes[i].shape for i in externals))

    def _runs(self, start: int, members: Sequence[int]) -> list[tuple[str, list[int]]]:
        """Consecutive nodes with the same next component of their names."""
        runs: list[tuple[str, list[int]]] = []
        for index in members:
            name = self.nodes[index].name[start:].partition(".")[0]
            if runs and runs[-1][0] == name:
                runs[-1][1].append(index)
            else:
                runs.append((name, [index]))
        return runs
