"""A network as shaped primitive operations, without torch.

Everything that is known of a network before training is a walk over its ``Graph``. Most of a
network is made of pieces that came up before, with the same decisions and the same input shape, so
a graph is a chain of ``Fragment`` objects that are built once and then shared: whoever computes
something per fragment (MACs, peak memory) may keep the result for as long as the fragment lives.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from brickwork.space.ops import Input, Normalize, Op, Shape

__all__ = ["Fragment", "Graph", "Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """An operation in its place.

    Attributes:
        name: Unique in the graph; the prefix of its weights in a state dict.
        op: The operation, without choices.
        inputs: Where its inputs come from: indices of nodes.
        shape: What comes out, without a batch.
        passed: Names of operations before it that are left out: they count where names are made
            unique, so that an operation has the same name in every network that has it.
    """

    name: str
    op: Op
    inputs: tuple[int, ...]
    shape: Shape
    passed: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Fragment:
    """A piece of a graph with one input and one output (its last node).

    Attributes:
        input: Shape of the input, which nodes refer to as index -1.
        nodes: The operations in execution order; ``inputs`` are indices in this tuple.
    """

    input: Shape
    nodes: tuple[Node, ...]

    @property
    def shape(self) -> Shape:
        """Shape of the output."""
        return self.nodes[-1].shape if self.nodes else self.input

    def shapes_into(self, node: Node) -> list[Shape]:
        """The shapes of a node's inputs."""
        return [self.input if i < 0 else self.nodes[i].shape for i in node.inputs]

    @functools.cached_property
    def begins_with_follower(self) -> bool:
        """Whether all that reads the input is an op which runtimes fuse into the one before."""
        readers = [node for node in self.nodes if -1 in node.inputs]
        return len(readers) == 1 and readers[0].op.follows

    def then(self, other: Fragment) -> Fragment:
        """This fragment and another in one."""
        offset = len(self.nodes)
        shifted = tuple(
            replace(node, inputs=tuple(i + offset for i in node.inputs)) for node in other.nodes
        )
        return Fragment(self.input, self.nodes + shifted)


class Graph:
    """The shaped operations of one architecture.

    Args:
        input: Shape of a sample.
        parts: Fragments in order; each takes the output of the one before. No part begins with an
            op that runtimes fuse into the one before it, except ``Normalize``.
    """

    __slots__ = ("_hash", "_nodes", "input", "parts")

    def __init__(self, input: Shape, parts: Sequence[Fragment]) -> None:
        self.input = input
        self.parts = tuple(parts)
        self._nodes: tuple[Node, ...] | None = None
        self._hash: str | None = None

    @property
    def output(self) -> Shape:
        """Shape of what comes out."""
        return self.parts[-1].shape if self.parts else self.input

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All operations in execution order; the first is the ``Input``, the last the output."""
        if self._nodes is None:
            self._nodes = tuple(_flattened(self))
        return self._nodes

    def shapes_into(self, node: Node) -> list[Shape]:
        """The shapes of a node's inputs."""
        return [self.nodes[i].shape for i in node.inputs]

    def consumers(self) -> list[list[int]]:
        """For each node, which nodes read it."""
        readers: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for source in node.inputs:
                readers[source].append(index)
        return readers

    def normalized(self, normalize: Normalize) -> Graph:
        """This graph with a normalisation of the raw input in front."""
        return Graph(self.input, (_normalization(self.input, normalize), *self.parts))

    def ended(self, op: Op) -> Graph:
        """This graph with one more operation, of what it gives.

        Args:
            op: One that runtimes do not fuse into what comes before.
        """
        last = Node(op.kind, op, (-1,), op.shape([self.output]))
        return Graph(self.input, (*self.parts, Fragment(self.output, (last,))))

    @property
    def hash(self) -> str:
        """Equal for graphs that compute the same up to names and order; 16 hexadecimal digits.

        Each node is hashed with what leads to it and with what it leads to (Weisfeiler-Lehman
        refinement in both directions of a directed acyclic graph); inputs of ops that commute are
        sorted.
        """
        if self._hash is None:
            self._hash = _isomorphism_hash(self)
        return self._hash


@functools.lru_cache(maxsize=4096)
def _normalization(input: Shape, normalize: Normalize) -> Fragment:
    node = Node("normalize", normalize, (-1,), normalize.shape([input]))
    return Fragment(input, (node,))


def _flattened(whole: Graph) -> Iterator[Node]:
    """All nodes with indices into one list and unique names."""
    seen: dict[str, int] = {"input": 1}
    yield Node("input", Input(), (), whole.input)
    last, offset = 0, 1
    for part in whole.parts:
        for node in part.nodes:
            for name in node.passed:
                seen[name] = seen.get(name, 0) + 1
            count = seen[node.name] = seen.get(node.name, 0) + 1
            name = node.name if count == 1 else f"{node.name}_{count}"
            inputs = tuple(last if i < 0 else i + offset for i in node.inputs)
            yield Node(name, node.op, inputs, node.shape)
        offset += len(part.nodes)
        last = offset - 1


def _isomorphism_hash(whole: Graph) -> str:
    def digest(*parts: str) -> str:
        return hashlib.blake2b("|".join(parts).encode(), digest_size=12).hexdigest()

    nodes = whole.nodes
    down: list[str] = []
    for node in nodes:
        inputs = [down[i] for i in node.inputs]
        if node.op.commutes:
            inputs.sort()
        down.append(digest(repr(node.op), repr(node.shape), *inputs))
    up: list[list[str]] = [[] for _ in nodes]
    both = [""] * len(nodes)
    for index in reversed(range(len(nodes))):
        node = nodes[index]
        both[index] = digest(down[index], *sorted(up[index]))
        for place, source in enumerate(node.inputs):
            up[source].append(digest(both[index], "" if node.op.commutes else str(place)))
    return digest(*sorted(both))[:16]
