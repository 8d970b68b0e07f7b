"""From a tree of scopes to class definitions: equal scopes share a class, numbers are arguments."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from brickwork.export.source.merge import Merged, Outline, merge
from brickwork.export.source.pieces import Slot, constructor, slots, structure
from brickwork.export.source.tree import Leaf, Scope
from brickwork.space import Activation, Add, Concat, Reshape

__all__ = ["Chain", "Definition", "Param", "Piece", "Use", "definitions", "key", "plain"]


@dataclass(frozen=True, slots=True)
class Chain:
    """Modules one after another, written where they are used."""

    names: tuple[str, ...]
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """An instance of a class of the file.

    Attributes:
        definition: The class.
        values: Its arguments by name; None where it does not matter.
    """

    definition: Definition
    values: Mapping[str, Any]


Piece = Leaf | Chain | Use


@dataclass(frozen=True, slots=True)
class Param:
    """An argument of a class; role as in ``Slot``."""

    name: str
    role: str
    default: str | None
    type: str


@dataclass(eq=False)
class Definition:
    """A class to be written.

    Attributes:
        merged: Its statements.
        members: Its instances, and their pieces by statement.
        pieces: A piece of each statement, from some instance.
        name: Its name.
        params: The arguments of its constructor.
        texts: For each statement the text of its slots: a number or the name of an argument.
        conditions: The argument that says whether an optional statement is there.
        through: Whether as many channels come out as went in.
    """

    merged: Merged
    members: list[tuple[Scope, Mapping[str, Piece]]]
    pieces: dict[str, Piece]
    name: str = ""
    params: list[Param] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    conditions: dict[str, str] = field(default_factory=dict)
    through: bool = False


def plain(name: str) -> bool:
    """Whether a name can be an attribute of a module in source."""
    return name.isidentifier() and not keyword.iskeyword(name) and not hasattr(nn.Module(), name)


def key(piece: Piece) -> Hashable:
    """What a piece is, without its numbers."""
    if isinstance(piece, Leaf):
        return structure(piece)
    if isinstance(piece, Chain):
        return tuple((name, key(p)) for name, p in zip(piece.names, piece.pieces, strict=True))
    return piece.definition


def flat(piece: Piece) -> list[Slot]:
    """All slots of a piece, in a fixed order."""
    if isinstance(piece, Leaf):
        return slots(piece)
    if isinstance(piece, Chain):
        return [slot for part in piece.pieces for slot in flat(part)]
    return [Slot(p.name, piece.values[p.name], p.role) for p in piece.definition.params]


def definitions(root: Scope) -> list[Definition]:
    """The classes of a network in the order in which they must be written; the last is ``Net``."""
    return _Classes(root).all


class _Classes:
    def __init__(self, root: Scope) -> None:
        self.all: list[Definition] = []
        self._pieces: dict[str, Piece] = {}
        floors: dict[int, list[Scope]] = {}
        _height(root, floors)
        for _, scopes in sorted(floors.items()):
            self._floor([scope for scope in scopes if scope is not root])
        outline, pieces = self._outline(root)
        net = Definition(Merged(outline, (outline,)), [(root, pieces)], dict(pieces), "Net")
        resolve(net)
        self.all.append(net)

    def _outline(self, scope: Scope) -> tuple[tuple[Outline, ...], dict[str, Piece]]:
        pieces: dict[str, Piece] = {}
        outlines = []
        for item in scope.items:
            part = item.part
            pieces[item.name] = part if isinstance(part, Leaf) else self._pieces[part.path]
            sources = tuple(i if i < 0 else scope.items[i].name for i in item.inputs)
            outlines.append(Outline(item.name, key(pieces[item.name]), sources))
        return tuple(outlines), pieces

    def _floor(self, scopes: Sequence[Scope]) -> None:
        """Turn scopes into pieces whose inner scopes are pieces already."""
        groups: dict[tuple[Outline, ...], list[tuple[Scope, Mapping[str, Piece]]]] = {}
        for scope in scopes:
            outline, pieces = self._outline(scope)
            groups.setdefault(outline, []).append((scope, pieces))
        clusters: dict[Hashable, list[Merged]] = {}
        for outline in sorted(groups, key=len, reverse=True):
            members = groups[outline]
            if self._inlined(members):
                continue
            family = clusters.setdefault(_family(*members[0]), [])
            for i, cluster in enumerate(family):
                if (more := merge(cluster, outline)) is not None:
                    family[i] = more
                    break
            else:
                family.append(Merged(outline, (outline,)))
        for family in clusters.values():
            for merged in family:
                self._define(merged, [m for variant in merged.variants for m in groups[variant]])

    def _inlined(self, members: Sequence[tuple[Scope, Mapping[str, Piece]]]) -> bool:
        """Write chains where they are used if that is one place, or if a class would say nothing."""
        scope, pieces = members[0]
        names = tuple(pieces)
        counted = names == tuple(str(i) for i in range(len(names)))
        if not scope.chain or not (counted or all(plain(name) for name in names)):
            return False
        if any(isinstance(p, Leaf) and not _is_module(p) for p in pieces.values()):
            return False
        places = {re.sub(r"\d+", "#", scope.path) for scope, _ in members}
        if not counted and len(names) > 1 and len(places) > 1:
            return False
        for scope, pieces in members:
            self._pieces[scope.path] = Chain(tuple(pieces), tuple(pieces.values()))
        return True

    def _define(
        self, merged: Merged, members: list[tuple[Scope, Mapping[str, Piece]]]
    ) -> None:
        pieces = {name: piece for _, own in reversed(members) for name, piece in own.items()}
        definition = Definition(merged, members, pieces)
        values = resolve(definition)
        definition.name = _class_name(definition, {d.name for d in self.all})
        self.all.append(definition)
        for (scope, _), own in zip(members, values, strict=True):
            self._pieces[scope.path] = Use(definition, own)


def _height(scope: Scope, floors: dict[int, list[Scope]]) -> int:
    inner = [item.part for item in scope.items if isinstance(item.part, Scope)]
    height = 1 + max((_height(part, floors) for part in inner), default=0)
    floors.setdefault(height, []).append(scope)
    return height


def _is_module(leaf: Leaf) -> bool:
    texts = {slot.label: repr(slot.value) for slot in slots(leaf)}
    return constructor(leaf, texts) is not None


def _family(scope: Scope, pieces: Mapping[str, Piece]) -> Hashable:
    """Only scopes of one family may become one class with optional parts."""
    leaves = [(name, piece) for name, piece in pieces.items() if isinstance(piece, Leaf)]
    if len(leaves) == len(pieces):
        return tuple((name, structure(p)) for name, p in leaves if p.node.op.weights(p.inputs))
    return "#" if scope.name.isdigit() else scope.name.rstrip("0123456789")


def resolve(definition: Definition) -> list[dict[str, Any]]:
    """Decide the arguments of a class.

    Returns:
        The values of the arguments for each member.
    """
    return _Resolution(definition).values


class _Resolution:
    """Numbers that are the same by the flow of channels, or in every member, become one argument."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.members = definition.members
        self.vectors: list[list[Any]] = []
        self.uses: dict[int, list[tuple[str, Slot]]] = {}
        self.places: dict[str, list[int]] = {}
        self.input = self._new([scope.inputs[0][0] for scope, _ in self.members])
        self.output = self._flow()
        definition.through = self.output == self.input
        self.values: list[dict[str, Any]] = [{} for _ in self.members]
        names = self._params() if len(self.members) > 1 else {}
        self._conditions(names)
        self._write(names)
        definition.params.sort(key=lambda p: (p.default is not None, p.role == ""))

    def _new(self, vector: Sequence[Any] | None = None) -> int:
        self.vectors.append([None] * len(self.members) if vector is None else list(vector))
        return len(self.vectors) - 1

    def _flow(self) -> int:
        """Give every slot a variable; returns the variable of the channels that come out."""
        target: dict[str | int, int] = {-1: self.input}
        for outline in self.definition.merged.outlines:
            name = outline.name
            piece = self.definition.pieces[name]
            source = target[outline.inputs[0]] if outline.inputs[0] in target else self._new()
            target[name], variables = _bind(piece, source, self._new)
            self.places[name] = []
            rows = [flat(own[name]) if name in own else None for _, own in self.members]
            for i, (slot, variable) in enumerate(zip(flat(piece), variables, strict=True)):
                column = [None if row is None else row[i].value for row in rows]
                if not _fits(self.vectors[variable], column):
                    variable = self._new()
                self.vectors[variable] = _united(self.vectors[variable], column)
                self.uses.setdefault(variable, []).append((name, slot))
                self.places[name].append(variable)
        return target[outline.name]

    def _params(self) -> dict[int, str]:
        """The variables that become arguments, and their names."""
        names: dict[int, str] = {}
        for variable, uses in self.uses.items():
            name, slot = uses[0]
            vector = self.vectors[variable]
            known = [v for v in vector if v is not None]
            if not slot.role and all(v == known[0] for v in known):
                continue
            same = [
                v for v in names
                if not slot.role and self.uses[v][0][1].label == slot.label
                and _fits(self.vectors[v], vector)
            ]
            if same:
                self.vectors[same[0]] = _united(self.vectors[same[0]], vector)
                self.uses[same[0]] += uses
                names[variable] = names[same[0]]
                continue
            wish = slot.label
            if slot.role:
                ends = ("channels" if self.definition.through else "inputs"), "outputs"
                wish = {self.input: ends[0], self.output: ends[1]}.get(variable, "hidden")
            names[variable] = _unused(names.values(), wish, f"{name}_{wish}")
            self._add(names[variable], self._role(variable, slot), vector, slot.label)
        return names

    def _role(self, variable: int, slot: Slot) -> str:
        if not slot.role:
            return ""
        if variable == self.input:
            return "through" if self.definition.through else "in"
        return "out" if variable == self.output else "inner"

    def _add(self, name: str, role: str, vector: Sequence[Any], label: str) -> None:
        default = None
        usual = {"stride": 1, "dilation": 1, "groups": 1, "padding": 0}.get(label)
        if all(isinstance(v, bool) for v in vector):
            default = "False"
        elif any(v is None for v in vector):
            default = "0"
        elif not role and usual in vector:
            default = repr(usual)
        kinds = {type(v) for v in vector if v is not None}
        text = " | ".join(
            {tuple: "tuple[int, ...]"}.get(kind, kind.__name__)
            for kind in sorted(kinds, key=lambda kind: kind.__name__)
        )
        self.definition.params.append(Param(name, role, default, text))
        for values, value in zip(self.values, vector, strict=True):
            values[name] = value

    def _conditions(self, names: dict[int, str]) -> None:
        """An argument of its own, such as its width, says that an optional part is there."""
        merged = self.definition.merged
        for name in (o.name for o in merged.outlines if o.name in merged.optional):
            there = [name in own for _, own in self.members]
            for variable in self.places[name]:
                vector = self.vectors[variable]
                only_here = variable in names and {n for n, _ in self.uses[variable]} == {name}
                if only_here and [bool(v) for v in vector] == there:
                    argument = names[variable]
                    for values, is_there in zip(self.values, there, strict=True):
                        values[argument] = values[argument] if is_there else 0
                    break
            else:
                piece = self.definition.pieces[name]
                op = piece.node.op if isinstance(piece, Leaf) else None
                wish = "skip" if isinstance(op, Add) else name
                wish = "activate" if isinstance(op, Activation) else wish
                wish = wish if plain(wish) else f"has_{wish}"
                argument = _unused([p.name for p in self.definition.params], wish, f"has_{wish}")
                self._add(argument, "", there, "flag")
            self.definition.conditions[name] = argument

    def _write(self, names: Mapping[int, str]) -> None:
        for name, variables in self.places.items():
            self.definition.texts[name] = [
                names[v] if v in names else repr(next((x for x in self.vectors[v] if x is not None), 0))
                for v in variables
            ]


