"""What a strategy may do before its search, and what it leaves: values and files, no algorithm.

A preparation runs on each worker, with a number and so with a seed of its own, inside the time of
the search. It leaves trained supernets, or suggestions: architectures that are worth a training.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from brickwork.space import Arch

__all__ = ["Allowance", "Suggestion", "Suggestions", "keep"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a preparation is given.

    Attributes:
        number: Which of the run's preparations it is: there is one for each worker.
        search_s: Wall-clock seconds of the search that it is a part of. How much is done follows
            from these and a nominal core, so that a seed and a budget determine it.
        end: When it ends at the latest, on the monotonic clock.
        checkpoint: Where it may leave what it goes on from when it is interrupted.
    """

    number: int
    search_s: float
    end: float
    checkpoint: Path


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An architecture that is worth a training.

    Attributes:
        arch: The architecture.
        score: More is better; None where there is none. Scores of all workers are comparable.
    """

    arch: Arch
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What a preparation found.

    Attributes:
        found: The architectures, the best first.
        said: A plain sentence for the report; empty where there is nothing to say.
    """

    found: tuple[Suggestion, ...] = ()
    said: str = ""

    def to_json(self) -> dict[str, Any]:
        found = [{"arch": one.arch.to_json(), "score": one.score} for one in self.found]
        return {"found": found, "said": self.said}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Suggestions:
        found = (Suggestion(Arch.from_json(one["arch"]), one["score"]) for one in data["found"])
        return cls(tuple(found), data["said"])

    @classmethod
    def merged(cls, several: Iterable[Suggestions]) -> Suggestions:
        """Those of several preparations: the first of each, then the second of each, and so on."""
        several = list(several)
        rounds = zip_longest(*(one.found for one in several))
        found: dict[str, Suggestion] = {}
        for one in chain.from_iterable(rounds):
            if one is not None:
                found.setdefault(one.arch.id, one)
        said = dict.fromkeys(one.said for one in several if one.said)
        return cls(tuple(found.values()), " ".join(said))


def keep(path: Path, data: bytes) -> None:
    """Write a file so that it is there as a whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.rename(path)
