"""Limits as text, dominance, fronts and hypervolumes, each against a slow definition."""

from __future__ import annotations

import contextlib
import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from brickwork.errors import LimitError, UnknownName
from brickwork.objective import (
    Limit,
    Objective,
    dominates,
    front,
    hypervolume,
    parse_amount,
    violation,
)
from brickwork.quantity import METRICS, How, Quantity

limits = st.builds(
    Limit, st.sampled_from(sorted(METRICS)), st.booleans(), st.floats(0, 1e300, allow_nan=False)
)
# Few different values, so that ties and equal rows come up often.
coordinates = st.integers(0, 4).map(float) | st.floats(0, 4)
tables = st.integers(1, 4).flatmap(
    lambda columns: arrays(
        np.float64, st.tuples(st.integers(0, 12), st.just(columns)), elements=coordinates
    )
)


def quantity(value: float, unit: str = "1") -> Quantity:
    return Quantity(value, unit, How.COUNTED)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["accuracy", "latency_ms"])
def test_what_is_no_number_is_the_worst_there_is(name, odd):
    assert Objective(name).loss({name: quantity(odd)}) == math.inf
    assert Objective(name).loss({}) == math.inf


# --- limits ---------------------------------------------------------------------------------------


@given(limits)
def test_a_limit_reads_what_it_writes(limit):
    assert Limit.parse(limit.text) == limit


@given(st.text())
def test_any_text_is_a_limit_or_an_error_of_ours(text):
    with contextlib.suppress(LimitError, UnknownName):
        assert math.isfinite(Limit.parse(text).bound)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("latency_ms<=20", Limit("latency_ms", True, 20.0)),
        ("  latency_ms  <=  2.5e-1 ", Limit("latency_ms", True, 0.25)),
        ("flash_bytes <= 30kB", Limit("flash_bytes", True, 30_000.0)),
        ("flash_bytes<=30 KiB", Limit("flash_bytes", True, 30 * 1024.0)),
        ("flash_bytes<=1MiB", Limit("flash_bytes", True, 1024.0**2)),
        ("macs<=1.5M", Limit("macs", True, 1.5e6)),
        ("parameters<=10k", Limit("parameters", True, 10_000.0)),
        ("parameters<=10_000", Limit("parameters", True, 10_000.0)),
        ("accuracy>=95%", Limit("accuracy", False, 0.95)),
        ("accuracy>=.5", Limit("accuracy", False, 0.5)),
    ],
)
def test_limits_in_all_spellings(text, limit):
    assert Limit.parse(text) == limit


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("", LimitError, "METRIC<=NUMBER"),
        ("latency_ms", LimitError, "METRIC<=NUMBER"),
        ("latency_ms<20", LimitError, "METRIC<=NUMBER"),
        ("latency_ms=20", LimitError, "METRIC<=NUMBER"),
        ("latency_ms=<20", LimitError, "METRIC<=NUMBER"),
        ("latency_ms<=", LimitError, "METRIC<=NUMBER"),
        ("20>=latency_ms", LimitError, "METRIC<=NUMBER"),
        ("latency_ms<=twenty", LimitError, "cannot read the number 'twenty'"),
        ("latency_ms<=20ms", LimitError, "cannot read the number '20ms'"),
        ("latency_ms<=-3", LimitError, "cannot read the number '-3'"),
        ("latency_ms<=nan", LimitError, "cannot read the number 'nan'"),
        ("latency_ms<=inf", LimitError, "cannot read the number 'inf'"),
        ("latency_ms<=1e999", LimitError, "cannot read the number '1e999'"),
        ("latency_ms<=1 2", LimitError, "cannot read the number '1 2'"),
        ("latency<=20", UnknownName, "did you mean 'latency_ms'"),
    ],
)
def test_what_is_not_a_limit(text, error, says):
    with pytest.raises(error, match=r".+") as caught:
        Limit.parse(text)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.floats(0, 1e12))
def test_amounts_read_what_python_writes(value):
    assert parse_amount(repr(value)) == value


def test_amounts_that_are_none():
    for text in ("", "k", "1.2.3", "0x10", "5q", "1e"):
        with pytest.raises(ValueError, match="not a number"):
            parse_amount(text)


@given(limits, st.floats(-1e6, 1e6))
def test_excess_is_zero_exactly_when_the_limit_is_kept(limit, value):
    kept = value <= limit.bound if limit.upper else value >= limit.bound
    assert (limit.excess(value) == 0.0) == kept
    assert limit.excess(value) >= 0.0


@given(limits)
def test_an_unknown_value_breaks_every_limit(limit):
    assert limit.excess(math.nan) == math.inf


def test_excess_is_relative():
    assert Limit("latency_ms", True, 20.0).excess(30.0) == pytest.approx(0.5)
    assert Limit("accuracy", False, 0.8).excess(0.6) == pytest.approx(0.25)


