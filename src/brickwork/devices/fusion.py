"""What a runtime executes: the ops of a graph after fusing, and the buffers they read and write.

Inference runtimes fold a norm, an activation and the normalisation of the input into the op that
comes before, so that no buffer lies between the two. The rules here are conservative:

* An op that ``follows`` is fused when it is the only reader of its producer's output. Otherwise it
  is an op of its own with a buffer of its own.
* ``Normalize`` is fused into the input; no other op is.
* ``Flatten``, ``Reshape`` and ``Tokens`` give the same bytes another shape: an alias, no op.
  Nothing is fused through them.
* ``Dropout`` does nothing once trained: it vanishes.
* Nothing else shares a buffer. In particular a sum is not written over one of its inputs, and one
  token of a sequence, or a sequence with one more, is a copy: channels come first, so a token's
  numbers do not lie side by side.
* ``Attend`` needs room for its scores while it runs. What a user's own module needs inside is not
  known and not counted.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from brickwork.space import (
    Attend,
    Dropout,
    Flatten,
    Fragment,
    Normalize,
    Op,
    Reshape,
    Shape,
    Tokens,
)

__all__ = ["CACHE", "Fused", "Step", "fused"]

_ALIASES = (Flatten, Reshape, Tokens, Dropout)
_OF_INPUT = (Normalize, Dropout)

CACHE = 65_536
"""Fragments whose costs are kept, for each kind of cost (a few hundred bytes each)."""


class Step(NamedTuple):
    """One executed op.

    Attributes:
        node: Index of the node in its fragment that gives the op its name.
        reads: The buffers it reads, each once.
        writes: The buffer it writes.
        scratch: Elements that it needs besides, while it runs.
    """

    node: int
    reads: tuple[int, ...]
    writes: int
    scratch: int = 0


@dataclass(frozen=True, slots=True)
class Fused:
    """A fragment as a runtime executes it.

    Attributes:
        steps: The executed ops in the order of the fragment; step ``i`` writes buffer ``i + 1``.
        sizes: Elements of each buffer; buffer 0 is the input.
        output: The buffer that holds the output.
        readers: How many nodes read each node's output; the last place is the input's, index -1.
    """

    steps: tuple[Step, ...]
    sizes: tuple[int, ...]
    output: int
    readers: tuple[int, ...]


@functools.lru_cache(maxsize=CACHE)
def fused(fragment: Fragment) -> Fused:
    """The executed ops of a fragment and their buffers."""
    nodes = fragment.nodes
    readers = [0] * (len(nodes) + 1)
    for node in nodes:
        for source in node.inputs:
            readers[source] += 1
    buffer = [0] * (len(nodes) + 1)  # where each node's output lies
    # What a follower may be fused into: "op", "input" or, behind an alias, nothing.
    host = [""] * len(nodes) + ["input"]
    steps: list[Step] = []
    sizes = [prod(fragment.input)]
    for index, node in enumerate(nodes):
        op, inputs = node.op, node.inputs
        source = inputs[0]
        if op.follows and readers[source] == 1 and _joins(op, host[source]):
            buffer[index], host[index] = buffer[source], host[source]
        elif isinstance(op, _ALIASES):
            buffer[index] = buffer[source]
        else:
            reads: tuple[int, ...] = (buffer[source],)
            if len(inputs) > 1:
                reads = tuple(dict.fromkeys([buffer[i] for i in inputs]))
            buffer[index], host[index] = len(sizes), "op"
            scratch = _scores(op, node.shape) if isinstance(op, Attend) else 0
            steps.append(Step(index, reads, len(sizes), scratch))
            sizes.append(prod(node.shape))
    output = buffer[-2] if nodes else 0
    return Fused(tuple(steps), tuple(sizes), output, tuple(readers))


def _joins(op: Op, host: str) -> bool:
    if host == "input":
        return isinstance(op, _OF_INPUT)
    return host == "op"


def _scores(op: Attend, shape: Shape) -> int:
    """The scores of an attention: from each position to each, in each head."""
    channels, length = shape
    return channels // op.head * length * length  # type: ignore[operator]  # concrete in a graph
