"""Where buffers lie in one block of memory, so that those alive at the same time never overlap.

No plan can be smaller than the bytes that are alive at once at the worst moment, the *bound*; most
networks reach it. Several orders of placing each buffer at the lowest free place are tried; then
the buffers that stick out move forward in them, a little each time; then all plans are searched,
which is exact for small networks and is given up for large ones after a fixed amount of work. Equal
sizes and lifetimes always give the same plan.

References: Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020
(greedy by size and by breadth); Sekiyama et al., "Profile-guided memory optimization for deep
neural networks", 2018 (the problem as rectangles in time and memory); Joslin and Clements, "Squeaky
wheel optimization", 1999 (who is served badly is served earlier next time).
Differs from them: a fixed pattern takes the place of chance, and the search.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Arena", "plan_arena"]

STEPS = 250_000
"""Buffers that the search may look at before it gives up."""

_ROUNDS = 50  # of moving forward what sticks out, for each order and pace
_PACES = (0.02, 0.1)  # by how much of the order it moves, at least

Lifetime = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Arena:
    """A plan of memory.

    Attributes:
        offsets: Where each buffer begins.
        total: Bytes of the arena.
        bound: The bytes alive at once at the worst moment, alignment included: no plan is smaller.
    """

    offsets: tuple[int, ...]
    total: int
    bound: int


def plan_arena(
    sizes: Sequence[int], lifetimes: Sequence[Lifetime], alignment: int = 1, steps: int = STEPS
) -> Arena:
    """Offsets for buffers.

    Args:
        sizes: Bytes of each buffer.
        lifetimes: First and last moment at which each is needed, both included.
        alignment: Every offset is a multiple of it.
        steps: How many buffers the search may look at; with 0 there is none.

    Raises:
        ValueError: The lists differ in length, a lifetime ends before it begins, a size is
            negative, or the alignment is not positive.
    """
    if len(sizes) != len(lifetimes):
        raise ValueError(f"{len(sizes)} sizes and {len(lifetimes)} lifetimes: give as many of each")
    if alignment < 1 or min(sizes, default=0) < 0:
        raise ValueError("the alignment must be positive and sizes not negative")
    if bad := [life for life in lifetimes if life[1] < life[0]]:
        raise ValueError(f"the lifetime {bad[0]} ends before it begins")
    problem = _Problem([-(-size // alignment) for size in sizes], lifetimes)
    offsets, total = problem.solved(steps)
    bound = problem.bound
    return Arena(tuple(at * alignment for at in offsets), total * alignment, bound * alignment)


class _Problem:
    """Buffers in units of the alignment; those without bytes lie at 0 and are in nobody's way."""

    def __init__(self, sizes: list[int], lifetimes: Sequence[Lifetime]) -> None:
        self.sizes = sizes
        self.buffers = [i for i, size in enumerate(sizes) if size]
        moments = sorted({lifetimes[i][0] for i in self.buffers})
        # Only moments at which a buffer is born matter: between two of them buffers only die.
        self.lives = [
            [k for k, moment in enumerate(moments) if first <= moment <= last]
            for first, last in lifetimes
        ]
        alive: list[list[int]] = [[] for _ in moments]
        for i in self.buffers:
            for k in self.lives[i]:
                alive[k].append(i)
        self.alive = alive
        self.rivals = [
            sorted({j for k in self.lives[i] for j in alive[k]} - {i}) for i in range(len(sizes))
        ]
        self.loads = [sum(sizes[i] for i in group) for group in alive]
        self.bound = max(self.loads, default=0)

    def solved(self, steps: int) -> tuple[list[int], int]:
        """The best offsets found, and how far they reach."""
        best: list[int] = []
        total = sum(self.sizes) + 1  # more than any order needs
        for offsets in self._tries():
            reach = self._reach(offsets)
            if reach < total:
                best, total = offsets, reach
            if total == self.bound:
                return best, total
        found = _Search(self, total, steps).run()
        return found if found is not None else (best, total)

    def _tries(self) -> Iterator[list[int]]:
        """Offsets from several orders, then from the same after repairs."""
        orders = list(self._orders())
        yield from map(self._first_fit, orders)
        for pace in _PACES:
            for order in orders:
                yield from self._repairs(order, pace * len(order))

    def _repairs(self, order: list[int], pace: float) -> Iterator[list[int]]:
        """Offsets from an order in which the buffers that end above the bound move forward."""
        rank = {buffer: float(place) for place, buffer in enumerate(order)}
        for turn in range(_ROUNDS):
            offsets = self._first_fit(sorted(order, key=lambda i: (rank[i], i)))
            yield offsets
            for i in order:
                above = offsets[i] + self.sizes[i] - self.bound
                if above > 0:
                    varied = 1.0 + (i * 7919 + turn * 104729) % 10 / 10  # else it may go in circles
                    rank[i] -= pace * varied * (0.2 + above / self.sizes[i])

    def _reach(self, offsets: list[int]) -> int:
        return max((offsets[i] + self.sizes[i] for i in self.buffers), default=0)

    def _orders(self) -> Iterator[list[int]]:
        """Orders in which to place buffers."""
        sizes, lives = self.sizes, self.lives
        yield sorted(self.buffers, key=lambda i: (-sizes[i], lives[i][0]))
        yield sorted(self.buffers, key=lambda i: (-len(lives[i]), -sizes[i], lives[i][0]))
        yield sorted(self.buffers, key=lambda i: (-sizes[i] * len(lives[i]), lives[i][0]))
        moments = sorted(range(len(self.loads)), key=lambda k: (-self.loads[k], k))
        yield list(dict.fromkeys(i for k in moments for i in sorted(self.alive[k], key=self._size)))
        yield sorted(self.buffers, key=lambda i: (lives[i][0], -sizes[i]))
        yield sorted(self.buffers, key=lambda i: (-lives[i][-1], -sizes[i]))

    def _size(self, buffer: int) -> int:
        return -self.sizes[buffer]

    def _first_fit(self, order: list[int]) -> list[int]:
        """Each buffer at the lowest place that is free while it lives."""
        offsets = [-1] * len(self.sizes)
        for i in order:
            taken = sorted(
                [
                    (offsets[j], offsets[j] + self.sizes[j])
                    for j in self.rivals[i]
                    if offsets[j] >= 0
                ]
            )
            at = 0
            for start, end in taken:
                if at + self.sizes[i] <= start:
                    break
                at = max(at, end)
            offsets[i] = at
        return [max(0, at) for at in offsets]