def test_violation_adds_up_what_is_known():
    limits = [
        Limit("latency_ms", True, 20.0),
        Limit("parameters", True, 100.0),
        Limit("accuracy", False, 0.9),
    ]
    metrics = {"latency_ms": quantity(30.0), "parameters": quantity(150.0)}
    assert violation(metrics, limits) == pytest.approx(1.0)
    assert violation({}, limits) == 0.0
    assert violation(metrics, []) == 0.0


def test_a_limit_prints_for_a_person():
    assert str(Limit("flash_bytes", True, 1024.0 * 30)) == "flash ≤ 30.0 KiB"
    assert str(Limit("accuracy", False, 0.95)) == "accuracy ≥ 95.00 %"


# --- objectives -----------------------------------------------------------------------------------


def test_loss_goes_down_when_the_metric_gets_better():
    for name, metric in METRICS.items():
        better, worse = (0.9, 0.8) if metric.maximize else (0.8, 0.9)
        objective = Objective(name)
        assert objective.loss({name: quantity(better)}) < objective.loss({name: quantity(worse)})


def test_what_is_missing_or_unknown_is_infinitely_bad():
    objective = Objective("accuracy")
    assert objective.loss({}) == math.inf
    assert objective.loss({"accuracy": quantity(math.nan)}) == math.inf


def test_an_objective_needs_a_metric():
    with pytest.raises(UnknownName, match="did you mean 'accuracy'"):
        Objective("acuracy")


# --- dominance, front, hypervolume ----------------------------------------------------------------


@given(tables)
def test_dominance_is_a_strict_order(table):
    rows = table.tolist()
    for a in rows:
        assert not dominates(a, a)
        for b in rows:
            assert not (dominates(a, b) and dominates(b, a))
            for c in rows:
                if dominates(a, b) and dominates(b, c):
                    assert dominates(a, c)


def test_dominance_needs_equal_lengths():
    with pytest.raises(ValueError, match="argument"):
        dominates((1.0, 2.0), (1.0,))


def slow_front(rows: list[list[float]]) -> list[bool]:
    return [
        not any(dominates(other, row) for other in rows) and row not in rows[:i]
        for i, row in enumerate(rows)
    ]


@given(tables)
def test_front_equals_its_definition(table):
    assert front(table).tolist() == slow_front(table.tolist())


@given(tables, st.data())
def test_rows_that_are_not_finite_are_never_in_the_front(table, data):
    bad = data.draw(st.sampled_from([math.nan, math.inf, -math.inf]))
    row = np.zeros((1, table.shape[1]))
    row[0, data.draw(st.integers(0, table.shape[1] - 1))] = bad
    with_bad = np.concatenate([row, table])
    assert front(with_bad).tolist() == [False, *front(table).tolist()]


def test_front_of_nothing():
    assert front([]).tolist() == []
    assert front(np.zeros((0, 2))).tolist() == []
    assert front([[math.nan, 1.0]]).tolist() == [False]


def slow_hypervolume(rows: list[list[float]], reference: list[float]) -> float:
    """Volume of a union of boxes by inclusion and exclusion."""
    rows = [row for row in rows if all(x < r for x, r in zip(row, reference, strict=True))]
    total = 0.0
    for size in range(1, len(rows) + 1):
        for some in combinations(rows, size):
            corner = [max(column) for column in zip(*some, strict=True)]
            box = math.prod(r - x for x, r in zip(corner, reference, strict=True))
            total += (-1) ** (size + 1) * box
    return total


@given(st.integers(2, 4), st.data())
def test_hypervolume_equals_inclusion_and_exclusion(columns, data):
    rows = data.draw(
        st.lists(st.lists(coordinates, min_size=columns, max_size=columns), max_size=6)
    )
    reference = [3.0] * columns
    assert hypervolume(rows, reference) == pytest.approx(
        slow_hypervolume(rows, reference), abs=1e-9
    )


@given(tables.filter(lambda table: table.shape[1] >= 2))
def test_hypervolume_is_that_of_the_front(table):
    reference = [5.0] * table.shape[1]
    whole = hypervolume(table, reference)
    assert hypervolume(table[front(table)], reference) == pytest.approx(whole)
    if len(table):
        assert hypervolume(table[1:], reference) <= whole + 1e-9


def test_hypervolume_agrees_with_random_points():
    rng = np.random.default_rng(0)
    table = rng.random((20, 3))
    points = rng.random((100_000, 3))
    inside = (points[:, None, :] >= table[None, :, :]).all(axis=2).any(axis=1).mean()
    assert hypervolume(table, (1.0, 1.0, 1.0)) == pytest.approx(inside, abs=0.006)


def test_hypervolume_of_nothing():
    assert hypervolume([], (1.0, 1.0)) == 0.0
    assert hypervolume([[math.nan, 0.0]], (1.0, 1.0)) == 0.0
    assert hypervolume([[2.0, 0.0]], (1.0, 1.0)) == 0.0
