"""Predicted latency and energy: labels, spreads, monotony, and nearness to what was published."""

from __future__ import annotations

import csv
import importlib.util
import math
import sys
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_spaces import space_and_input

from brickwork.devices import (
    CostModel,
    Energy,
    PredictedLatency,
    counted,
    energy,
    known_costs,
    load_target,
    macs,
    target_names,
)
from brickwork.devices.latency import work_of
from brickwork.devices.target import COEFFICIENTS
from brickwork.errors import TargetError
from brickwork.quantity import METRICS, How, Quantity, weakest
from brickwork.space import (
    Activation,
    Add,
    Attend,
    Conv,
    ConvTranspose,
    Custom,
    Depthwise,
    GlobalPool,
    Graph,
    Identity,
    Linear,
    MultiHeadAttention,
    Parallel,
    Pool,
    Seq,
    Space,
    Tokens,
    graph,
)
from brickwork.spaces.mobile import mobile
from brickwork.spaces.references import PUBLISHED, dscnn, mobilenetv2, resnet8

NETWORKS = {"resnet8": resnet8, "mobilenetv2": mobilenetv2, "dscnn": dscnn}
PREDICTED = [name for name in target_names() if load_target(name).latency is not None]
LATENCY = PredictedLatency()


def published(name: str) -> Graph:
    space = NETWORKS[name]()
    return graph(space, space.arch(), *PUBLISHED[name])


def network(*bricks: object, input: tuple[int, ...] = (2, 8, 8)) -> Graph:
    space = Space("s", Seq(*bricks))
    return graph(space, space.arch(), input, 4)


def test_work_by_kind():
    found = work_of(
        network(
            Conv(4, 3),
            Activation(),
            Conv(6, 1),
            Conv(6, 1, groups=2),
            Depthwise(3),
            Pool("max", 2),
            Parallel((Identity(), Activation()), Add()),
            GlobalPool(),
            Linear(3),
        )
    )
    assert found == {
        "conv_mac": 4 * 2 * 9 * 64 + 6 * 3 * 64,  # a grouped convolution is none of one pixel
        "pointwise_mac": 4 * 6 * 64,
        "depthwise_mac": 6 * 9 * 64,
        "linear_mac": 18,
        "output": (4 + 6 + 6 + 6) * 64 + 3,
        "pool": 6 * 16 * 4 + 6 * 16,
        "elementwise": 2 * 6 * 16,  # the sum, and the activation that shares its input
        "op": 9,
        "network": 1,
    }


def test_work_of_attention_and_of_what_decodes():
    found = work_of(network(Tokens(), MultiHeadAttention(4, 2)))
    assert found["linear_mac"] == 2 * 64 * 64 * 4
    assert found["pointwise_mac"] == 64 * (3 * 2 * 4 + 4 * 2)
    assert found["output"] == 64 * (3 * 4 + 4 + 2)
    found = work_of(network(ConvTranspose(3)))
    assert (found["conv_mac"], found["output"]) == (2 * 3 * 4 * 64, 3 * 16 * 16)


@pytest.mark.parametrize("target_name", PREDICTED)
def test_what_was_never_measured_is_an_estimate(target_name):
    target = load_target(target_name)
    own = Custom("own_modules:make", "own_modules:describe", (("width", 64),))
    for brick in (ConvTranspose(64), own):
        plain = LATENCY.cost(network(Conv(64, 3), Conv(64, 3), GlobalPool(), Linear()), target)
        cost = LATENCY.cost(
            network(Conv(64, 3), brick, Conv(64, 3), GlobalPool(), Linear()), target
        )
        assert cost.how is How.ESTIMATED
        assert "kinds of op that were not measured" in cost.source
        assert cost.value > plain.value


@given(space_and_input(), st.integers(0, 2**32))
def test_work_counts_all_macs(pair, seed):
    space, input = pair
    whole = graph(space, space.sample(np.random.default_rng(seed)), input, 5)
    work = work_of(whole)
    assert list(work) == list(COEFFICIENTS)
    kinds = ("conv_mac", "pointwise_mac", "depthwise_mac", "linear_mac")
    assert sum(work[kind] for kind in kinds) == macs(whole)
    weighted = [
        n
        for n in whole.nodes
        if isinstance(n.op, Attend | Conv | ConvTranspose | Depthwise | Linear)
    ]
    assert work["output"] == sum(prod(n.shape) for n in weighted)


@pytest.mark.parametrize("target_name", PREDICTED)
def test_cost_is_the_sum_of_coefficient_times_work(target_name):
    target = load_target(target_name)
    space, rng = mobile((3, 32, 32)), np.random.default_rng(0)
    for _ in range(20):
        whole = graph(space, space.sample(rng), (3, 32, 32), 10)
        work = work_of(whole).values()
        expected = sum(c * w for c, w in zip(target.latency.coefficients, work, strict=True))
        assert LATENCY.cost(whole, target).value == pytest.approx(expected)


