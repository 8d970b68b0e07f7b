"""What the leaves of sequences, tables and own modules compute, against PyTorch's own modules."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from brickwork.errors import ShapeError
from brickwork.nets import build, load_weights, weights_of
from brickwork.space import (
    Arch,
    Attend,
    Block,
    ClassToken,
    Columns,
    Conv,
    ConvTranspose,
    Custom,
    Embedding,
    Graph,
    Identity,
    MaskedMean,
    MultiHeadAttention,
    Parallel,
    Position,
    Select,
    Seq,
    Shape,
    Space,
    Tokens,
    Zero,
    graph,
)


def graph_of(body: Block, input: Shape) -> Graph:
    return graph(Space("test", body), Arch.of("test", {}), input, 5)


def module(body: Block, input: Shape) -> nn.Module:
    return build(graph_of(body, input)).double().eval()


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 6))
def test_attention_is_pytorchs_multi_head_attention(heads: int, head: int, length: int) -> None:
    width = heads * head
    ours = module(MultiHeadAttention(width, head), (width, length))
    theirs = nn.MultiheadAttention(width, heads, batch_first=True).double()
    with torch.no_grad():
        names = ("query", "key", "value")
        for kind, target in (("weight", theirs.in_proj_weight), ("bias", theirs.in_proj_bias)):
            parts = [
                ours.get_parameter(f"{name}.conv.{kind}").flatten(1 if kind == "weight" else 0)
                for name in names
            ]
            target.copy_(torch.cat(parts))
        theirs.out_proj.weight.copy_(ours.get_parameter("out.conv.weight").flatten(1))
        theirs.out_proj.bias.copy_(ours.get_parameter("out.conv.bias"))
        x = drawn(2, width, length)
        expected, _ = theirs(*[x.transpose(1, 2)] * 3)
        torch.testing.assert_close(ours(x), expected.transpose(1, 2))


def test_attention_survives_large_scores() -> None:
    body = Parallel((Identity(), Identity(), Identity()), Attend(4))
    assert torch.isfinite(module(body, (8, 5))(1e4 * drawn(2, 8, 5))).all()


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_transposed_convolution_is_pytorchs(axes: int) -> None:
    theirs = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[axes - 1]
    op = ConvTranspose(6, 3, 2, 1, 1, groups=2, bias=True)
    ours = module(op, (4, *(5,) * axes))
    other = theirs(4, 6, 3, 2, 1, 1, 2).double()
    other.load_state_dict({k.rpartition(".")[2]: v for k, v in ours.state_dict().items()})
    x = drawn(2, 4, *(5,) * axes)
    torch.testing.assert_close(ours(x), other(x))


def test_embedding_looks_ids_up_and_moves_those_out_of_range() -> None:
    net = module(Embedding(4, 3), (7,))
    table = net.get_parameter("embedding.weight")
    ids = torch.tensor([[0.0, 1.0, 3.0, 4.0, -1.0, float("inf"), 1e30]], dtype=torch.float64)
    found = net(ids)
    assert found.shape == (1, 3, 7)
    for place, row in ((0, 0), (1, 1), (2, 3), (3, 3), (4, 0)):
        assert torch.equal(found[0, :, place], table[row])
    assert torch.isfinite(found).all()


def test_columns_keep_to_their_own_rows() -> None:
    net = module(Columns(2, (3, 2, 4), 2), (5,))
    table = net.get_parameter("columns.weight")
    first = (0, 3, 5)
    for codes in ((0, 0, 0), (2, 1, 3), (1, 1, 2), (-5, 7, 99), (3, -1, 4)):
        kept = [min(max(code, 0), size - 1) for code, size in zip(codes, (3, 2, 4), strict=True)]
        rows = [table[start + code] for start, code in zip(first, kept, strict=True)]
        x = torch.tensor([[0.5, -7.25, *codes]], dtype=torch.float64)
        expected = torch.cat([torch.tensor([0.5, -7.25]).double(), *rows])
        assert torch.equal(net(x)[0], expected)
    missing = net(torch.full((1, 5), float("nan"), dtype=torch.float64))[0, 2:]
    assert torch.isfinite(missing).all()


def test_masked_mean_leaves_padding_out() -> None:
    body = Parallel((Embedding(5, 3), Identity()), MaskedMean())
    net = module(body, (4,))
    short, long = ([[3.0, 1.0, 0.0, 0.0]], [[3.0, 0.0, 1.0, 0.0]])
    a, b = (net(torch.tensor(ids).double()) for ids in (short, long))
    torch.testing.assert_close(a, b)
    table = net.get_parameter("0.embedding.weight")
    torch.testing.assert_close(a[0], (table[3] + table[1]) / 2)
    assert torch.equal(net(torch.zeros(2, 4).double()), torch.zeros(2, 3).double())


@pytest.mark.parametrize("channels", [1, 2, 5, 8])
def test_sinusoidal_positions_follow_the_paper(channels: int) -> None:
    net = build(graph_of(Position("sinusoidal"), (channels, 30)))
    found = net(torch.zeros(1, channels, 30))[0].numpy()
    assert not net.state_dict()
    for i in range(channels):
        angle = np.arange(30) / 10_000 ** (2 * (i // 2) / channels)
        expected = np.cos(angle) if i % 2 else np.sin(angle)
        np.testing.assert_allclose(found[i], expected, atol=1e-6)


def test_learned_positions_and_class_token_are_what_they_say() -> None:
    net = module(Seq(Position(), ClassToken()), (3, 4))
    x = drawn(2, 3, 4)
    position = net.get_parameter("position.weight")
    token = net.get_parameter("class_token.weight")
    found = net(x)
    assert torch.equal(found[:, :, 1:], x + position)
    assert torch.equal(found[:, :, 0], token.expand(2, 3))


def test_tokens_and_select_keep_the_order_of_positions() -> None:
    x = drawn(2, 3, 4, 5)
    for index in (0, 7, -1):
        net = module(Seq(Tokens(), Select(index)), (3, 4, 5))
        assert torch.equal(net(x), x.reshape(2, 3, 20)[:, :, index])


def test_zero_is_zero_also_for_what_is_infinite() -> None:
    net = module(Zero(2, 3), (2, 5, 4))
    x = torch.full((2, 2, 5, 4), float("inf"), dtype=torch.float64)
    assert torch.equal(net(x), torch.zeros(2, 3, 3, 2).double())


def test_gradients_reach_every_weight() -> None:
    for one, input in (
        (Seq(Embedding(5, 4), Position(), ClassToken(), MultiHeadAttention(4, 2), Select()), (3,)),
        (Columns(1, (3, 3), 2), (3,)),
        (Seq(Conv(4), ConvTranspose(4, bias=True)), (3, 6)),
    ):
        net = module(one, input)
        net(torch.rand(4, *input, dtype=torch.float64)).square().sum().backward()
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            if name != "key.conv.bias":  # moves all scores of a query alike
                assert parameter.grad.abs().sum() > 0, name


# --- a user's own module --------------------------------------------------------------------------

OWN = Custom("own_modules:make", "own_modules:describe", (("width", 4),))


def test_an_own_module_is_built_from_our_generator() -> None:
    whole = graph_of(OWN, (3, 6))
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first, second, other = (
        weights_of(build(whole, torch.Generator().manual_seed(seed))) for seed in (5, 5, 6)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert all(np.array_equal(first[k], second[k]) for k in first)
    assert not np.array_equal(first["custom.mix.weight"], other["custom.mix.weight"])
    twice = weights_of(build(graph_of(Seq(OWN, OWN), (4, 6))))
    assert not np.array_equal(twice["custom.mix.weight"], twice["custom_2.mix.weight"])


def test_weights_of_an_own_module_make_the_round_trip() -> None:
    whole = graph_of(OWN, (3, 6))
    one, two = (build(whole, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    one(torch.rand(8, 3, 6))
    load_weights(two, weights_of(one))
    x = torch.rand(2, 3, 6)
    assert torch.equal(one.eval()(x), two.eval()(x))


@pytest.mark.parametrize(
    ("op", "says"),
    [
        (
            Custom("own_modules:make", "own_modules:describe_wrongly", (("width", 4),)),
            r"scope\.custom: the weight 'mix\.bias' has shape \(4,\) in the module of "
            r"own_modules:make, and None according to own_modules:describe_wrongly",
        ),
        (
            Custom("own_modules:describe", "own_modules:describe", (("width", 4),)),
            r"scope\.custom: own_modules:describe gives Description\(.*, not a torch\.nn\.Module",
        ),
    ],
)
def test_a_module_that_is_not_as_described_is_named(op: Custom, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        build(graph_of(Seq(op, name="scope"), (3, 6, 6)))
