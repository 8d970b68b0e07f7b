"""The graph of an architecture by a second, slow route: one plain recursion, nothing kept.

Shares with the package only the records of the bricks and ``lower``, which defines what a
composite stands for. Scopes are lists of names here, shapes come from counting positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from math import prod
from typing import Any, NamedTuple

from brickwork.space import (
    Add,
    Cell,
    Chain,
    Choice,
    ClassToken,
    Columns,
    Concat,
    Conv,
    ConvTranspose,
    Depthwise,
    Embedding,
    Flatten,
    GlobalPool,
    Identity,
    Input,
    Linear,
    MaskedMean,
    OneOf,
    Op,
    Optional,
    Parallel,
    Pool,
    Repeat,
    Residual,
    Select,
    Seq,
    Space,
    Tokens,
    Wide,
    Zero,
)

__all__ = ["SlowNode", "slow_graph", "slow_shape", "touched"]

Shape = tuple[int, ...]
Path = tuple[str, ...]


class SlowNode(NamedTuple):
    """As ``Node``."""

    name: str
    op: Op
    inputs: tuple[int, ...]
    shape: Shape


def slow_graph(space: Space, values: Mapping[str, Any], input: Shape, outputs: int):
    """All nodes of a network, with unique names."""
    walk = _Walk(values, input, outputs)
    walk.add(space.body, (), 0)
    seen: dict[str, int] = {}
    nodes = []
    for node in walk.nodes:
        seen[node.name] = seen.get(node.name, 0) + 1
        again = f"_{seen[node.name]}" if seen[node.name] > 1 else ""
        nodes.append(node._replace(name=node.name + again))
    return nodes


def touched(space: Space, values: Mapping[str, Any], input: Shape) -> set[str]:
    """The decisions that a network looks at: those that matter for it."""
    walk = _Walk(values, input, 10)
    walk.add(space.body, (), 0)
    recipe = {f"recipe.{k}" for k, v in space.recipe_fields.items() if isinstance(v, Choice)}
    return walk.touched | recipe


def slow_shape(op: Op, shapes: list[Shape]) -> Shape:
    """What comes out of an op, by counting the positions of its window."""
    first = shapes[0]
    match op:
        case Conv(out=out):
            return (out, *_positions(op, first[1:], op.padding, op.stride, op.dilation))
        case Depthwise():
            return (first[0], *_positions(op, first[1:], op.padding, op.stride, op.dilation))
        case Pool():
            stride = op.kernel if op.stride is None else op.stride
            return (first[0], *_positions(op, first[1:], op.padding or 0, stride, 1))
        case Linear(out=out):
            return (out,)
        case GlobalPool(keep=True):
            return (first[0], *[1 for _ in first[1:]])
        case GlobalPool():
            return (first[0],)
        case Flatten():
            return (prod(first),)
        case Zero(to=to) if to is not None:
            return to
        case Concat():
            return (sum(shape[0] for shape in shapes), *first[1:])
        case ConvTranspose(out=out):
            return (out, *_reached(op, first[1:]))
        case Tokens():
            return (first[0], prod(first[1:]))
        case Zero():
            taken = (len(range(0, n, _at(op.stride, i))) for i, n in enumerate(first[1:]))
            return (first[0] if op.out is None else op.out, *taken)
        case Embedding():
            return (op.out, first[0])
        case Columns():
            return (op.numbers + op.width * len(op.categories),)
        case ClassToken():
            return (first[0], first[1] + 1)
        case Select() | MaskedMean():
            return (first[0],)
    return first


def _at(value: Any, axis: int) -> int:
    return value[axis] if isinstance(value, tuple) else value


def _reached(op: ConvTranspose, spatial: Shape) -> Shape:
    """How many pixels the windows of all input pixels cover, less and more at the ends."""
    out = []
    for axis, size in enumerate(spatial):
        kernel, stride = _at(op.kernel, axis), _at(op.stride, axis)
        last = max(i * stride + k for i in range(size) for k in range(kernel))
        out.append(last + 1 - 2 * _at(op.padding, axis) + _at(op.output_padding, axis))
    return tuple(out)


def _positions(op: Any, spatial: Shape, padding: Any, stride: Any, dilation: Any) -> Shape:
    out = []
    for axis, size in enumerate(spatial):
        kernel, spacing = _at(op.kernel, axis), _at(dilation, axis)
        pad = spacing * (kernel - 1) // 2 if padding is None else _at(padding, axis)
        reach = spacing * (kernel - 1)  # from the first to the last pixel of the window
        starts = range(-pad, size + pad - reach, _at(stride, axis))
        out.append(len(starts))
    return tuple(out)


def _round(width: float, divisor: int) -> int:
    """The nearest multiple (up from the middle), but not below nine tenths, and at least one."""
    multiples = [divisor * i for i in range(1, int(width / divisor) + 3)]
    nearest = min(multiples, key=lambda m: (abs(m - width), -m))
    return nearest if nearest >= 0.9 * width else nearest + divisor


def _full(path: Path, name: str) -> str:
    if name.startswith("/"):
        return name[1:]
    parts = list(path)
    while name.startswith("../"):
        parts.pop()
        name = name[3:]
    return ".".join([*parts, name])


def _below(path: Path, name: str) -> Path:
    return (*path, *name.split("/")[-1].split(".")[-1:])


class _Walk:
    def __init__(self, values: Mapping[str, Any], input: Shape, outputs: int) -> None:
        self.values = values
        self.outputs = outputs
        self.nodes = [SlowNode("input", Input(), (), input)]
        self.touched: set[str] = set()

    def value(self, path: Path, item: Any) -> Any:
        """What stands for a choice, or the item itself; in a tuple for each part."""
        if isinstance(item, tuple):
            return tuple(self.value(path, part) for part in item)
        if not isinstance(item, Choice):
            return item
        name = _full(path, item.name)
        self.touched.add(name)
        return self.values[name]

    def add(self, block: Any, path: Path, at: int) -> int:
        match block:
            case Identity():
                return at
            case Seq():
                for child in block.blocks:
                    at = self.add(child, (*path, block.name) if block.name else path, at)
                return at
            case Repeat():
                inner = (*path, block.name)
                for i in range(self.value(inner, block.times)):
                    first = i == 0 and block.first is not None
                    at = self.add(block.first if first else block.body, (*inner, str(i)), at)
                return at
            case OneOf():
                label = self.value(path, block.choice)
                return self.add(dict(block.options)[label], (*_below(path, block.name), label), at)
            case Optional():
                there = self.value(path, block.choice)
                return self.add(block.body, _below(path, block.name), at) if there else at
            case Cell():
                return self.cell(block, path, at, at)
            case Chain():
                start, before = len(self.nodes), at
                for child in block.blocks:
                    if isinstance(child, Cell):
                        before, at = at, self.cell(child, path, before, at)
                    else:
                        before, at = at, self.add(child, path, at)
                return self.shrink(start, at)
            case Parallel():
                ends = []
                for i, branch in enumerate(block.branches):
                    named = isinstance(branch, Seq) and branch.name
                    ends.append(self.add(branch, path if named else (*path, str(i)), at))
                return self.op(block.join, path, ends)
            case Residual():
                end = self.add(block.body, path, at)
                same = self.nodes[end].shape == self.nodes[at].shape
                if not self.value(path, block.keep) or (not same and block.shortcut == "drop"):
                    return end
                if not same:
                    at = self.add(block.shortcut, (*path, "shortcut"), at)
                return self.op(Add(), path, [end, at])
            case Op():
                return self.op(block, path, [at])
        return self.add(self.absolute(block, path).lower(self.nodes[at].shape), path, at)

    def cell(self, cell: Cell, path: Path, before: int, at: int) -> int:
        """All of a cell first, then what has an effect."""
        path = (*path, cell.name)
        start = len(self.nodes)
        sources = [before, at] if len(cell.inputs) == 2 else [at]
        ends = []
        for block, source in zip(cell.inputs, sources, strict=True):
            ends.append(self.add(block, (*path, f"node{len(ends)}"), source))
        edges: dict[int, list[tuple[int, int]]] = {}  # of each inner node: what it reads, and how
        for node in cell.nodes:
            place, number = (*path, f"node{len(ends)}"), len(ends)
            edges[number] = []
            for k, edge in enumerate(node.edges):
                source = self.value((*place, f"edge{k}"), edge.source)
                early = source < len(sources) and edge.first is not None
                body = edge.first if early else edge.body
                edges[number].append((source, self.add(body, (*place, f"edge{k}"), ends[source])))
            total = self.op(Add(), place, [end for _, end in edges[number]])
            ends.append(self.add(node.body, place, total))
        zeros = self.zeros(start)
        if cell.output == "all":
            end = self.op(Concat(), path, ends[len(sources) :])
        elif cell.output == "last":
            end = ends[-1]
        else:
            loose = set(edges)
            for number, reads in edges.items():
                if ends[number] not in zeros:
                    loose -= {source for source, end in reads if end not in zeros}
            end = self.op(Add(), path, [ends[number] for number in sorted(loose)])
        zeros = self.zeros(start)
        if end in zeros:
            shape = self.nodes[end].shape
            self.nodes[start:] = [SlowNode(".".join([*path, "zero"]), Zero(to=shape), (at,), shape)]
            return start
        return self.shrink(start, end, at, zeros)

    def zeros(self, start: int) -> set[int]:
        """What gives nothing, by definition."""

        def is_zero(index: int) -> bool:
            if index < start:
                return False
            op, inputs = self.nodes[index].op, self.nodes[index].inputs
            every = all if isinstance(op, Add | Concat) else any
            return isinstance(op, Zero) or every(map(is_zero, inputs))

        return {index for index in range(start, len(self.nodes)) if is_zero(index)}

    def shrink(self, start: int, end: int, source: int = 0, zeros: set[int] | None = None) -> int:
        """Keep what has an effect: by asking backwards from the end what each node needs.

        With ``zeros``, even if there are none, sums are simplified as well.
        """
        nodes = list(self.nodes)
        simplify, zeros = zeros is not None, zeros or set()

        def is_sum(index: int) -> bool:
            return simplify and index >= start and isinstance(nodes[index].op, Add)

        def meant(index: int) -> int:
            """A sum of one is its summand."""
            if is_sum(index) and index not in zeros and len(needs(index)) == 1:
                return meant(needs(index)[0])
            return index

        def needs(index: int) -> list[int]:
            if index < start or index in zeros:
                return []
            inputs = nodes[index].inputs
            return [meant(i) for i in inputs if not (is_sum(index) and i in zeros)]

        end = meant(end)
        asked, waiting = {end}, [end]
        while waiting:
            for other in needs(waiting.pop()):
                if other not in asked:
                    asked.add(other)
                    waiting.append(other)
        asks = [(reader, other) for reader in asked for other in needs(reader)]
        parts = (
            {
                other
                for reader, other in asks
                if is_sum(reader) and is_sum(other) and [o for _, o in asks].count(other) == 1
            }
            - {end}
            - zeros
        )

        def flat(index: int) -> list[int]:
            return [j for i in needs(index) for j in (flat(i) if i in parts else [i])]

        order = sorted(i for i in asked if i >= start and i not in parts)
        new = {old: start + place for place, old in enumerate(order)}
        del self.nodes[start:]
        for index in order:
            node = nodes[index]
            if index in zeros:
                name = ".".join([*node.name.split(".")[:-1], "zero"])
                self.nodes.append(SlowNode(name, Zero(to=node.shape), (source,), node.shape))
            else:
                inputs = tuple(new.get(i, i) for i in flat(index))
                self.nodes.append(node._replace(inputs=inputs))
        return new.get(end, end)

    def absolute(self, block: Any, path: Path) -> Any:
        """A composite whose own choices are named from the root."""
        changes = {}
        for field in fields(block):
            item = getattr(block, field.name)
            if isinstance(item, Wide) and isinstance(item.factor, Choice):
                changes[field.name] = replace(item, factor=self.named(path, item.factor))
            elif isinstance(item, Choice):
                changes[field.name] = self.named(path, item)
        return replace(block, **changes)

    def named(self, path: Path, choice: Choice[Any]) -> Choice[Any]:
        self.value(path, choice)
        return Choice("/" + _full(path, choice.name), choice.options)

    def op(self, op: Any, path: Path, inputs: list[int]) -> int:
        shapes = [self.nodes[i].shape for i in inputs]
        concrete = {}
        for field in fields(op):
            item = self.value(path, getattr(op, field.name))
            if isinstance(item, Wide):
                item = _round(shapes[0][0] * self.value(path, item.factor), item.divisor)
            concrete[field.name] = item
        if getattr(op, "out", None) == "outputs":
            concrete["out"] = self.outputs
        op = type(op)(**concrete)
        name = ".".join([*path, op.kind])
        self.nodes.append(SlowNode(name, op, tuple(inputs), slow_shape(op, shapes)))
        return len(self.nodes) - 1
