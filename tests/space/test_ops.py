"""Operations: shapes and weights against counting and against PyTorch, and every error."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from slow_graph import slow_shape

from brickwork.errors import ShapeError
from brickwork.space import (
    ACTIVATIONS,
    Activation,
    Add,
    Attend,
    ClassToken,
    Columns,
    Concat,
    Conv,
    ConvTranspose,
    Depthwise,
    Dropout,
    Embedding,
    Flatten,
    GlobalPool,
    Input,
    Linear,
    MaskedMean,
    Multiply,
    Norm,
    Normalize,
    Op,
    Pool,
    Position,
    Reshape,
    Select,
    Softmax,
    Tokens,
    Zero,
    ops,
    per_axis,
)

CONVS = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
TRANSPOSED = (torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d)
NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)
MAX_POOLS = (torch.nn.MaxPool1d, torch.nn.MaxPool2d, torch.nn.MaxPool3d)


@st.composite
def windows(draw: st.DrawFn):
    """Spatial shape, kernel, stride, padding and dilation of one to three axes."""
    axes = draw(st.integers(1, 3))

    def extent(low: int, high: int):
        one = st.integers(low, high)
        return draw(one | st.tuples(*[one] * axes))

    spatial = tuple(draw(st.integers(1, 9)) for _ in range(axes))
    padding = draw(st.none() | st.just(...))
    return (
        spatial,
        extent(1, 4),
        extent(1, 3),
        padding if padding is None else extent(0, 3),
        extent(1, 2),
    )


def fits(op: Op, shape: tuple[int, ...]) -> bool:
    """Whether some position of the window is left on every axis."""
    return min(slow_shape(op, [shape])) > 0


@given(windows(), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.booleans())
def test_conv_is_pytorchs(window, left, right, groups, bias):
    spatial, kernel, stride, padding, dilation = window
    op = Conv(right * groups, kernel, stride, dilation, groups, bias, padding)
    shape = (left * groups, *spatial)
    if not fits(op, shape):
        with pytest.raises(ShapeError, match="leaves no pixel of"):
            op.shape([shape])
        return
    module = CONVS[len(spatial) - 1](
        shape[0], op.out, kernel, stride, op.pads, dilation, groups, bias=bias, device="meta"
    )
    check(op, shape, module)
    out = op.shape([shape])
    # each output number is a sum over its group's channels and the window
    assert op.macs([shape], out) == prod(out) * left * prod(per_axis(kernel, len(spatial)))


@given(windows(), st.integers(1, 4), st.booleans())
def test_depthwise_is_pytorchs(window, channels, bias):
    spatial, kernel, stride, padding, dilation = window
    op = Depthwise(kernel, stride, dilation, bias, padding)
    shape = (channels, *spatial)
    if not fits(op, shape):
        with pytest.raises(ShapeError, match="leaves no pixel of"):
            op.shape([shape])
        return
    module = CONVS[len(spatial) - 1](
        channels, channels, kernel, stride, op.pads, dilation, channels, bias=bias, device="meta"
    )
    check(op, shape, module)
    # the same as a convolution with as many groups as channels
    conv = Conv(channels, kernel, stride, dilation, channels, bias, padding)
    assert op.weights([shape]) == conv.weights([shape])
    out = op.shape([shape])
    assert op.macs([shape], out) == conv.macs([shape], out)


@given(windows(), st.data(), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_transposed_conv_is_pytorchs(window, data, left, right, groups, bias):
    spatial, kernel, stride, padding, _ = window
    axes = len(spatial)
    extra = tuple(data.draw(st.integers(0, step - 1)) for step in per_axis(stride, axes))
    op = ConvTranspose(right * groups, kernel, stride, padding or 0, extra, groups, bias)
    shape = (left * groups, *spatial)
    if not fits(op, shape):
        with pytest.raises(ShapeError, match="leaves no pixel of"):
            op.shape([shape])
        return
    module = TRANSPOSED[axes - 1](
        *(shape[0], op.out, kernel, stride, op.padding, extra, groups), bias=bias, device="meta"
    )
    check(op, shape, module)
    # each input number goes into its group's channels of the window
    assert op.macs([shape], op.shape([shape])) == prod(shape) * right * prod(per_axis(kernel, axes))


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_embedding_is_pytorchs(entries, out, length):
    op = Embedding(entries, out)
    module = torch.nn.Embedding(entries, out)
    assert op.weights([(length,)]) == {"weight": tuple(module.weight.shape)}
    vectors = module(torch.zeros(2, length, dtype=torch.long)).transpose(1, 2)
    assert (2, *op.shape([(length,)])) == tuple(vectors.shape)
    assert op.macs([(length,)], op.shape([(length,)])) == 0


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 6))
def test_attention_is_pytorchs(heads, head, length):
    shape = (heads * head, length)
    op = Attend(head)
    x = torch.rand(2, heads, length, head)
    found = torch.nn.functional.scaled_dot_product_attention(x, x, x)
    assert op.shape([shape] * 3) == shape == (found.shape[1] * found.shape[3], found.shape[2])
    scores, sums = heads * length * length * head, heads * length * head * length
    assert op.macs([shape] * 3, shape) == scores + sums
    assert op.weights([shape] * 3) == {}


@given(st.integers(0, 4), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 3))
def test_columns_are_numbers_beside_embeddings(numbers, categories, width):
    op = Columns(numbers, tuple(categories), width)
    row = (numbers + len(categories),)
    tables = [torch.nn.Embedding(n, width) for n in categories]
    parts = [torch.zeros(2, numbers), *(e(torch.zeros(2, dtype=torch.long)) for e in tables)]
    assert (2, *op.shape([row])) == tuple(torch.cat(parts, 1).shape)
    assert prod(op.weights([row])["weight"]) == sum(e.weight.numel() for e in tables)
    assert op.shape([row]) == slow_shape(op, [row])


@given(windows(), st.integers(1, 4), st.none() | st.integers(1, 4))
def test_zero_has_the_shape_of_a_window_of_one_pixel(window, channels, out):
    spatial, _, stride, _, _ = window
    op, shape = Zero(stride, out), (channels, *spatial)
    assert op.shape([shape]) == Conv(channels if out is None else out, 1, stride).shape([shape])
    assert op.shape([shape]) == slow_shape(op, [shape])
    assert Zero(1, out).shape([(channels,)]) == (channels if out is None else out,)


@given(st.integers(1, 9), st.integers(1, 9))
def test_ops_on_sequences(channels, length):
    shape, ids = (channels, length), (length,)
    assert Tokens().shape([(channels, length, 2, 3)]) == (channels, 6 * length)
    assert ClassToken().shape([shape]) == (channels, length + 1)
    assert ClassToken().weights([shape]) == {"weight": (channels,)}
    for index in (0, length - 1, -1, -length):
        assert Select(index).shape([shape]) == (channels,)
    assert MaskedMean().shape([shape, ids]) == (channels,)
    for how, weights in (("learned", {"weight": shape}), ("sinusoidal", {})):
        assert Position(how).shape([shape]) == shape
        assert Position(how).weights([shape]) == weights
    for op, inputs in (
        (Tokens(), [shape]),
        (ClassToken(), [shape]),
        (Select(), [shape]),
        (Position(), [shape]),
        (MaskedMean(), [shape, ids]),
        (Zero(), [shape]),
    ):
        assert (op.buffers(inputs), op.macs(inputs, op.shape(inputs))) == ({}, 0)
        assert op.shape(inputs) == slow_shape(op, inputs)


@given(windows(), st.integers(1, 3), st.booleans())
def test_pool_is_pytorchs(window, channels, default_stride):
    spatial, kernel, stride, padding, _ = window
    op = Pool("max", kernel, None if default_stride else stride, padding)
    axes = len(spatial)
    assume(
        all(
            2 * p <= k for p, k in zip(*(per_axis(e, axes) for e in (op.pads, kernel)), strict=True)
        )
    )
    shape = (channels, *spatial)
    if not fits(op, shape):
        with pytest.raises(ShapeError, match="leaves no pixel of"):
            op.shape([shape])
        return
    check(op, shape, MAX_POOLS[axes - 1](kernel, op.steps, op.pads))
    assert Pool("average", kernel, op.steps, op.pads).shape([shape]) == op.shape([shape])
    assert op.macs([shape], op.shape([shape])) == 0


def check(op: Op, shape: tuple[int, ...], module: torch.nn.Module) -> None:
    """The op gives the shapes that PyTorch's module gives: output, weights and buffers."""
    assert op.shape([shape]) == slow_shape(op, [shape])
    out = module(torch.empty(2, *shape, device="meta"))
    assert (2, *op.shape([shape])) == tuple(out.shape)
    weights = {name: tuple(w.shape) for name, w in module.named_parameters()}
    buffers = {name: tuple(b.shape) for name, b in module.named_buffers()}
    assert dict(op.weights([shape])) == weights
    assert dict(op.buffers([shape])) == buffers
    assert {**op.weights([shape]), **op.buffers([shape])}.keys() == module.state_dict().keys()


