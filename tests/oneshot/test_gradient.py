"""Rules that choose by gradients: what they draw, where their gradients point, where they end."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from brickwork.config import Run, task_for
from brickwork.nets import Partial, Supernet
from brickwork.oneshot.gradient import (
    BetaDarts,
    Darts,
    DrNas,
    Gdas,
    PcDarts,
    Proxyless,
    Relaxation,
    SecondOrderDarts,
)
from brickwork.oneshot.relax import _Turn, relax
from brickwork.space import (
    Activation,
    Choice,
    Conv,
    ConvNorm,
    GlobalPool,
    Linear,
    OneOf,
    Seq,
    Space,
    Zero,
)
from brickwork.spaces.cell import nasbench201
from brickwork.tasks.training import Recipe

RULES = [BetaDarts, Darts, DrNas, Gdas, PcDarts, Proxyless, SecondOrderDarts]
RECIPE = Recipe(lr=0.01, augment=0.0, batch=64)


@pytest.fixture(scope="module")
def task():
    return task_for(Run.of(data="digits"))


def something_or_nothing() -> Space:
    """One option leads somewhere; the others give zeros, whatever their weights."""
    options = {"nothing": Zero(), "conv": ConvNorm(8), "also nothing": Seq(Zero(), Conv(8, 1))}
    return Space("toy", Seq(ConvNorm(8, 3), OneOf("op", options), GlobalPool(), Linear()))


def searched(rule: Relaxation, space: Space, task, epochs: int = 4, **more) -> Relaxation:
    net = Supernet(space, task.input, task.outputs, task.normalize)
    relax(net, task, rule, RECIPE, epochs=epochs, seed=0, **more)
    return rule


@pytest.mark.parametrize("make", RULES)
def test_a_rule_finds_the_option_without_which_nothing_can_be_learned(make, task):
    rule = make(something_or_nothing(), 0)
    if isinstance(rule, BetaDarts):
        rule.strongest = 0.1  # it is the mean over decisions, and meant for more than one
    searched(rule, something_or_nothing(), task)
    chances = rule.probabilities()["op"].detach()
    assert int(chances.argmax()) == 1
    assert float(chances[1]) > 0.45  # a third at first


def test_an_expected_cost_can_outweigh_the_loss(task):
    def term(chances: dict[str, Tensor]) -> Tensor:
        return 100.0 * chances["op"][1]

    rule = searched(Darts(something_or_nothing(), 0), something_or_nothing(), task, 2, term=term)
    assert float(rule.probabilities()["op"].detach()[1]) < 0.2


@pytest.mark.parametrize("make", [Gdas, DrNas, Darts])
def test_a_seed_determines_a_search(make, task):
    space = something_or_nothing()
    ends = [searched(make(space, seed), space, task, 1).alphas["op"] for seed in (3, 3, 4)]
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


@pytest.mark.parametrize("make", RULES)
def test_gradients_reach_every_number(make):
    """Over some draws, where a rule runs a part of the options each time."""
    space = nasbench201((3, 8, 8), 4, 1)
    net, rule = Supernet(space, (3, 8, 8), 5), make(space, 0)
    x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    reached = {name: torch.zeros(5) for name in rule.alphas}
    for _ in range(60 if make in (Gdas, Proxyless) else 1):
        loss = net(x, rule.mix(0.5)).square().sum()
        found = torch.autograd.grad(loss, list(rule.alphas.values()), allow_unused=True)
        for name, gradient in zip(reached, found, strict=True):
            reached[name] += 0 if gradient is None else gradient.abs()
    assert all((grads > 0).all() for grads in reached.values())


def test_the_second_order_step_is_the_derivative_of_what_it_says(task):
    """Against central differences of the validation loss after one step of the weights."""
    space = something_or_nothing()
    net = Supernet(space, task.input, task.outputs, task.normalize).double()
    rule = SecondOrderDarts(space, 0)
    rule.alphas = {"op": torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)}
    turn = _Turn(net, task, rule, RECIPE, None, 0, 32, 10)
    turn._loss = lambda x, y, mix, _=0.0: torch.nn.functional.cross_entropy(net(x, mix), y)
    seen, labels = (torch.from_numpy(a[:32]) for a in task.arrays("train"))
    held, its = (torch.from_numpy(a[:32]) for a in task.arrays("val"))
    turn._validation = lambda *_: turn._loss(held.double(), its, rule.mix(0.25))
    net.train()
    rate, weights = 0.5, turn.weights
    found = turn._ahead(seen.double(), labels, 0.25, rate)[0]

    def after(number: Tensor) -> float:
        rule.alphas["op"].data.copy_(number)
        before = [w.detach().clone() for w in weights]
        down = turn._by(turn._loss(seen.double(), labels, rule.mix(0.25)), weights)
        turn._move(before, down, -rate)
        value = float(turn._validation().detach())
        turn._move(before, down, 0.0)
        return value

    start, expected = rule.alphas["op"].detach().clone(), []
    for step in 1e-5 * torch.eye(3, dtype=torch.float64):
        expected.append((after(start + step) - after(start - step)) / 2e-5)
    first = turn._here(seen.device, 0.25)[0]
    torch.testing.assert_close(found, torch.tensor(expected).double(), rtol=2e-3, atol=1e-6)
    assert (first - found).abs().max() > 10 * (found - torch.tensor(expected)).abs().max()


def test_gumbel_draws_follow_the_probabilities():
    space = Space("toy", Seq(Conv(Choice("width", (1, 2, 3)), 1), GlobalPool(), Linear()))
    rule = Gdas(space, 0)
    rule.alphas["width"].data.copy_(torch.tensor([0.6, 0.3, 0.1]).log())
    counts = torch.zeros(3)
    for _ in range(2000):
        ((index, weight),) = rule.mix(0.9)["width"].items()
        assert float(weight.detach()) == pytest.approx(1.0)
        counts[index] += 1
    torch.testing.assert_close(counts / 2000, torch.tensor([0.6, 0.3, 0.1]), rtol=0, atol=0.04)


def test_dirichlet_draws_have_the_probabilities_as_mean_and_leave_other_streams_alone():
    rule = DrNas(something_or_nothing(), 0)
    rule.alphas["op"].data.copy_(torch.tensor([1.0, -0.5, 0.2]))
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    draws = torch.stack([rule.mix(0.0)["op"].detach() for _ in range(500)])
    assert torch.equal(torch.rand(1), expected)
    torch.testing.assert_close(draws.sum(1), torch.ones(500))
    mean = rule.probabilities()["op"].detach()
    torch.testing.assert_close(draws.mean(0), mean, rtol=0, atol=0.05)


def test_proxyless_runs_one_of_two_and_compares_both():
    rule = Proxyless(something_or_nothing(), 0)
    for _ in range(50):
        pair = rule.mix(0.5)["op"]
        assert sorted(round(float(gate.detach()), 6) for gate in pair.values()) == [0.0, 1.0]
        (gradient,) = torch.autograd.grad(next(iter(pair.values())), rule.alphas["op"])
        assert float(gradient.sum()) == pytest.approx(
            0.0, abs=1e-6
        )  # what one gains the other loses
        assert int((gradient != 0).sum()) == 2


def test_beta_decay_grows_with_the_training():
    rule = BetaDarts(something_or_nothing(), 0)
    rule.alphas["op"].data.zero_()
    assert float(rule.penalty(0.0).detach()) == 0.0
    assert float(rule.penalty(0.5).detach()) == pytest.approx(25 * math.log(3))


def test_only_a_part_of_the_weights_is_run_where_channels_are_partial():
    """By hand: the first half of the channels through the convolution, then all are dealt out."""
    body = OneOf("op", {"conv": Seq(Activation(), Conv(4, 1)), "nothing": Zero()})
    space = Space("toy", Seq(Conv(4, 1), body, GlobalPool(), Linear()))
    net = Supernet(space, (1, 3, 3), 2)
    x = torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    answers = net(x, {"op": Partial(torch.tensor([0.7, 0.3]), 2)})
    state = dict(net.named_parameters())
    start = torch.nn.functional.conv2d(x, state["conv.weight"])
    weight = state["op.conv.conv.weight"]
    half = 0.7 * torch.nn.functional.conv2d(start[:, :2].relu(), weight[:2, :2])
    dealt = torch.stack([half[:, 0], start[:, 2], half[:, 1], start[:, 3]], 1)
    by_hand = dealt.mean((2, 3)) @ state["linear.weight"].T + state["linear.bias"]
    torch.testing.assert_close(answers, by_hand)
    answers.sum().backward()
    assert weight.grad is not None
    assert not weight.grad[2:].any()
    assert not weight.grad[:2, 2:].any()
    assert weight.grad[:2, :2].any()


def test_some_options_by_index_are_the_same_as_weights_that_are_zero():
    space = nasbench201((3, 8, 8), 4, 1)
    net = Supernet(space, (3, 8, 8), 5).eval()
    x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    names = [d.name for d in space.decisions()]
    few = {name: {1: torch.tensor(0.4), 4: torch.tensor(0.6)} for name in names}
    dense = {name: torch.tensor([0.0, 0.4, 0.0, 0.0, 0.6]) for name in names}
    torch.testing.assert_close(net(x, few), net(x, dense))
    one = {name: {3: torch.tensor(1.0)} for name in names}
    torch.testing.assert_close(net(x, one), net(x, dict.fromkeys(names, 3)))
