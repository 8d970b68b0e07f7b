"""What a space was made for, as it is recorded: out of it the graph of any member is made again."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brickwork.errors import BrickworkError, SpaceError
from brickwork.names import SPACES, load, make_space
from brickwork.own import is_own
from brickwork.space import Arch, Graph, Normalize, Shape, Space, graph
from brickwork.spaces.references import PUBLISHED
from brickwork.tasks.task import FORM

__all__ = ["MadeFor"]

_KEYS = ("input", "outputs", "normalize", "forms", "facts")
_USUAL = 1000  # outputs, as ImageNet has classes


@dataclass(frozen=True)
class MadeFor:
    """A space, and the data that it was made for.

    Attributes:
        name: Of the space.
        data: ``input`` and ``outputs``; where there are any ``normalize`` (mean and standard
            deviation), ``forms`` (input and ``normalize`` of each) and ``facts``, as they are
            recorded.
    """

    name: str
    data: Mapping[str, Any]

    @classmethod
    def usual(cls, name: str) -> MadeFor:
        """What a network was published with, or what its space is usually for.

        Raises:
            BrickworkError: There is no such space, or it does not say.
        """
        if name in PUBLISHED:
            shape, outputs = PUBLISHED[name]
            return cls(name, {"input": shape, "outputs": outputs})
        known = inspect.signature(load(SPACES, "space", name)).parameters.get("input")
        if known is None or known.default is inspect.Parameter.empty:
            raise BrickworkError(
                f"{name} does not say what it is usually for: give its argument 'input' a default, "
                "such as (3, 32, 32)"
            )
        return cls(name, {"input": known.default, "outputs": _USUAL})

    @functools.cached_property
    def space(self) -> Space:
        """The space."""
        forms = tuple(self.data.get("forms", ()))
        return make_space(self.name, self.input, self.data.get("facts"), forms)

    @property
    def input(self) -> Shape:
        """Shape of a sample, before it is made into a form."""
        return tuple(self.data["input"])

    @property
    def outputs(self) -> int:
        """How many numbers, or channels, a network gives."""
        return int(self.data["outputs"])

    def graph(self, arch: Arch) -> Graph:
        """The graph of a member on these data.

        Raises:
            SpaceError: It is no member, or does not fit.
        """
        reason = self.space.why_invalid(arch)
        if reason:
            raise SpaceError(f"this is no member of the space {self.name!r}: {reason}")
        form = self.data.get("forms", {}).get(self.space.recipe(arch).get(FORM), self.data)
        scale = form.get("normalize")
        normalize = Normalize(*map(tuple, scale)) if scale else None
        return graph(self.space, arch, tuple(form["input"]), self.outputs, normalize)

    def but(self, input: Shape | None = None, outputs: int | None = None) -> MadeFor:
        """The same with another shape or number of outputs, where one is given."""
        given = {"input": input, "outputs": outputs}
        changed = {key: value for key, value in given.items() if value is not None}
        return MadeFor(self.name, {**self.data, **changed})

    def to_json(self) -> dict[str, Any]:
        """As a file says it; a space of the user is named by its file without folders."""
        name = Path(self.name).name if is_own(self.name) else self.name
        return {"space": name, **{key: self.data[key] for key in _KEYS if self.data.get(key)}}

    @classmethod
    def from_json(cls, data: Any) -> MadeFor:
        """Read what ``to_json`` gives.

        Raises:
            BrickworkError: It is something else.
        """
        if not isinstance(data, dict) or not {"space", "input", "outputs"} <= set(data):
            raise BrickworkError("'made_for' is an object with space, input and outputs")
        return cls(data["space"], {key: data[key] for key in _KEYS if key in data})
