"""Targets as TOML: what is written is what is read."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickwork.devices import load_target, target_names
from brickwork.devices.fitting import ENGINE, NOISE, PRIOR, Row, fit, interval_scale, left_out
from brickwork.devices.target import COEFFICIENTS
from brickwork.devices.writing import determined, latency_table, target_table, toml_text

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
KEYS = st.text("abc_", min_size=1, max_size=5)
VALUES = (
    st.booleans() | st.integers(-(2**50), 2**50) | NUMBERS
    | st.text("a b\"\\'#=µ", max_size=9).map(lambda text: " ".join(text.split()))
    | st.lists(NUMBERS, max_size=3)
)  # fmt: skip
TABLES = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=4),
    lambda inner: st.dictionaries(KEYS, VALUES | inner, max_size=4),
    max_leaves=8,
)


@given(TABLES)
def test_toml_is_read_as_it_was_written(table):
    assert _equal(tomllib.loads(toml_text(table)), table)


def _equal(a: object, b: object) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    return a == (pytest.approx(b) if isinstance(b, float) else b)


def planted() -> list[Row]:
    rng = np.random.default_rng(0)
    usual = np.array(list(PRIOR.values()))
    parts = rng.dirichlet(np.full(len(usual), 0.3), size=30)
    work = parts / usual * np.exp(rng.uniform(10, 18, size=(30, 1)))
    times = work @ usual * np.exp(rng.normal(0, 0.03, 30))
    return [Row(f"n{i}", float(times[i]), tuple(work[i])) for i in range(30)]


@pytest.mark.parametrize("name", target_names())
def test_a_target_of_the_library_is_written_as_it_is(name, tmp_path):
    target = load_target(name)
    if target.measurable:
        return  # has no model, and says so by itself
    rows = planted()
    made, held = fit(rows), left_out(rows)
    latency = latency_table(made, [ENGINE], rows, held, unit="ns", source="a test", fit_by="a test")
    path = tmp_path / f"{name}.toml"
    path.write_text(toml_text(target_table(target) | {"latency": latency}))
    again = load_target(path)
    for key in ("name", "title", "family", "precision", "engine", "sram_bytes", "flash_bytes"):
        assert getattr(again, key) == getattr(target, key)
    assert again.clock_mhz == target.clock_mhz
    assert again.power_w == pytest.approx(target.power_w) if target.power_w else True
    assert again.limits() == target.limits()


def test_a_fit_is_written_as_it_is(tmp_path):
    rows = planted()
    made, held = fit(rows), left_out(rows)
    latency = latency_table(made, [ENGINE], rows, held, unit="ns", source="a test", fit_by="a test")
    path = tmp_path / "board.toml"
    head = {
        "name": "board",
        "title": "a board",
        "family": "board",
        "precision": "int8",
        "engine": "an engine",
    }
    path.write_text(toml_text(head | {"latency": latency}))
    model = load_target(path).latency
    assert 1e6 * model.coefficients == pytest.approx(made.coefficients([ENGINE]), rel=1e-3)
    scale = interval_scale(held)
    whole = scale**2 * made.uncertainty([ENGINE])
    assert model.spread @ model.spread.T == pytest.approx(whole, abs=2e-3)
    assert model.error >= 0.99 * scale * NOISE
    fitted = {name for name, own in zip(COEFFICIENTS, model.borrowed, strict=True) if not own}
    assert fitted == set(determined(made, rows))
    macs = [sum(row.work[:5]) for row in rows]
    assert model.macs[0] <= min(macs)
    assert max(macs) <= model.macs[1]
    # As on the target, so by the fit: an interval is what the fit says, scaled.
    for row in rows[:5]:
        time, deviation = made.predicted(row)
        times = model.coefficients * np.asarray(row.work)
        assert 1e6 * times.sum() == pytest.approx(time, rel=1e-3)
        error = model.relative_error(times / times.sum())
        assert error >= 0.97 * scale * deviation
