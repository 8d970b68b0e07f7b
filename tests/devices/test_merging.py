"""Merged programs: what a converter would have left, and nothing that computes something else."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_spaces import space_and_input

from brickwork.devices.lowering import lower, why_not
from brickwork.devices.merging import merged
from brickwork.devices.program import Program
from brickwork.space import graph
from brickwork.spaces.cell import arch_of_string, nasbench201


def cell(text: str) -> Program:
    space = nasbench201(cells=1)
    return lower(graph(space, arch_of_string(space, text), (3, 32, 32), 10))


def kinds(program: Program) -> Counter[str]:
    return Counter(layer.kind for layer in program.layers)


def test_activations_that_read_the_same_are_one_and_fused():
    """Two convolutions read the input of the cell, and nothing else does."""
    text = "|nor_conv_1x1~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|skip_connect~2|"
    program = cell(text)
    assert kinds(merged(program))["RELU"] <= kinds(program)["RELU"] - 3  # three cells


def test_an_activation_stays_where_something_else_reads_its_input():
    text = "|nor_conv_1x1~0|+|none~0|none~1|+|skip_connect~0|skip_connect~1|none~2|"
    found = merged(cell(text))
    shared = [layer for layer in found.layers if layer.kind == "RELU"]
    assert len(shared) >= 3  # one for each cell, whose input is also summed


def test_equal_pools_are_one_also_where_only_one_of_them_is_clamped():
    text = "|nor_conv_1x1~0|+|none~0|avg_pool_3x3~1|+|none~0|avg_pool_3x3~1|nor_conv_1x1~2|"
    program = cell(text)
    pools = kinds(program)["AVERAGE_POOL_2D"]
    assert kinds(merged(program))["AVERAGE_POOL_2D"] == pools - 3  # one for each cell


@given(space_and_input(), st.integers(0, 2**32))
def test_merging_is_sound(pair, seed):
    space, input = pair
    whole = graph(space, space.sample(np.random.default_rng(seed)), input, 5)
    if why_not(whole):
        return
    program = lower(whole)
    found = merged(program)
    known = {0}
    for layer in found.layers:
        assert set(layer.inputs) <= known, "a tensor is read before it is written"
        assert layer.output not in known, "a tensor is written twice"
        known.add(layer.output)
    assert found.output in known
    assert found.shapes[found.output] == program.shapes[program.output]
    weighted = [layer.node for layer in program.layers if layer.node >= 0 or layer.norms]
    assert [layer.node for layer in found.layers if layer.node >= 0 or layer.norms] == weighted
    assert len(found.layers) <= len(program.layers)
    again = merged(found)
    assert kinds(again) == kinds(found)


@pytest.mark.parametrize("op", ["nor_conv_1x1", "skip_connect", "avg_pool_3x3"])
def test_macs_stay_what_they_are(op):
    program = cell(f"|{op}~0|+|{op}~0|{op}~1|+|{op}~0|{op}~1|{op}~2|")
    found = merged(program)
    assert sum(map(found.macs, found.layers)) == sum(map(program.macs, program.layers))
