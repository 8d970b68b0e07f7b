"""Grammars: bricks that grow by rules, so that hierarchies can be searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from brickwork.errors import SpaceError
from brickwork.space.blocks import Block, OneOf, Seq
from brickwork.space.ops import Shape

__all__ = ["Grammar", "Symbol"]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A place in the rules of a ``Grammar`` where a rule's options grow.

    Attributes:
        of: The rule.
        name: Name of the decision; empty for the rule's. Two places with the same full name are
            the same decision, so give them names, or scopes, of their own.
    """

    of: str
    name: str = ""

    def lower(self, shape: Shape) -> Block:
        raise SpaceError(f"the symbol {self.of!r} stands outside of a grammar")


@dataclass(frozen=True, slots=True, init=False)
class Grammar:
    """Bricks that grow by rules: hierarchies that nest to a depth.

    A symbol becomes a ``OneOf`` over the options of its rule, in which further symbols grow, one
    level deeper. At the last level only options without symbols are left.

    Args:
        name: Name of the first decision.
        rules: For each symbol the label of each option, and its brick.
        start: The symbol that it begins with.
        depth: How many levels there are.

    Raises:
        SpaceError: There is no level.
    """

    name: str
    rules: tuple[tuple[str, tuple[tuple[str, Block], ...]], ...]
    start: str
    depth: int

    def __init__(
        self, name: str, rules: Mapping[str, Mapping[str, Block]], start: str, depth: int
    ) -> None:
        pairs = tuple((symbol, tuple(dict(rule).items())) for symbol, rule in dict(rules).items())
        if depth < 1:
            raise SpaceError(f"grammar {name!r} needs at least one level, got depth {depth}")
        for field, value in (("name", name), ("rules", pairs), ("start", start), ("depth", depth)):
            object.__setattr__(self, field, value)

    def lower(self, shape: Shape) -> Block:
        return self._grown(Symbol(self.start, self.name), self.depth)

    def _grown(self, symbol: Symbol, depth: int) -> Block:
        """A symbol with so many levels left.

        Raises:
            SpaceError: It has no rule, or none of its options can stand at the last level.
        """
        rules = dict(self.rules)
        if symbol.of not in rules:
            known = ", ".join(rules)
            raise SpaceError(f"grammar {self.name!r} has no rule {symbol.of!r}: known are {known}")
        options = {
            label: _replaced(brick, lambda inner: self._grown(inner, depth - 1))
            for label, brick in rules[symbol.of]
            if depth > 1 or not _has_symbols(brick)
        }
        if not options:
            raise SpaceError(
                f"grammar {self.name!r}: the rule {symbol.of!r} never ends, because all its "
                "options hold symbols"
            )
        name = symbol.name or symbol.of
        if len(options) == 1:  # nothing to decide
            ((label, brick),) = options.items()
            return Seq(Seq(brick, name=label), name=name.rpartition("/")[2])
        return OneOf(name, options)


def _has_symbols(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_has_symbols, value))
    if isinstance(value, Symbol | Grammar) or not is_dataclass(value):
        return isinstance(value, Symbol)  # a grammar within has rules of its own
    return any(_has_symbols(getattr(value, field.name)) for field in fields(value))


def _replaced(value: Any, grow: Callable[[Symbol], Block]) -> Any:
    """A brick whose symbols have grown."""
    if not _has_symbols(value):
        return value
    if isinstance(value, Symbol):
        return grow(value)
    if isinstance(value, tuple):
        return tuple(_replaced(item, grow) for item in value)
    if isinstance(value, Seq):
        return Seq(*_replaced(value.blocks, grow), name=value.name)
    if isinstance(value, OneOf):
        return OneOf(value.name, dict(_replaced(value.options, grow)))
    changes = {field.name: _replaced(getattr(value, field.name), grow) for field in fields(value)}
    return replace(value, **changes)
