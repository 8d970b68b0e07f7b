"""Every operation that a space may hold, at its largest: what weight sharing is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from brickwork.errors import ShapeError, SpaceError
from brickwork.space.arch import Arch
from brickwork.space.choice import Option
from brickwork.space.expand import graph
from brickwork.space.graph import Node
from brickwork.space.ops import Normalize, Op, Shape
from brickwork.space.space import Decision, Space

__all__ = ["Largest", "largest"]


@dataclass(frozen=True, slots=True)
class Largest:
    """An operation with weights, as it stands in the member in which it has most of them.

    Attributes:
        op: The operation, without choices.
        inputs: The shapes that come in.
    """

    op: Op
    inputs: tuple[Shape, ...]


def largest(
    space: Space, input: Shape, outputs: int, normalize: Normalize | None = None
) -> Mapping[str, Largest]:
    """All operations with weights that any member of a space has, by their name in its graph.

    No enumeration: the walk begins at the members in which every number is at its largest, and goes
    on to the neighbours of every member that showed something new: an operation, a larger weight or
    an option. That finds all of a space whose widths grow with its choices.

    Args:
        space: The space.
        input: Shape of a sample.
        outputs: Width of layers that are as wide as the task has outputs.
        normalize: As for ``graph``.

    Raises:
        SpaceError: No single member has an operation at its largest in every direction, or one
            name stands for two kinds of operations, so that weights could not be shared.
    """
    found: dict[str, Largest] = {}
    bounds: dict[str, dict[str, Shape]] = {}
    waiting = list(dict.fromkeys(_starts(space)))
    seen = set(waiting)
    options: set[tuple[str, Option]] = set()
    while waiting:
        arch = waiting.pop()
        options.update(arch.choices)
        try:
            whole = graph(space, arch, input, outputs, normalize)
        except ShapeError:
            news = []  # a member that does not fit its input shares nothing
        else:
            nodes = whole.nodes[1:]
            news = [_note(n, tuple(whole.shapes_into(n)), found, bounds) for n in nodes]
        for pair, neighbour in _neighbours(space, arch):
            if (any(news) or pair not in options) and neighbour not in seen:
                options.add(pair)
                seen.add(neighbour)
                waiting.append(neighbour)
    for name, bound in bounds.items():
        weights = found[name].op.weights(found[name].inputs)
        if weights != bound:
            raise SpaceError(
                f"{name}: no member has all of {bound}, the largest is {dict(weights)}: its "
                "weights cannot be shared"
            )
    return found


def _note(
    node: Node,
    inputs: tuple[Shape, ...],
    found: dict[str, Largest],
    bounds: dict[str, dict[str, Shape]],
) -> bool:
    """Remember an operation; returns whether it is new or larger than before."""
    weights = node.op.weights(inputs)
    if not weights:
        return False
    before = found.get(node.name)
    if before is None:
        found[node.name] = Largest(node.op, inputs)
        bounds[node.name] = dict(weights)
        return True
    if type(before.op) is not type(node.op) or bounds[node.name].keys() != weights.keys():
        raise SpaceError(
            f"{node.name} is {before.op} in one member and {node.op} in another: their weights "
            "cannot be shared; give them names of their own"
        )
    bound, larger = bounds[node.name], False
    for name, shape in weights.items():
        if len(shape) != len(bound[name]):
            raise SpaceError(f"{node.name}.{name} has {shape} in one member, {bound[name]} before")
        wider = tuple(map(max, shape, bound[name]))
        larger |= wider != bound[name]
        bound[name] = wider
    if _size(weights) > _size(before.op.weights(before.inputs)):
        found[node.name] = Largest(node.op, inputs)
    return larger


def _size(weights: Mapping[str, Shape]) -> int:
    return sum(map(prod, weights.values()))


def _starts(space: Space) -> Iterator[Arch]:
    """Members with every number at its largest; each option of a name comes up in one of them."""
    named = [len(d.options) for d in space.decisions() if _is_named(d)]
    for place in range(max(named, default=1)):
        yield space.arch({d.name: _preferred(d, place) for d in space.decisions()})


def _neighbours(space: Space, arch: Arch) -> Iterator[tuple[tuple[str, Option], Arch]]:
    """The members that differ in one decision, with what was decided.

    What that wakes up is at its largest.
    """
    values = dict(arch.choices)
    rest = {d.name: _preferred(d, 0) for d in space.decisions()}
    for decision in space.active(arch):
        if not decision.name.startswith("recipe."):
            for option in decision.options:
                if option != values[decision.name]:
                    changed = {**rest, **values, decision.name: option}
                    yield (decision.name, option), space.arch(changed)


def _preferred(decision: Decision, place: int) -> Option:
    if _is_named(decision):
        return decision.options[place % len(decision.options)]
    return max(decision.options)  # numbers, all of them


def _is_named(decision: Decision) -> bool:
    return any(isinstance(option, str) for option in decision.options)
