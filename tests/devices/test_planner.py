"""Plans of memory: never an overlap, never below the bound, exact where that can be checked."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickwork.devices.planner import Arena, plan_arena

LIFE = st.tuples(st.integers(0, 8), st.integers(0, 8)).map(lambda pair: tuple(sorted(pair)))
BUFFER = st.tuples(st.integers(0, 30), LIFE)
BUFFERS = st.lists(BUFFER, max_size=14)
FEW = st.lists(BUFFER, max_size=5)

Buffers = list[tuple[int, tuple[int, int]]]


def planned(buffers: Buffers, alignment: int = 1, **settings: int) -> Arena:
    sizes, lives = [size for size, _ in buffers], [life for _, life in buffers]
    return plan_arena(sizes, lives, alignment, **settings)


def alive(buffers: Buffers, moment: int) -> list[int]:
    return [i for i, (_, (first, last)) in enumerate(buffers) if first <= moment <= last]


def smallest(buffers: Buffers) -> int:
    """By trying every order: the offsets of a best plan, sorted, are such an order."""
    best = sum(size for size, _ in buffers)
    for order in itertools.permutations(range(len(buffers))):
        offsets: dict[int, int] = {}
        for i in order:
            offsets[i] = lowest(buffers, i, offsets)
        best = min(best, max((offsets[i] + buffers[i][0] for i in order), default=0))
    return best


def lowest(buffers: Buffers, i: int, offsets: dict[int, int]) -> int:
    size, (first, last) = buffers[i]
    rivals = [j for j in offsets if buffers[j][1][0] <= last and first <= buffers[j][1][1]]
    places = [0, *[offsets[j] + buffers[j][0] for j in rivals]]
    return min(
        at
        for at in places
        if all(at + size <= offsets[j] or offsets[j] + buffers[j][0] <= at for j in rivals)
    )


@given(BUFFERS, st.sampled_from([1, 2, 4, 16]), st.sampled_from([0, 50, 100_000]))
def test_nothing_overlaps(buffers: Buffers, alignment: int, steps: int) -> None:
    plan = planned(buffers, alignment, steps=steps)
    assert all(at % alignment == 0 for at in plan.offsets)
    rounded = [-(-size // alignment) * alignment for size, _ in buffers]
    loads = [0]
    for moment in range(9):
        group = [i for i in alive(buffers, moment) if buffers[i][0]]
        spans = sorted((plan.offsets[i], plan.offsets[i] + rounded[i]) for i in group)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
        assert all(end <= plan.total for _, end in spans)
        loads.append(sum(rounded[i] for i in group))
    assert plan.bound == max(loads) <= plan.total <= sum(rounded)


@given(FEW)
def test_small_plans_are_the_smallest_there_are(buffers: Buffers) -> None:
    assert planned(buffers).total == smallest(buffers)


@given(BUFFERS)
def test_the_same_plan_every_time(buffers: Buffers) -> None:
    assert planned(buffers) == planned(buffers)


def test_searching_finds_what_greedy_orders_miss() -> None:
    """Found at random: all orders and repairs end above the bound, which a plan reaches."""
    buffers = [
        *((5, (0, 3)), (2, (4, 6)), (1, (1, 1)), (2, (1, 1)), (2, (1, 3)), (8, (0, 2))),
        *((6, (2, 3)), (3, (3, 4)), (2, (0, 0)), (6, (3, 5)), (2, (4, 4)), (8, (1, 3))),
        *((3, (1, 3)), (6, (1, 3)), (2, (1, 2))),
    ]
    assert planned(buffers, steps=0).total > planned(buffers).total == planned(buffers).bound


def test_a_chain_needs_what_two_neighbours_need() -> None:
    sizes = [10, 40, 25, 60, 5]
    lives = [(max(0, i - 1), i) for i in range(5)]
    assert plan_arena(sizes, lives).total == 85


@pytest.mark.parametrize(
    ("sizes", "lives", "alignment", "problem"),
    [
        ([1], [], 1, "1 sizes and 0 lifetimes"),
        ([-1], [(0, 0)], 1, "not negative"),
        ([1], [(0, 0)], 0, "must be positive"),
        ([1], [(3, 2)], 1, "ends before it begins"),
    ],
)
def test_what_is_refused(
    sizes: Sequence[int], lives: list[tuple[int, int]], alignment: int, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        plan_arena(sizes, lives, alignment)


def test_nothing_needs_nothing() -> None:
    assert plan_arena([], []) == Arena((), 0, 0)
