"""From an architecture to its graph, in microseconds: what came up before is kept and shared."""

from __future__ import annotations

import functools
from dataclasses import fields, replace
from typing import Any

from brickwork.errors import ShapeError, SpaceError
from brickwork.space.arch import Arch
from brickwork.space.blocks import (
    Block,
    Composite,
    Identity,
    OneOf,
    Optional,
    Parallel,
    Repeat,
    Residual,
    Seq,
)
from brickwork.space.cells import Cell, Chain
from brickwork.space.choice import Choice, Wide, round_to
from brickwork.space.graph import Fragment, Graph, Node
from brickwork.space.holes import bound, filled, full_name
from brickwork.space.ops import OUTPUTS, Add, Concat, Normalize, Op, Shape, Zero
from brickwork.space.prune import nothing, pruned, reached
from brickwork.space.space import Space, Values
from brickwork.space.twins import Twins
from brickwork.space.walk import place, walk

__all__ = ["graph"]

_ADD = Add()
_CACHE = 4096  # fragments kept for each unit of a space


def graph(
    space: Space,
    arch: Arch,
    input: Shape,
    outputs: int,
    normalize: Normalize | None = None,
) -> Graph:
    """The graph of an architecture.

    Args:
        space: The space.
        arch: A valid architecture of it.
        input: Shape of a sample, ``(channels, *spatial)``.
        outputs: Width of layers that are as wide as the task has outputs.
        normalize: Normalisation of raw inputs, to be part of the model.

    Raises:
        ShapeError: Two tensors do not fit, or no pixel is left; the message names the op.
        SpaceError: A decision is missing.
    """
    values = dict(arch.choices)
    shape = input
    parts: list[Fragment] = []
    for unit in _plan(space):
        if unit.guard and not unit.stands(values):
            continue
        part = unit.fragment(values, shape, outputs)
        if not part.nodes:
            continue
        if parts and part.begins_with_follower:
            parts[-1] = _joined(parts[-1], part)
        else:
            parts.append(part)
        shape = part.shape
    whole = Graph(input, parts)
    return whole if normalize is None else whole.normalized(normalize)


@functools.lru_cache(maxsize=_CACHE)
def _joined(a: Fragment, b: Fragment) -> Fragment:
    return a.then(b)


class _Unit:
    """A stretch of a space that every architecture has as a whole or not at all."""

    def __init__(
        self, guard: tuple[tuple[str, int], ...], scope: str, block: Block, twins: Twins
    ) -> None:
        self.guard = guard
        self.blocks = [(scope, block)]
        self._twins = twins
        self._names: tuple[str, ...] | None = None
        self._cache: dict[tuple[Any, ...], Fragment] = {}
        self._memo = _Memo()

    def stands(self, values: Values) -> bool:
        """Whether the architecture has it: whether each repetition around it is reached."""
        for name, i in self.guard:
            if name not in values:
                raise _undecided(name)
            if values[name] <= i:  # type: ignore[operator]  # repetitions are counted
                return False
        return True

    def fragment(self, values: Values, shape: Shape, outputs: int) -> Fragment:
        if self._names is None:
            found = (name for scope, b in self.blocks for name, _, _ in walk(b, scope, ()))
            self._names = tuple(dict.fromkeys(found))
        key = (shape, outputs, *[values.get(name) for name in self._names])
        part = self._cache.get(key)
        if part is None:
            if len(self._cache) >= _CACHE:
                self._cache.clear()
            make = functools.partial(self._expanded, values, shape, outputs)
            scope, block = self.blocks[0]
            if len(self.blocks) == 1 and isinstance(block, Cell):
                part = self._twins.fragment(scope, block, values, (shape, outputs), make)
            else:
                part = make()
            self._cache[key] = part
        return part

    def _expanded(self, values: Values, shape: Shape, outputs: int) -> Fragment:
        expansion = _Expansion(values, shape, outputs, self._memo)
        at = -1
        for scope, block in self.blocks:
            at = expansion.add(block, scope, at)
        return Fragment(shape, tuple(expansion.nodes))


def _plan(space: Space) -> list[_Unit]:
    """The units of a space, made once for each space."""
    plan: list[_Unit] | None = space.__dict__.get("_graph_plan")
    if plan is None:
        plan = []
        _units(space.body, "", (), plan, Twins())
        space.__dict__["_graph_plan"] = plan
    return plan


