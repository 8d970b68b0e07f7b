"""The work of programs: what the graph's work is, by another route."""

from __future__ import annotations

from dataclasses import replace

import pytest
from export_networks import member, relatives, wired

from brickwork.devices import PredictedLatency, load_target, target_names
from brickwork.devices.files.latency import program_latency, program_work
from brickwork.devices.files.onnx import read_onnx
from brickwork.devices.latency import work_of
from brickwork.devices.lowering import lower
from brickwork.devices.program import Layer, Program
from brickwork.devices.target import COEFFICIENTS
from brickwork.export.onnx import random_weights, write_onnx
from brickwork.quantity import How
from brickwork.space import (
    Activation,
    Conv,
    GlobalPool,
    Graph,
    Linear,
    Norm,
    Pool,
    Seq,
    Space,
    graph,
)
from brickwork.trial import rng_for

PREDICTED = [name for name in target_names() if load_target(name).latency is not None]


def plain() -> Graph:
    """Nothing in it is executed in another way by any runtime."""
    body = Seq(
        *(Conv(8, 3), Norm(), Activation(), Conv(4, 1), Activation(), Pool("max", 2)),
        *(Conv(6, 3, 1), GlobalPool(), Linear()),
    )
    space = Space("s", body)
    return graph(space, space.arch(), (3, 16, 16), 10)


def program_of(whole: Graph) -> Program:
    weights = random_weights(whole, rng_for(0, "weights"))
    return read_onnx(write_onnx(whole, weights)).program


def test_three_routes_to_the_work_of_a_plain_network():
    whole = plain()
    assert program_work(lower(whole)) == program_work(program_of(whole)) == work_of(whole)


MACS = ("conv_mac", "pointwise_mac", "depthwise_mac", "linear_mac", "output")


@pytest.mark.parametrize(
    "whole",
    [
        *(member((3, 24, 24), seed) for seed in range(4)),
        *(relatives(name)[1] for name in ("residual", "speech", "series", "mlp")),
        *wired("nasbench201")[1:],
    ],
    ids=lambda whole: whole.hash[:6],
)
def test_macs_and_outputs_are_those_of_the_graph(whole: Graph):
    """Paddings, clamps and gates may be ops of their own in a program."""
    found, expected = program_work(program_of(whole)), work_of(whole)
    assert list(found) == list(expected)
    assert {key: found[key] for key in MACS} == {key: expected[key] for key in MACS}
    assert found["op"] >= expected["op"] or found["pool"] >= expected["pool"]


def test_attention_is_work_of_linear_layers():
    whole = relatives("vit")[0]
    found, expected = program_work(program_of(whole)), work_of(whole)
    assert found["linear_mac"] == expected["linear_mac"]
    assert found["pointwise_mac"] == expected["pointwise_mac"]


@pytest.mark.parametrize("name", PREDICTED)
def test_the_latency_of_a_plain_network_is_that_of_its_graph(name: str):
    target, whole = load_target(name), plain()
    found = program_latency(program_of(whole), target.latency, len(whole.input))
    expected = PredictedLatency().cost(whole, target)
    assert found.value == pytest.approx(expected.value)
    assert found.how == expected.how
    assert found.spread == pytest.approx(expected.spread)


def test_what_is_not_known_is_an_estimate():
    model = replace(load_target("stm32h743").latency, macs=(1.0, 1e12))
    program = program_of(plain())
    sure = program_latency(program, model, 3)
    assert sure.how is How.PREDICTED
    unsure = program_latency(program, model, 3, ("SVDF",))
    assert unsure.how is How.ESTIMATED
    assert "the work of SVDF is not known" in unsure.source
    assert unsure.spread == pytest.approx(0.5 * unsure.value)
    flat = program_latency(program, model, 2)
    assert "1 spatial axes" in flat.source


def test_other_shapes_of_the_same_bytes_are_no_work():
    shapes = ((4, 4, 2), (32,), (32,))
    layers = (Layer("RESHAPE", -1, (0,), 1), Layer("SOFTMAX", -1, (1,), 2))
    work = program_work(Program(shapes, layers, 2))
    assert work == dict.fromkeys(COEFFICIENTS, 0.0) | {"op": 1, "elementwise": 32, "network": 1}
