"""One point of a space."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from brickwork.errors import SpaceError
from brickwork.space.choice import Option

__all__ = ["Arch"]


@dataclass(frozen=True, slots=True)
class Arch:
    """The active decisions of one architecture, sorted by name.

    Two assignments that differ only in an inactive decision are the same architecture.

    Attributes:
        space: Name of the space.
        choices: Pairs of decision and option, sorted.
        id: Hash of its canonical JSON, 12 hexadecimal digits.
    """

    space: str
    choices: tuple[tuple[str, Option], ...]
    _id: list[str] = field(default_factory=list, repr=False, compare=False, hash=False)

    @classmethod
    def of(cls, space: str, choices: Mapping[str, Option]) -> Arch:
        return cls(space, tuple(sorted(choices.items())))

    @property
    def id(self) -> str:
        if not self._id:  # computed once: hashing costs more than all else that is done with it
            text = json.dumps([self.space, self.choices], separators=(",", ":"))
            self._id.append(hashlib.sha256(text.encode()).hexdigest()[:12])
        return self._id[0]

    def to_json(self) -> dict[str, Any]:
        return {"space": self.space, "choices": dict(self.choices)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Arch:
        """Read what ``to_json`` wrote.

        Raises:
            SpaceError: The data has another form.
        """
        choices = data.get("choices") if isinstance(data, Mapping) else None
        if not isinstance(choices, Mapping) or not isinstance(data.get("space"), str):
            raise SpaceError('an architecture is JSON {"space": NAME, "choices": {NAME: OPTION}}')
        return cls.of(data["space"], choices)
