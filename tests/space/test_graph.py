"""Graphs against a slow second route, and the promises about fragments and names."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_spaces import inputs, space_and_input, spaces
from slow_graph import slow_graph

from brickwork.errors import ShapeError, SpaceError
from brickwork.space import (
    Activation,
    Arch,
    Choice,
    Concat,
    Conv,
    ConvNorm,
    Flatten,
    Fragment,
    GlobalPool,
    Identity,
    Linear,
    Norm,
    Normalize,
    OneOf,
    Optional,
    Parallel,
    Pool,
    Repeat,
    Residual,
    Seq,
    Space,
    graph,
)
from brickwork.spaces import references
from brickwork.spaces.mobile import mobile
from brickwork.spaces.references import PUBLISHED

SHAPES = [(1, 8, 8), (3, 32, 32), (1, 32), (1, 16, 16, 16)]
REFERENCES = {name: getattr(references, name) for name in PUBLISHED}
seeds = st.integers(0, 2**32)


def check_against_the_slow_route(space: Space, arch: Arch, input: tuple[int, ...]) -> None:
    whole = graph(space, arch, input, 10)
    slow = slow_graph(space, dict(arch.choices), input, 10)
    assert [(n.name, n.op, n.inputs, n.shape) for n in whole.nodes] == [tuple(n) for n in slow]
    assert whole.output == slow[-1].shape


@given(space_and_input(), seeds)
def test_graph_equals_the_slow_route(pair, seed):
    """Several architectures one after the other, so that fragments of earlier ones are reused."""
    space, input = pair
    rng = np.random.default_rng(seed)
    for _ in range(4):
        check_against_the_slow_route(space, space.sample(rng), input)


@pytest.mark.parametrize("input", SHAPES, ids=str)
def test_mobile_equals_the_slow_route(input):
    space = mobile(input)
    rng = np.random.default_rng(0)
    for arch in (*space.extremes(), *(space.sample(rng) for _ in range(30))):
        check_against_the_slow_route(space, arch, input)


@pytest.mark.parametrize("name", REFERENCES)
def test_references_equal_the_slow_route(name):
    space = REFERENCES[name]()
    check_against_the_slow_route(space, space.arch(), PUBLISHED[name][0])


@given(spaces(), st.lists(inputs, min_size=2, max_size=2), seeds)
def test_one_space_serves_several_inputs_and_outputs(space, shapes, seed):
    arch = space.sample(np.random.default_rng(seed))
    for input in (*shapes, shapes[0]):
        for outputs in (2, 3):
            nodes = graph(space, arch, input, outputs).nodes
            slow = slow_graph(space, dict(arch.choices), input, outputs)
            assert [(n.op, n.shape) for n in nodes] == [(n.op, n.shape) for n in slow]


@given(space_and_input(), seeds)
def test_promises_of_every_graph(pair, seed):
    space, input = pair
    whole = graph(space, space.sample(np.random.default_rng(seed)), input, 5)
    nodes = whole.nodes
    assert len({node.name for node in nodes}) == len(nodes)
    assert nodes[0].name == nodes[0].op.kind == "input"
    assert (nodes[0].shape, nodes[0].inputs) == (input, ())
    assert nodes[-1].shape == whole.output
    for index, node in enumerate(nodes):
        assert all(0 <= source < index for source in node.inputs)
        if node.inputs:
            assert whole.shapes_into(node) == [nodes[i].shape for i in node.inputs]
            assert node.op.shape(whole.shapes_into(node)) == node.shape
    readers = whole.consumers()
    edges = {(s, i) for i, node in enumerate(nodes) for s in node.inputs}
    assert {(s, i) for s, found in enumerate(readers) for i in found} == edges
    assert readers[-1] == []


@given(space_and_input(), seeds)
def test_parts_are_a_chain_and_none_begins_with_a_follower(pair, seed):
    space, input = pair
    whole = graph(space, space.sample(np.random.default_rng(seed)), input, 5)
    shape = input
    for index, part in enumerate(whole.parts):
        assert part.input == shape
        assert part.nodes
        assert index == 0 or not part.begins_with_follower
        for place, node in enumerate(part.nodes):
            assert all(-1 <= i < place for i in node.inputs)
            assert part.shapes_into(node) == [
                part.input if i < 0 else part.nodes[i].shape for i in node.inputs
            ]
        shape = part.shape
    flat = [node for part in whole.parts for node in part.nodes]
    assert [(n.op, n.shape) for n in flat] == [(n.op, n.shape) for n in whole.nodes[1:]]


def test_begins_with_follower_only_if_all_that_reads_the_input_follows():
    def fragment(block, input=(4, 6, 6)):
        return Fragment(
            input, graph(Space("s", Seq(Identity(), block)), Arch("s", ()), input, 2).parts[0].nodes
        )

    assert fragment(Norm()).begins_with_follower
    assert fragment(Seq(Activation(), Conv(3))).begins_with_follower
    assert not fragment(Seq(Conv(3), Norm())).begins_with_follower
    assert not fragment(Residual(Norm())).begins_with_follower
    assert not fragment(Parallel((Norm(), Activation()))).begins_with_follower


def test_a_norm_after_a_repeat_joins_the_part_before():
    stage = Repeat("stage", Conv(4), Choice("depth", (1, 2)))
    space = Space("s", Seq(stage, Norm(), Activation(), Conv(2, 1)))
    kinds = [
        [[node.op.kind for node in part.nodes] for part in graph(space, arch, (4, 5), 2).parts]
        for arch in space.extremes()
    ]
    assert kinds == [
        [["conv", "norm", "activation"], ["conv"]],
        [["conv"], ["conv", "norm", "activation"], ["conv"]],
    ]


@given(space_and_input(), seeds)
def test_equal_pieces_are_the_same_object(pair, seed):
    """Whoever keeps results for each fragment relies on it."""
    space, input = pair
    arch = space.sample(np.random.default_rng(seed))
    first, again = (graph(space, arch, input, 5).parts for _ in range(2))
    assert all(a is b for a, b in zip(first, again, strict=True))


def test_architectures_share_what_they_have_in_common():
    space = mobile((3, 32, 32))
    a = space.arch()
    b = space.arch({**dict(a.choices), "stage3.width": space.decision("stage3.width").options[-1]})
    left, right = (graph(space, arch, (3, 32, 32), 10).parts for arch in (a, b))
    common = [x is y for x, y in zip(left, right, strict=True)]
    assert common == sorted(common, reverse=True)
    assert 0 < sum(common) < len(common)


@given(space_and_input(), seeds)
def test_then_joins_two_fragments(pair, seed):
    space, input = pair
    whole = graph(space, space.sample(np.random.default_rng(seed)), input, 5)
    for a, b in pairwise(whole.parts):
        both = a.then(b)
        assert (both.input, both.shape) == (a.input, b.shape)
        assert [n.name for n in both.nodes] == [n.name for n in (*a.nodes, *b.nodes)]
        for node in both.nodes:
            assert node.op.shape(both.shapes_into(node)) == node.shape


@given(space_and_input(), seeds)
def test_normalisation_comes_first(pair, seed):
    space, input = pair
    arch = space.sample(np.random.default_rng(seed))
    normalize = Normalize((127.5,), (64.0,))
    plain, normal = graph(space, arch, input, 5), graph(space, arch, input, 5, normalize)
    assert normal.nodes[1].op == normalize
    assert normal.nodes[1].name == "normalize"
    assert [n.name for n in normal.nodes if n.op != normalize] == [n.name for n in plain.nodes]
    assert [n.shape for n in normal.nodes[2:]] == [n.shape for n in plain.nodes[1:]]
    assert normal.hash != plain.hash
    assert normal.parts[1:] == plain.parts


def test_normalisation_must_fit_the_channels():
    space = Space("s", Conv(2))
    graph(space, space.arch(), (3, 8, 8), 2, Normalize((1.0, 2.0, 3.0), (1.0,)))
    with pytest.raises(ShapeError, match="2 means for 3 channels"):
        graph(space, space.arch(), (3, 8, 8), 2, Normalize((1.0, 2.0), (1.0,)))


@pytest.mark.parametrize(
    ("name", "trained", "fixed", "macs"),
    [
        # parameters of the Keras reference, its trainable and its other part (MLPerf Tiny)
        ("resnet8", 78_666 - 480, 480, 12_501_632),
        ("dscnn", 24_908 - 1_152, 1_152, 2_656_768),
        # torchvision's mobilenet_v2: its parameter count and, in MACs, its published operations
        ("mobilenetv2", 3_504_872, 2 * 17_056, 300_774_272),
        # torchvision's resnet18: its parameter count, and 1.814 G operations
        ("resnet18", 11_689_512, 2 * 4_800, 1_814_073_344),
        # torchvision's efficientnet_b0: its parameter count, and 0.386 G operations
        ("efficientnetb0", 5_288_548, 2 * 21_008, 385_814_752),
        # DeiT's table: 5.7 M parameters; 1.26 G operations are given for it where the products of
        # queries, keys and values count (178,831,872 here), 1.08 G where they do not
        ("vittiny", 5_717_416, 0, 1_253_683_200),
    ],
)
def test_references_have_their_published_size(name, trained, fixed, macs):
    input, outputs = PUBLISHED[name]
    space = REFERENCES[name]()
    assert space.size() == 1
    whole = graph(space, space.arch(), input, outputs)
    assert whole.output == (outputs,)
    counts = {"weights": 0, "buffers": 0}
    for node in whole.nodes:
        for kind in counts:
            shapes = getattr(node.op, kind)(whole.shapes_into(node) or [node.shape])
            counts[kind] += sum(prod(s) for s in shapes.values() if s != ())
    assert counts == {"weights": trained, "buffers": fixed}
    assert sum(n.op.macs(whole.shapes_into(n), n.shape) for n in whole.nodes) == macs


# --- what does not fit ----------------------------------------------------------------------------

WIDTHS = Choice("width", (2, 4))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            Seq(Seq(Conv(4), Seq(Conv(3), name="b"), name="a"), Linear()),
            "linear: linear needs a shape (channels,), got (3, 8, 8): pool or flatten first",
        ),
        (
            Seq(Residual(Conv(3)), name="stage1"),
            "residual at stage1.: body gives (3, 8, 8), skip (2, 8, 8)",
        ),
        (Residual(Conv(3)), "residual at the root: body gives (3, 8, 8), skip (2, 8, 8)"),
        (
            Seq(Residual(Conv(3, 3, 2), Conv(3, 1)), name="s"),
            "s.add: cannot add shapes (3, 4, 4), (3, 8, 8)",
        ),
        (
            Seq(Parallel((Conv(3), Conv(3, 3, 2)), Concat()), name="cell"),
            "cell.concat: cannot concatenate shapes (3, 8, 8), (3, 4, 4)",
        ),
        (
            Seq(Seq(Pool("max", 9), name="deep"), name="very"),
            "very.deep.pool: pool with kernel 9 and stride 9 leaves no pixel of (2, 8, 8)",
        ),
        (
            Seq(GlobalPool(), Conv(2)),
            "conv: conv needs a shape (channels, *spatial), got (2,)",
        ),
    ],
)
def test_what_does_not_fit_names_the_op(body, says):
    space = Space("s", body)
    with pytest.raises(ShapeError) as caught:
        graph(space, space.arch(), (2, 8, 8), 10)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (Seq(ConvNorm(WIDTHS, 3), name="stem"), "stem.width"),
        (Repeat("stage", Conv(2), Choice("depth", (1, 2))), "stage.depth"),
        (Seq(Repeat("stage", Conv(2), Choice("depth", (1, 2)), Conv(3)), Norm()), "stage.depth"),
        (Residual(Repeat("stage", Conv(2), Choice("depth", (1, 2)))), "stage.depth"),
        (OneOf("op", {"a": Conv(2), "b": Identity()}), "op"),
        (Optional("se", Norm()), "se"),
        (Residual(Norm(), keep=Choice("skip", (False, True))), "skip"),
    ],
)
def test_a_decision_that_is_missing_is_named(body, name):
    with pytest.raises(SpaceError, match=f"does not decide {name}$"):
        graph(Space("s", body), Arch("s", ()), (2, 8, 8), 10)


def test_an_empty_network_hands_its_input_on():
    space = Space("s", Seq(Optional("maybe", Norm()), Identity()))
    whole = graph(space, space.arch({"maybe": False}), (2, 3), 10)
    assert (whole.output, len(whole.nodes), whole.parts) == ((2, 3), 1, ())
    assert whole.hash == graph(space, space.arch({"maybe": False}), (2, 3), 10).hash


def test_outputs_are_the_width_of_the_last_layer():
    space = Space("s", Seq(Flatten(), Linear(7), Linear()))
    whole = graph(space, space.arch(), (1, 4), 3)
    assert [node.shape for node in whole.nodes] == [(1, 4), (4,), (7,), (3,)]


@settings(max_examples=20)
@given(space_and_input())
def test_the_plan_does_not_change_what_a_space_is(pair):
    space, input = pair
    before = space.to_json()
    graph(space, space.arch(), input, 2)
    assert space.to_json() == before
    assert space == Space.from_json(before)
