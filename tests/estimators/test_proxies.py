"""Scores of untrained networks: against closed forms, and that they leave a network alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from export_networks import graph_of, member
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its usual name

from brickwork.devices.counts import macs, parameters
from brickwork.errors import TrainingError
from brickwork.estimators.proxies import PROXIES
from brickwork.nets import build, weights_of
from brickwork.nets.layers import Dropout
from brickwork.space import (
    ACTIVATIONS,
    Activation,
    Block,
    Conv,
    ConvNorm,
    Depthwise,
    Flatten,
    GlobalPool,
    Graph,
    Identity,
    Linear,
    Norm,
    Normalize,
    Parallel,
    Residual,
    Seq,
    graph,
)
from brickwork.space import (
    Dropout as DropoutOp,
)
from brickwork.spaces.mobile import mobile
from brickwork.spaces.references import PUBLISHED, dscnn, resnet8
from brickwork.trial import rng_for

BATCH = 8


def networks() -> dict[str, Graph]:
    """The extremes of the mobile space on images and series, and two published networks."""
    found = {}
    for input in ((1, 8, 8), (1, 28, 28), (1, 32)):
        space = mobile(input)
        for size, arch in zip(("first", "last"), space.extremes(), strict=True):
            label = "x".join(map(str, input))
            found[f"mobile-{label}-{size}"] = graph(space, arch, input, 10)
    for make in (dscnn, resnet8):
        space = make()
        input, outputs = PUBLISHED[space.name]
        found[space.name] = graph(space, space.arch(), input, outputs, Normalize((0.5,), (0.3,)))
    return found


NETWORKS = networks()
RESIDUAL = graph_of(
    Seq(
        Seq(ConvNorm(6, 3), name="stem"),
        Residual(Seq(DropoutOp(0.3), ConvNorm(6, 3), name="body")),
        Seq(GlobalPool(), Linear(), name="head"),
    )
)


def batch(whole: Graph, size: int = BATCH, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = rng_for(seed, "batch")
    x = torch.from_numpy(rng.random((size, *whole.input)).astype(np.float32))
    return x, torch.from_numpy(rng.integers(0, whole.output[0], size))


def score(
    name: str,
    whole: Graph,
    module: nn.Module | None = None,
    data: tuple[Tensor, Tensor] | None = None,
    seed: int = 0,
) -> float:
    random = torch.Generator().manual_seed(seed)
    module = build(whole, torch.Generator().manual_seed(0)) if module is None else module
    return PROXIES[name](module, whole, *(data or batch(whole)), random)


# --- what every score keeps -----------------------------------------------------------------------


@pytest.fixture(params=PROXIES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("network", NETWORKS)
def test_a_score_is_a_number_and_the_same_for_the_same_seed(name: str, network: str) -> None:
    whole = NETWORKS[network]
    first = score(name, whole)
    assert math.isfinite(first)
    assert score(name, whole) == first


@pytest.mark.parametrize("training", [True, False])
def test_the_module_is_left_as_it_was(name: str, training: bool) -> None:
    module, (x, y) = build(RESIDUAL).train(training), batch(RESIDUAL)
    module.get_parameter("head.linear.weight").requires_grad_(False)
    F.cross_entropy(module(x), y).backward()
    own = torch.Generator().manual_seed(5)
    (dropout,) = [leaf for leaf in module.modules() if isinstance(leaf, Dropout)]
    dropout.generator = own

    def state() -> tuple[object, ...]:
        tensors, leaves = [*module.parameters(), *module.buffers()], list(module.modules())
        slopes = [p.grad for p in module.parameters()]
        return (
            {key: value.tobytes() for key, value in weights_of(module).items()},
            [(t.dtype, t.data_ptr(), t.requires_grad) for t in tensors],
            [None if slope is None else slope.tolist() for slope in slopes],
            [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in leaves],
            (dropout.generator is own, own.get_state().tolist()),
            torch.get_rng_state().tolist(),
            (x.requires_grad, x.grad, x.sum().item()),
        )

    before = state()
    score(name, RESIDUAL, module, (x, y))
    assert state() == before
    with pytest.raises(RuntimeError):  # half of the channels: the forward pass fails in the stem
        PROXIES["naswot"](module, RESIDUAL, x[:, :1], y, torch.Generator())
    assert state() == before


def test_scores_do_not_depend_on_the_mode_that_a_module_comes_in(name: str) -> None:
    values = [score(name, RESIDUAL, build(RESIDUAL).train(mode)) for mode in (True, False)]
    assert values[0] == values[1]


def test_dropout_takes_its_masks_from_the_generator() -> None:
    for name, by_data in (("naswot", True), ("grad_norm", True), ("synflow", False)):
        a, again, other = (score(name, RESIDUAL, seed=seed) for seed in (0, 0, 1))
        assert a == again
        assert (a != other) == by_data


@pytest.mark.parametrize("name", ["naswot", "jacob_cov", "grad_norm", "snip"])
def test_the_order_of_the_batch_does_not_matter(name: str) -> None:
    whole = member((1, 12, 12), 3)
    x, y = batch(whole, 16)
    order = torch.from_numpy(rng_for(0, "order").permutation(16))
    one, other = score(name, whole, data=(x, y)), score(name, whole, data=(x[order], y[order]))
    assert one == pytest.approx(other, rel=1e-3)
    assert one != pytest.approx(score(name, whole, data=batch(whole, 16, seed=1)), rel=1e-3)


def test_data_free_scores_take_no_look_at_the_batch() -> None:
    nothing = torch.full((BATCH, *RESIDUAL.input), math.nan), torch.zeros(BATCH, dtype=torch.long)
    for name in ("flops", "parameters", "depth", "synflow"):
        assert score(name, RESIDUAL, data=nothing) == score(name, RESIDUAL)


@pytest.mark.parametrize("name", ["naswot", "jacob_cov", "grad_norm", "snip"])
def test_scores_that_are_no_numbers_are_refused(name: str) -> None:
    x, y = batch(RESIDUAL)
    x[0, 0, 0, 0] = math.nan
    with pytest.raises(TrainingError, match=f"^{name} of this network and batch is nan: "):
        score(name, RESIDUAL, data=(x, y))


# --- each score against another route -------------------------------------------------------------


@pytest.mark.parametrize("network", NETWORKS)
def test_counted_scores_are_those_of_the_graph(network: str) -> None:
    whole = NETWORKS[network]
    assert math.exp(score("flops", whole)) == pytest.approx(1 + macs(whole), rel=1e-9)
    assert math.exp(score("parameters", whole)) == pytest.approx(1 + parameters(whole), rel=1e-9)


def ways(whole: Graph) -> list[int]:
    """How many convolutions and linear layers lie on each way from the output to the input."""

    def back(index: int) -> list[int]:
        node = whole.nodes[index]
        here = int(node.op.kind in ("conv", "depthwise", "linear"))
        return [here + n for i in node.inputs for n in back(i)] or [here]

    return back(len(whole.nodes) - 1)


@pytest.mark.parametrize("network", NETWORKS)
def test_depth_is_that_of_the_longest_way(network: str) -> None:
    whole = NETWORKS[network]
    assert score("depth", whole) == max(ways(whole))


def test_depth_counts_weighted_layers_only() -> None:
    short = Seq(Conv(3, 1), Norm(), Activation(), name="short")
    long = Seq(Conv(3, 1), Depthwise(3), Conv(3, 1), name="long")
    assert score("depth", graph_of(Seq(Parallel((short, long)), GlobalPool(), Linear()))) == 4
    assert score("depth", graph_of(Seq(Residual(short), GlobalPool()))) == 1
    assert score("depth", graph_of(Identity(), (3, 4, 4))) == 0


def test_synflow_of_a_chain_is_the_product_of_its_absolute_weights() -> None:
    """Each of the three layers sees the whole flow: the score is three times that product."""
    body = Seq(Conv(5, 1), Norm(), Activation(), GlobalPool(), Linear(4, bias=False))
    whole = graph_of(Seq(Normalize((9.0,), (0.1,)), Depthwise(1), body), (2, 3, 3))
    weights = [w.astype(np.float64) for w in weights_of(build(whole)).values() if w.ndim > 1]
    depthwise, conv, linear = (np.abs(w.reshape(len(w), -1)) for w in weights)
    flow = float((linear @ conv @ depthwise).sum())
    assert score("synflow", whole) == pytest.approx(math.log(3 * flow), rel=1e-12)


def test_synflow_takes_every_norm_out_and_counts_biases() -> None:
    bare = graph_of(Seq(Conv(4, 1, bias=True), Activation(), Conv(4, 1), GlobalPool()))
    module = build(bare, torch.Generator().manual_seed(1))
    module.get_parameter("conv.bias").data.fill_(-2.0)
    expected = score("synflow", bare, module)
    for how in ("batch", "group", "layer"):
        body = Seq(Conv(4, 1, bias=True), Norm(how), Activation(), Conv(4, 1), GlobalPool())
        whole = graph_of(body)
        normed = build(whole, torch.Generator().manual_seed(1))
        normed.get_parameter("conv.bias").data.fill_(-2.0)
        assert score("synflow", whole, normed) == expected
    module.get_parameter("conv.bias").data.zero_()
    assert score("synflow", bare, module) < expected


def chain() -> Graph:
    """Flatten, a linear layer of two ReLUs on one number, and another layer."""
    return graph_of(Seq(Flatten(), Seq(Linear(3), Activation(), name="a"), Linear()), (1, 1), 2)


def by_hand() -> tuple[nn.Module, list[Tensor], Callable[[Tensor], Tensor]]:
    """The chain with weights of our own, and what it computes written out."""
    module = build(chain())
    first, first_bias = torch.tensor([[1.0], [1.0], [-1.0]]), torch.tensor([-1.0, -2.0, 3.0])
    second = torch.tensor([[0.5, -1.0, 0.25], [2.0, 0.5, -0.75]])
    module.load_state_dict(
        {
            "a.linear.weight": first,
            "a.linear.bias": first_bias,
            "linear.weight": second,
            "linear.bias": torch.zeros(2),
        }
    )
    weights = [first.clone().requires_grad_(), second.clone().requires_grad_()]

    def logits(x: Tensor) -> Tensor:
        return torch.relu(x[:, 0] @ weights[0].T + first_bias) @ weights[1].T

    return module, weights, logits


def test_naswot_of_known_patterns() -> None:
    """Units switch on above 1, above 2 and below 3: at 1, 1.5, 2.5, 3.5 the codes are
    001, 101, 111 and 110, which agree in all three places with themselves and as counted below."""
    module, _, _ = by_hand()
    x = torch.tensor([1.0, 1.5, 2.5, 3.5]).reshape(4, 1, 1)
    agreements = np.array([[3, 2, 1, 0], [2, 3, 2, 1], [1, 2, 3, 2], [0, 1, 2, 3]])
    found = score("naswot", chain(), module, (x, torch.zeros(4, dtype=torch.long)))
    assert found == pytest.approx(math.log(abs(np.linalg.det(agreements))), rel=1e-9)


@pytest.mark.parametrize("how", ACTIVATIONS)
def test_naswot_reads_every_activation_by_the_sign_of_its_input(how: str) -> None:
    def body(how: str) -> Block:
        return Seq(ConvNorm(8, 3, activation=how), GlobalPool(), Linear())

    assert score("naswot", graph_of(body(how))) == score("naswot", graph_of(body("relu")))


def test_gradient_scores_equal_those_written_out() -> None:
    module, weights, logits = by_hand()
    x, y = torch.tensor([0.5, 1.5, 2.5, 3.5]).reshape(4, 1, 1), torch.tensor([0, 1, 1, 0])
    z = logits(x)
    loss = (z.exp().sum(1).log() - z[torch.arange(4), y]).mean()
    slopes = torch.autograd.grad(loss, weights)
    norms = sum(float(slope.square().sum().sqrt()) for slope in slopes)
    shares = sum(float((w.detach() * s).abs().sum()) for w, s in zip(weights, slopes, strict=True))
    assert score("grad_norm", chain(), module, (x, y)) == pytest.approx(norms, rel=1e-5)
    assert score("snip", chain(), module, (x, y)) == pytest.approx(shares, rel=1e-5)


def test_jacob_cov_equals_a_jacobian_made_sample_by_sample() -> None:
    """Without batch norm the samples do not touch each other."""
    body = Seq(Conv(6, 3, bias=True), Activation(), Conv(6, 3), GlobalPool(), Linear())
    whole = graph_of(body)
    module, (x, y) = build(whole), batch(whole, 5)
    rows = []
    for one in x.split(1):
        outputs = torch.autograd.functional.jacobian(module, one)[0]  # (outputs, 1, *sample)
        share = module(one)[0].softmax(0).detach()
        rows.append((share @ outputs.flatten(1)).numpy())
    values = np.linalg.eigvalsh(np.corrcoef(rows))
    expected = -np.sum(np.log(values + 1e-5) + 1 / (values + 1e-5))
    assert score("jacob_cov", whole, module, (x, y)) == pytest.approx(expected, rel=1e-4)


def test_jacob_cov_is_no_rounding_error_behind_a_last_batch_norm() -> None:
    """There the plain sum of the outputs is the same for every batch."""
    space = mobile((1, 12, 12))
    for seed in range(4):
        arch = space.sample(rng_for(seed, "arch"))
        whole = graph(space, arch, (1, 12, 12), 10)
        x, y = batch(whole, 16)
        module = build(whole)
        single = score("jacob_cov", whole, module, (x, y))
        double = score("jacob_cov", whole, module.double(), (x.double(), y))
        assert single == pytest.approx(double, rel=1e-3)


def test_jacob_cov_is_low_where_all_slopes_are_alike() -> None:
    linear = graph_of(Seq(Conv(6, 3), Conv(6, 3), GlobalPool(), Linear()))
    bent = graph_of(Seq(Conv(6, 3), Activation(), Conv(6, 3), GlobalPool(), Linear()))
    assert score("jacob_cov", linear) < score("jacob_cov", bent)


# --- networks without a score ---------------------------------------------------------------------


def test_samples_that_occur_twice_are_named() -> None:
    x, y = batch(RESIDUAL)
    x[1] = x[0]
    module = build(RESIDUAL)
    (dropout,) = [leaf for leaf in module.modules() if isinstance(leaf, Dropout)]
    dropout.rate = 0.0  # it would tell them apart
    with pytest.raises(TrainingError, match=r"naswot .* is -inf: .*samples that occur twice"):
        score("naswot", RESIDUAL, module, (x, y))


def test_a_network_that_lets_nothing_through_has_no_score() -> None:
    module = build(RESIDUAL)
    module.get_parameter("head.linear.weight").data.zero_()
    with pytest.raises(TrainingError, match=r"synflow .* is -inf: nothing flows"):
        score("synflow", RESIDUAL, module)
    with pytest.raises(TrainingError, match=r"jacob_cov .* is nan: .* every sample"):
        score("jacob_cov", RESIDUAL, module)


@pytest.mark.parametrize("name", ["grad_norm", "snip", "synflow"])
def test_a_network_without_weighted_layers_has_no_score_of_weights(name: str) -> None:
    with pytest.raises(TrainingError, match="without convolutions and linear layers"):
        score(name, graph_of(Seq(Norm(), GlobalPool())))