@given(st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_linear_is_pytorchs(left, right, bias):
    op = Linear(right, bias)
    check(op, (left,), torch.nn.Linear(left, right, bias, device="meta"))
    assert op.macs([(left,)], (right,)) == left * right


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(2, 5))
def test_norms_are_pytorchs(axes, channels, groups, side):
    shape = (channels * groups, *(side,) * axes)
    check(Norm(), shape, NORMS[axes - 1](shape[0], device="meta"))
    check(Norm("group", groups), shape, torch.nn.GroupNorm(groups, shape[0], device="meta"))
    check(Norm("layer"), shape[:1], torch.nn.LayerNorm(shape[0], device="meta"))
    assert Norm("layer").weights([shape]) == Norm().weights([shape])


@given(st.integers(1, 4), st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_ops_that_only_move_numbers(channels, spatial):
    shape = (channels, *spatial)
    assert GlobalPool().shape([shape]) == (channels,)
    assert GlobalPool("max", keep=True).shape([shape]) == (channels, *(1 for _ in spatial))
    assert Flatten().shape([shape]) == (prod(shape),)
    assert Reshape(shape[::-1]).shape([shape]) == shape[::-1]
    assert Concat().shape([shape, (2, *spatial), shape]) == (2 * channels + 2, *spatial)
    for op in (Input(), Activation(), Dropout(), Norm(), Normalize(), Softmax(), Add()):
        assert op.shape([shape]) == shape
    assert Add().shape([shape] * 3) == shape
    assert Multiply().shape([shape, shape]) == shape
    assert Multiply().shape([shape, GlobalPool(keep=True).shape([shape])]) == shape
    assert Zero().shape([shape]) == shape
    assert Zero(2).shape([shape]) == Conv(channels, 3, 2).shape([shape])
    assert Zero(to=(7, 1)).shape([shape]) == (7, 1)
    joins = (Add(), Concat(), Multiply())
    for op in (GlobalPool(), Flatten(), Activation(), Dropout(), Softmax(), Zero(2), *joins):
        assert (op.weights([shape]), op.buffers([shape]), op.macs([shape], shape)) == ({}, {}, 0)


@given(st.integers(1, 9).map(lambda half: 2 * half - 1), st.integers(1, 3), st.integers(1, 9))
def test_odd_kernels_keep_the_size_at_stride_one(kernel, dilation, side):
    for op in (Conv(2, kernel, dilation=dilation), Depthwise(kernel, dilation=dilation)):
        assert op.shape([(2, side, side)]) == (2, side, side)


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(1, 9))
def test_one_number_stands_for_all_axes(axes, extent):
    assert per_axis(extent, axes) == (extent,) * axes
    assert per_axis(per_axis(extent, axes), axes) == (extent,) * axes


