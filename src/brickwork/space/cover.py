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
from brickwork.space.space import Decision, Rng, Space
from brickwork.space.walk import Guard, cells, operations

__all__ = ["Largest", "largest"]

_BARREN = 100  # members drawn in a row without a new operation


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
    space: Space, input: Shape, outputs: int, rng: Rng, normalize: Normalize | None = None
) -> Mapping[str, Largest]:
    """All operations with weights that any member of a space has, by their name in its graph.

    No enumeration: the walk looks at members in which every number is at its largest, one for each
    option of a name, at those in which one number differs, and from there at every option that it
    has not met. That finds all of a space whose widths grow with its choices, but for operations
    of cells that need several decisions to be alive at all. For those it draws members until many
    in a row show nothing new: of all, and then of those that have the place of one not yet seen.

    Args:
        space: The space.
        input: Shape of a sample.
        outputs: Width of layers that are as wide as the task has outputs.
        rng: Draws members.
        normalize: As for ``graph``.

    Raises:
        SpaceError: No single member has an operation at its largest in every direction, or one
            name stands for two kinds of operations, so that weights could not be shared.
    """
    found: dict[str, Largest] = {}
    bounds: dict[str, dict[str, Shape]] = {}

    def look(arch: Arch) -> bool:
        """Note all operations of a member; returns whether one of them is new."""
        before = len(found)
        try:
            whole = graph(space, arch, input, outputs, normalize)
        except ShapeError:
            return False  # a member that does not fit its input shares nothing
        for node in whole.nodes[1:]:
            _note(node, tuple(whole.shapes_into(node)), found, bounds)
        return len(found) > before

    starts = list(dict.fromkeys(_starts(space)))
    waiting, seen = list(starts), set(starts)
    options: set[tuple[str, Option]] = set()
    while waiting:
        arch = waiting.pop()
        options.update(arch.choices)
        look(arch)
        for decision in space.active(arch):
            if decision.name.startswith("recipe."):
                continue
            every = arch == starts[0] or (arch in starts and not _is_named(decision))
            for option in decision.options:
                if every or (decision.name, option) not in options:
                    options.add((decision.name, option))
                    neighbour = _changed(space, arch, decision, option)
                    if neighbour not in seen:
                        seen.add(neighbour)
                        waiting.append(neighbour)
    barren = 0
    while barren < _BARREN:
        barren = 0 if look(space.sample(rng)) else barren + 1
    for name, guard in _hidden(space):
        barren = 0
        while name not in found and barren < _BARREN:
            look(space.sample(rng, _meeting(guard, rng)))
            barren += 1
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
) -> None:
    """Remember an operation where it is new or larger than before."""
    weights = node.op.weights(inputs)
    if not weights:
        return
    before = found.get(node.name)
    if before is None:
        found[node.name] = Largest(node.op, inputs)
        bounds[node.name] = dict(weights)
        return
    if type(before.op) is not type(node.op) or bounds[node.name].keys() != weights.keys():
        raise SpaceError(
            f"{node.name} is {before.op} in one member and {node.op} in another: their weights "
            "cannot be shared; give them names of their own"
        )
    bound = bounds[node.name]
    for name, shape in weights.items():
        if len(shape) != len(bound[name]):
            raise SpaceError(f"{node.name}.{name} has {shape} in one member, {bound[name]} before")
        bound[name] = tuple(map(max, shape, bound[name]))
    if _size(weights) > _size(before.op.weights(before.inputs)):
        found[node.name] = Largest(node.op, inputs)


def _hidden(space: Space) -> Iterator[tuple[str, Guard]]:
    """The operations in cells that may have weights: their names, and where they have a place."""
    inside = tuple(scope for scope, _ in cells(space.body))
    for scope, op, guard in operations(space.body):
        if scope.startswith(inside) and type(op).weights is not Op.weights:
            yield scope + op.kind, guard


def _meeting(guard: Guard, rng: Rng) -> Mapping[str, Option]:
    """Options that meet a condition, drawn at random."""
    draws = rng.random(len(guard)) if guard else ()
    return {
        name: sorted(options, key=repr)[int(draw * len(options))]
        for (name, options), draw in zip(guard, draws, strict=True)
    }


def _size(weights: Mapping[str, Shape]) -> int:
    return sum(map(prod, weights.values()))


def _starts(space: Space) -> Iterator[Arch]:
    """Members with every number at its largest; each option of a name comes up in one of them."""
    named = [len(d.options) for d in space.decisions() if _is_named(d)]
    for place in range(max(named, default=1)):
        yield space.arch({d.name: _preferred(d, place) for d in space.decisions()})


def _changed(space: Space, arch: Arch, decision: Decision, option: Option) -> Arch:
    """A member with another option; what that wakes up is at its largest."""
    rest = {d.name: _preferred(d, 0) for d in space.decisions()}
    return space.arch({**rest, **dict(arch.choices), decision.name: option})


def _preferred(decision: Decision, place: int) -> Option:
    if _is_named(decision):
        return decision.options[place % len(decision.options)]
    return max(decision.options)  # numbers, all of them


def _is_named(decision: Decision) -> bool:
    return any(isinstance(option, str) for option in decision.options)