class _Search:
    """All plans in which buffers are stacked in the order of their offsets.

    Sorted by offset, the buffers of any plan can be pushed down, one after the other, onto the
    highest of those below that live at the same time. So it is enough to try orders, with offsets
    that never fall. A partial plan is given up when what is still to come does not fit on it at
    some moment; one whose next buffer could slide below another that is still free is not tried.
    """

    def __init__(self, problem: _Problem, total: int, steps: int) -> None:
        self.problem = problem
        self.best = total
        self.steps = steps
        self.found: list[int] | None = None
        self.levels = [0] * len(problem.loads)
        self.left = list(problem.loads)
        self.offsets = [0] * len(problem.sizes)

    def run(self) -> tuple[list[int], int] | None:
        """Offsets that reach less far than what was known, and how far; None if there are none."""
        free = list(self.problem.buffers)
        paths = [self._choices(free, 0, -1)]
        undo: list[tuple[int, list[int]]] = []
        while paths and self.steps > 0:
            choice = next(paths[-1], None)
            if choice is None:
                paths.pop()
                if undo:
                    free.append(self._lift(*undo.pop()))
                continue
            buffer, at = choice
            undo.append((buffer, self._place(buffer, at)))
            free.remove(buffer)
            if not free:
                self.found = list(self.offsets)
                self.best = max(self.levels)
                if self.best == self.problem.bound:
                    break
            paths.append(self._choices(free, at, buffer))
        return None if self.found is None else (self.found, self.best)

    def _place(self, buffer: int, at: int) -> list[int]:
        """Put a buffer down; what the levels were before."""
        size, moments = self.problem.sizes[buffer], self.problem.lives[buffer]
        before = [self.levels[k] for k in moments]
        for k in moments:
            self.levels[k] = at + size
            self.left[k] -= size
        self.offsets[buffer] = at
        return before

    def _lift(self, buffer: int, before: list[int]) -> int:
        """Take a buffer away again."""
        for k, level in zip(self.problem.lives[buffer], before, strict=True):
            self.levels[k] = level
            self.left[k] += self.problem.sizes[buffer]
        return buffer

    def _choices(self, free: list[int], lowest: int, last: int) -> Iterator[tuple[int, int]]:
        """What may be placed next, and where: the lowest first, of these the largest."""
        problem = self.problem
        self.steps -= len(free)
        places = [(max([self.levels[k] for k in problem.lives[i]]), i) for i in free]
        ceiling = min([at + problem.sizes[i] for at, i in places], default=0)
        allowed = [
            (at, -problem.sizes[i], i)
            for at, i in places
            if at < ceiling and (at > lowest or (at == lowest and i > last))
        ]
        for at, _, i in sorted(allowed):
            if self._fits(i, at):
                yield i, at

    def _fits(self, buffer: int, at: int) -> bool:
        """Whether all that is to come can still end below the best plan."""
        lives = set(self.problem.lives[buffer])
        if any(at + self.left[k] >= self.best for k in lives):
            return False
        return all(
            max(level, at) + left < self.best
            for k, (level, left) in enumerate(zip(self.levels, self.left, strict=True))
            if left and k not in lives
        )
