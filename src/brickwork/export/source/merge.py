"""Which scopes are instances of one class, and what the class does when a part is left out."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

__all__ = ["Merged", "Outline", "merge"]

Source = str | int
"""What a statement reads: the name of an earlier one, or a negative index of an input."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One statement of a forward pass, without its numbers.

    Attributes:
        name: Its name.
        key: What it computes; statements with equal keys differ in numbers only.
        inputs: What it reads.
    """

    name: str
    key: Hashable
    inputs: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """Statements of which some are left out in some variants.

    A statement that is left out hands on its first input.

    Attributes:
        outlines: All statements, in order.
        variants: The forward passes that are covered.
    """

    outlines: tuple[Outline, ...]
    variants: tuple[tuple[Outline, ...], ...]

    @property
    def optional(self) -> frozenset[str]:
        """The statements that a variant leaves out."""
        common = set.intersection(*({o.name for o in variant} for variant in self.variants))
        return frozenset(o.name for o in self.outlines if o.name not in common)


def merge(whole: Merged, variant: tuple[Outline, ...]) -> Merged | None:
    """Cover one more variant, or None if no single forward pass would do for all.

    Half of the statements must be common: a class with more switches than statements is not
    clearer than two classes.
    """
    names = _order([o.name for o in whole.outlines], [o.name for o in variant])
    mine, other = {o.name: o for o in whole.outlines}, {o.name: o for o in variant}
    common = mine.keys() & other.keys()
    if names is None or 2 * len(common) < len(names):
        return None
    place = {name: i for i, name in enumerate(names)}
    outlines = []
    for name in names:
        both = [o[name] for o in (mine, other) if name in o]
        if len({(o.key, len(o.inputs)) for o in both}) > 1:
            return None
        sources = zip(*(o.inputs for o in both), strict=True)
        latest = tuple(max(s, key=lambda source: _when(source, place)) for s in sources)
        outlines.append(Outline(name, both[0].key, latest))
    merged = Merged(tuple(outlines), (*whole.variants, variant))
    return merged if all(_reproduces(merged, v) for v in merged.variants) else None


def _order(first: Sequence[str], second: Sequence[str]) -> list[str] | None:
    """The shortest order that holds both, or None if they contradict."""
    names: list[str] = []
    done = 0
    for name in second:
        if name in first:
            upto = first.index(name) + 1
            if upto <= done:
                return None
            names += first[done:upto]
            done = upto
        else:
            names.append(name)
    return [*names, *first[done:]]


def _when(source: Source, place: dict[str, int]) -> int:
    return place[source] if isinstance(source, str) else source


def _reproduces(merged: Merged, variant: tuple[Outline, ...]) -> bool:
    """Whether leaving out what the variant lacks gives the variant."""
    by_name = {o.name: o for o in merged.outlines}
    present = {o.name for o in variant}

    def through(source: Source) -> Source:
        while isinstance(source, str) and source not in present:
            source = by_name[source].inputs[0]
        return source

    same = all(o.inputs == tuple(through(s) for s in by_name[o.name].inputs) for o in variant)
    return same and through(merged.outlines[-1].name) == variant[-1].name