def _bind(piece: Piece, source: int, new: Callable[[], int]) -> tuple[int, list[int]]:
    """The variable of a piece's output channels, and one for each of its slots."""
    if isinstance(piece, Chain):
        variables: list[int] = []
        for part in piece.pieces:
            source, more = _bind(part, source, new)
            variables += more
        return source, variables
    target: int | None = None
    variables = []
    for slot in flat(piece):
        if slot.role in ("in", "through"):
            variables.append(source)
        elif slot.role == "out":
            target = new()
            variables.append(target)
        else:
            variables.append(new())
    if target is None:
        fresh = isinstance(piece, Leaf) and isinstance(piece.node.op, Concat | Reshape)
        fresh = fresh or (isinstance(piece, Leaf) and piece.node.op.kind == "flatten")
        fresh = fresh or (isinstance(piece, Use) and not piece.definition.through)
        target = new() if fresh else source
    return target, variables


def _fits(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return all(x is None or y is None or x == y for x, y in zip(a, b, strict=True))


def _united(a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
    return [y if x is None else x for x, y in zip(a, b, strict=True)]


def _unused(taken: Iterator[str] | Sequence[str], *wishes: str) -> str:
    used = set(taken)
    for wish in wishes:
        if wish not in used:
            return wish
    return next(name for i in range(2, 10**6) if (name := f"{wishes[-1]}{i}") not in used)


def _class_name(definition: Definition, taken: set[str]) -> str:
    names = {o.name for o in definition.merged.outlines}
    roles = {scope.name.rstrip("0123456789") for scope, _ in definition.members}
    first = definition.members[0][0].path
    if {"depthwise", "project"} <= names:
        wish = "InvertedResidual" if "add" in names else "InvertedBottleneck"
    elif names == {"depthwise", "pointwise"}:
        wish = "SeparableConv"
    elif names == {"gate", "multiply"}:
        wish = "SqueezeExcite"
    elif roles == {""}:
        parent = re.sub(r"\d+", "", first.rpartition(".")[0].rpartition(".")[2])
        wish = _camel(parent) + ("" if parent == "block" else "Block")
    elif len(roles) == 1:
        wish = _camel(roles.pop())
    else:
        kinds = [p.node.op.kind for p in definition.pieces.values() if isinstance(p, Leaf)]
        wish = "".join(_camel(kind) for kind in kinds if kind != "activation") or "Block"
    return _unused(list(taken | {"Net", "ChannelNorm", "Tensor"}), wish, wish)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in re.split(r"\W|_", name) if part)
