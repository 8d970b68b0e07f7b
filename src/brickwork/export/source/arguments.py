"""Which numbers of a class are arguments, and what the arguments are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from brickwork.export.source.definition import (
    Chain,
    Definition,
    Param,
    Piece,
    Use,
    flat,
    is_module,
    plain,
    unused,
)
from brickwork.export.source.pieces import Slot
from brickwork.export.source.tree import Leaf
from brickwork.space import (
    Activation,
    Add,
    Attend,
    Columns,
    Concat,
    Flatten,
    Multiply,
    Reshape,
    Zero,
)

__all__ = ["resolve"]

_USUAL = {"stride": 1, "dilation": 1, "groups": 1, "padding": 0, "output_padding": 0}
_OTHER_CHANNELS = (Columns, Concat, Flatten, Reshape, Zero)  # without saying so in a slot


def resolve(definition: Definition) -> list[dict[str, Any]]:
    """Decide the arguments of a class.

    Returns:
        The values of the arguments for each member.
    """
    return _Resolution(definition).values


class _Resolution:
    """Numbers that are the same by the flow of channels, or in every member, are one argument."""

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
            op = piece.node.op if isinstance(piece, Leaf) else None
            if (
                isinstance(op, Add | Attend | Multiply)
                and name not in self.definition.merged.optional
            ):
                for other in outline.inputs[1:]:
                    self._tie(target, target[name], target.get(other, target[name]))
        return target[outline.name]

    def _tie(self, target: dict[str | int, int], variable: int, other: int) -> None:
        """Let two variables be one: what is joined number by number has the same channels."""
        if variable == other or not _fits(self.vectors[variable], self.vectors[other]):
            return
        keep, drop = min(variable, other), max(variable, other)
        self.vectors[keep] = _united(self.vectors[keep], self.vectors[drop])
        if drop in self.uses:
            self.uses.setdefault(keep, []).extend(self.uses.pop(drop))
        for name, place in target.items():
            target[name] = keep if place == drop else place
        for places in self.places.values():
            places[:] = [keep if place == drop else place for place in places]

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
                v
                for v in names
                if not slot.role
                and self.uses[v][0][1].label == slot.label
                and _fits(self.vectors[v], vector)
            ]
            if same:
                self.vectors[same[0]] = _united(self.vectors[same[0]], vector)
                self.uses[same[0]] += uses
                names[variable] = names[same[0]]
                continue
            wish = slot.label
            if slot.role:
                ends = {self.input: "inputs", self.output: "outputs"}
                wish = ends.get(variable, "hidden")
                wish = "channels" if wish != "hidden" and self.definition.through else wish
            wishes = (wish, f"{name}_{wish}", f"{wish}_{name}")
            names[variable] = unused(names.values(), *filter(str.isidentifier, wishes))
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
        usual = _USUAL.get(label)
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
                argument = names.get(variable, "")
                users = {n for v in names if names[v] == argument for n, _ in self.uses[v]}
                if users == {name} and [bool(v) for v in self.vectors[variable]] == there:
                    for values, is_there in zip(self.values, there, strict=True):
                        values[argument] = values[argument] if is_there else 0
                    break
            else:
                piece = self.definition.pieces[name]
                op = piece.node.op if isinstance(piece, Leaf) else None
                wish = "skip" if isinstance(op, Add) else name
                wish = "activate" if isinstance(op, Activation) else wish
                wish = wish if plain(wish) else f"has_{wish}"
                taken = [p.name for p in self.definition.params]
                if isinstance(piece, Leaf) and not is_module(piece):  # kept on the module
                    taken += [o.name for o in merged.outlines]
                argument = unused(taken, wish, f"has_{wish}")
                self._add(argument, "", there, "flag")
            self.definition.conditions[name] = argument

    def _write(self, names: Mapping[int, str]) -> None:
        for name, variables in self.places.items():
            self.definition.texts[name] = [
                names[v]
                if v in names
                else repr(next((x for x in self.vectors[v] if x is not None), 0))
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
        if isinstance(piece, Use):
            through = piece.definition.through
        else:
            through = not isinstance(piece.node.op, _OTHER_CHANNELS)
        target = source if through else new()
    return target, variables


def _fits(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return all(x is None or y is None or x == y for x, y in zip(a, b, strict=True))


def _united(a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
    return [y if x is None else x for x, y in zip(a, b, strict=True)]
