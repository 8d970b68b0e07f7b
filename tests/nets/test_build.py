"""Modules against the graphs that they are built from."""

from __future__ import annotations

import copy
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812  # its usual name
from torch.utils.flop_counter import FlopCounterMode

from brickwork.errors import ShapeError, SpaceError
from brickwork.nets import build, fast, load_weights, weights_of
from brickwork.nets.layers import BatchNorm, Dropout
from brickwork.space import (
    ACTIVATIONS,
    Activation,
    Add,
    Arch,
    Block,
    Concat,
    Conv,
    ConvNorm,
    ConvTranspose,
    Custom,
    Depthwise,
    DepthwiseNorm,
    Flatten,
    GlobalPool,
    Graph,
    Identity,
    Linear,
    Multiply,
    Norm,
    Normalize,
    Op,
    Parallel,
    Pool,
    Reshape,
    Seq,
    Shape,
    Space,
    Tokens,
    Zero,
    graph,
)
from brickwork.space import Dropout as DropoutOp
from brickwork.spaces.mobile import mobile
from brickwork.spaces.references import PUBLISHED, dscnn, mobilenetv2, resnet8
from brickwork.trial import rng_for

INPUTS: dict[int, Shape] = {1: (3, 24), 2: (3, 10, 9), 3: (3, 8, 7, 9)}


def graph_of(body: Block, input: Shape, outputs: int = 5) -> Graph:
    space = Space("test", body)
    return graph(space, Arch.of("test", {}), input, outputs)


def random_member(input: Shape, seed: int, outputs: int = 5) -> Graph:
    space = mobile(input)
    arch = space.sample(rng_for(seed, "member"))
    return graph(space, arch, input, outputs, Normalize((0.4,), (2.0,)))


def parameters(whole: Graph) -> int:
    shapes = [s for n in whole.nodes for s in n.op.weights(whole.shapes_into(n)).values()]
    return sum(int(np.prod(shape)) for shape in shapes)


def macs(whole: Graph) -> int:
    return sum(node.op.macs(whole.shapes_into(node), node.shape) for node in whole.nodes)


def check_agreement(whole: Graph) -> None:
    """Shapes of every op, parameters, state-dict keys and MACs of module and graph are the same."""
    module = build(whole)
    modules = dict(module.named_modules())  # get_submodule fails on a scope called `half`
    seen: dict[str, Shape] = {}
    for node in whole.nodes[1:]:

        def note(_m: object, _i: object, out: torch.Tensor, name: str = node.name) -> None:
            seen[name] = tuple(out.shape[1:])

        modules[node.name].register_forward_hook(note)
    module.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        out = module(torch.rand(2, *whole.input))
    assert tuple(out.shape) == (2, *whole.output)
    assert seen == {node.name: node.shape for node in whole.nodes[1:]}
    assert sum(p.numel() for p in module.parameters()) == parameters(whole)
    assert counter.get_total_flops() == 2 * 2 * macs(whole)  # two samples, two FLOPs a MAC
    expected = {
        f"{node.name}.{key}": shape
        for node in whole.nodes
        for table in (node.op.weights, node.op.buffers)
        for key, shape in table(whole.shapes_into(node)).items()
    }
    assert {key: tuple(v.shape) for key, v in module.state_dict().items()} == expected


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_random_member_agrees_with_its_graph(axes: int, seed: int) -> None:
    input = {1: (2, 40), 2: (2, 20, 17), 3: (2, 12, 10, 9)}[axes]
    check_agreement(random_member(input, seed))


@pytest.mark.parametrize("make", [resnet8, dscnn])
def test_reference_agrees_with_its_graph(make: object) -> None:
    space = make()  # type: ignore[operator]
    input, outputs = PUBLISHED[space.name]
    check_agreement(graph(space, Arch.of(space.name, {}), input, outputs))


def test_mobilenetv2_agrees_with_its_graph_at_a_small_size() -> None:
    check_agreement(graph(mobilenetv2(), Arch.of("mobilenetv2", {}), (3, 64, 64), 10))


