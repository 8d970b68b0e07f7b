"""A network as blocks: what each of them does, in words."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from catalogue import CATALOGUE

from brickwork.report.outline import blocks
from brickwork.space import (
    Cell,
    Chain,
    Concat,
    Conv,
    DepthwiseNorm,
    Edge,
    Identity,
    InvertedResidual,
    Parallel,
    Pool,
    Repeat,
    Seq,
    Space,
    SqueezeExcite,
    Sum,
    Zero,
    graph,
)
from brickwork.space.blocks import Block
from brickwork.spaces.cell import arch_of_string, nasbench201


def outline(body: Block):
    space = Space("s", body)
    return blocks(graph(space, space.arch(), (4, 8, 8), 3))


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.id)
def test_the_blocks_are_the_network(entry):
    space, rng = entry.space, np.random.default_rng(0)
    for arch in (*space.extremes(), space.sample(rng)):
        whole = graph(space, arch, entry.input, entry.outputs)
        found = blocks(whole)
        inside = [(node, whole.shapes_into(node)) for node in whole.nodes[1:]]
        assert sum(b["macs"] for b in found) == sum(n.op.macs(i, n.shape) for n, i in inside)
        weights = [w for n, i in inside for w in n.op.weights(i).values()]
        assert sum(b["parameters"] for b in found) == sum(map(prod, weights))
        assert found[-1]["shape"] == list(entry.output)
        assert len({b["label"] for b in found}) == len(found)


def test_blocks_are_named_after_stages_and_say_what_they_do():
    body = Seq(Seq(Conv(4, 3, 2), name="stem"), Repeat("stage", InvertedResidual(4, expand=2), 2))
    stem, first, second = outline(body)
    assert (stem["label"], stem["detail"]) == ("stem", "conv 3x3 /2 → 4")
    assert [first["label"], second["label"]] == ["stage.0", "stage.1"]
    assert first["detail"] == "conv 1x1 → 8, depthwise 3x3 → 8, conv 1x1 → 4"
    assert (stem["skip"], first["skip"]) == (False, True)


def test_a_cell_says_how_it_is_wired():
    conv, pool = Seq(Conv(4), name="x"), Pool("average", 3, 1, 1)
    nodes = (
        Sum((Edge(0, conv), Edge(0, pool))),
        Sum((Edge(1, pool), Edge(1), Edge(0))),
        Sum((Edge(2, DepthwiseNorm(5)), Edge(0, Zero()))),
    )
    (block,) = outline(Cell("cell", nodes))
    assert block["label"] == "cell"
    assert not block["skip"]
    assert block["detail"] == (
        "a = in conv 3x3 + in average pool; (a average pool + a + in) depthwise 5x5"
    )


def test_a_cell_with_two_inputs_and_one_that_gives_nothing():
    two = (Identity(), Identity())
    both = Cell("b", (Sum((Edge(0), Edge(1, Conv(4, 1)))), Sum((Edge(0),))), two, "all")
    assert [b["detail"] for b in outline(Chain((Seq(Conv(4), name="a"), both)))] == [
        "conv 3x3 → 4",
        "in2 + in1 conv 1x1, in2",
    ]
    gone = Cell("cell", (Sum((Edge(0, Zero()),)),))
    assert [b["detail"] for b in outline(Repeat("stage", gone, 1))] == ["zeros"]


def test_a_cell_of_the_benchmark_in_words():
    space = nasbench201(cells=1)
    text = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|"
    found = blocks(graph(space, arch_of_string(space, text), (3, 32, 32), 10))
    cell = next(block for block in found if block["label"] == "stage1.0")
    assert cell["detail"] == "a = in conv 3x3; in + a conv 1x1 + a average pool"
    assert [block["label"] for block in found] == [
        *("stem", "stage1.0", "reduce1", "stage2.0", "reduce2", "stage3.0", "classifier")
    ]


def test_joins_inside_of_a_cell():
    join = Parallel((Identity(), Seq(Conv(4), name="x")), Concat())
    edge = Edge(0, Seq(join, Conv(4, 1), SqueezeExcite()))
    (block,) = outline(Cell("cell", (Sum((edge,)),)))
    assert block["detail"] == (
        "a = (in, in conv 3x3) conv 1x1; a × a average pool conv 1x1 conv 1x1"
    )