def _units(
    block: Block,
    scope: str,
    guard: tuple[tuple[str, int], ...],
    plan: list[_Unit],
    twins: Twins,
) -> None:
    if isinstance(block, Seq):
        inner = f"{scope}{block.name}." if block.name else scope
        for child in block.blocks:
            _units(child, inner, guard, plan, twins)
    elif isinstance(block, Repeat):
        times = block.times
        inner = f"{scope}{block.name}."
        for i in range(max(times.options) if isinstance(times, Choice) else times):
            more = guard
            if isinstance(times, Choice) and i >= min(times.options):
                more = (*guard, (full_name(inner, times.name), i))
            _units(block.at(i), f"{inner}{i}.", more, plan, twins)
    elif isinstance(block, Op) and block.follows and plan and plan[-1].guard == guard:
        plan[-1].blocks.append((scope, block))
    else:
        plan.append(_Unit(guard, scope, block, twins))


class _Memo:
    """What the expansions of a unit have in common.

    Lowering depends on a brick, its scope and the shape that comes in only, so it is done once. A
    named stretch of bricks becomes the same nodes wherever the same decisions meet the same shape
    at the same place. Keys hold the ``id`` of a brick and values the brick itself, so that no other
    brick can come to have its ``id``.
    """

    def __init__(self) -> None:
        self.pieces: dict[tuple[Any, ...], tuple[Block, tuple[Node, ...], int]] = {}
        self._lowered: dict[tuple[int, str, Shape], tuple[Block, Block]] = {}
        self._names: dict[tuple[int, str], tuple[Block, tuple[str, ...]]] = {}

    def lowered(self, block: Composite, scope: str, shape: Shape) -> Block:
        """The simpler bricks that a composite is short for."""
        key = (id(block), scope, shape)
        found = self._lowered.get(key)
        if found is None:
            if len(self._lowered) >= _CACHE:
                self._lowered.clear()
            found = self._lowered[key] = (block, bound(block, scope).lower(shape))
        return found[1]

    def names(self, block: Block, scope: str) -> tuple[str, ...]:
        """The full names of all decisions in a brick."""
        key = (id(block), scope)
        found = self._names.get(key)
        if found is None:
            if len(self._names) >= _CACHE:
                self._names.clear()
            names = dict.fromkeys(name for name, _, _ in walk(block, scope, ()))
            found = self._names[key] = (block, tuple(names))
        return found[1]

    def keep(self, key: tuple[Any, ...], block: Block, nodes: tuple[Node, ...], end: int) -> None:
        """Remember what a brick became."""
        if len(self.pieces) >= _CACHE:
            self.pieces.clear()
        self.pieces[key] = (block, nodes, end)


