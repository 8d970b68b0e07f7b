"""A number keeps its provenance: through JSON, through scaling, in print."""

from __future__ import annotations

import json
import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickwork.errors import UnknownName
from brickwork.quantity import METRICS, How, Quantity, metric, weakest

units = st.sampled_from(sorted({m.unit for m in METRICS.values()}))
finite = st.floats(allow_nan=False, allow_infinity=False)
quantities = st.builds(
    Quantity,
    finite,
    units,
    st.sampled_from(How),
    st.none() | st.floats(0, 1e12),
    st.text(),
)


@given(quantities)
def test_json_round_trip(quantity):
    assert Quantity.from_json(json.loads(json.dumps(quantity.to_json()))) == quantity


def test_an_unknown_value_is_null_in_json():
    """NaN is not JSON: other languages could not read it."""
    quantity = Quantity(math.nan, "ms", How.UNKNOWN, None, "no model for this target")
    text = json.dumps(quantity.to_json(), allow_nan=False)
    back = Quantity.from_json(json.loads(text))
    assert math.isnan(back.value)
    assert (back.unit, back.how, back.source) == (quantity.unit, quantity.how, quantity.source)


@pytest.mark.parametrize("hows", list(product(How, How)), ids=lambda hows: "-".join(hows))
def test_weakest_of_two(hows):
    a, b = hows
    order = ["counted", "measured", "simulated", "predicted", "estimated", "unknown"]
    assert weakest(a, b) == weakest(b, a) == order[max(order.index(a), order.index(b))]


def test_weakest_of_one_is_itself():
    assert [weakest(how) for how in How] == list(How)


@given(quantities, st.floats(-1e3, 1e3), st.sampled_from(How))
def test_scaling_never_strengthens(quantity, factor, how):
    scaled = quantity.scaled(factor, "mJ", how, "power of the board")
    assert scaled.how == weakest(quantity.how, how)
    assert scaled.unit == "mJ"
    assert scaled.value == quantity.value * factor
    if quantity.spread is None:
        assert scaled.spread is None
    else:
        assert scaled.spread == abs(quantity.spread * factor) >= 0
    assert scaled.source.startswith("power of the board")
    assert scaled.source.endswith(quantity.source)


@given(quantities)
def test_print_names_the_provenance(quantity):
    assert str(quantity) == f"{quantity.text()} ({quantity.how.value})"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (14.94, "ms", "14.9 ms"),
        (0.00123, "mJ", "0.00123 mJ"),
        (0.98765, "fraction", "98.77 %"),
        (1.0, "fraction", "100.00 %"),
        (1234567, "1", "1,234,567"),
        (0, "1", "0"),
        (1023, "B", "1023 B"),
        (1024, "B", "1.0 KiB"),
        (26522, "B", "25.9 KiB"),
        (1024**2, "B", "1.00 MiB"),
        (math.nan, "ms", "?"),
        (math.nan, "B", "?"),
        (math.nan, "fraction", "?"),
    ],
)
def test_text(value, unit, text):
    assert Quantity(value, unit, How.COUNTED).text() == text


@pytest.mark.parametrize(
    ("value", "unit", "spread", "text"),
    [
        (40_345, "B", 14_950, "± 14.6 KiB"),
        (0.9731, "fraction", 0.0105, "± 1.05"),
        (14.94, "ms", 0.5, "± 0.5 ms"),
        (3, "1", None, ""),
    ],
)
def test_a_spread_has_the_unit_of_its_value(value, unit, spread, text):
    quantity = Quantity(value, unit, How.ESTIMATED, spread)
    assert quantity.spread_text() == text
    assert quantity.interval() == f"{quantity.text()} {text}".strip()


def test_metrics_know_their_names_and_units():
    assert all(name == m.name for name, m in METRICS.items())
    suffixes = {"_ms": "ms", "_bytes": "B", "_mj": "mJ"}
    for name, m in METRICS.items():
        for suffix, unit in suffixes.items():
            assert name.endswith(suffix) == (m.unit == unit)
        assert m.quality or m.unit != "fraction"  # a part of something is never a cost
        assert m.quality or not m.maximize
        assert m.right_part == (m.maximize and m.unit == "fraction") == m.maximize
        assert metric(name) is m


def test_of_errors_less_is_better():
    less = {name for name, m in METRICS.items() if m.quality and not m.maximize}
    assert less == {"rmse", "mae", "calibration_error"}


def test_unknown_metric():
    with pytest.raises(UnknownName, match=r"unknown metric 'latency'.*latency_ms"):
        metric("latency")


def test_a_quantity_cannot_be_changed():
    with pytest.raises(AttributeError):
        Quantity(1.0, "ms", How.PREDICTED).how = How.MEASURED


def test_a_mean_is_no_count():
    """An RMSE has the unit of what is told, which is not known: it may be far below 1."""
    texts = {0.1234: "0.123", 46.7: "46.7", 5432.1: "5,432", 5432.0: "5,432", 0.0: "0", 7.0: "7"}
    for value, text in texts.items():
        assert Quantity(value, "1", How.MEASURED).text() == text
    assert Quantity(0.5, "1", How.MEASURED, 0.04).interval() == "0.5 ± 0.04"
