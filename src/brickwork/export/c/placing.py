"""The order in which jobs run, and where their tensors lie in the arena.

A job that computes each number of its output from the number at the same place of an input (a sum,
a product, a function of one number; a softmax, once it has added up those of a position) may write
over that input if nobody reads it afterwards: the number is read before it is written. Every other
job writes to bytes that nothing alive occupies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from brickwork.devices.fusion import Fused, Step
from brickwork.devices.memory import best_order, live_elements
from brickwork.devices.planner import Arena, plan_arena
from brickwork.export.c.jobs import Job, jobs_of
from brickwork.export.integer.network import IntegerNetwork

__all__ = ["Placed", "place"]

_POINTWISE = frozenset(
    {"ADD", "MUL", "RELU", "RELU6", "LOGISTIC", "TANH", "HARD_SWISH", "GELU", "SOFTMAX"}
)


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A network as it is executed.

    Attributes:
        network: The network.
        jobs: In the order of execution.
        offsets: Where in the arena each tensor of the program begins; -1 for those that nobody
            needs any more.
        output: The tensor that holds what the network gives.
        arena: The plan of the buffers.
    """

    network: IntegerNetwork
    jobs: tuple[Job, ...]
    offsets: tuple[int, ...]
    output: int
    arena: Arena


def place(network: IntegerNetwork, alignment: int = 1) -> Placed:
    """Order and plan.

    Raises:
        ExportError: The network computes nothing.
    """
    jobs, output = jobs_of(network)
    sizes = [prod(shape) for shape in network.program.shapes]
    over = _overwritten(jobs, sizes, output)
    jobs, over = _ordered(jobs, over, sizes, output)
    buffer = list(range(len(sizes)))  # the first tensor of those that share its bytes
    first, last = {0: 0}, {0: 0}
    for moment, (job, victim) in enumerate(zip(jobs, over, strict=True)):
        for tensor in job.inputs:
            last[buffer[tensor]] = moment
        if victim >= 0:
            buffer[job.output] = buffer[victim]
        else:
            first[job.output] = moment
        last[buffer[job.output]] = moment
    last[buffer[output]] = len(jobs) - 1
    kept = sorted(first)
    lifetimes = [(first[b], last[b]) for b in kept]
    arena = plan_arena([sizes[b] for b in kept], lifetimes, alignment)
    at = dict(zip(kept, arena.offsets, strict=True))
    offsets = tuple([at.get(b, -1) for b in buffer])
    return Placed(network, tuple(jobs), offsets, output, arena)


def _overwritten(jobs: Sequence[Job], sizes: Sequence[int], output: int) -> list[int]:
    """For each job the tensor that it may write over in every order of execution, or -1.

    That is one of its size whose other readers all come before it, because it needs them.
    """
    readers: dict[int, int] = {}  # bit masks of jobs
    for index, job in enumerate(jobs):
        for tensor in job.inputs:
            readers[tensor] = readers.get(tensor, 0) | 1 << index
    writer = {job.output: index for index, job in enumerate(jobs)}
    before: list[int] = []
    found = []
    for index, job in enumerate(jobs):
        needs = 0
        for tensor in job.inputs:
            if tensor in writer:
                needs |= before[writer[tensor]] | 1 << writer[tensor]
        before.append(needs)
        victims = [
            tensor
            for tensor in job.inputs
            if job.layer.kind in _POINTWISE
            and sizes[tensor] == sizes[job.output]
            and tensor != output
            and not readers[tensor] & ~needs & ~(1 << index)
        ]
        found.append(victims[0] if victims else -1)
    return found


def _ordered(
    jobs: list[Job], over: list[int], sizes: Sequence[int], output: int
) -> tuple[list[Job], list[int]]:
    """Jobs in an order that keeps the fewest bytes alive, between moments with one live tensor."""
    order: list[int] = []
    entry = 0
    begin = 0
    for end in _cuts(jobs, output):
        part = range(begin, end)
        local = {entry: 0} | {jobs[i].output: i - begin + 1 for i in part}
        steps = [
            Step(
                node=i,
                reads=tuple(dict.fromkeys(local[t] for t in jobs[i].inputs)),
                writes=i - begin + 1,
                # what is written over what is read needs no room of its own
                scratch=-sizes[jobs[i].output] if over[i] >= 0 else 0,
            )
            for i in part
        ]
        bytes_of = [sizes[entry], *(sizes[jobs[i].output] for i in part)]
        entry = output if end == len(jobs) else jobs[end - 1].output
        plan = Fused(tuple(steps), tuple(bytes_of), local[entry], ())
        found = _best(plan)
        order += [begin + k for k in found]
        begin = end
    return [jobs[i] for i in order], [over[i] for i in order]


def _best(plan: Fused) -> list[int]:
    """The order of a part that keeps the fewest bytes alive; the given one if none is better."""
    given = list(range(len(plan.steps)))
    peak = max(live_elements(plan, given))
    least = max(
        sum(plan.sizes[buffer] for buffer in (*step.reads, step.writes)) + step.scratch
        for step in plan.steps
    )
    if peak == least:  # what a step needs while it runs cannot be helped
        return given
    found = best_order(plan)
    return found if max(live_elements(plan, found)) < peak else given


def _cuts(jobs: Sequence[Job], output: int) -> list[int]:
    """After how many jobs what they gave last is all that is still needed."""
    last = {tensor: index for index, job in enumerate(jobs) for tensor in job.inputs}
    last[output] = len(jobs)
    cuts = []
    alive: set[int] = {0}
    for index, job in enumerate(jobs):
        alive = {tensor for tensor in alive | {job.output} if last.get(tensor, -1) > index}
        if alive == {job.output}:
            cuts.append(index + 1)
    return cuts if cuts and cuts[-1] == len(jobs) else [*cuts, len(jobs)]
