"""Choices, relative widths, and what the composites stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickwork.errors import SpaceError
from brickwork.space import (
    Add,
    Choice,
    Composite,
    Conv,
    ConvNorm,
    DepthwiseNorm,
    Halve,
    Identity,
    InvertedResidual,
    Multiply,
    Norm,
    OneOf,
    Optional,
    Parallel,
    Repeat,
    Residual,
    Seq,
    Space,
    SqueezeExcite,
    Wide,
    graph,
    round_to,
)

# --- choices and widths ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("w", (), "the choice 'w' has no options"),
        ("w", (1, 2, 1), "the choice 'w' has an option twice: (1, 2, 1)"),
        ("w", (1, True), "the choice 'w' has an option twice: (1, True)"),
        ("", (1,), "'' is not a name for a choice"),
        ("../", (1,), "'../' is not a name for a choice"),
    ],
)
def test_what_is_no_choice(name, options, says):
    with pytest.raises(SpaceError) as caught:
        Choice(name, options)
    assert str(caught.value) == says


def test_one_of_needs_options():
    with pytest.raises(SpaceError, match="the choice 'op' has no options"):
        OneOf("op", {})


def test_a_shortcut_is_a_brick_or_drop():
    with pytest.raises(SpaceError, match="shortcut is None, 'drop' or a brick, got 'none'"):
        Residual(Norm(), "none")


@given(st.floats(0.01, 5000), st.integers(1, 16))
def test_round_to_keeps_its_promises(width, divisor):
    rounded = round_to(width, divisor)
    assert rounded % divisor == 0
    assert rounded >= divisor
    assert rounded >= 0.9 * width
    assert rounded - width <= max(divisor, 0.1 * width + divisor / 2)
    assert round_to(rounded, divisor) == rounded


@pytest.mark.parametrize(
    ("width", "divisor", "rounded"),
    [(12, 8, 16), (11, 8, 16), (10, 8, 16), (33, 8, 32), (3, 8, 8), (24.0, 8, 24), (5.4, 1, 5)],
)
def test_round_to_by_hand(width, divisor, rounded):
    """MobileNetV2's rule: up from the middle, and never more than a tenth narrower."""
    assert round_to(width, divisor) == rounded


def test_wide_is_relative_to_what_comes_in():
    space = Space("s", Conv(Wide(Choice("expand", (1, 1.5, 3)), divisor=4), 1))
    widths = [
        graph(space, space.arch({"expand": factor}), (6, 5), 2).output[0] for factor in (1, 1.5, 3)
    ]
    assert widths == [8, 12, 20]  # 8 would be more than a tenth below 9


# --- composites -----------------------------------------------------------------------------------


def ops(block, input=(4, 8, 8)):
    """The name of each op of a brick without choices, and the names of what it reads."""
    space = Space("s", block)
    nodes = graph(space, space.arch(), input, 10).nodes
    return {node.name: [nodes[i].name for i in node.inputs] for node in nodes[1:]}


def test_bricks_that_are_short_for_others():
    for brick in (ConvNorm(3), DepthwiseNorm(), SqueezeExcite(), InvertedResidual(3)):
        assert isinstance(brick, Composite)
    for brick in (Conv(3), Identity(), Seq(), Residual(Norm()), Optional("a", Norm())):
        assert not isinstance(brick, Composite)


def test_conv_norm():
    assert ops(ConvNorm(3)) == {"conv": ["input"], "norm": ["conv"], "activation": ["norm"]}
    assert ops(ConvNorm(3, activation="")) == {"conv": ["input"], "norm": ["conv"]}
    assert list(ops(DepthwiseNorm())) == ["depthwise", "norm", "activation"]


