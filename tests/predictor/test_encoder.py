"""Architectures, graphs and costs as rows of numbers."""

from __future__ import annotations

import numpy as np
from strategy_toys import NESTED, known, problem

from brickwork.devices.counts import macs
from brickwork.predictor import Encoder
from brickwork.space import Arch, Choice, Conv, GlobalPool, Graph, Linear, Seq, Space, graph
from brickwork.trial import rng_for

BODY = Seq(Conv(Choice("width", (4, 8)), Choice("kernel", (3, 5))), GlobalPool(), Linear())
SPACE = Space("small", BODY)


def graph_of(arch: Arch) -> Graph:
    return graph(SPACE, arch, (1, 8, 8), 2)


def test_columns_stand_where_they_are_said_to_stand() -> None:
    encoder = Encoder(SPACE, ("parameters",), graph_of)
    arch = SPACE.arch({"width": 8, "kernel": 3})
    row = encoder.encode(arch, known(arch))
    assert row.shape == (encoder.width,)
    assert row[: encoder.categorical].tolist() == [0, 1, 1, 0]
    assert row[encoder.categorical : encoder.decisions].tolist() == [1, 0]
    assert np.isclose(row[encoder.column("parameters")], np.log(known(arch)["parameters"].value))
    assert np.isclose(row[encoder.column("macs")], np.log(macs(graph_of(arch))))
    assert encoder.column("latency_ms") is None


def test_macs_that_are_a_cost_stand_there_only() -> None:
    encoder = Encoder(SPACE, ("macs",), graph_of)
    assert encoder.column("macs") == encoder.width - 1 == encoder.beside


def test_without_a_graph_there_are_no_columns_for_it() -> None:
    encoder = Encoder(SPACE, ("parameters",))
    assert encoder.beside == encoder.decisions
    assert encoder.column("macs") is None


def test_equal_graphs_are_equal_rows_whatever_is_asked_first() -> None:
    archs = [NESTED.sample(rng_for(0, i)) for i in range(6)]
    task = problem(NESTED)

    def made(order: list[Arch]) -> dict[str, list[float]]:
        encoder = Encoder(NESTED, (), lambda arch: graph(NESTED, arch, (1, 8, 8), 2))
        return {a.id: encoder.encode(a, task.known(a)).tolist() for a in order}

    assert made(archs) == made(archs[::-1])


def test_what_does_not_fit_the_input_has_no_graph_to_look_at() -> None:
    space = Space(
        "deep", Seq(*(Conv(4, 3, 2, padding=0) for _ in range(Choice("n", (1,)).options[0])))
    )
    encoder = Encoder(space, (), lambda arch: graph(space, arch, (1, 2, 2), 2))
    row = encoder.encode(space.extremes()[0], {})
    assert not row[encoder.decisions :].any()


def test_a_score_has_two_columns_and_an_unknown_one_is_zero_in_both() -> None:
    arch, other = SPACE.arch({"width": 8, "kernel": 3}), SPACE.arch({"width": 4, "kernel": 3})
    parts = {arch.id: 0.8413447, other.id: float("nan")}
    scores = (lambda a: parts[a.id], lambda _: 0.5)
    encoder = Encoder(SPACE, ("parameters",), graph_of, scores)
    bare = Encoder(SPACE, ("parameters",), graph_of)
    assert encoder.width == bare.width + 4
    assert encoder.beside == encoder.scored + 4
    row, unknown = (encoder.encode(a, known(a)) for a in (arch, other))
    assert np.allclose(row[encoder.scored : encoder.beside], [1.0, 1.0, 0.0, 1.0])
    assert unknown[encoder.scored : encoder.beside].tolist() == [0.0, 0.0, 0.0, 1.0]
    rest = np.delete(row, np.s_[encoder.scored : encoder.beside])
    assert rest.tolist() == bare.encode(arch, known(arch)).tolist()
    assert row[encoder.column("macs")] == np.log(macs(graph_of(arch)))
