"""A toy search problem: no torch, no data; the score is a function of the architecture."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from brickwork.engine.loop import Candidate
from brickwork.objective import Limit, Objective
from brickwork.quantity import How, Quantity
from brickwork.space import Choice, Conv, Seq, Space, graph
from brickwork.trial import Proposal, Trial, rng_for

SPACE = Space(
    "toy",
    Seq(Conv(Choice("w", tuple(range(1, 41))), 1), Conv(Choice("v", tuple(range(1, 41))), 1)),
)
OBJECTIVES = (Objective("accuracy"), Objective("parameters"))
LIMITS = (Limit.parse("parameters<=900"),)


class Wanderer:
    """A strategy whose proposals depend on everything it was told, in order."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.asked = 0
        self.heard: list[str] = []

    def ask(self, n: int) -> list[Proposal]:
        proposals = []
        for _ in range(n):
            rng = rng_for(self.seed, self.asked, *self.heard[-3:])
            self.asked += 1
            fidelity = 1.0 if self.asked % 3 else 0.25
            proposals.append(Proposal(SPACE.sample(rng), fidelity))
        return proposals

    def tell(self, trial: Trial) -> None:
        self.heard.append(f"{trial.number}{trial.state}")


def parameters(w: int, v: int) -> int:
    return 3 * w + w * v


def describe(proposal: Proposal) -> Candidate:
    choices = dict(proposal.arch.choices)
    count = parameters(int(choices["w"]), int(choices["v"]))
    whole = graph(SPACE, proposal.arch, (3, 8, 8), 10)
    return Candidate(whole.hash, {"parameters": Quantity(count, "1", How.COUNTED)})


def make(
    delay_s: float = 0.0, faults: bool = False
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The work: a score, or one of the things that go wrong."""

    def work(job: Mapping[str, Any]) -> dict[str, Any]:
        w, v = job["arch"]["choices"]["w"], job["arch"]["choices"]["v"]
        time.sleep(delay_s * (1 + (w + v) % 3))
        if faults:
            misbehave(job.get("fault", ""))
        score = (w % 7) / 7 * job["fidelity"]
        quantity = Quantity(score, "fraction", How.MEASURED)
        return {"metrics": {"accuracy": quantity.to_json()}, "seconds": 0.0, "checkpoint": b"w"}

    return work


def misbehave(fault: str) -> None:
    if fault == "killed":
        os.kill(os.getpid(), 9)
    if fault == "memory":
        bytearray(1 << 40)
    if fault == "slow":
        time.sleep(60)
    if fault == "error":
        raise ValueError("the reason\nand more")
    if fault == "threads":
        raise RuntimeError(os.environ["OMP_NUM_THREADS"])
