"""Fits: what is planted is found, levels share, intervals hold; the library is what was fitted."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from brickwork.devices import load_target
from brickwork.devices.fitting import (
    ENGINE,
    PRIOR,
    Held,
    Level,
    Row,
    fit,
    interval_scale,
    left_out,
    quality,
)
from brickwork.devices.target import COEFFICIENTS
from brickwork.space import graph
from brickwork.spaces.mobile import mobile

USUAL = np.array([PRIOR[name] for name in COEFFICIENTS])


def planted(
    count: int, noise: float = 0.0, seed: int = 0, factor: float = 1.0
) -> tuple[list[Row], np.ndarray]:
    """Rows of random networks whose times follow from coefficients, and these."""
    rng = np.random.default_rng(seed)
    truth = factor * USUAL * np.exp(rng.normal(0, 0.5, len(USUAL)))
    parts = rng.dirichlet(np.full(len(USUAL), 0.3), size=count)
    work = parts / USUAL * np.exp(rng.uniform(10, 18, size=(count, 1)))
    times = work @ truth * np.exp(rng.normal(0, noise, count))
    rows = [
        Row(f"n{i}", float(t), tuple(w)) for i, (t, w) in enumerate(zip(times, work, strict=True))
    ]
    return rows, truth


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_planted_coefficients_are_found(factor):
    rows, truth = planted(200, factor=factor)
    found = fit(rows, noise=1e-3).coefficients([ENGINE])
    assert found == pytest.approx(truth, rel=0.05)


def test_kinds_that_no_network_has_are_as_usual():
    rows, _ = planted(40)
    place = COEFFICIENTS.index("pool")
    without = [
        replace(row, work=(*row.work[:place], 0.0, *row.work[place + 1 :]), time=row.time * 3)
        for row in rows
    ]
    made = fit(without)
    found = made.coefficients([ENGINE])
    others = np.delete(found / USUAL, place)
    assert others.min() < found[place] / USUAL[place] < others.max()
    assert made.uncertainty([ENGINE])[place, place] >= ENGINE.each**2


def test_more_measurements_know_more():
    rows, _ = planted(80, noise=0.02)
    few, many = (np.diag(fit(part).uncertainty([ENGINE])).sum() for part in (rows[:10], rows))
    assert many < few


def test_measuring_a_network_twice_is_less_than_measuring_two():
    rows, _ = planted(20, noise=0.02)
    twice = [*rows, *rows]
    apart = [*rows, *(replace(row, network=f"{row.network}'") for row in rows)]
    spread = {
        name: np.diag(fit(part).uncertainty([ENGINE])).sum()
        for name, part in {"once": rows, "twice": twice, "apart": apart}.items()
    }
    assert spread["apart"] < spread["twice"] < spread["once"]


def test_a_core_that_was_measured_little_is_known_from_the_others():
    rows, _ = planted(60, noise=0.01)
    fast, slow = (
        (ENGINE, Level("core fast", 0.1, 1.0)),
        (ENGINE, Level("core slow", 0.1, 1.0)),
    )
    both = [replace(row, levels=fast) for row in rows[:50]]
    both += [replace(row, levels=slow, time=2.5 * row.time) for row in rows[50:53]]
    made = fit(both)
    errors = [
        made.predicted(replace(row, levels=slow))[0] / (2.5 * row.time) - 1 for row in rows[53:]
    ]
    assert np.abs(errors).mean() < 0.1
    alone = fit([replace(row, time=2.5 * row.time) for row in rows[50:53]])
    worse = [alone.predicted(row)[0] / (2.5 * row.time) - 1 for row in rows[53:]]
    assert np.abs(errors).mean() < np.abs(worse).mean()
    assert np.diag(made.uncertainty([ENGINE, Level("core new", 0.1, 1.0)])).min() > 1.0


def test_a_network_is_left_out_with_all_of_its_rows():
    rows, _ = planted(12)
    rows = [*rows, *(replace(row, time=2 * row.time) for row in rows[:4])]
    seen = []

    def make(part):
        seen.append({row.network for row in part})
        return fit(part)

    held = left_out(rows, make)
    assert len(held) == len(rows)
    assert all(len(names) == 11 for names in seen)
    folded = left_out(rows, fit, folds=3)
    assert {one.row for one in folded} == set(rows)


@pytest.mark.parametrize("noise", [0.01, 0.1])
def test_intervals_hold_four_in_five_networks_that_were_not_seen(noise):
    """Whatever the noise is: the scale is learned from networks that were left out."""
    rows, _ = planted(60, noise=noise, seed=1)
    held = left_out(rows, folds=10)
    assert 0.7 <= quality(held).coverage <= 0.9
    new, _ = planted(400, noise=noise, seed=1)
    made, scale = fit(rows), interval_scale(held)
    inside = []
    for row in new[60:]:
        time, deviation = made.predicted(row)
        inside.append(abs(np.log(time / row.time)) <= scale * deviation)
    assert 0.65 <= np.mean(inside) <= 0.95


def test_quality_is_what_its_names_say():
    row = Row("a", 100.0, tuple(USUAL))
    times = {"a": 105.0, "b": 95.0, "c": 130.0, "d": 100.0}
    held = [
        Held(replace(row, network=name, time=100.0 + i), time, 0.1)
        for i, (name, time) in enumerate(times.items())
    ]
    found = quality(held)
    errors = [abs(time / (100.0 + i) - 1) for i, time in enumerate(times.values())]
    assert found.mean_error == pytest.approx(np.mean(errors))
    assert found.within_10 == 0.75
    ranks = spearmanr(list(times.values()), [100, 101, 102, 103]).statistic
    assert found.rank_correlation == pytest.approx(ranks)
    with pytest.raises(ValueError, match="no prediction"):
        quality([])


def test_few_left_out_rows_give_no_narrow_interval():
    row = Row("a", 100.0, tuple(USUAL))
    assert interval_scale([]) == interval_scale([Held(row, 100.0, 0.1)])
    assert interval_scale([Held(row, 200.0, 0.1)]) == pytest.approx(np.log(2) / 0.1)


# --- the library ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def script():
    """``benchmarks/fit_latency.py`` and the module of its data, which needs no data to load."""
    folder = Path(__file__).parents[2] / "benchmarks"
    loaded = {}
    for name in ("latency_data", "fit_latency"):
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        loaded[name] = importlib.util.module_from_spec(spec)
        sys.modules[name] = loaded[name]
        spec.loader.exec_module(loaded[name])
    return loaded["fit_latency"]


@pytest.fixture(scope="module")
def x_cube_ai(shared_data, script):
    sys.modules["latency_data"].DATA = shared_data
    rows = script.ENGINES["X-CUBE-AI"].rows()
    return rows, left_out(rows)


def test_the_library_holds_what_the_script_fits(x_cube_ai, script):
    rows, held = x_cube_ai
    made, engine = fit(rows), script.ENGINES["X-CUBE-AI"]
    for name, levels in engine.targets.items():
        target = load_target(name)
        cycles = target.latency.coefficients * target.clock_mhz * 1e3
        assert cycles == pytest.approx(made.coefficients(levels), rel=2e-3)
        whole = interval_scale(held) ** 2 * made.uncertainty(levels)
        assert target.latency.spread @ target.latency.spread.T == pytest.approx(whole, abs=5e-3)


def test_published_stm32_latencies_are_met_when_left_out(x_cube_ai, script):
    """A network is left out with its variants, on all boards and with all versions."""
    data = sys.modules["latency_data"]
    cortex_a = left_out(data.model_zoo("STM32MP157F-DK2"))
    own = {(r.network, r.time) for r in data.model_zoo("STM32H747I-DISCO", "B-U585I-IOT02A")}
    held = [one for one in x_cube_ai[1] if (one.row.network, one.row.time) in own] + cortex_a
    found = quality(held)
    assert found.rows == 33
    assert found.mean_error <= 0.06
    assert found.within_10 >= 0.85
    assert 0.7 <= found.coverage <= 0.95


def test_published_nrf5340_latencies_are_met_when_left_out(shared_data, script):
    data = sys.modules["latency_data"]
    data.DATA = shared_data
    held = [one for one in left_out(data.tflm()) if one.row.network.startswith("cell")]
    found = quality(held)
    assert found.rows == 53
    assert found.mean_error <= 0.06
    assert 0.7 <= found.coverage <= 0.95


def test_every_engine_holds_its_four_networks_in_their_intervals(shared_data, script):
    """The networks of MLPerf Tiny that an engine was fitted to, with the interval of its target."""
    data = sys.modules["latency_data"]
    data.DATA = shared_data
    engines = [e for name, e in script.ENGINES.items() if e.measured.startswith(script.FOUR)]
    assert len(engines) >= 6
    inside = []
    for engine in engines:
        rows = {row.levels: [] for row in engine.rows()}
        for row in engine.rows():
            rows[row.levels].append(row)
        for name, levels in engine.targets.items():
            target = load_target(name)
            for row in rows.get(levels, []):
                times = target.latency.coefficients * np.asarray(row.work)
                value = times.sum()
                measured = row.time / target.clock_mhz / 1e3
                error = target.latency.relative_error(times / value)
                inside.append(abs(measured / value - 1) <= error)
    assert len(inside) >= 30
    assert np.mean(inside) >= 0.8


def test_cells_of_nas_bench_201_are_counted_right(script):
    """Cell 0, by NAS-Bench-201: 15.647 MFLOPs, where a FLOP is a multiply-accumulate."""
    data = sys.modules["latency_data"]
    cell = (
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
        "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    )
    macs = sum(data.nas_bench_201(cell)[:5])
    assert macs == pytest.approx(15.647e6, rel=0.02)
    assert data.nas_bench_201("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|") is None


def test_a_search_finds_no_layers_that_cost_nothing():
    """Whatever was measured, each kind of work of a network has a price on every target."""
    space = mobile((3, 32, 32))
    graph(space, space.sample(np.random.default_rng(0)), (3, 32, 32), 10)
    for name in ("stm32f746", "nrf5340", "stm32h743-tinyengine", "pixel"):
        assert (load_target(name).latency.coefficients > 0).all()
