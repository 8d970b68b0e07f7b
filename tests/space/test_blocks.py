"""Choices, relative widths, and what the composites stand for."""

from __future__ import annotations

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickwork.errors import SpaceError
from brickwork.space import (
    Add,
    Attend,
    BasicBlock,
    Bottleneck,
    Choice,
    Composite,
    Conv,
    ConvNorm,
    DepthwiseNorm,
    Halve,
    Identity,
    InvertedResidual,
    MlpBlock,
    MultiHeadAttention,
    Multiply,
    Norm,
    OneOf,
    Optional,
    Parallel,
    PatchEmbedding,
    Repeat,
    Residual,
    Separable,
    Seq,
    Space,
    SqueezeExcite,
    TransformerBlock,
    Wide,
    graph,
    round_to,
)
from brickwork.spaces.references import vittiny

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
    for brick in (
        ConvNorm(3),
        DepthwiseNorm(),
        SqueezeExcite(),
        InvertedResidual(3),
        Separable(3),
        PatchEmbedding(3, 2),
        MultiHeadAttention(4, 2),
        MlpBlock(2),
        TransformerBlock(2),
    ):
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


def test_basic_block():
    body = [f"{scope}.{op}" for scope in ("first", "second") for op in ("conv", "norm")]
    body.insert(2, "first.activation")
    same = ops(BasicBlock(4))
    assert list(same) == [*body, "add", "activation"]
    assert same["add"] == ["second.norm", "input"]
    for other in (BasicBlock(6), BasicBlock(4, stride=2)):
        found = ops(other)
        assert list(found) == [*body, "shortcut.conv", "shortcut.norm", "add", "activation"]
        assert found["add"] == ["second.norm", "shortcut.norm"]
        assert found["shortcut.conv"] == ["input"]
    gated = ops(BasicBlock(4, gate=SqueezeExcite()))
    assert gated["add"] == ["se.multiply", "input"]
    space = Space("s", BasicBlock(4, 5, 2, 3))
    convs = [n.op for n in graph(space, space.arch(), (4, 40), 2).nodes if isinstance(n.op, Conv)]
    assert convs == [Conv(4, 5, 2, 3), Conv(4, 5, 1, 3), Conv(4, 1, 2)]


def test_bottleneck():
    space = Space("s", Bottleneck(8, 2, 5, 2))
    nodes = graph(space, space.arch(), (8, 9, 9), 2).nodes
    found = {node.name: node.op for node in nodes if isinstance(node.op, Conv)}
    assert found == {
        "narrow.conv": Conv(2, 1),
        "middle.conv": Conv(2, 5, 2),
        "widen.conv": Conv(8, 1),
        "shortcut.conv": Conv(8, 1, 2),
    }
    same = ops(Bottleneck(4, 2))
    assert same["add"] == ["widen.norm", "input"]
    assert [name for name in same if "activation" in name] == [
        "narrow.activation",
        "middle.activation",
        "activation",
    ]


def test_separable():
    assert list(ops(Separable(6))) == [
        f"{scope}.{op}"
        for scope, first in (("depthwise", "depthwise"), ("pointwise", "conv"))
        for op in (first, "norm", "activation")
    ]


def test_patch_embedding_cuts_off_what_fills_no_patch():
    space = Space("s", PatchEmbedding(6, (3, 2)))
    conv, tokens = graph(space, space.arch(), (4, 8, 8), 2).nodes[1:]
    assert (conv.shape, tokens.shape) == ((6, 2, 4), (6, 8))
    assert conv.op == Conv(6, (3, 2), (3, 2), bias=True, padding=0)
    choice = Space("s", PatchEmbedding(6, Choice("patch", (2, 4))))
    assert [d.name for d in choice.decisions()] == ["patch"]
    shapes = [graph(choice, arch, (4, 8, 8), 2).output for arch in choice.extremes()]
    assert shapes == [(6, 16), (6, 4)]


def test_attention_projects_and_gives_the_channels_back():
    assert ops(MultiHeadAttention(8, 2), (6, 5)) == {
        "query.conv": ["input"],
        "key.conv": ["input"],
        "value.conv": ["input"],
        "attend": ["query.conv", "key.conv", "value.conv"],
        "out.conv": ["attend"],
    }
    space = Space("s", MultiHeadAttention(Choice("width", (4, 8)), Choice("head", (2, 4))))
    assert {d.name for d in space.decisions()} == {"width", "head"}
    for arch in (space.arch({"width": w, "head": h}) for w in (4, 8) for h in (2, 4)):
        *_, attend, out = graph(space, arch, (6, 5), 2).nodes
        values = dict(arch.choices)
        assert attend.op == Attend(values["head"])
        assert (attend.shape, out.shape) == ((values["width"], 5), (6, 5))


def test_the_choices_of_a_join_are_scoped_where_it_stands():
    branches = tuple(Conv(4, 1) for _ in range(3))
    space = Space("s", Seq(Parallel(branches, Attend(Choice("head", (2, 4)))), name="a"))
    assert [(d.name, d.options) for d in space.decisions()] == [("a.head", (2, 4))]
    heads = [graph(space, arch, (6, 5), 2).nodes[-1].op.head for arch in space.extremes()]
    assert heads == [2, 4]


def test_a_choice_may_stand_inside_a_tuple():
    space = Space("s", Conv(4, (Choice("kernel", (1, 3)), 5)))
    assert [d.name for d in space.decisions()] == ["kernel"]
    for arch, kernel in zip(space.extremes(), ((1, 5), (3, 5)), strict=True):
        assert graph(space, arch, (2, 9, 9), 2).nodes[1].op.kernel == kernel


def test_transformer_block():
    found = ops(TransformerBlock(2, dropout=0.1), (6, 5))
    assert list(found) == [
        "attention.norm",
        *(f"attention.{name}.conv" for name in ("query", "key", "value")),
        "attention.attend",
        "attention.out.conv",
        "attention.dropout",
        "attention.add",
        "mlp.norm",
        *(f"mlp.expand.{op}" for op in ("conv", "activation", "dropout")),
        *(f"mlp.project.{op}" for op in ("conv", "dropout")),
        "mlp.add",
    ]
    assert found["attention.add"] == ["attention.dropout", "input"]
    assert found["mlp.add"] == ["mlp.project.dropout", "attention.add"]
    assert not any("dropout" in name for name in ops(TransformerBlock(2), (6, 5)))


def test_vit_tiny_has_its_published_size():
    """ViT-Tiny/16 (Touvron et al., DeiT, 2021): 5.7 M parameters, 5,717,416 in timm 1.0."""
    space = vittiny()
    whole = graph(space, space.arch(), (3, 224, 224), 1000)
    weights = [node.op.weights(whole.shapes_into(node)) for node in whole.nodes[1:]]
    assert sum(prod(shape) for shapes in weights for shape in shapes.values()) == 5_717_416
    width, tokens = 192, 197
    block = 12 * width * width * tokens + 2 * tokens * tokens * width  # layers, then attention
    macs = sum(node.op.macs(whole.shapes_into(node), node.shape) for node in whole.nodes[1:])
    assert macs == 14 * 14 * 16 * 16 * 3 * width + 12 * block + width * 1000


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