def every_op() -> list[Op]:
    return [
        Normalize((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)),
        Conv(6, 3),
        Conv(6, 3, 2, bias=True),
        Conv(6, 1),
        Conv(6, 1, 2, bias=True),
        Conv(6, 3, dilation=2, groups=3),
        Conv(6, 3, padding=0),
        Depthwise(3, bias=True),
        Depthwise(5, 2),
        Depthwise(3, dilation=2),
        Norm("batch"),
        Norm("group", groups=3),
        Norm("layer"),
        *[Activation(how) for how in ACTIVATIONS],
        Pool("max", 2),
        Pool("average", 3, 2, 1),
        Pool("max", 3, 1, 1),
        GlobalPool("average"),
        GlobalPool("max", keep=True),
        Flatten(),
        DropoutOp(0.5),
        ConvTranspose(6),
        ConvTranspose(6, 3, 2, 1, 1, groups=3, bias=True),
        Tokens(),
        Zero(),
        Zero(2),
        Zero(2, 5),
        Custom("own_modules:make", "own_modules:describe", (("width", 5),)),
    ]


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("op", every_op(), ids=repr)
def test_every_op_agrees_with_its_graph(op: Op, axes: int) -> None:
    check_agreement(graph_of(op, INPUTS[axes]))


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("join", [Add(), Concat(), Multiply()], ids=repr)
def test_joins_agree_with_their_graph(join: Add | Concat | Multiply, axes: int) -> None:
    body = Parallel((Seq(Conv(4), name="a"), Seq(Conv(4, 1), Activation(), name="b")), join)
    check_agreement(graph_of(Seq(body, GlobalPool(), Linear()), INPUTS[axes]))


def test_reshape_and_flatten_keep_the_order_of_numbers() -> None:
    module = build(graph_of(Seq(Flatten(), Reshape((6, 5)), Flatten()), (3, 5, 2)))
    x = torch.arange(60.0).reshape(2, 3, 5, 2)
    assert torch.equal(module(x), x.reshape(2, 30))


def test_an_op_without_a_module_is_named() -> None:
    class Strange(Op):
        kind = "strange"

    whole = graph_of(Seq(Activation(), name="a"), (3, 4, 4))
    node = whole.nodes[1]
    object.__setattr__(node, "op", Strange())
    with pytest.raises(SpaceError, match=r"a\.activation: .*'strange'"):
        build(whole)


def test_pooling_with_too_much_padding_is_named() -> None:
    with pytest.raises(ShapeError, match=r"stem\.pool: .*half of its window"):
        build(graph_of(Seq(Pool("max", 2, 2, 2), name="stem"), (3, 8, 8)))


def test_scopes_may_be_called_like_methods_and_like_ops() -> None:
    body = Seq(
        Seq(Conv(4), name="half"),
        Seq(Conv(4), name="conv"),
        Conv(4),
        Seq(Conv(4), name="type"),
        Seq(Conv(4), name="conv"),
    )
    check_agreement(graph_of(body, (3, 6, 6)))


def torch_twin(whole: Graph, weights: dict[str, np.ndarray], x: torch.Tensor) -> torch.Tensor:
    """The network in PyTorch's plain functions, node by node (inference, two dimensions)."""
    w = {key: torch.from_numpy(value) for key, value in weights.items()}
    values: list[torch.Tensor] = []
    for node in whole.nodes:
        ins = [values[i] for i in node.inputs]
        op, n = node.op, node.name
        match op:
            case Normalize():
                out = (ins[0] - op.mean[0]) / op.std[0]
            case Conv():
                out = F.conv2d(ins[0], w[f"{n}.weight"], w.get(f"{n}.bias"), op.stride, op.pads)
            case Depthwise():
                groups = ins[0].shape[1]
                out = F.conv2d(ins[0], w[f"{n}.weight"], None, op.stride, op.pads, 1, groups)
            case Norm():
                stats = w[f"{n}.running_mean"], w[f"{n}.running_var"]
                out = F.batch_norm(ins[0], *stats, w[f"{n}.weight"], w[f"{n}.bias"], eps=op.eps)
            case Activation():
                out = {"relu": F.relu, "hard_sigmoid": F.hardsigmoid}[op.how](ins[0])
            case GlobalPool():
                out = ins[0].mean((2, 3), op.keep)
            case Linear():
                out = F.linear(ins[0], w[f"{n}.weight"], w[f"{n}.bias"])
            case Add():
                out = ins[0] + ins[1]
            case Multiply():
                out = ins[0] * ins[1]
            case _:
                out = x
        values.append(out)
    return values[-1]