@pytest.mark.parametrize("target_name", PREDICTED)
def test_a_network_grows_slower_with_every_decision_that_makes_it_larger(target_name):
    """Width, kernel, expansion, depth, gates: more of any of them never costs less.

    Without skips: a stage of another width than the one before it loses a sum, which costs too.
    """
    target, input = load_target(target_name), (3, 32, 32)
    space, rng = mobile(input), np.random.default_rng(1)

    def latency(arch: object) -> float:
        return LATENCY.cost(graph(space, arch, input, 10), target).value

    for _ in range(8):
        arch = space.sample(rng)
        for decision in space.active(arch):
            if decision.name.startswith("recipe") or len(decision.options) < 2:
                continue
            values = dict(arch.choices)
            if not decision.name.endswith(".skip"):
                values |= {name: False for name in values if name.endswith(".skip")}
            costs = [
                latency(space.arch(values | {decision.name: option}))
                for option in decision.options
                if isinstance(option, int | float)
            ]
            assert costs == sorted(costs), decision.name


@pytest.mark.parametrize("target_name", PREDICTED)
def test_every_pixel_and_channel_costs(target_name):
    target = load_target(target_name)

    def latency(width: int, side: int) -> float:
        return LATENCY.cost(network(Conv(width), input=(3, side, side)), target).value

    assert latency(8, 16) < latency(9, 16) < latency(9, 17)


def test_inside_of_the_fit_it_is_predicted_with_the_stated_error():
    target = load_target("stm32f746")
    for name in ("resnet8", "dscnn"):
        cost = LATENCY.cost(published(name), target)
        assert cost.how is How.PREDICTED
        assert cost.unit == "ms"
        assert cost.spread == pytest.approx(cost.value * target.latency.error)
        assert "X-CUBE-AI 8.1 at 216 MHz" in cost.source


def test_outside_of_the_fit_it_is_estimated_and_says_why():
    f746 = load_target("stm32f746")
    large = LATENCY.cost(published("mobilenetv2"), f746)
    assert large.how is How.ESTIMATED
    assert "300,774,272 MACs" in large.source
    assert large.spread > large.value * f746.latency.error
    small = LATENCY.cost(network(Conv(2)), f746)
    assert small.how is How.ESTIMATED
    assert small.spread == pytest.approx(0.5 * small.value)
    axes = LATENCY.cost(network(Conv(64), input=(64, 64)), f746)
    assert "1 spatial axes" in axes.source
    borrowed = LATENCY.cost(published("mobilenetv2"), load_target("pixel"))
    assert borrowed.how is How.ESTIMATED
    assert "kinds of op that were not measured there" in borrowed.source


def test_error_grows_with_the_distance_from_the_fit():
    f746 = load_target("stm32f746")
    models = [replace(f746.latency, macs=(low, 1e9)) for low in (1e6, 1.25e7, 2.6e7, 5.1e7, 1e9)]
    costs = [LATENCY.cost(published("resnet8"), replace(f746, latency=m)) for m in models]
    relative = [cost.spread / cost.value for cost in costs]
    assert relative == sorted(relative)
    assert relative[0] == pytest.approx(f746.latency.error)
    assert relative[-1] == pytest.approx(0.5)


def test_a_target_without_a_model_is_refused():
    with pytest.raises(TargetError, match="'cpu' has no latency model: it is measured"):
        LATENCY.cost(published("dscnn"), load_target("cpu"))
    bare = replace(load_target("stm32f746"), latency=None)
    with pytest.raises(TargetError, match=r"add \[latency\]"):
        LATENCY.cost(published("dscnn"), bare)


@pytest.mark.parametrize(
    ("target_name", "board", "framework", "within"),
    [
        ("stm32l4r5", "NUCLEO_L4R5ZI", "X-CUBE-AI v9.0", 0.10),
        ("stm32f746", "DISCO_F746NG_int8", "Bosch", 0.10),  # another engine, for lack of its own
        ("stm32f746", "DISCO-F746NG", "Plumerai", 0.15),
    ],
)
def test_predictions_are_near_what_mlperf_published(
    shared_data, target_name, board, framework, within
):
    target = load_target(target_name)
    tasks = {"ic": "resnet8", "kws": "dscnn"}
    seen = set()
    with (shared_data / "devices" / "mlperf_tiny_results.csv").open() as file:
        for row in csv.DictReader(file):
            if row["system"] != board or not row["framework"].startswith(framework):
                continue
            if row["task"] in tasks:
                seen.add(row["task"])
                cost = LATENCY.cost(published(tasks[row["task"]]), target)
                assert cost.value == pytest.approx(float(row["latency_ms"]), rel=within)
    assert seen == set(tasks)


