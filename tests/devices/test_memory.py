"""Peak memory: the best order equals brute force, and fragment by fragment equals the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from random_spaces import space_and_input

from brickwork.devices import memory
from brickwork.devices.fusion import Fused, fused
from brickwork.devices.memory import best_order, live_elements, memory_profile, peak_sram
from brickwork.space import (
    Activation,
    Add,
    ClassToken,
    Concat,
    Conv,
    ConvNorm,
    Depthwise,
    Dropout,
    Flatten,
    Fragment,
    GlobalPool,
    Graph,
    Identity,
    Linear,
    MultiHeadAttention,
    Multiply,
    Node,
    Norm,
    Normalize,
    Parallel,
    Pool,
    Residual,
    Select,
    Seq,
    Space,
    SqueezeExcite,
    Tokens,
    graph,
)
from brickwork.spaces import references
from brickwork.spaces.mobile import mobile
from brickwork.spaces.references import PUBLISHED, dscnn, mobilenetv2, resnet8


def orders(plan: Fused) -> Iterator[list[int]]:
    """Every order in which each step comes after those that write what it reads."""

    def grow(done: list[int]) -> Iterator[list[int]]:
        if len(done) == len(plan.steps):
            yield done
        written = {0} | {plan.steps[i].writes for i in done}
        for i, step in enumerate(plan.steps):
            if i not in done and set(step.reads) <= written:
                yield from grow([*done, i])

    yield from grow([])


def peak_of(plan: Fused, order: list[int]) -> int:
    """The peak of an order, from the definition: a buffer lives from its write to its last read."""
    steps = [plan.steps[i] for i in order]
    born = {0: -1} | {step.writes: t for t, step in enumerate(steps)}
    dies = dict(born)
    for t, step in enumerate(steps):
        for buffer in step.reads:
            dies[buffer] = t
    dies[plan.output] = len(steps)
    return max(
        sum(plan.sizes[b] for b in born if born[b] <= t <= dies[b]) + steps[t].scratch
        for t in range(len(steps))
    )


@st.composite
def plans(draw: st.DrawFn, most: int = 8) -> Fused:
    """Up to ``most`` steps, each reading one to three buffers that came before."""
    count = draw(st.integers(1, most))
    nodes = []
    for index in range(count):
        sources = draw(st.lists(st.integers(-1, index - 1), min_size=1, max_size=3))
        nodes.append(Node(f"n{index}", Add(), tuple(sources), (draw(st.integers(1, 20)),)))
    plan = fused(Fragment((draw(st.integers(1, 20)),), tuple(nodes)))
    steps = [step._replace(scratch=draw(st.sampled_from([0, 0, 7, 30]))) for step in plan.steps]
    return replace(plan, steps=tuple(steps))


@settings(max_examples=300)
@given(plans())
def test_best_order_equals_brute_force(plan):
    best = min(peak_of(plan, order) for order in orders(plan))
    found = best_order(plan)
    assert sorted(found) == list(range(len(plan.steps)))
    assert found in list(orders(plan))
    assert max(live_elements(plan, found)) == peak_of(plan, found) == best


@settings(max_examples=100)
@given(plans())
def test_live_elements_follow_the_definition_in_every_order(plan):
    for order in list(orders(plan))[:50]:
        assert max(live_elements(plan, order)) == peak_of(plan, order)


@settings(max_examples=100)
@given(plans())
def test_bounded_search_gives_a_valid_order_that_is_no_better_than_the_best(plan):
    search = memory._Plan(plan)
    exact = search.exact(10**6)
    for width in (1, 4):
        order = search.beam(width)
        assert order in list(orders(plan))
        assert peak_of(plan, order) >= peak_of(plan, exact)
    wide = search.beam(10**6)
    assert peak_of(plan, wide) == peak_of(plan, exact)  # a beam that drops nothing is exact


def whole(graph_: Graph) -> Fragment:
    """A graph as one fragment."""
    nodes = tuple(
        Node(n.name, n.op, tuple(i - 1 for i in n.inputs), n.shape) for n in graph_.nodes[1:]
    )
    return Fragment(graph_.input, nodes)


@given(space_and_input(), st.integers(0, 2**32), st.booleans())
def test_fragments_one_by_one_give_the_peak_of_the_whole_graph(pair, seed, normal):
    space, input = pair
    normalize = Normalize((1.0,), (2.0,)) if normal else None
    found = graph(space, space.sample(np.random.default_rng(seed)), input, 5, normalize)
    plan = fused(whole(found))
    expected = max(live_elements(plan, best_order(plan)), default=plan.sizes[0])
    assert peak_sram(found, "int8") == expected
    assert peak_sram(found, "float32") == 4 * expected


@pytest.mark.parametrize("input", [(1, 28, 28), (3, 224, 224), (1, 64), (1, 16, 16, 16)])
def test_fragments_equal_the_whole_graph_for_members_of_the_mobile_space(input):
    space, rng = mobile(input), np.random.default_rng(0)
    for _ in range(20):
        found = graph(space, space.sample(rng), input, 10, Normalize((127.5,), (64.0,)))
        plan = fused(whole(found))
        assert peak_sram(found, "int8") == max(live_elements(plan, best_order(plan)))


@given(space_and_input(), st.integers(0, 2**32))
def test_profile_peaks_where_the_peak_is(pair, seed):
    space, input = pair
    found = graph(space, space.sample(np.random.default_rng(seed)), input, 5)
    profile = memory_profile(found, "float32")
    names = [name for name, _ in profile]
    assert len(set(names)) == len(names)
    assert set(names) <= {node.name for node in found.nodes}
    if profile:
        assert max(live for _, live in profile) == peak_sram(found, "float32")


@given(space_and_input(), st.integers(0, 2**32))
def test_no_peak_is_below_what_one_op_needs(pair, seed):
    space, input = pair
    found = graph(space, space.sample(np.random.default_rng(seed)), input, 5)
    sizes = {node.name: prod(node.shape) for node in found.nodes}
    for name, live in memory_profile(found, "int8"):
        assert live >= sizes[name]
    assert peak_sram(found, "int8") >= max(prod(input), prod(found.output))


def network(*bricks: object, input: tuple[int, ...] = (2, 8, 8), **options: object) -> Graph:
    space = Space("s", Seq(*bricks))
    return graph(space, space.arch(), input, 4, **options)


def steps(graph_: Graph) -> list[str]:
    return [name for name, _ in memory_profile(graph_, "int8")]


def test_norm_activation_and_dropout_are_fused_into_the_op_before():
    found = network(Conv(4), Norm(), Activation(), Dropout(0.1), Conv(4, 1), Norm("group"))
    assert steps(found) == ["conv", "conv_2"]
    assert peak_sram(found, "int8") == 4 * 64 + 4 * 64


def test_what_two_ops_read_is_not_overwritten_by_a_fused_one():
    found = network(Conv(4), Residual(Seq(Activation(), Conv(4))))
    assert steps(found) == ["conv", "activation", "conv_2", "add"]
    assert peak_sram(found, "int8") == 3 * 4 * 64  # conv's output, the activation's, conv_2's


def test_flatten_is_an_alias_and_nothing_is_fused_through_it():
    assert steps(network(Conv(4), Flatten(), Linear(3))) == ["conv", "linear"]
    assert peak_sram(network(Conv(4), Flatten()), "int8") == 2 * 64 + 4 * 64
    assert steps(network(Conv(4), Flatten(), Norm(), Linear(3))) == ["conv", "norm", "linear"]


def test_normalize_is_fused_into_the_input_and_nothing_else_is():
    normalize = Normalize((1.0,), (2.0,))
    assert steps(network(Conv(4), normalize=normalize)) == ["conv"]
    assert peak_sram(network(Conv(4), normalize=normalize), "int8") == 6 * 64
    assert steps(network(Norm(), Conv(4), normalize=normalize)) == ["norm", "conv"]


def test_a_sum_is_not_written_over_one_of_its_inputs():
    profile = dict(memory_profile(network(Residual(Conv(2))), "int8"))
    assert profile == {"conv": 2 * 2 * 64, "add": 3 * 2 * 64}


def test_a_gate_keeps_the_gated_tensor_alive():
    profile = dict(memory_profile(network(SqueezeExcite(1.0)), "int8"))
    assert profile["se.gate.squeeze.conv"] == 128 + 2 + 4
    assert profile["se.multiply"] == 128 + 2 + 128


def test_dropout_on_a_branch_is_an_alias():
    found = network(Conv(2), Parallel((Seq(Dropout(0.1), Conv(2)), Identity()), Add()))
    assert steps(found) == ["conv", "0.conv", "add"]
    assert peak_sram(found, "int8") == 3 * 2 * 64


def test_order_of_branches_is_chosen():
    """A branch that shrinks goes last: the wide tensor of the other is gone by then."""
    shrink = Seq(Conv(1, 1), GlobalPool(keep=True), name="narrow")
    widen = Seq(Conv(8, 1), GlobalPool(keep=True), Conv(1, 1), name="wide")
    found = network(Pool(), Parallel((shrink, widen), Concat()))
    plan = fused(found.parts[-1])
    assert peak_of(plan, best_order(plan)) == min(peak_of(plan, o) for o in orders(plan))
    # one after the other: the pooled vectors are small, so what counts is the input and one branch
    assert peak_sram(found, "int8") == max(2 * 64 + 2 * 16, 2 * 16 + 8 * 16 + 1)


def test_order_matters():
    """Written in an order that is not the best one."""
    nodes = (
        Node("a", Add(), (-1,), (10,)),
        Node("b", Add(), (-1,), (10,)),
        Node("a2", Add(), (0,), (1,)),
        Node("b2", Add(), (1,), (1,)),
        Node("end", Add(), (2, 3), (1,)),
    )
    plan = fused(Fragment((2,), nodes))
    assert peak_of(plan, list(range(5))) == 10 + 10 + 2
    assert max(live_elements(plan, best_order(plan))) == 10 + 2 + 1


def test_many_branches_end_in_bounded_time(monkeypatch):
    """Twenty chains of three: far more executed sets than the exact search may visit."""
    branches = [
        Node(f"{i}{stage}", Add(), (-1,) if stage == "a" else (3 * i + at - 1,), (size,))
        for i in range(20)
        for at, (stage, size) in enumerate((("a", 40 + i), ("b", 3 + i % 5), ("c", 7)))
    ]
    ends = tuple(3 * i + 2 for i in range(20))
    plan = fused(Fragment((5,), (*branches, Node("end", Concat(), ends, (140,)))))
    monkeypatch.setattr(memory, "STATES", 200)
    assert memory._Plan(plan).exact(200) is None
    order = best_order(plan)
    assert sorted(order) == list(range(61))
    assert peak_of(plan, order) <= peak_of(plan, list(range(61)))


@example("resnet8")
@given(st.sampled_from(sorted(PUBLISHED)))
def test_published_networks_need_more_than_their_largest_op(name):
    space = getattr(references, name)()
    input, outputs = PUBLISHED[name]
    found = graph(space, space.arch(), input, outputs)
    assert peak_sram(found, "int8") >= max(
        sum(prod(s) for s in found.shapes_into(n)) + prod(n.shape)
        for n in found.nodes
        if isinstance(n.op, Conv | Depthwise)
    )


def test_peaks_of_published_networks():
    """ResNet-8: three maps of 16x32x32; DS-CNN: two of 64x25x5; MobileNetV2: 16 and 96 channels."""

    def peak(space: Space, name: str) -> int:
        return peak_sram(graph(space, space.arch(), *PUBLISHED[name]), "int8")

    assert peak(resnet8(), "resnet8") == 3 * 16 * 32 * 32
    assert peak(dscnn(), "dscnn") == 2 * 64 * 25 * 5
    assert peak(mobilenetv2(), "mobilenetv2") == 96 * 112 * 112 + 96 * 56 * 56


def test_a_network_without_ops_holds_its_input():
    space = Space("s", Identity())
    found = graph(space, space.arch(), (3, 4, 4), 2)
    assert peak_sram(found, "float32") == 4 * 48
    assert memory_profile(found, "float32") == []


def test_unknown_precision_is_refused():
    for call in (peak_sram, memory_profile):
        with pytest.raises(ValueError, match="'int4': int8 and float32 are known"):
            call(network(ConvNorm(2)), "int4")


def test_input_read_twice_counts_once():
    found = network(Parallel((Identity(), Identity()), Multiply()))
    assert dict(memory_profile(found, "int8")) == {"multiply": 2 * 2 * 64}


def test_tokens_are_the_same_bytes_and_one_token_is_a_copy():
    def sizes(*bricks: object) -> tuple[int, ...]:
        space = Space("s", Seq(Conv(4, 1), *bricks))
        return fused(whole(graph(space, space.arch(), (2, 3, 5), 4))).sizes

    assert sizes(Tokens()) == (30, 60)
    assert sizes(Flatten()) == (30, 60)
    assert sizes(Tokens(), ClassToken(), Select()) == (30, 60, 64, 4)


def test_attention_needs_room_for_its_scores():
    space = Space("s", MultiHeadAttention(8, 2))
    found = graph(space, space.arch(), (6, 10), 4)
    profile = dict(memory_profile(found, "int8"))
    scores = 4 * 10 * 10
    assert profile["attend"] == 3 * 80 + 80 + scores
    assert peak_sram(found, "int8") == profile["attend"]
    assert profile["out.conv"] == 80 + 60
