"""Small graphs as bricks, and chains of them.

**What reads nothing gives nothing.** Inside a cell ``Zero`` is an edge that is not there: a brick
that reads nothing, a sum of nothing, and a node without live edges give nothing either, and nothing
is built, counted or trained for them. Nor for a node that nobody uses. A sum of one is no
operation, and a sum that only a sum reads is part of it. Only where the whole cell gives nothing
does one ``Zero`` stand for it, and in a concatenation, whose width must not depend on the wiring,
one for each part that is missing.

Decisions on edges that turn out dead stay active: which edges are dead depends on all decisions of
a cell at once. Architectures that differ in nothing else have the same graph hash, so they are
twins, and only one of them is ever trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from brickwork.errors import SpaceError
from brickwork.space.blocks import Identity
from brickwork.space.choice import Choice

if TYPE_CHECKING:
    from brickwork.space.blocks import Block

__all__ = ["Cell", "Chain", "Edge", "Sum"]

_ENDS = ("last", "all", "ends")


@dataclass(frozen=True, slots=True)
class Edge:
    """What leads from an earlier node of a cell to a later one.

    Attributes:
        source: The node it reads; the inputs of the cell are the first nodes.
        body: The brick on the way.
        first: What stands in place of the body where the edge reads an input of the cell, such as
            the body with a stride.
    """

    source: int | Choice[int]
    body: Block = Identity()  # noqa: RUF009  # bricks are frozen values
    first: Block | None = None

    @property
    def sources(self) -> tuple[int, ...]:
        """The nodes that it may read."""
        return self.source.options if isinstance(self.source, Choice) else (self.source,)

    def at(self, source: int, inputs: int) -> Block:
        """The brick of an edge that reads a node, in a cell with so many inputs."""
        return self.first if source < inputs and self.first is not None else self.body


@dataclass(frozen=True, slots=True)
class Sum:
    """A node of a cell: the sum of its edges, through a brick.

    Attributes:
        edges: Where it reads.
        body: What the sum passes through.
    """

    edges: tuple[Edge, ...]
    body: Block = Identity()  # noqa: RUF009  # bricks are frozen values


@dataclass(frozen=True, slots=True)
class Cell:
    """A small directed acyclic graph.

    Node ``i``, the inputs counted, has the scope ``name.node<i>``, its edges ``edge<k>`` below it.

    Attributes:
        name: Scope of the whole.
        nodes: The inner nodes in order; an edge reads an input or an earlier node.
        inputs: What each input passes on its way in. A cell has one input or two; the second is
            what comes in, the first what came in before (see ``Chain``).
        output: What leaves: the ``"last"`` node, ``"all"`` inner nodes side by side, or the sum of
            the loose ``"ends"``, which no other node reads.

    Raises:
        SpaceError: An edge reads a node that is not before it, or there is no such output.
    """

    name: str
    nodes: tuple[Sum, ...]
    inputs: tuple[Block, ...] = (Identity(),)
    output: str = "last"

    def __post_init__(self) -> None:
        if self.output not in _ENDS:
            raise SpaceError(
                f"cell {self.name!r}: the output is one of {', '.join(_ENDS)}, got {self.output!r}"
            )
        if not self.nodes or len(self.inputs) not in (1, 2):
            raise SpaceError(f"cell {self.name!r} needs one or two inputs and at least one node")
        for index, node in enumerate(self.nodes, start=len(self.inputs)):
            options = [option for edge in node.edges for option in edge.sources]
            if not options or not all(0 <= option < index for option in options):
                raise SpaceError(
                    f"cell {self.name!r}: node {index} reads nodes from 0 to {index - 1}, "
                    f"got {options}"
                )


@dataclass(frozen=True, slots=True)
class Chain:
    """One brick after another, where a cell with two inputs reads the last two outputs.

    At the beginning both are what comes into the chain. Everything but a cell reads the last output
    only. A member that nothing reads, because a later cell passes it by, is not there.

    Attributes:
        blocks: The bricks, in order: cells, and what has a name of its own, such as a ``Seq``.
    """

    blocks: tuple[Block, ...]