def test_energy_is_near_what_mlperf_published(shared_data):
    target = load_target("stm32l4r5")
    with (shared_data / "devices" / "mlperf_tiny_results.csv").open() as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["system"] == "NUCLEO_L4R5ZI" and row["framework"] == "X-CUBE-AI v9.0"
        ]
    published_mj = {row["task"]: float(row["energy_mJ"]) for row in rows}
    for task, name in (("ic", "resnet8"), ("kws", "dscnn")):
        cost = Energy().cost(published(name), target)
        assert cost.value == pytest.approx(published_mj[task], rel=0.15)


@pytest.fixture(scope="module")
def fit_latency():
    path = Path(__file__).parents[2] / "benchmarks" / "fit_latency.py"
    spec = importlib.util.spec_from_file_location("fit_latency", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["fit_latency"] = module
    spec.loader.exec_module(module)
    return module


def test_the_library_holds_what_the_script_fits(shared_data, fit_latency, monkeypatch):
    monkeypatch.setattr(fit_latency, "DATA", shared_data)
    rows = fit_latency.x_cube_ai()
    made = fit_latency.fit(rows)
    for name, group in (("stm32f746", "M7 8.1"), ("stm32h743", "M7 8.1"), ("stm32l4r5", "M4 9.0")):
        target = load_target(name)
        cycles = np.array(target.latency.coefficients) * target.clock_mhz * 1e3
        assert cycles == pytest.approx(made.coefficients * made.factors[group], rel=2e-3)
    errors = np.abs([error for _, error in fit_latency.left_out(rows)])
    assert len(errors) == 64
    assert np.quantile(errors, 0.8) <= load_target("stm32h743").latency.error
    assert (errors <= 0.1).mean() > 0.8


def test_cells_of_nas_bench_201_are_counted_right(shared_data, fit_latency):
    """Cell 0, by NAS-Bench-201: 15.647 MFLOPs, where a FLOP is a multiply-accumulate."""
    cell = (
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
        "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    )
    work = dict(zip(COEFFICIENTS, fit_latency.nas_bench_201(cell), strict=True))
    counted_macs = sum(value for name, value in work.items() if name.endswith("_mac"))
    assert counted_macs == pytest.approx(15.647e6, rel=0.02)
    assert fit_latency.nas_bench_201("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|") is None


def quantity(how: How, spread: float | None = 2.0) -> Quantity:
    return Quantity(20.0, "ms", how, spread, "somewhere")


@pytest.mark.parametrize("how", [How.MEASURED, How.PREDICTED, How.ESTIMATED])
def test_energy_is_labelled_by_its_weakest_part(how):
    target = load_target("stm32l4r5")
    cost = energy(quantity(how), target)
    assert cost.how is weakest(How.MEASURED, how)
    assert cost.unit == "mJ"
    assert cost.value == pytest.approx(20.0 * target.power_w)
    parts = (2.0 / 20.0, target.power_spread_w / target.power_w)
    assert cost.spread == pytest.approx(cost.value * math.hypot(*parts))
    assert "MLPerf Tiny" in cost.source
    assert str(how) in cost.source


def test_energy_of_a_counted_time_is_no_better_than_its_power():
    assert energy(quantity(How.COUNTED), load_target("nrf5340")).how is How.MEASURED


def test_energy_without_a_spread_has_none():
    assert energy(quantity(How.PREDICTED, None), load_target("nrf5340")).spread is None


@pytest.mark.parametrize("name", ["cpu", "stm32f746", "pixel"])
def test_energy_is_unknown_where_power_is(name):
    target = load_target(name)
    cost = energy(quantity(How.MEASURED), target)
    assert cost.how is How.UNKNOWN
    assert math.isnan(cost.value)
    assert cost.spread is None
    assert "no measured active power" in cost.source
    assert name in cost.source


@pytest.mark.parametrize("name", target_names())
def test_known_costs(name):
    target, whole = load_target(name), published("dscnn")
    costs = known_costs(whole, target)
    known = dict(counted(whole, target))
    for name in ("peak_sram_bytes", "flash_bytes") if target.has_arena else ():
        assert costs[name].how == "predicted"  # those of the arena and of the file
        assert costs[name].value > known.pop(name).value
    assert {k: costs[k] for k in known} == known
    assert ("latency_ms" in costs) == (target.latency is not None)
    assert ("energy_mj" in costs) == (target.latency is not None)
    assert all(costs[key].unit == METRICS[key].unit for key in costs)
    assert all(costs[key].source for key in costs)


def test_cost_models_keep_the_protocol():
    models: list[CostModel] = [PredictedLatency(), Energy()]
    target = load_target("nrf5340")
    for model in models:
        assert model.cost(published("resnet8"), target).unit == METRICS[model.metric].unit
