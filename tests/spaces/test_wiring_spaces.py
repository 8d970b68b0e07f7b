"""Free graphs and hierarchies."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

from brickwork.space import graph
from brickwork.spaces.recipes import ELASTIC
from brickwork.spaces.wiring import dag, hierarchy

INPUTS = [(1, 8, 8), (3, 32, 32)]
RECIPES = prod(len(choice.options) for choice in ELASTIC.values() if hasattr(choice, "options"))


@pytest.mark.parametrize("input", INPUTS, ids=str)
def test_something_always_leaves_a_free_graph(input):
    space, rng = dag(input), np.random.default_rng(0)
    for arch in (*space.extremes(), *(space.sample(rng) for _ in range(200))):
        kinds = {node.op.kind for node in graph(space, arch, input, 10).nodes}
        assert "zero" not in kinds


def test_free_graphs_are_wired_in_many_ways():
    """With all operations and widths equal nearly each sample is another network."""
    space, rng = dag((1, 8, 8)), np.random.default_rng(0)
    fixed = {d.name: d.options[0] for d in space.decisions() if not d.name[:-1].endswith(".from")}
    hashes = {
        graph(space, space.arch({**dict(space.sample(rng).choices), **fixed}), (1, 8, 8), 10).hash
        for _ in range(100)
    }
    assert len(hashes) > 90


@pytest.mark.parametrize("input", INPUTS, ids=str)
def test_the_number_of_free_graphs_by_hand(input):
    stages = 2 if input[-1] <= 16 else 3
    wires, operations, widths = 2 ** (1 + 2 + 3 + 4) * 2**4, 3**5, 4
    assert wires == 2**14  # the later four nodes may read what comes in as well
    assert dag(input).size() == (wires * operations * widths) ** stages * RECIPES


@pytest.mark.parametrize("input", INPUTS, ids=str)
def test_the_number_of_hierarchies_by_hand(input):
    parts = 2
    for _ in range(2):
        parts = 2 + parts + 2 * parts**2
    stages = 2 if input[-1] <= 16 else 3
    assert hierarchy(input).size() == (4 * parts) ** stages * RECIPES
