"""``brickwork fit``: from a CSV to a target that predicts, and refusals in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from brickwork.cli import app
from brickwork.devices import PredictedLatency, latency_of, load_target
from brickwork.devices.work import work_of
from brickwork.errors import DataError, TargetError
from brickwork.fit import fit_measurements
from brickwork.quantity import How
from brickwork.space import Space, graph
from brickwork.spaces.mobile import mobile

INPUT = (3, 32, 32)
LATENCY = PredictedLatency()


def networks(count: int, seed: int = 0) -> list[tuple[Space, object]]:
    space, rng = mobile(INPUT), np.random.default_rng(seed)
    return [(space, space.sample(rng)) for _ in range(count)]


def measured(
    path: Path,
    count: int,
    factor: float = 1.0,
    noise: float = 0.02,
    extra: str = "",
    cell: str = "",
) -> Path:
    """Networks of the mobile space as an STM32F746 would run them, so much slower."""
    target, rng = load_target("stm32f746"), np.random.default_rng(1)
    lines = [f"network,latency_ms,input,outputs{extra}"]
    for space, arch in networks(count):
        value = LATENCY.cost(graph(space, arch, INPUT, 10), target).value
        value *= factor * np.exp(rng.normal(0, noise))
        quoted = json.dumps(arch.to_json()).replace('"', '""')
        lines.append(f'"{quoted}",{value:.6g},"3,32,32",10{cell}')
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_fitted_target_predicts_what_it_has_not_seen(tmp_path):
    path = measured(tmp_path / "mine.csv", 40, 2.0)
    found = fit_measurements(path, out=tmp_path / "mine.toml")
    assert found["left_out"]["mean_error"] < 0.06
    assert found["left_out"]["within_10"] > 0.85
    assert found["left_out"]["rank_correlation"] > 0.95
    assert 0.7 <= found["left_out"]["coverage"] <= 0.95
    target, truth = load_target(tmp_path / "mine.toml"), load_target("stm32f746")
    assert target.name == "mine"
    inside = []
    for space, arch in networks(60, seed=9):
        whole = graph(space, arch, INPUT, 10)
        cost, true = LATENCY.cost(whole, target), 2 * LATENCY.cost(whole, truth).value
        inside.append(abs(cost.value - true) <= cost.spread)
        assert cost.value == pytest.approx(true, rel=0.25)
    assert np.mean(inside) > 0.7


def test_what_was_not_measured_is_estimated(tmp_path):
    path = measured(tmp_path / "mine.csv", 30)
    fit_measurements(path, out=tmp_path / "mine.toml")
    target = load_target(tmp_path / "mine.toml")
    space = mobile((3, 224, 224))
    large = graph(space, space.extremes()[1], (3, 224, 224), 1000)
    assert LATENCY.cost(large, target).how is How.ESTIMATED
    seen = graph(*networks(1)[0], INPUT, 10)
    assert LATENCY.cost(seen, target).how is How.PREDICTED


def test_the_target_keeps_its_memory_and_takes_clock_and_power_from_the_csv(tmp_path):
    path = measured(tmp_path / "mine.csv", 30, extra=",mhz,power_mw", cell=",108,55")
    found = fit_measurements(path, "stm32f746", tmp_path / "board.toml")
    base, target = load_target("stm32f746"), load_target(tmp_path / "board.toml")
    assert (target.sram_bytes, target.flash_bytes) == (base.sram_bytes, base.flash_bytes)
    assert target.source("sram_bytes") == base.source("sram_bytes")
    assert target.clock_mhz == found["clock_mhz"] == 108
    assert target.power_w == pytest.approx(0.055)
    assert "mine.csv" in target.power_source
    assert found["unit"] == "cycles"


def test_one_factor_suffices_where_the_engine_is_alike(tmp_path):
    path = measured(tmp_path / "mine.csv", 3, 1.7, noise=0.0)
    with pytest.raises(DataError, match=r"3 networks for \d+ coefficients .*--factor"):
        fit_measurements(path, "stm32f746", tmp_path / "mine.toml")
    fit_measurements(path, "stm32f746", tmp_path / "mine.toml", factor=True)
    target, base = load_target(tmp_path / "mine.toml"), load_target("stm32f746")
    assert target.latency.coefficients == pytest.approx(1.7 * base.latency.coefficients, rel=1e-2)
    work = work_of(graph(*networks(1, seed=5)[0], INPUT, 10))
    assert latency_of(work, target).value == pytest.approx(1.7 * latency_of(work, base).value, 1e-2)


def test_a_fit_is_judged_by_what_is_like_what_will_be_predicted(tmp_path):
    """Networks that no linear model describes widen the interval only where they are judges."""
    path = measured(tmp_path / "mine.csv", 40, extra=",family", cell=",f")
    rows = path.read_text().splitlines()
    rng = np.random.default_rng(2)
    odd = []
    for number, row in enumerate(rows[1:]):
        network, value = row.rpartition(',"3,32,32"')[0].rsplit(",", 1)
        time = float(value) * (np.exp(rng.normal(0, 0.4)) if number % 2 else 1.0)
        odd.append(f'{network},{time:.6g},"3,32,32",10,n{number}')
    path.write_text("\n".join([rows[0], *odd]) + "\n")
    all_ = fit_measurements(path, out=tmp_path / "all.toml")
    judges = [f"n{number}" for number in range(0, 40, 2)]
    some = fit_measurements(path, out=tmp_path / "some.toml", judges=judges)
    assert (all_["networks"], all_["left_out"]["networks"]) == (40, 40)
    assert (some["networks"], some["left_out"]["networks"]) == (40, 20)
    assert some["left_out"]["mean_error"] < 0.6 * all_["left_out"]["mean_error"]
    assert some["coefficients"] == all_["coefficients"]
    wide, narrow = (load_target(tmp_path / f"{name}.toml").latency for name in ("all", "some"))
    assert narrow.error < wide.error
    assert "fit of 40 networks, judged by 20 measurements" in narrow.source
    few = fit_measurements(path, out=tmp_path / "few.toml", judges=["n0", "n2"])
    assert few["left_out"] == all_["left_out"]


@pytest.mark.parametrize("factor", [False, True])
def test_one_network_is_refused(tmp_path, factor):
    path = tmp_path / "one.csv"
    path.write_text("network,latency_ms\nresnet8,10\nresnet8,11\n")
    with pytest.raises(DataError, match="1 network: at least two are needed"):
        fit_measurements(path, "stm32f746", tmp_path / "one.toml", factor=factor)
    assert not (tmp_path / "one.toml").exists()


def test_no_measurement_is_refused(tmp_path):
    path = tmp_path / "none.csv"
    path.write_text("network,latency_ms\n")
    with pytest.raises(DataError, match="0 network"):
        fit_measurements(path, out=tmp_path / "none.toml")


def test_times_that_do_not_follow_from_work_are_refused(tmp_path):
    path = measured(tmp_path / "mine.csv", 30, noise=2.0)
    with pytest.raises(DataError, match="their times do not follow from their work"):
        fit_measurements(path, out=tmp_path / "mine.toml")
    assert not (tmp_path / "mine.toml").exists()


def test_a_factor_needs_a_model(tmp_path):
    path = measured(tmp_path / "mine.csv", 3)
    for target in (None, "cpu"):
        with pytest.raises(DataError, match="needs a --target that has a latency model"):
            fit_measurements(path, target, tmp_path / "mine.toml", factor=True)


def test_a_file_is_not_overwritten_unless_it_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = measured(tmp_path / "mine.csv", 30)
    fit_measurements(path)
    assert (tmp_path / "mine.toml").exists()
    with pytest.raises(DataError, match="is there already"):
        fit_measurements(path)
    fit_measurements(path, out=Path("mine.toml"))


def test_an_unknown_file_of_a_target(tmp_path):
    path = measured(tmp_path / "mine.csv", 30)
    with pytest.raises(TargetError, match="no such file"):
        fit_measurements(path, "other.toml", tmp_path / "mine.toml")


def test_the_command_shows_errors_and_writes_the_file(tmp_path):
    path = measured(tmp_path / "mine.csv", 30)
    out = tmp_path / "mine.toml"
    shown = CliRunner().invoke(app, ["fit", str(path), "--out", str(out)])
    assert shown.exit_code == 0
    for text in ("mean error, left out", "within 10 %", "rank correlation", "80 % interval"):
        assert text in shown.output
    told = CliRunner().invoke(app, ["fit", str(path), "--out", str(out), "--json"])
    found = json.loads(told.output)
    assert found["left_out"]["networks"] == 30
    assert load_target(out).name == found["target"] == "mine"


def test_the_published_table_of_the_nrf5340_can_be_fitted_as_it_is(shared_data, tmp_path):
    path = shared_data / "devices" / "nrf5340_nasbench201_measured.csv"
    found = fit_measurements(path, "nrf5340", tmp_path / "mine.toml")
    assert found["left_out"]["rows"] == 54
    assert found["left_out"]["mean_error"] <= 0.06
    mine, base = load_target(tmp_path / "mine.toml"), load_target("nrf5340")
    assert mine.power_w == pytest.approx(base.power_w, rel=0.02)
    assert mine.clock_mhz == base.clock_mhz
