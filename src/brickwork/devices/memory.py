"""Peak activation memory: which order of execution keeps the fewest bytes alive.

A buffer lives from the step that writes it to the last step that reads it; the input of the
network lives while it is needed, the output to the end. Where branches can be executed in more
than one order, the orders differ in their peak.

A graph is a chain of fragments with one input and one output each, so between two fragments only
one buffer is alive and the peak of the graph is the largest peak of a fragment, whose best order
can be found (and remembered) on its own. Inside a fragment the search runs over sets of executed
steps that are closed under "comes before" (the downsets of the dependency order): what is alive
depends on the set alone, not on the order that led to it. A best-first search over these sets for
the path with the smallest peak is exact; past ``STATES`` sets a beam search takes over, whose order
is valid and whose peak is an upper bound.

References: Ahn et al., "Ordering Chaos: Memory-Aware Scheduling of Irregularly Wired Neural
Networks for Edge Devices", MLSys 2020 (dynamic programming over executed sets); Liberis and Lane,
"Neural networks on microcontrollers: saving memory at inference via operator reordering", 2019.
Differs from them: best-first instead of layer by layer, and a step that costs nothing is taken at
once (see ``_Plan.free``).
"""

from __future__ import annotations

import functools
import heapq
from collections.abc import Mapping
from math import prod

from brickwork.devices.fusion import CACHE, Fused, fused
from brickwork.space import Fragment, Graph

__all__ = ["BYTES", "best_order", "element_bytes", "live_elements", "memory_profile", "peak_sram"]

BYTES: Mapping[str, int] = {"int8": 1, "float32": 4}
"""Bytes of one element of an activation at each precision."""


def element_bytes(precision: str) -> int:
    """Bytes of one element of an activation.

    Raises:
        ValueError: The precision is neither ``"int8"`` nor ``"float32"``.
    """
    if precision not in BYTES:
        raise ValueError(f"unknown precision {precision!r}: int8 and float32 are known")
    return BYTES[precision]


STATES = 20_000
"""Executed sets that the exact search may visit in one fragment."""

_BEAM = 64


def peak_sram(graph: Graph, precision: str) -> int:
    """Bytes of the largest set of activations that are alive at once, in the best order.

    Args:
        graph: The network.
        precision: ``"int8"`` (one byte an element) or ``"float32"`` (four).

    Raises:
        ValueError: The precision is neither.
    """
    size = element_bytes(precision)
    return size * max(map(_peak, graph.parts), default=prod(graph.input))


def memory_profile(graph: Graph, precision: str) -> list[tuple[str, int]]:
    """The bytes alive while each executed op runs, in the best order.

    Returns:
        Pairs of the op's name and live bytes; the largest is ``peak_sram`` (a network without
        executed ops has none).

    Raises:
        ValueError: The precision is neither ``"int8"`` nor ``"float32"``.
    """
    size = element_bytes(precision)
    profile: list[tuple[str, int]] = []
    offset = 1  # the first node of a graph is its input
    for part in graph.parts:
        plan = fused(part)
        order = best_order(plan)
        for step, live in zip(order, live_elements(plan, order), strict=True):
            profile.append((graph.nodes[plan.steps[step].node + offset].name, size * live))
        offset += len(part.nodes)
    return profile


def live_elements(plan: Fused, order: list[int]) -> list[int]:
    """The elements alive during each step of an order, its own output and scratch included."""
    left = [0] * len(plan.sizes)
    for step in plan.steps:
        for buffer in step.reads:
            left[buffer] += 1
    left[plan.output] += 1  # never freed
    live = plan.sizes[0] if left[0] else 0
    found: list[int] = []
    for index in order:
        step = plan.steps[index]
        live += plan.sizes[step.writes]
        found.append(live + step.scratch)
        for buffer in step.reads:
            left[buffer] -= 1
            if not left[buffer]:
                live -= plan.sizes[buffer]
        if not left[step.writes]:  # nobody reads it
            live -= plan.sizes[step.writes]
    return found


def best_order(plan: Fused) -> list[int]:
    """An order of the steps with the smallest peak (exact up to ``STATES`` sets)."""
    if _only_one_order(plan):
        return list(range(len(plan.steps)))
    search = _Plan(plan)
    order = search.exact(STATES)
    return search.beam(_BEAM) if order is None else order


