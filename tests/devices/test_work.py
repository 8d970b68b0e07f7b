"""The work of a network: by kind, by two routes, and never less for more."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_spaces import space_and_input

from brickwork.devices.lowering import lower, why_not
from brickwork.devices.target import COEFFICIENTS
from brickwork.devices.work import work, work_of, work_of_program
from brickwork.space import (
    Activation,
    Add,
    Conv,
    ConvTranspose,
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


def network(*bricks: object, input: tuple[int, ...] = (2, 8, 8)) -> Graph:
    space = Space("s", Seq(*bricks))
    return graph(space, space.arch(), input, 4)


def test_work_by_kind():
    found = work_of(
        network(
            Conv(4, 3),
            Activation(),
            Conv(6, 3),
            Conv(6, 1),
            Conv(6, 1, groups=2),
            Depthwise(3),
            Pool("max", 2),
            Parallel((Identity(), Activation()), Add()),
            GlobalPool(),
            Linear(3),
        )
    ).named()
    assert found == {
        "conv_mac": 6 * 4 * 9 * 64,
        "narrow_mac": 4 * 2 * 9 * 64 + 6 * 3 * 64,  # a grouped convolution is none of one pixel
        "pointwise_mac": 6 * 6 * 64,
        "depthwise_mac": 6 * 9 * 64,
        "linear_mac": 18,
        "output": (4 + 6 + 6 + 6 + 6) * 64 + 3,
        "pool": 6 * 16 * 4 + 6 * 16,
        "elementwise": 6 * 16,
        "activation": 6 * 16,  # it shares its input, so it cannot be fused
        "copy": 0,
        "spill": 0,
        "op": 10,
        "network": 1,
    }


def test_padding_is_a_copy_where_it_is_an_operation():
    plain, padded = (work_of(network(Conv(4, 3, stride))).named() for stride in (1, 2))
    assert plain["copy"] == 0
    assert padded["copy"] == 2 * 9 * 9  # what the windows read
    assert padded["op"] == plain["op"] + 1


def test_large_tensors_spill():
    small, large = (
        work_of(network(Conv(8, 3), input=(8, side, side))).named() for side in (90, 91)
    )
    assert small["spill"] == 0
    assert large["spill"] == 2 * 8 * 91 * 91


def test_what_cannot_be_lowered_is_counted_like_what_it_is_like():
    attention = network(Tokens(), MultiHeadAttention(4, 2))
    assert why_not(attention)
    work = work_of(attention)
    found = work.named()
    assert found["linear_mac"] == 2 * 64 * 64 * 4
    assert found["pointwise_mac"] == 64 * (3 * 2 * 4 + 4 * 2)
    assert found["output"] == 64 * (3 * 4 + 4 + 2)
    likened = dict(zip(COEFFICIENTS, work.likened, strict=True))
    assert likened["linear_mac"] == found["linear_mac"]
    assert likened["pointwise_mac"] == 0
    transposed = work_of(network(ConvTranspose(3)))
    assert transposed.named()["conv_mac"] == 2 * 3 * 4 * 64
    assert transposed.likened.sum() > 0


def test_volumes_and_images_are_counted_by_one_rule():
    volume = work_of(network(Conv(8, (3, 3, 1)), GlobalPool(), input=(4, 8, 8, 1))).named()
    image = work_of(network(Conv(8, 3), GlobalPool(), input=(4, 8, 8))).named()
    assert volume == image


@pytest.mark.parametrize("make", [resnet8, dscnn, mobilenetv2])
def test_a_graph_and_its_program_do_the_same_work(make):
    space = make()
    whole = graph(space, space.arch(), *PUBLISHED[make.__name__])
    assert work_of(whole).named() == work_of_program(lower(whole)).named()


@pytest.mark.parametrize("input", [(2, 8, 9), (2, 8), (8,)])
def test_a_program_has_the_axes_of_its_graph(input):
    whole = network(*([Conv(4, 3), GlobalPool()] if len(input) > 1 else []), Linear(3), input=input)
    assert work_of_program(lower(whole)).axes == work_of(whole).axes == len(input)


@given(space_and_input(), st.integers(0, 2**32))
def test_two_routes_count_the_same_work(pair, seed):
    """By fragments, and over the whole program, whose MACs are those that it says it has."""
    space, input = pair
    whole = graph(space, space.sample(np.random.default_rng(seed)), input, 5)
    work = work_of(whole)
    assert list(work.named()) == list(COEFFICIENTS)
    assert (work.likened <= work.amounts).all()
    if why_not(whole):
        return
    program = lower(whole)
    assert work.named() == work_of_program(program).named()
    assert work.macs == sum(map(program.macs, program.layers))
    written = [
        prod(program.shapes[layer.output]) for layer in program.layers if program.macs(layer)
    ]
    assert work.named()["output"] == sum(written)


def test_a_known_fragment_is_not_counted_again():
    space, rng = mobile((3, 32, 32)), np.random.default_rng(0)
    arch = space.sample(rng)
    first, second = (graph(space, arch, (3, 32, 32), 10) for _ in range(2))
    assert work_of(first).named() == work_of(second).named()
    amounts, _ = work(first.parts[0])
    with pytest.raises(ValueError, match="read-only"):
        amounts[0] = 1.0
