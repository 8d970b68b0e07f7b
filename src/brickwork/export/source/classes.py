"""From a tree of scopes to class definitions: equal scopes share a class, numbers are arguments."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence

from brickwork.export.source.arguments import resolve
from brickwork.export.source.definition import (
    Chain,
    Definition,
    Piece,
    Use,
    is_module,
    key,
    plain,
    unused,
)
from brickwork.export.source.merge import Merged, Outline, merge
from brickwork.export.source.parts import PARTS
from brickwork.export.source.pieces import structure
from brickwork.export.source.tree import Leaf, Scope

__all__ = ["definitions"]


def definitions(root: Scope) -> list[Definition]:
    """The classes of a network in the order in which they must be written; the last is ``Net``."""
    return _Classes(root).all


class _Classes:
    def __init__(self, root: Scope) -> None:
        self.all: list[Definition] = []
        self._pieces: dict[str, Piece] = {}
        for scopes in _floors(root):
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
        """Write chains where they are used if that is one place, or a class would say nothing."""
        scope, pieces = members[0]
        names = tuple(pieces)
        counted = names == tuple(str(i) for i in range(len(names)))
        if not scope.chain or not (counted or all(plain(name) for name in names)):
            return False
        if any(isinstance(p, Leaf) and not is_module(p) for p in pieces.values()):
            return False
        places = {_place(scope) for scope, _ in members}
        if not counted and (scope.name.isdigit() or (len(names) > 1 and len(places) > 1)):
            return False
        for scope, pieces in members:
            self._pieces[scope.path] = Chain(tuple(pieces), tuple(pieces.values()))
        return True

    def _define(self, merged: Merged, members: list[tuple[Scope, Mapping[str, Piece]]]) -> None:
        pieces = {name: piece for _, own in reversed(members) for name, piece in own.items()}
        definition = Definition(merged, members, pieces)
        values = resolve(definition)
        definition.name = _class_name(definition, {d.name for d in self.all})
        self.all.append(definition)
        for (scope, _), own in zip(members, values, strict=True):
            self._pieces[scope.path] = Use(definition, own)


def _floors(root: Scope) -> list[list[Scope]]:
    """All scopes, inner ones first; those whose paths differ in numbers only come together."""
    depths: list[list[Scope]] = [[root]]
    while depths[-1]:
        parts = [item.part for scope in depths[-1] for item in scope.items]
        depths.append([part for part in parts if isinstance(part, Scope)])
    height: dict[str, int] = {}
    floors: dict[int, list[Scope]] = {}
    for scopes in reversed(depths):
        groups: dict[str, list[Scope]] = {}
        for scope in scopes:
            groups.setdefault(_place(scope), []).append(scope)
        for group in groups.values():
            inner = (i.part for scope in group for i in scope.items if isinstance(i.part, Scope))
            level = 1 + max((height[part.path] for part in inner), default=0)
            height |= {scope.path: level for scope in group}
            floors.setdefault(level, []).extend(group)
    return [floors[level] for level in sorted(floors)]


def _place(scope: Scope) -> str:
    """The path inside a repeated block, without numbers."""
    return re.sub(r"\d+", "#", re.sub(r"^(.*\.)?\d+(?=\.|$)", "#", scope.path))


def _family(scope: Scope, pieces: Mapping[str, Piece]) -> Hashable:
    """Only scopes of one family may become one class with optional parts."""
    count = len(scope.inputs)
    leaves = [(name, piece) for name, piece in pieces.items() if isinstance(piece, Leaf)]
    if len(leaves) == len(pieces):
        weighted = [(name, structure(p)) for name, p in leaves if p.node.op.weights(p.inputs)]
        return count, tuple(weighted)
    return count, "#" if scope.name.isdigit() else scope.name.rstrip("0123456789")


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
    wish = wish if wish.isidentifier() else "Block"
    return unused([*taken, "Net", "Path", "Tensor", *PARTS], wish)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in re.split(r"\W|_", name) if part)