@functools.lru_cache(maxsize=CACHE)
def _peak(fragment: Fragment) -> int:
    """Elements alive at the peak of a fragment."""
    plan = fused(fragment)
    if not plan.steps:
        return plan.sizes[0]
    return max(live_elements(plan, best_order(plan)))


def _only_one_order(plan: Fused) -> bool:
    """Whether every step reads what the one before it wrote."""
    return all(index in step.reads for index, step in enumerate(plan.steps) if index)


class _Plan:
    """The search for the best order of one fragment; sets of steps are bit masks."""

    def __init__(self, plan: Fused) -> None:
        self.count = len(plan.steps)
        self.sizes = plan.sizes
        self.reads = [step.reads for step in plan.steps]
        self.scratch = [step.scratch for step in plan.steps]
        self.needs = [0] * self.count  # the steps that must come before
        self.readers = [0] * len(plan.sizes)
        for index, step in enumerate(plan.steps):
            for buffer in step.reads:
                self.readers[buffer] |= 1 << index
                if buffer:
                    self.needs[index] |= 1 << (buffer - 1)
        self.readers[plan.output] |= 1 << self.count  # a reader that never runs
        self.start = plan.sizes[0] if self.readers[0] else 0
        self.all = (1 << self.count) - 1

    def after(self, done: int, live: int, step: int) -> tuple[int, int, int]:
        """What is executed and alive after one more step, and what was alive during it."""
        written = live + self.sizes[step + 1]
        during = written + self.scratch[step]
        done |= 1 << step
        live = written if self.readers[step + 1] else live
        for buffer in self.reads[step]:
            if not self.readers[buffer] & ~done:
                live -= self.sizes[buffer]
        return done, live, during

    def ready(self, done: int) -> list[int]:
        return [
            step
            for step in range(self.count)
            if not done >> step & 1 and not self.needs[step] & ~done
        ]

    def free(self, done: int, live: int, peak: int) -> list[int]:
        """The steps to branch over: one alone if it neither raises the peak nor leaves more alive.

        Taking such a step at once loses nothing: moved to the front of any order, it leaves no set
        that comes later with more alive than before (whatever it frees now, it would have freed
        then, and what it writes is no larger), and during itself it stays below the peak.
        """
        steps = self.ready(done)
        for step in steps:
            _, left, during = self.after(done, live, step)
            if during <= peak and left <= live:
                return [step]
        return steps

    def exact(self, limit: int) -> list[int] | None:
        """The best order, or None when it takes more than ``limit`` executed sets."""
        came: dict[int, tuple[int, int]] = {}  # executed set -> (set before, step)
        best = {0: self.start}
        heap = [(self.start, 0, 0, self.start)]  # peak, minus steps done, executed set, alive
        while heap:
            peak, depth, done, live = heapq.heappop(heap)
            if done == self.all:
                return self._path(came)
            if peak > best[done]:
                continue
            for step in self.free(done, live, peak):
                next_done, next_live, during = self.after(done, live, step)
                next_peak = max(peak, during)
                if next_peak < best.get(next_done, next_peak + 1):
                    if len(best) >= limit:
                        return None
                    best[next_done] = next_peak
                    came[next_done] = (done, step)
                    heapq.heappush(heap, (next_peak, depth - 1, next_done, next_live))
        raise RuntimeError("the steps of a fragment depend on each other in a circle")

    def beam(self, width: int) -> list[int]:
        """A good order: the ``width`` best sets of each size are kept."""
        came: dict[int, tuple[int, int]] = {}
        level = {0: (self.start, self.start)}  # executed set -> (peak, alive)
        for _ in range(self.count):
            following: dict[int, tuple[int, int]] = {}
            for done, (peak, live) in level.items():
                for step in self.free(done, live, peak):
                    next_done, next_live, during = self.after(done, live, step)
                    state = (max(peak, during), next_live)
                    if next_done not in following or state < following[next_done]:
                        following[next_done] = state
                        came[next_done] = (done, step)
            kept = sorted(following.items(), key=lambda item: (item[1], item[0]))[:width]
            level = dict(kept)
        return self._path(came)

    def _path(self, came: dict[int, tuple[int, int]]) -> list[int]:
        order: list[int] = []
        done = self.all
        while done:
            done, step = came[done]
            order.append(step)
        return order[::-1]
