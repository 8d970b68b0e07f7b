"""What a strategy asks for, what becomes of it, and where randomness comes from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np

from brickwork.quantity import Quantity
from brickwork.space import Arch

__all__ = ["Proposal", "State", "Trial", "rng_for"]


class State(StrEnum):
    """What became of a trial."""

    WAITING = "waiting"  # proposed; not yet finished
    DONE = "done"  # trained and scored
    INFEASIBLE = "infeasible"  # breaks a limit; nothing was trained
    TWIN = "twin"  # the same graph was trained before; its score was taken over
    FAILED = "failed"  # did not give a score; ``cause`` says why


@dataclass(frozen=True, slots=True)
class Proposal:
    """An architecture that a strategy wants to know more about.

    Attributes:
        arch: The architecture.
        fidelity: The part of the full training compute to spend, in (0, 1].
        continues: The number of the trial whose training is to go on, if any.
        repetition: Which training of this architecture it is: each has a seed of its own.
    """

    arch: Arch
    fidelity: float = 1.0
    continues: int | None = None
    repetition: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """A proposal and what is known of it.

    Attributes:
        number: Its place in the study, from 0.
        proposal: What was asked.
        state: What became of it.
        metrics: Costs and, once trained, qualities (validation split).
        cause: Why it failed or is infeasible; empty otherwise.
        twin_of: The number of the trial with the same graph, for a twin.
        seconds: CPU seconds of training and measuring.
        finished_s: Seconds of search time (summed over interruptions) at which it ended.
    """

    number: int
    proposal: Proposal
    state: State = State.WAITING
    metrics: Mapping[str, Quantity] = field(default_factory=dict)
    cause: str = ""
    twin_of: int | None = None
    seconds: float = 0.0
    finished_s: float = 0.0

    @property
    def scored(self) -> bool:
        """Whether it carries a score that can be compared (trained, or a twin of a trained one)."""
        return self.state in (State.DONE, State.TWIN)

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "arch": self.proposal.arch.to_json(),
            "fidelity": self.proposal.fidelity,
            "continues": self.proposal.continues,
            "repetition": self.proposal.repetition,
            "state": str(self.state),
            "metrics": {name: q.to_json() for name, q in self.metrics.items()},
            "cause": self.cause,
            "twin_of": self.twin_of,
            "seconds": self.seconds,
            "finished_s": self.finished_s,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Trial:
        return cls(
            number=data["number"],
            proposal=Proposal(
                Arch.from_json(data["arch"]),
                data["fidelity"],
                data["continues"],
                data.get("repetition", 0),  # studies of earlier versions have none
            ),
            state=State(data["state"]),
            metrics={name: Quantity.from_json(q) for name, q in data["metrics"].items()},
            cause=data["cause"],
            twin_of=data["twin_of"],
            seconds=data["seconds"],
            finished_s=data["finished_s"],
        )

    def finished(self, state: State, **changes: Any) -> Trial:
        """This trial, ended in the given state."""
        return replace(self, state=state, **changes)


def rng_for(seed: int, *names: str | int) -> np.random.Generator:
    """An independent stream of random numbers for a purpose.

    The same seed and names give the same stream on every machine; different names give
    independent streams.
    """
    text = json.dumps([seed, *map(str, names)])  # ("a", "b") and ("a/b",) must differ
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