@pytest.mark.parametrize("seed", range(6))
def test_output_equals_plain_pytorch(seed: int) -> None:
    whole = random_member((1, 16, 16), seed)
    module = build(whole, torch.Generator().manual_seed(seed))
    random = torch.Generator().manual_seed(seed)
    x = torch.rand(8, 1, 16, 16, generator=random) * 16
    module(x)  # moves the running statistics away from their start
    module.eval()
    with torch.no_grad():
        torch.testing.assert_close(module(x), torch_twin(whole, weights_of(module), x))


@pytest.mark.parametrize("width", [12, 48])
def test_training_gradients_equal_those_of_plain_pytorch(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without the faster ways round; large enough that all of them are taken."""
    body = Seq(
        Seq(ConvNorm(width, 3, 2), name="a"),
        Seq(DepthwiseNorm(5), name="b"),
        Seq(ConvNorm(width, 1), name="c"),
        Seq(DepthwiseNorm(7, 2), name="d"),
        Seq(ConvNorm(9, 1), name="e"),
        Seq(GlobalPool(), Linear(), name="f"),
    )
    whole = graph_of(body, (2, 28, 30))
    x = torch.rand(70, *whole.input, generator=torch.Generator().manual_seed(1))

    def gradients() -> dict[str, torch.Tensor]:
        module = build(whole).double()
        module(x.double()).square().sum().backward()
        found = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
        return found | dict(module.named_buffers())

    taken: list[str] = []
    for name in ("pointwise", "batch_norm", "WideDepthwise"):
        monkeypatch.setattr(fast, name, Spy(getattr(fast, name), name, taken))
    ours = gradients()
    assert {"pointwise", "WideDepthwise"} <= set(taken)
    assert ("batch_norm" in taken) == (width == 12)
    for name in ("pays_pointwise", "pays_wide_depthwise", "pays_batch_norm"):
        monkeypatch.setattr(fast, name, lambda *_: False)
    # The package's attribute of that name is the function.
    monkeypatch.setattr(sys.modules["brickwork.nets.build"], "channels_last", lambda x: x)
    taken.clear()
    torch.testing.assert_close(ours, gradients(), rtol=1e-6, atol=1e-8)
    assert taken == []


class Spy:
    """Notes that something was used."""

    def __init__(self, real: Any, name: str, used: list[str]) -> None:
        self.real, self.name, self.used = real, name, used

    def __call__(self, *args: Any) -> Any:
        self.used.append(self.name)
        return self.real(*args)

    def apply(self, *args: Any) -> Any:
        self.used.append(self.name)
        return self.real.apply(*args)


def test_layer_norm_is_over_the_channels_at_each_position() -> None:
    module = build(graph_of(Norm("layer"), (6, 4, 3)))
    x = torch.rand(2, 6, 4, 3, generator=torch.Generator().manual_seed(0))
    expected = (x - x.mean(1, True)) / (x.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(module(x), expected)


def test_padding_does_not_count_in_an_average() -> None:
    module = build(graph_of(Pool("average", 3, 1, 1), (2, 5, 5)))
    assert torch.allclose(module(torch.ones(1, 2, 5, 5)), torch.ones(1, 2, 5, 5))


def test_building_is_deterministic_and_leaves_the_global_generator_alone() -> None:
    whole = random_member((1, 12, 12), 3)
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = weights_of(build(whole, torch.Generator().manual_seed(5)))
    assert torch.equal(torch.get_rng_state(), before)
    second = weights_of(build(whole, torch.Generator().manual_seed(5)))
    third = weights_of(build(whole, torch.Generator().manual_seed(6)))
    assert all(np.array_equal(first[k], second[k]) for k in first)
    assert any(not np.array_equal(first[k], third[k]) for k in first)


def test_weights_make_the_round_trip() -> None:
    whole = random_member((1, 12, 12), 3)
    one = build(whole, torch.Generator().manual_seed(1))
    two = build(whole, torch.Generator().manual_seed(2))
    x = torch.rand(4, 1, 12, 12)
    one(x)
    load_weights(two, weights_of(one))
    one.eval(), two.eval()
    assert torch.equal(one(x), two(x))
    assert all(value.flags.c_contiguous for value in weights_of(one).values())


def test_weights_are_copies() -> None:
    module = build(graph_of(Conv(4), (3, 6, 6)))
    before = weights_of(module)
    with torch.no_grad():
        module.get_parameter("conv.weight").zero_()
    assert np.abs(before["conv.weight"]).sum() > 0


def test_weights_of_another_network_are_refused() -> None:
    module = build(graph_of(Conv(4), (3, 6, 6)))
    other = weights_of(build(graph_of(Seq(Conv(4), name="a"), (3, 6, 6))))
    with pytest.raises(ValueError, match=r"conv\.weight.*a\.conv\.weight"):
        load_weights(module, other)
    with pytest.raises(ValueError, match=r"conv\.weight has shape \(5, 3, 3, 3\)"):
        load_weights(module, weights_of(build(graph_of(Conv(5), (3, 6, 6)))))


def test_a_copied_module_is_independent() -> None:
    module = build(random_member((1, 12, 12), 1))
    other = copy.deepcopy(module)
    x = torch.rand(2, 1, 12, 12)
    module.eval(), other.eval()
    before = other(x)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    assert torch.equal(other(x), before)


def test_dropout_takes_its_randomness_from_its_generator() -> None:
    whole = graph_of(DropoutOp(0.25), (4, 6))
    module = build(whole)
    (leaf,) = [m for m in module.modules() if isinstance(m, Dropout)]
    x = torch.ones(50, 4, 6)
    leaf.generator = torch.Generator().manual_seed(3)
    first = module(x)
    leaf.generator.manual_seed(3)
    assert torch.equal(module(x), first)
    assert not torch.equal(module(x), first)
    assert first.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert float((first == 0).float().mean()) == pytest.approx(0.25, abs=0.05)
    module.eval()
    assert torch.equal(module(x), x)


def test_dropout_of_everything_gives_zeros() -> None:
    assert build(graph_of(DropoutOp(1.0), (4, 6)))(torch.ones(2, 4, 6)).abs().sum() == 0


def test_batch_norm_follows_its_batches() -> None:
    module = build(graph_of(Norm(), (3, 5, 5)))
    norm = next(m for m in module.modules() if isinstance(m, BatchNorm))
    x = torch.rand(16, 3, 5, 5, generator=torch.Generator().manual_seed(0)) + 4
    for _ in range(100):
        module(x)
    torch.testing.assert_close(norm.running_mean, x.mean((0, 2, 3)), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(norm.running_var, x.var((0, 2, 3)), rtol=1e-3, atol=1e-3)


def test_a_graph_of_nothing_gives_its_input() -> None:
    module = build(graph_of(Identity(), (2, 3)))
    x = torch.rand(4, 2, 3)
    assert torch.equal(module(x), x)


def test_blocks_of_norms_and_activations_run_on_vectors() -> None:
    body = Seq(
        ConvNorm(4), DepthwiseNorm(), GlobalPool(), Seq(Linear(6), Norm(), name="a"), Norm("layer")
    )
    check_agreement(graph_of(body, (2, 6, 6)))


def test_inference_keeps_only_what_is_alive() -> None:
    chain = graph_of(Seq(*[Activation() for _ in range(20)]), (2, 4, 4))
    assert build(chain)._places == 1
    assert build(random_member((1, 12, 12), 1))._places <= 3
