"""Suggestions of gradient-based strategies: limits are kept, a collapse is said and not used."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from brickwork import relaxing
from brickwork.config import Context, Run, task_for
from brickwork.errors import SpaceError
from brickwork.names import RELAXATIONS
from brickwork.oneshot.preparing import Allowance
from brickwork.space import ConvNorm, GlobalPool, Linear, OneOf, Seq, Space
from brickwork.spaces.cell import nasbench201
from brickwork.tasks.training import Trained


@pytest.fixture(scope="module")
def task():
    return task_for(Run.of(data="digits"))


def context_of(task, **settings) -> Context:
    return Context.of(Run.of(data="digits", target="stm32f746", **settings), task)


def allowance(number: int = 0, seconds: float = 60.0) -> Allowance:
    return Allowance(number, 10.0, time.monotonic() + seconds, Path("unused"))


@pytest.mark.parametrize("number", [0, 1])
def test_what_is_suggested_is_new_small_enough_and_spread_along_the_cost(task, number):
    context = context_of(task, strategy="gdas", limits=("parameters<=2000",))
    found = relaxing.suggest(context, allowance(number, seconds=0.5)).found
    sizes = [context.known(one.arch)["parameters"].value for one in found]
    assert len(set(sizes)) == len(sizes) >= 3
    assert max(sizes) <= 2000
    assert sizes == sorted(sizes, reverse=True)
    assert len({context.space.recipe(one.arch)["lr"] for one in found}) == 1


def test_a_seed_and_a_budget_determine_the_suggestions(task, monkeypatch):
    monkeypatch.setattr(relaxing, "relax_epochs", lambda *_: 1)
    context = replace(context_of(task, strategy="gdas"), space=nasbench201((1, 8, 8), 4, 1))
    first, again = (relaxing.suggest(context, allowance()) for _ in range(2))
    assert first == again
    assert first != relaxing.suggest(context, allowance(1))


def test_a_collapse_is_said_and_nothing_of_it_suggested(task, monkeypatch):
    def collapsing(net, task, rule, *_, **__) -> Trained:
        for alpha in rule.alphas.values():
            alpha.data.copy_(torch.tensor([0.0, 9.0, 0.0, 0.0, 0.0]))  # skip_connect
        return Trained({}, (), 0.0, 3, "done", b"")

    monkeypatch.setattr(relaxing, "relax", collapsing)
    context = replace(context_of(task, strategy="darts"), space=nasbench201((1, 8, 8), 4, 1))
    said = relaxing.suggest(context, allowance())
    assert said.found == ()
    assert "collapsed" in said.said
    assert "6 of 6" in said.said


def test_a_space_that_cannot_be_mixed_is_refused_with_the_decision(task):
    options = {"wide": ConvNorm(8), "narrow": ConvNorm(4)}
    space = Space("uneven", Seq(OneOf("brick", options), GlobalPool(), Linear()))
    context = replace(context_of(task, strategy="darts"), space=space)
    with pytest.raises(SpaceError, match="brick: its options give"):
        relaxing.mixable_or_raise(context)


@pytest.mark.parametrize("strategy", RELAXATIONS)
def test_every_rule_can_mix_the_default_space(task, strategy):
    relaxing.mixable_or_raise(context_of(task, strategy=strategy))


def test_more_time_means_more_epochs(task):
    context = context_of(task, strategy="darts")
    net = relaxing.make_supernet(context)
    rules = [relaxing._rule(context_of(task, strategy=name), 0) for name in ("darts", "darts2")]
    epochs = [relaxing.relax_epochs(context, net, rule, 3000.0) for rule in rules]
    assert epochs[0] > 2 * epochs[1] > 2
    assert relaxing.relax_epochs(context, net, rules[0], 6000.0) == pytest.approx(
        2 * epochs[0], abs=1
    )
