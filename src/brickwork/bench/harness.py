"""Runs a search on a table, with a simulated clock and several workers."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from brickwork.bench.setting import Setting
from brickwork.errors import TrainingError
from brickwork.objective import broken
from brickwork.strategies.base import Strategy
from brickwork.trial import Proposal, State, Trial

__all__ = ["Told", "ended", "run"]


@dataclass(frozen=True, slots=True)
class Told:
    """An evaluation that has ended.

    Attributes:
        row: Of the table; None for a network that it lacks, or that breaks a limit.
        fidelity: At which it was asked for.
        clock: Simulated seconds at which it ended; see ``Setting.seconds``.
        spent: Whole trainings asked for so far, by compute, this one included.
        repetition: Which training of the network it was.
    """

    row: int | None
    fidelity: float
    clock: float
    spent: float
    repetition: int = 0


def run(
    strategy: Strategy,
    setting: Setting,
    evals: float,
    workers: int = 1,
    tell: Callable[[Strategy, Trial], None] = lambda strategy, trial: strategy.tell(trial),
) -> list[Told]:
    """Ask and tell until the compute is spent.

    Every proposal counts, also one that the table lacks or that breaks a limit: the search has
    lost an evaluation.

    Args:
        strategy: Asked for one proposal whenever a worker is free.
        setting: The table.
        evals: Compute, in whole trainings.
        workers: Trainings that run at once.
        tell: What tells the strategy (a test may tell out of order).

    Returns:
        The evaluations, in the order in which they ended.
    """
    open_: list[tuple[float, int, Proposal]] = []
    found: list[Told] = []
    clock, spent, number, dry = 0.0, 0.0, 0, False
    while True:
        while len(open_) < workers and spent < evals - 1e-9 and not dry:
            asked = strategy.ask(1)
            dry = not asked
            for proposal in asked:
                heapq.heappush(open_, (clock + setting.seconds(proposal), number, proposal))
                spent += proposal.fidelity
                number += 1
        if not open_:
            return found
        clock, order, proposal = heapq.heappop(open_)
        trial = ended(setting, order, proposal, clock)
        sound = trial.state is State.DONE
        row = setting.row[proposal.arch.id] if sound else None
        done = found[-1].spent if found else 0.0
        part = proposal.fidelity
        found.append(Told(row, part, clock, done + part, proposal.repetition))
        tell(strategy, trial)
        dry = False


def ended(setting: Setting, number: int, proposal: Proposal, clock: float = 0.0) -> Trial:
    """The trial that a proposal becomes: its costs first, then its score."""
    if proposal.arch.id not in setting.row:
        return Trial(number, proposal, State.FAILED, cause="not in the table", finished_s=clock)
    metrics = dict(setting.known(proposal.arch))
    cause = broken(metrics, setting.limits)
    if cause:
        return Trial(number, proposal, State.INFEASIBLE, metrics, cause, finished_s=clock)
    try:
        found = setting.estimate(proposal)
    except TrainingError as error:
        return Trial(number, proposal, State.FAILED, metrics, str(error), finished_s=clock)
    return Trial(
        number,
        proposal,
        State.DONE,
        {**metrics, **found.metrics},
        seconds=found.seconds,
        finished_s=clock,
    )