def test_squeeze_excite():
    assert ops(SqueezeExcite()) == {
        "se.gate.global_pool": ["input"],
        "se.gate.squeeze.conv": ["se.gate.global_pool"],
        "se.gate.squeeze.activation": ["se.gate.squeeze.conv"],
        "se.gate.excite.conv": ["se.gate.squeeze.activation"],
        "se.gate.excite.activation": ["se.gate.excite.conv"],
        "se.multiply": ["input", "se.gate.excite.activation"],
    }


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_squeeze_excite_keeps_every_shape(axes):
    space = Space("s", SqueezeExcite(0.5))
    nodes = graph(space, space.arch(), (8, *(5,) * axes), 2).nodes
    assert nodes[-1].shape == (8, *(5,) * axes)
    assert nodes[2].shape == (4, *(1,) * axes)


def test_inverted_residual():
    found = ops(InvertedResidual(4, gate=SqueezeExcite()))
    assert [name for name in found if name.endswith(("conv", "depthwise"))] == [
        "expand.conv",
        "depthwise.depthwise",
        "se.gate.squeeze.conv",
        "se.gate.excite.conv",
        "project.conv",
    ]
    assert found["add"] == ["project.norm", "input"]
    assert found["project.conv"] == ["se.multiply"]


def test_inverted_residual_has_a_skip_only_where_the_shape_allows_it():
    assert "add" in ops(InvertedResidual(4))
    assert "add" not in ops(InvertedResidual(5))
    assert "add" not in ops(InvertedResidual(4, stride=2))
    assert "add" not in ops(InvertedResidual(4, skip=False))


def test_inverted_residual_without_expansion():
    assert "expand.conv" not in ops(InvertedResidual(4, expand=1))
    assert "expand.conv" in ops(InvertedResidual(4, expand=2))


def test_residual_with_a_projection_uses_it_only_where_needed():
    assert ops(Residual(Conv(4), Conv(4, 1))) == {"conv": ["input"], "add": ["conv", "input"]}
    assert ops(Residual(Conv(6), Conv(6, 1))) == {
        "conv": ["input"],
        "shortcut.conv": ["input"],
        "add": ["conv", "shortcut.conv"],
    }


def test_parallel_branches_have_scopes():
    branches = (Conv(4), Seq(Conv(4), name="other"), Identity())
    assert ops(Parallel(branches)) == {
        "0.conv": ["input"],
        "other.conv": ["input"],
        "add": ["0.conv", "other.conv", "input"],
    }
    gate = Parallel((Identity(), Conv(1, 1)), Multiply())
    assert list(ops(gate, (1, 5))) == ["1.conv", "multiply"]
    assert Parallel(branches).join == Add()


def test_repeat_replaces_its_first():
    stage = Repeat("stage", Conv(4), 3, first=Conv(4, 3, 2))
    space = Space("s", stage)
    nodes = graph(space, space.arch(), (4, 8, 8), 2).nodes
    assert [node.name for node in nodes[1:]] == ["stage.0.conv", "stage.1.conv", "stage.2.conv"]
    assert [node.op.stride for node in nodes[1:]] == [2, 1, 1]


def test_names_that_come_twice_are_numbered():
    found = ops(Seq(Conv(4), Conv(4), Norm(), Seq(Conv(4), name="a"), Seq(Conv(4), name="a")))
    assert list(found) == ["conv", "conv_2", "norm", "a.conv", "a.conv_2"]


def test_an_option_that_is_left_out_leaves_nothing():
    space = Space("s", Seq(Optional("se", SqueezeExcite()), Conv(2)))
    without, with_ = (graph(space, arch, (4, 8), 2) for arch in space.extremes())
    assert [node.name for node in without.nodes] == ["input", "conv"]
    assert len(with_.nodes) == 8


@given(st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_half_the_size_fits_a_convolution_with_stride_two(sizes):
    space = Space("s", Parallel((Halve(), Conv(3, 3, 2)), Add()))
    whole = graph(space, space.arch(), (3, *sizes), 2)
    assert whole.output == (3, *(-(-size // 2) for size in sizes))
    pool = whole.nodes[1].op
    if not any(size % 2 for size in sizes):
        assert (pool.kernel, pool.steps, pool.pads) == (2, 2, 0)