class _Expansion:
    """Turns bricks into nodes; choices are looked up in ``values``."""

    def __init__(self, values: Values, shape: Shape, outputs: int, memo: _Memo) -> None:
        self.values = values
        self.input = shape
        self.outputs = outputs
        self.memo = memo
        self.nodes: list[Node] = []

    def shape(self, index: int) -> Shape:
        return self.input if index < 0 else self.nodes[index].shape

    def add(self, block: Block, scope: str, at: int) -> int:
        """Append a brick that reads node ``at``; returns the index of its output."""
        if isinstance(block, Seq):
            if block.name:
                return self._piece(block, scope, at, at)
            for child in block.blocks:
                at = self.add(child, scope, at)
            return at
        if isinstance(block, Identity):
            return at
        if isinstance(block, Residual):
            return self._residual(block, scope, at)
        if isinstance(block, Parallel):
            ends = [
                self.add(branch, scope + block.scope(i), at)
                for i, branch in enumerate(block.branches)
            ]
            return self._op(block.join, scope, tuple(ends))
        if isinstance(block, Repeat):
            inner = f"{scope}{block.name}."
            times = block.times
            if isinstance(times, Choice):
                times = self._value(full_name(inner, times.name))
            for i in range(times):
                at = self.add(block.at(i), f"{inner}{i}.", at)
            return at
        if isinstance(block, OneOf):
            label = self._value(full_name(scope, block.name))
            option = dict(block.options)[label]
            return self.add(option, f"{place(scope, block.name)}.{label}.", at)
        if isinstance(block, Optional):
            if not self._value(full_name(scope, block.name)):
                return at
            return self.add(block.body, f"{place(scope, block.name)}.", at)
        if isinstance(block, Op):
            return self._op(block, scope, (at,))
        if isinstance(block, Cell):
            return self._piece(block, scope, at, at)
        if isinstance(block, Chain):
            return self._chain(block, scope, at)
        return self.add(self.memo.lowered(block, scope, self.shape(at)), scope, at)

    def _piece(self, block: Seq | Cell, scope: str, before: int, at: int) -> int:
        """A named stretch or a cell, remembered with the decisions in it."""
        memo, values, start = self.memo, self.values, len(self.nodes)
        chosen = [values.get(name) for name in memo.names(block, scope)]
        shape: Any = self.shape(at)
        if before != at:
            shape = (before, self.shape(before), shape)
        key = (id(block), scope, at, start, shape, self.outputs, *chosen)
        known = memo.pieces.get(key)
        if known is not None:
            self.nodes.extend(known[1])
            return known[2]
        inner = f"{scope}{block.name}."
        if isinstance(block, Cell):
            end = self._cell(block, inner, before, at)
        else:
            end = at
            for child in block.blocks:
                end = self.add(child, inner, end)
        memo.keep(key, block, tuple(self.nodes[start:]), end)
        return end

    def _chain(self, chain: Chain, scope: str, at: int) -> int:
        start, before = len(self.nodes), at
        for block in chain.blocks:
            if isinstance(block, Cell):
                before, at = at, self._piece(block, scope, before, at)
            else:
                before, at = at, self.add(block, scope, at)
        self.nodes[start:], at = reached(self.nodes, start, at)
        return at

    def _cell(self, cell: Cell, scope: str, before: int, at: int) -> int:
        """The nodes of a cell: first all of them, then without those that give nothing."""
        start, count = len(self.nodes), len(cell.inputs)
        ends = [
            self.add(block, f"{scope}node{i}.", source)
            for i, (block, source) in enumerate(
                zip(cell.inputs, (before, at)[-count:], strict=True)
            )
        ]
        edges: list[tuple[int, int, int]] = []  # node that it reads, node that reads it, its end
        for i, node in enumerate(cell.nodes, start=count):
            inner = f"{scope}node{i}."
            summands = []
            for k, edge in enumerate(node.edges):
                source: Any = edge.source
                if isinstance(source, Choice):
                    source = self._value(full_name(f"{inner}edge{k}.", source.name))
                summands.append(self.add(edge.at(source, count), f"{inner}edge{k}.", ends[source]))
                edges.append((source, i, summands[-1]))
            ends.append(self.add(node.body, inner, self._op(_ADD, inner, tuple(summands))))
        if cell.output == "last":
            end = ends[-1]
        elif cell.output == "all":
            end = self._op(Concat(), scope, tuple(ends[count:]))
        else:
            void = nothing(self.nodes, start)
            read = {source for source, i, at_end in edges if not {ends[i], at_end} & void}
            loose = [end for i, end in enumerate(ends) if i >= count and i not in read]
            end = self._op(_ADD, scope, tuple(loose))
        void = nothing(self.nodes, start)
        if end in void:
            to = self.shape(end)
            self.nodes[start:] = [Node(f"{scope}zero", Zero(to=to), (at,), to)]
            return start
        self.nodes[start:], end = pruned(self.nodes, start, end, void, at)
        return end

    def _residual(self, block: Residual, scope: str, at: int) -> int:
        end = self.add(block.body, scope, at)
        keep = block.keep
        if isinstance(keep, Choice):
            keep = self._value(full_name(scope, keep.name))
        if not keep:
            return end
        before, after = self.shape(at), self.shape(end)
        if before == after:
            return self._op(_ADD, scope, (end, at))
        if block.shortcut == "drop":
            return end
        if block.shortcut is None or isinstance(block.shortcut, str):
            raise ShapeError(
                f"residual at {scope or 'the root'}: body gives {after}, skip {before}"
            )
        skip = self.add(block.shortcut, f"{scope}shortcut.", at)
        return self._op(_ADD, scope, (end, skip))

    def _op(self, op: Op, scope: str, inputs: tuple[int, ...]) -> int:
        shapes = [self.shape(i) for i in inputs]
        name = scope + op.kind
        op = self._concrete(op, scope, shapes)
        try:
            shape = op.shape(shapes)
        except ShapeError as error:
            raise ShapeError(f"{name}: {error}") from None
        self.nodes.append(Node(name, op, inputs, shape))
        return len(self.nodes) - 1

    def _concrete(self, op: Op, scope: str, shapes: list[Shape]) -> Op:
        """The op with every choice decided and every relative width computed."""

        def decided(choice: Choice[Any]) -> Any:
            return self._value(full_name(scope, choice.name))

        changes: dict[str, Any] = {}
        for field in fields(op):  # type: ignore[arg-type]  # every op is a dataclass
            value = getattr(op, field.name)
            if isinstance(value, Choice):
                changes[field.name] = decided(value)
            elif isinstance(value, Wide):
                wide = filled(value, decided)
                changes[field.name] = round_to(shapes[0][0] * wide.factor, wide.divisor)
            elif isinstance(value, tuple):
                if (put := filled(value, decided)) is not value:
                    changes[field.name] = put
            elif value == OUTPUTS and field.name == "out":
                changes[field.name] = self.outputs
        return replace(op, **changes) if changes else op  # type: ignore[type-var]  # every op is a dataclass

    def _value(self, name: str) -> Any:
        if name not in self.values:
            raise _undecided(name)
        return self.values[name]


def _undecided(name: str) -> SpaceError:
    return SpaceError(f"the architecture does not decide {name}")
