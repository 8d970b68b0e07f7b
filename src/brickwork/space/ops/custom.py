"""A user's own module in a space.

Brickwork cannot look into it: it is chosen, trained and counted by what its author says of it, it
is not sliced, and it exports through torch only.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from brickwork.errors import SpaceError
from brickwork.space.choice import Choice, Option
from brickwork.space.ops.base import Op, Shape

__all__ = ["Custom", "Description", "imported"]


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of a user's module without building it.

    Attributes:
        shape: What comes out for one sample, ``(channels, *spatial)``.
        weights: Shape of each trained weight by its key in the state dict.
        macs: Multiply-accumulates for one sample.
        buffers: Shape of each part of the state that is not trained, likewise.
    """

    shape: Shape
    weights: Mapping[str, Shape] = field(default_factory=dict)
    macs: int = 0
    buffers: Mapping[str, Shape] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Custom(Op):
    """A user's own ``nn.Module`` with one input and one output.

    It is named by import paths, so that a space stays JSON and workers can make it again; they
    must be able to import it. Making a graph of such a space runs the code that it names.

    Attributes:
        make: ``"package.module:callable"``; ``make(input_shape, **arguments)`` gives the module.
        describe: Likewise; ``describe(input_shape, **arguments)`` gives its ``Description``. It is
            called for every candidate, so it should not import torch.
        arguments: Pairs of name and value; a value may be a ``Choice``.

    Raises:
        SpaceError: The arguments are not pairs.
    """

    make: str
    describe: str
    arguments: tuple[tuple[str, Option | Choice[Any]], ...] = ()
    kind: ClassVar[str] = "custom"

    def __post_init__(self) -> None:
        pairs = isinstance(self.arguments, tuple) and all(
            isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)
            for pair in self.arguments
        )
        if not pairs:
            raise SpaceError(f"arguments are pairs (name, value), got {self.arguments!r}")

    def described(self, inputs: Sequence[Shape]) -> Description:
        """What the user says of the module for these inputs.

        Raises:
            SpaceError: It cannot be imported, or does not give a ``Description``.
        """
        (shape,) = inputs
        found = imported(self.describe)(shape, **dict(self.arguments))
        if not isinstance(found, Description):
            raise SpaceError(f"{self.describe} gives {found!r}, not a Description")
        return found

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return tuple(self.described(inputs).shape)

    def weights(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        return self.described(inputs).weights

    def buffers(self, inputs: Sequence[Shape]) -> Mapping[str, Shape]:
        return self.described(inputs).buffers

    def macs(self, inputs: Sequence[Shape], out: Shape) -> int:
        return self.described(inputs).macs


def imported(path: str) -> Callable[..., Any]:
    """What an import path ``"package.module:callable"`` leads to.

    Raises:
        SpaceError: It leads to nothing that can be called.
    """
    module, _, name = path.partition(":")
    if not module or not name:
        raise SpaceError(f"{path!r} is not an import path: write 'package.module:callable'")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SpaceError(
            f"cannot import {path!r}: {error} (workers import it too: install its package or put "
            "its folder on PYTHONPATH)"
        ) from error
    if not callable(found):
        raise SpaceError(f"{path!r} is {found!r}, which cannot be called")
    return found  # type: ignore[no-any-return]  # it is callable
