"""Suggestions of the gradient-based strategies: what the soft supernet of each worker ends in."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from brickwork.config import Context
from brickwork.names import RELAXATIONS, load
from brickwork.nets.supernet import Supernet
from brickwork.objective import Limit
from brickwork.oneshot.decode import decode
from brickwork.oneshot.edges import collapse
from brickwork.oneshot.expected import ExpectedCost
from brickwork.oneshot.gradient import Relaxation
from brickwork.oneshot.preparing import Allowance, Suggestion, Suggestions
from brickwork.oneshot.relax import relax
from brickwork.oneshot.trainer import shared_recipe
from brickwork.sharing import make_supernet
from brickwork.space import Arch
from brickwork.trial import rng_for

__all__ = ["mixable_or_raise", "relax_epochs", "suggest"]

_SHARE = 0.4  # of the time of a search, for the supernet of each worker
_SUGGESTED = 6  # architectures of a worker
_PRESSURES = (0.0, 0.1, 0.03, 0.3)  # of the logarithm of the cost on the loss, by worker
_BROKEN = 1.0  # of the loss, for each factor e by which an expected cost breaks a limit
_LOOKS = 100  # at members, for whether any of them breaks a limit
_PASSES = {False: 2, True: 5}  # through the supernet in a step, of first and second order
_OPS = {True: 30, False: 10}  # small ones for each op of the supernet, where all options run or few


def suggest(context: Context, allowance: Allowance) -> Suggestions:
    """Search by gradients in one worker, and decode what it ends in.

    Limits that are known without training are part of the loss where the expected cost breaks
    them; from the second worker on, so is the cost that is wanted low. What is suggested keeps the
    limits, whatever came of that. A collapse is said, and nothing of it is suggested.
    """
    space, number, name = context.space, allowance.number, context.run.strategy
    seed = int(rng_for(context.run.seed, "relaxing", number).integers(2**31))
    net = make_supernet(context, number)
    rule = _rule(context, seed)
    trained = relax(
        net,
        context.task,
        rule,
        shared_recipe(space),
        epochs=relax_epochs(context, net, rule, allowance.search_s),
        seed=seed,
        term=_term(context, _PRESSURES[number % len(_PRESSURES)]),
        stop=lambda: time.monotonic() > allowance.end,
    )
    chances = {n: p.detach().tolist() for n, p in rule.probabilities().items()}
    (likeliest,) = decode(space, chances, lambda _: (1.0, 0.0), 1)
    if why := collapse(space, likeliest):
        return Suggestions((), f"{name} collapsed on worker {number}, and was not used: {why}.")
    found = decode(space, chances, _judge(context), _SUGGESTED)
    sure = np.mean([max(p) for p in chances.values()]) if chances else 1.0
    what = "architecture" if len(found) == 1 else "architectures"
    said = (
        f"{name} on worker {number} ended after {trained.epochs} epochs with {len(found)} {what} "
        f"inside the limits; an option that it takes has probability {sure:.2f} on average."
    )
    return Suggestions(tuple(Suggestion(arch) for arch in found), said)


def relax_epochs(context: Context, net: Supernet, rule: Relaxation, search_s: float) -> int:
    """How many epochs fit a worker's part of the time of a search, on a nominal core."""
    every = net.largest.values()
    macs = sum(most.op.macs(most.inputs, most.op.shape(most.inputs)) for most in every)
    pass_s = context.pass_s(_OPS[rule.dense] * len(net.largest), macs)
    return max(1, round(_SHARE * search_s / (_PASSES[rule.second_order] * pass_s)))


def mixable_or_raise(context: Context) -> None:
    """Run a mixture of everything once, on two samples.

    Raises:
        SpaceError: The space cannot be mixed; it names the decision and why.
    """
    mix = _rule(context, 0).mix(0.5)
    x, _ = context.task.arrays("train")
    with torch.no_grad():
        make_supernet(context)(torch.from_numpy(np.array(x[:2])).float(), mix)


def _rule(context: Context, seed: int) -> Relaxation:
    made: Relaxation = load(RELAXATIONS, "strategy", context.run.strategy)(context.space, seed)
    return made


def _judge(context: Context) -> Callable[[Arch], tuple[float, float]]:
    """What decoding wants to know of a member: the cost that is wanted low, and the excess."""
    wanted = _wanted(context)

    def judge(arch: Arch) -> tuple[float, float]:
        costs, excess = context.problem.forecast(arch)
        return (costs[wanted].value if wanted in costs else 1.0), excess

    return judge


def _wanted(context: Context) -> str:
    """The cost that is an objective and known without training; MACs where there is none."""
    known = context.problem.costs()
    return next((o.metric for o in context.objectives if o.metric in known), "macs")


def _term(context: Context, pressure: float) -> Callable[[Mapping[str, Tensor]], Tensor]:
    """What expected costs add to the loss."""
    known = functools.lru_cache(maxsize=None)(lambda arch: context.problem.forecast(arch)[0])
    names = context.problem.costs()

    def expected(metric: str) -> ExpectedCost:
        def cost(arch: Arch) -> float:
            return known(arch)[metric].value if metric in known(arch) else math.nan

        return ExpectedCost(context.space, cost, rng_for(context.run.seed, "expected"))

    rng = rng_for(context.run.seed, "members")
    members = [context.space.sample(rng) for _ in range(_LOOKS)]

    def matters(limit: Limit) -> bool:
        costs = (known(arch).get(limit.metric) for arch in members)
        return any(cost is not None and limit.excess(cost.value) > 0 for cost in costs)

    bounds = [
        (expected(limit.metric), math.log(limit.bound))
        for limit in context.limits
        if limit.metric in names and limit.upper and limit.bound > 0 and matters(limit)
    ]
    wanted = expected(_wanted(context)) if pressure and _wanted(context) in names else None

    def term(chances: Mapping[str, Tensor]) -> Tensor:
        total = torch.zeros(())
        for cost, bound in bounds:
            total = total + _BROKEN * (cost(chances) - bound).relu()
        return total if wanted is None else total + pressure * wanted(chances)

    return term
