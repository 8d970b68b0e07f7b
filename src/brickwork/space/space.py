"""A model with holes and a training recipe with holes: what can be searched."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from brickwork.errors import SpaceError
from brickwork.space.arch import Arch
from brickwork.space.blocks import Block
from brickwork.space.choice import Choice, Option
from brickwork.space.codec import decode, encode
from brickwork.space.walk import Guard, check_places, walk

__all__ = ["Decision", "Rng", "Space"]

Values = Mapping[str, Option]


class Rng(Protocol):
    """The part of ``numpy.random.Generator`` that a space needs."""

    def random(self, size: int, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """A choice as it stands in a space.

    Attributes:
        name: Full name.
        options: What may be chosen.
        when: Alternatives, each a conjunction of (decision, options it may have); the decision is
            active when one of them holds. Empty: always.
    """

    name: str
    options: tuple[Option, ...]
    when: tuple[Guard, ...] = ()

    def active(self, values: Values) -> bool:
        """Whether the decision matters, given those that come before it."""
        if not self.when:
            return True
        for guard in self.when:
            for name, allowed in guard:
                if name not in values or values[name] not in allowed:
                    break
            else:
                return True
        return False


class Space:
    """All networks that a brick with choices describes, and all recipes to train them.

    Args:
        name: A short name; architectures carry it.
        body: The model, from the input to the outputs.
        recipe: Training settings by name (``lr``, ``weight_decay``, ...), fixed or choices; their
            decisions are called ``recipe.NAME``.
        doc: One line for a person.

    Raises:
        SpaceError: One name is used for two different sets of options, or at one place for two
            bricks that do not come together; or decisions depend on each other in a circle.
    """

    def __init__(
        self,
        name: str,
        body: Block,
        recipe: Mapping[str, Option | Choice[Any]] | None = None,
        doc: str = "",
    ) -> None:
        self.name = name
        self.body = body
        self.doc = doc
        self.recipe_fields = dict(recipe or {})
        check_places(body)
        found: dict[str, tuple[tuple[Option, ...], list[Guard]]] = {}
        for full, choice, guard in walk(body, "", ()):
            _record(found, full, choice.options, guard)
        for key, value in self.recipe_fields.items():
            if isinstance(value, Choice):
                _record(found, f"recipe.{key}", value.options, ())
        self._decisions = _ordered(
            [
                Decision(full, options, () if () in guards else tuple(dict.fromkeys(guards)))
                for full, (options, guards) in found.items()
            ]
        )
        ordered = sorted(self._decisions, key=lambda decision: decision.name)
        self._by_name = {decision.name: decision for decision in ordered}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.name, self.body))

    def __repr__(self) -> str:
        return (
            f"Space({self.name!r}, {len(self._decisions)} decisions, {self.size():,} architectures)"
        )

    def decisions(self) -> tuple[Decision, ...]:
        """All decisions, those that others depend on first."""
        return self._decisions

    def decision(self, name: str) -> Decision:
        """The decision of that full name.

        Raises:
            SpaceError: There is none.
        """
        if name not in self._by_name:
            raise SpaceError(f"space {self.name!r} has no decision {name!r}")
        return self._by_name[name]

    def active(self, arch: Arch) -> tuple[Decision, ...]:
        """The decisions that matter for an architecture."""
        return tuple(self._by_name[name] for name, _ in arch.choices)

    @functools.cached_property
    def _size(self) -> int:
        return _count(self._decisions)

    def size(self) -> int:
        """How many different architectures there are (recipes included)."""
        return self._size

    def sample(self, rng: Rng, given: Values | None = None) -> Arch:
        """An architecture, each active decision that is not given drawn uniformly."""
        return self._filled(given or {}, rng)

    def mutate(self, arch: Arch, rng: Rng) -> Arch:
        """Another option for exactly one active decision; decisions it wakes up are drawn.

        Raises:
            SpaceError: The space has only one architecture.
        """
        open_ = [name for name, _ in arch.choices if len(self._by_name[name].options) > 1]
        if not open_:
            raise SpaceError(f"space {self.name!r} has no decision to mutate")
        values = dict(arch.choices)
        which, step = rng.random(2)
        name = open_[int(which * len(open_))]
        others = [option for option in self._by_name[name].options if option != values[name]]
        values[name] = others[int(step * len(others))]
        return self._filled(values, rng)

    def cross(self, a: Arch, b: Arch, rng: Rng) -> Arch:
        """A child of two architectures: each decision from one of them, by a fair coin."""
        left, right = dict(a.choices), dict(b.choices)
        coins = rng.random(len(self._decisions))
        values: dict[str, Option] = {}
        for decision, coin in zip(self._decisions, coins, strict=True):
            first, second = (left, right) if coin < 0.5 else (right, left)
            if decision.name in first:
                values[decision.name] = first[decision.name]
            elif decision.name in second:
                values[decision.name] = second[decision.name]
        return self._filled(values, rng)

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """All architectures that differ in one decision; those it wakes up are at their first."""
        values = dict(arch.choices)
        for name, chosen in arch.choices:
            for option in self._by_name[name].options:
                if option != chosen:
                    yield self._filled({**values, name: option}, None)

    def arch(self, choices: Values | None = None) -> Arch:
        """The architecture of some decisions; those not named take their first option.

        Raises:
            SpaceError: A decision or an option is not known.
        """
        values: dict[str, Option] = {}
        for name, option in (choices or {}).items():
            options = self.decision(name).options
            if option not in options:
                raise SpaceError(f"{name} = {option!r} is not an option: {options}")
            values[name] = options[options.index(option)]  # 8.0 means 8, and 1 means True
        return self._filled(values, None)

    def extremes(self) -> tuple[Arch, Arch]:
        """The members with the first and with the last option of every decision."""
        last = {decision.name: decision.options[-1] for decision in self._decisions}
        return self._filled({}, None), self._filled(last, None)

    def why_invalid(self, arch: Arch) -> str | None:
        """Why an architecture is none of this space, or None if it is one."""
        if arch.space != self.name:
            return f"it belongs to the space {arch.space!r}, not {self.name!r}"
        values = dict(arch.choices)
        for name in values:
            if name not in self._by_name:
                return f"the space has no decision {name!r}"
        for decision in self._decisions:
            if not decision.active(values):
                if decision.name in values:
                    return f"{decision.name} is set but not active"
            elif decision.name not in values:
                return f"{decision.name} is missing: choose one of {decision.options}"
            elif not _among(decision.options, chosen := values[decision.name]):
                return f"{decision.name} = {chosen!r} is not an option: {decision.options}"
        return None

    def recipe(self, arch: Arch) -> dict[str, Option]:
        """The training settings of an architecture."""
        values = dict(arch.choices)
        return {
            key: values[f"recipe.{key}"] if isinstance(value, Choice) else value
            for key, value in self.recipe_fields.items()
        }

    def _filled(self, values: Values, rng: Rng | None) -> Arch:
        """The active part of ``values``; what is missing is drawn, or the first without rng."""
        draws = None if rng is None else rng.random(len(self._decisions)).tolist()
        chosen: dict[str, Option] = {}
        for i, decision in enumerate(self._decisions):
            if not decision.when or decision.active(chosen):
                name, options = decision.name, decision.options
                if name in values:
                    chosen[name] = values[name]
                else:
                    chosen[name] = options[0 if draws is None else int(draws[i] * len(options))]
        # as Arch.of does, without sorting
        return Arch(self.name, tuple([(n, chosen[n]) for n in self._by_name if n in chosen]))

    def to_json(self) -> dict[str, Any]:
        recipe = {key: encode(value) for key, value in self.recipe_fields.items()}
        return {"name": self.name, "doc": self.doc, "body": encode(self.body), "recipe": recipe}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Space:
        """Read what ``to_json`` wrote, for spaces of Brickwork's own bricks.

        Raises:
            SpaceError: A brick is not known.
        """
        recipe = {key: decode(value) for key, value in data["recipe"].items()}
        return cls(data["name"], decode(data["body"]), recipe, data["doc"])


def _record(
    found: dict[str, tuple[tuple[Option, ...], list[Guard]]],
    name: str,
    options: tuple[Option, ...],
    guard: Guard,
) -> None:
    if any(name == parent for parent, _ in guard):
        return  # inside its own option: it is decided already
    known, guards = found.setdefault(name, (options, []))
    if known != options:
        raise SpaceError(f"the decision {name!r} has two sets of options: {known} and {options}")
    guards.append(guard)


def _among(options: tuple[Option, ...], chosen: Option) -> bool:
    """Whether it is one of the options, in value and in type (1, 1.0 and True have other ids)."""
    return any(option == chosen and type(option) is type(chosen) for option in options)


def _ordered(decisions: list[Decision]) -> tuple[Decision, ...]:
    """The decisions, each after all those that decide whether it matters, else in their order."""
    parents = {d.name: {name for guard in d.when for name, _ in guard} for d in decisions}
    waiting, done = list(decisions), dict[str, Decision]()
    while waiting:
        ready = next((d for d in waiting if parents[d.name] <= done.keys()), None)
        if ready is None:
            names = ", ".join(d.name for d in waiting)
            raise SpaceError(f"these decisions depend on each other in a circle: {names}")
        waiting.remove(ready)
        done[ready.name] = ready
    return tuple(done.values())


def _count(decisions: tuple[Decision, ...]) -> int:
    """Number of assignments of active decisions, by recursion over the decisions in order.

    Only the values that later guards still ask for are part of the state, so the recursion is
    short however large the space.
    """
    parents = [{name for guard in d.when for name, _ in guard} for d in decisions]
    needed: list[set[str]] = [set() for _ in range(len(decisions) + 1)]
    for i in reversed(range(len(decisions))):
        needed[i] = needed[i + 1] | parents[i]

    @functools.cache
    def count(i: int, state: tuple[tuple[str, Option], ...]) -> int:
        if i == len(decisions):
            return 1
        decision, values = decisions[i], dict(state)
        keep = {n: v for n, v in values.items() if n in needed[i + 1]}
        if not decision.active(values):
            return count(i + 1, tuple(sorted(keep.items())))
        if decision.name not in needed[i + 1]:
            return len(decision.options) * count(i + 1, tuple(sorted(keep.items())))
        return sum(
            count(i + 1, tuple(sorted({**keep, decision.name: option}.items())))
            for option in decision.options
        )

    return count(0, ())