def test_all_activations_are_known():
    assert [Activation(how).shape([(3,)]) for how in ACTIVATIONS] == [(3,)] * len(ACTIVATIONS)


def operations() -> list[type[Op]]:
    found = [getattr(ops, name) for name in ops.__all__]
    return [c for c in found if isinstance(c, type) and issubclass(c, Op) and c is not Op]


def test_kinds_are_unique():
    kinds = [cls.kind for cls in operations()]
    assert len(set(kinds)) == len(kinds) == 27


def test_what_follows_keeps_the_shape_and_has_one_input():
    """What runtimes fuse into the op before it: it works in place, number by number."""
    following = {cls.kind for cls in operations() if cls.follows}
    assert following == {"norm", "activation", "dropout", "normalize"}
    assert {cls.kind for cls in operations() if cls.commutes} == {"add"}


@pytest.mark.parametrize(
    ("op", "shapes", "says"),
    [
        (Conv(4, 9, padding=0), [(1, 8, 8)], "conv with kernel 9 and stride 1 leaves no pixel of"),
        (Conv(4, (3, 3, 3)), [(1, 8, 8)], "(3, 3, 3) names 3 axes, the tensor has 2 spatial axes"),
        (Conv(4, 3, (1, 2)), [(1, 8)], "(1, 2) names 2 axes, the tensor has 1 spatial axes"),
        (Conv(4, groups=3), [(3, 8, 8)], "3 groups do not divide 3 -> 4 channels"),
        (Conv(6, groups=3), [(4, 8, 8)], "3 groups do not divide 4 -> 6 channels"),
        (Conv(4), [(8,)], "conv needs a shape (channels, *spatial), got (8,)"),
        (Depthwise(3, padding=0), [(1, 2, 8)], "depthwise with kernel 3 and stride 1 leaves no"),
        (Depthwise((3, 3)), [(1, 8)], "(3, 3) names 2 axes, the tensor has 1 spatial axes"),
        (Depthwise(), [(8,)], "depthwise needs a shape (channels, *spatial), got (8,)"),
        (Linear(3), [(8, 2, 2)], "linear needs a shape (channels,), got (8, 2, 2): pool or"),
        (Norm("instance"), [(8, 2)], "unknown norm 'instance': batch, group and layer are known"),
        (Norm("group", 3), [(8, 2)], "3 groups do not divide 8 channels"),
        (Normalize((0.0, 0.0), (1.0,)), [(3, 8)], "normalize has 2 means for 3 channels"),
        (Activation("selu"), [(8,)], "unknown activation 'selu': known are relu, relu6, gelu"),
        (Pool("min"), [(8, 4)], "unknown pooling 'min': max and average are known"),
        (Pool("max", 5), [(8, 4)], "pool with kernel 5 and stride 5 leaves no pixel of (8, 4)"),
        (Pool(), [(8,)], "pool needs a shape (channels, *spatial), got (8,)"),
        (GlobalPool("min"), [(8, 4)], "unknown pooling 'min': max and average are known"),
        (GlobalPool(), [(8,)], "global_pool needs a shape (channels, *spatial), got (8,)"),
        (Reshape((3, 3)), [(2, 4)], "cannot reshape (2, 4) to (3, 3)"),
        (Add(), [(2, 4), (3, 4)], "cannot add shapes (2, 4), (3, 4)"),
        (Concat(), [(2, 4), (2, 5)], "cannot concatenate shapes (2, 4), (2, 5)"),
        (Multiply(), [(2, 4), (3, 4)], "cannot multiply shapes (2, 4) and (3, 4)"),
        (Multiply(), [(2, 1), (2, 4)], "cannot multiply shapes (2, 1) and (2, 4)"),
        (Multiply(), [(2, 4), (2,)], "cannot multiply shapes (2, 4) and (2,)"),
        (Multiply(), [(2, 4)] * 3, "multiply takes two inputs, got 3"),
        (ConvTranspose(4, groups=3), [(3, 8)], "3 groups do not divide 3 -> 4 channels"),
        (ConvTranspose(4), [(8,)], "conv_transpose needs a shape (channels, *spatial), got (8,)"),
        (
            ConvTranspose(4, 2, 2, 0, 2),
            [(3, 8)],
            "output_padding 2 must be smaller than stride 2",
        ),
        (
            ConvTranspose(4, 2, 1, 1),
            [(3, 1)],
            "conv_transpose with kernel 2 and padding 1 leaves no pixel of (3, 1)",
        ),
        (Tokens(), [(8,)], "tokens needs a shape (channels, *spatial), got (8,)"),
        (Zero((1, 2)), [(3, 8)], "(1, 2) names 2 axes, the tensor has 1 spatial axes"),
        (Embedding(9, 4), [(2, 8)], "embedding needs ids of shape (length,), got (2, 8)"),
        (Embedding(0, 4), [(8,)], "embedding has 0 entries: 1 to 16,777,216 are possible, since"),
        (Embedding(2**24 + 1, 4), [(8,)], "embedding has 16,777,217 entries: 1 to 16,777,216"),
        (Columns(1, (), 2), [(1,)], "columns has categories (): at least one column with at"),
        (Columns(1, (3, 0), 2), [(3,)], "columns has categories (3, 0): at least one column"),
        (
            Columns(2, (3, 4), 2),
            [(5,)],
            "columns needs a row of 2 numbers and 2 categories, got (5,)",
        ),
        (
            Position("rotary"),
            [(3, 8)],
            "unknown position 'rotary': learned and sinusoidal are known",
        ),
        (
            Position(),
            [(3, 4, 4)],
            "position needs a sequence (channels, length), got (3, 4, 4): put Tokens() before it",
        ),
        (ClassToken(), [(3,)], "class_token needs a sequence (channels, length), got (3,)"),
        (Select(8), [(3, 8)], "select wants token 8 of 8"),
        (Select(-9), [(3, 8)], "select wants token -9 of 8"),
        (Attend(4), [(8, 5)] * 2, "attend takes query, key and value, got 2 inputs"),
        (
            Attend(4),
            [(8, 5), (8, 6), (8, 5)],
            "attend needs query, key and value of one shape, got (8, 5), (8, 6), (8, 5)",
        ),
        (Attend(3), [(8, 5)] * 3, "heads of 3 channels do not divide 8 channels"),
        (Attend(4), [(8, 5, 5)] * 3, "attend needs a sequence (channels, length), got (8, 5, 5)"),
        (MaskedMean(), [(8, 5)], "masked_mean takes values and ids, got 1 inputs"),
        (
            MaskedMean(),
            [(8, 5), (6,)],
            "masked_mean needs ids of shape (5,) for (8, 5), got (6,)",
        ),
    ],
)
def test_what_does_not_fit(op, shapes, says):
    with pytest.raises(ShapeError) as caught:
        op.shape(shapes)
    assert str(caught.value).startswith(says)
