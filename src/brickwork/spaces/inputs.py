"""Kinds of samples, told by their number of axes: what a space is for, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from brickwork.errors import SpaceError
from brickwork.space import Shape, Space, graph

__all__ = ["KINDS", "expect", "kinds_of"]

KINDS: Mapping[str, Shape] = {
    "rows": (16,),
    "series": (3, 128),
    "images": (3, 32, 32),
    "volumes": (1, 16, 16, 16),
}
"""Each kind with the shape of an ordinary sample."""

_LONG: Mapping[str, str] = {
    "rows": "rows of ids or columns (length,)",
    "series": "series (channels, length)",
    "images": "images (channels, height, width)",
    "volumes": "volumes (channels, depth, height, width)",
}


def expect(space: str, input: Shape, *kinds: str) -> None:
    """Refuse samples that a space is not made for.

    Args:
        space: Its name.
        input: Shape of a sample.
        kinds: What it is made for, of ``KINDS``.

    Raises:
        SpaceError: The sample is of another kind.
    """
    if len(input) not in [len(KINDS[kind]) for kind in kinds]:
        wanted = " or ".join(_LONG[kind] for kind in kinds)
        raise SpaceError(f"space {space!r} needs {wanted}, got a sample of shape {input}")


def kinds_of(make: Callable[[Shape], Space]) -> tuple[str, ...]:
    """The kinds of samples that a space takes, found by trying an ordinary one of each.

    A space says what it does not take; of a single network it shows in its graph.
    """
    found = []
    for kind, input in KINDS.items():
        try:
            space = make(input)
            if space.size() == 1:
                graph(space, space.arch(), input, 2)
        except SpaceError:
            continue
        found.append(kind)
    return tuple(found)
