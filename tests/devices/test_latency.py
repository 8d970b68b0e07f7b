"""Predicted latency and energy: labels, spreads, monotony, and nearness to what was published."""

from __future__ import annotations

import csv
import math
from dataclasses import replace

import numpy as np
import pytest

from brickwork.devices import (
    CostModel,
    Energy,
    PredictedLatency,
    counted,
    energy,
    known_costs,
    latency_of,
    load_target,
    target_names,
)
from brickwork.devices.target import COEFFICIENTS
from brickwork.devices.work import work_of
from brickwork.errors import TargetError
from brickwork.quantity import METRICS, How, Quantity, weakest
from brickwork.space import (
    Conv,
    ConvTranspose,
    Custom,
    Depthwise,
    GlobalPool,
    Graph,
    Linear,
    Seq,
    Space,
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


@pytest.mark.parametrize("target_name", PREDICTED)
def test_cost_is_the_sum_of_coefficient_times_work(target_name):
    target = load_target(target_name)
    space, rng = mobile((3, 32, 32)), np.random.default_rng(0)
    for _ in range(20):
        whole = graph(space, space.sample(rng), (3, 32, 32), 10)
        work = work_of(whole)
        times = [
            coefficient * amount
            for coefficient, amount in zip(
                target.latency.coefficients, work.named().values(), strict=True
            )
        ]
        cost = LATENCY.cost(whole, target)
        assert cost.value == pytest.approx(sum(times))
        assert cost == latency_of(work, target)


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


def test_inside_of_the_fit_it_is_predicted_with_an_interval_of_its_own():
    target = load_target("stm32f746")
    relative = {}
    for name in ("resnet8", "dscnn"):
        cost = LATENCY.cost(published(name), target)
        assert cost.how is How.PREDICTED
        assert cost.unit == "ms"
        assert "X-CUBE-AI 8.1 at 216 MHz" in cost.source
        relative[name] = cost.spread / cost.value
        assert target.latency.error < relative[name] < 0.3
    # Hardly any time of a network that was measured goes into large depthwise windows.
    odd = network(*[Depthwise(7) for _ in range(6)], Conv(64, 1), input=(64, 32, 32))
    cost = LATENCY.cost(odd, target)
    assert cost.spread / cost.value > 2 * max(relative.values())


def test_the_interval_is_that_of_the_coefficients_as_the_network_weighs_them():
    target = load_target("stm32f746")
    model, work = target.latency, work_of(published("resnet8"))
    bare = replace(target, latency=replace(model, spread=np.zeros_like(model.spread)))
    cost = latency_of(work, bare)
    assert cost.spread == pytest.approx(cost.value * model.error)
    # The same by sampling coefficients: half widths of 80 % intervals, as standard deviations.
    draws = np.random.default_rng(0).normal(size=(20_000, len(COEFFICIENTS))) @ model.spread.T
    times = (1 + draws) @ (model.coefficients * work.amounts)
    sampled = math.hypot(float(times.std()), cost.value * model.error)
    assert latency_of(work, target).spread == pytest.approx(sampled, rel=0.05)


def test_outside_of_the_fit_it_is_estimated_and_says_why():
    f746 = load_target("stm32f746")
    large = LATENCY.cost(published("mobilenetv2"), f746)
    assert large.how is How.ESTIMATED
    assert "300,774,272 MACs" in large.source
    assert large.spread > large.value * f746.latency.error
    small = LATENCY.cost(network(Conv(2)), f746)
    assert small.how is How.ESTIMATED
    assert small.spread >= 0.5 * small.value
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
    inside = LATENCY.cost(published("resnet8"), f746)
    assert relative[0] == pytest.approx(inside.spread / inside.value)
    assert 5 * relative[0] < relative[-1] <= 0.5


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
