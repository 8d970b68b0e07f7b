"""From probabilities to architectures: collapse, expected costs, and limits that are kept."""

from __future__ import annotations

from itertools import product
from math import exp, log, prod

import numpy as np
import pytest
import torch

from brickwork.devices.counts import macs
from brickwork.oneshot.decode import decode
from brickwork.oneshot.edges import collapse, edges_of
from brickwork.oneshot.expected import ExpectedCost
from brickwork.oneshot.paths import structural
from brickwork.space import Choice, ConvNorm, GlobalPool, Linear, Repeat, Seq, Space, graph
from brickwork.spaces.cell import DARTS_V2, arch_of_genotype, arch_of_string, darts, nasbench201
from brickwork.spaces.mobile import mobile
from brickwork.trial import rng_for

CONVS = "nor_conv_3x3~1|nor_conv_3x3~2|"
BEST = f"|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|{CONVS}"
SKIPS = "+".join("".join(f"|skip_connect~{i}" for i in range(j)) + "|" for j in (1, 2, 3))
HALF = f"|skip_connect~0|+|none~0|skip_connect~1|+|nor_conv_3x3~0|{CONVS}"
MORE = f"|skip_connect~0|+|none~0|skip_connect~1|+|none~0|{CONVS}"
POOLS = SKIPS.replace("skip_connect", "avg_pool_3x3")
ONE = "|skip_connect~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|avg_pool_3x3~0|skip_connect~1|{}~2|"
FEW, TWO = ONE.format("skip_connect"), ONE.format("nor_conv_1x1")


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (BEST, ""),
        (SKIPS, "6 of 6 bricks of a cell are skips or nothing"),
        (HALF, ""),
        (MORE, "4 of 6 bricks of a cell are skips or nothing"),
        (POOLS, "only 0 of 6 bricks of the cells have weights"),
        (FEW, "only 1 of 6 bricks of the cells have weights"),
        (TWO, ""),
    ],
)
def test_a_cell_of_mostly_skips_or_hardly_any_weights_is_a_collapse(cell, why):
    space = nasbench201()
    assert collapse(space, arch_of_string(space, cell)) == why


def test_each_kind_of_cell_is_judged_by_itself():
    space = darts()
    skips = [("skip_connect", i % 2) for i in range(8)]
    assert not collapse(space, arch_of_genotype(space, DARTS_V2))
    assert {name for name, _ in DARTS_V2["reduction"]} <= {"max_pool_3x3", "skip_connect"}
    for kind in ("normal", "reduction"):
        assert "8 of 8" in collapse(space, arch_of_genotype(space, {**DARTS_V2, kind: skips}))


def test_what_has_no_cells_cannot_collapse():
    assert edges_of(mobile((1, 28, 28))) == []
    assert not collapse(mobile((1, 28, 28)), mobile((1, 28, 28)).extremes()[0])


def pairs_space() -> Space:
    """Widths of two layers and a depth: the cost of one decision depends on another."""
    stage = Repeat("stage", ConvNorm(Choice("../second", (4, 8))), Choice("depth", (1, 2)))
    body = Seq(ConvNorm(Choice("first", (2, 4, 8))), stage, GlobalPool(), Linear())
    return Space("pairs", body)


def test_an_expected_cost_is_the_mean_over_all_members():
    """For a cost that pairs of options make up, against enumeration under random probabilities."""
    space = pairs_space()
    decisions = structural(space)
    rng = np.random.default_rng(0)
    table = {
        (a.name, i, b.name, j): rng.normal()
        for a, b in product(decisions, decisions)
        for i in a.options
        for j in b.options
    }

    def cost(arch) -> float:
        return exp(sum(table[a, i, b, j] for (a, i), (b, j) in product(arch.choices, arch.choices)))

    expected = ExpectedCost(space, cost, rng)
    assert expected.error < 0.01
    chances = {d.name: torch.from_numpy(rng.dirichlet(np.ones(len(d.options)))) for d in decisions}
    chances = {name: p.float().requires_grad_() for name, p in chances.items()}
    mean = 0.0
    for places in product(*(range(len(d.options)) for d in decisions)):
        chance = prod(
            float(chances[d.name].detach()[i]) for d, i in zip(decisions, places, strict=True)
        )
        values = {d.name: d.options[i] for d, i in zip(decisions, places, strict=True)}
        mean += chance * log(cost(space.arch(values)))
    found = expected(chances)
    assert float(found.detach()) == pytest.approx(mean, abs=0.02)
    found.backward()
    assert all(p.grad is not None and bool((p.grad != 0).any()) for p in chances.values())


def multiplications(space: Space, input: tuple[int, ...]):
    return lambda arch: macs(graph(space, arch, input, 10))


@pytest.mark.parametrize(
    "space", [nasbench201((3, 16, 16), 8, 1), mobile((1, 8, 8))], ids=lambda s: s.name
)
def test_an_expected_cost_knows_real_spaces(space):
    """Its error on members that it has not seen is below half of what there is to explain."""
    input = (3, 16, 16) if space.name == "nasbench201" else (1, 8, 8)
    cost, rng = multiplications(space, input), rng_for(0, "cost")
    spread = np.std([log(cost(space.sample(rng))) for _ in range(200)])
    assert ExpectedCost(space, cost, rng).error < 0.5 * spread


def test_a_cost_that_nobody_knows_is_not_expected():
    expected = ExpectedCost(pairs_space(), lambda _: float("nan"), rng_for(0, "cost"))
    assert expected.error != expected.error


def confident(space: Space, seed: int = 0) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    return {d.name: rng.dirichlet(np.ones(len(d.options))).tolist() for d in structural(space)}


def test_without_limits_the_likeliest_member_comes_first_then_smaller_ones():
    space = mobile((1, 8, 8))
    cost = multiplications(space, (1, 8, 8))
    chances = confident(space)
    found = decode(space, chances, lambda arch: (cost(arch), 0.0), 5)
    for name, option in found[0].choices:
        if name in chances:
            assert option == space.decision(name).options[int(np.argmax(chances[name]))]
    costs = [cost(arch) for arch in found]
    assert costs == sorted(set(costs), reverse=True)
    assert len(costs) == 5
    assert costs[-1] < costs[0] / 2


@pytest.mark.parametrize("seed", range(3))
def test_limits_are_kept_and_the_impossible_gives_nothing(seed):
    space = mobile((1, 8, 8))
    cost = multiplications(space, (1, 8, 8))
    least, limit = cost(space.extremes()[0]), 3 * cost(space.extremes()[0])

    def judge(most: float):
        return lambda arch: (cost(arch), max(0.0, cost(arch) / most - 1))

    found = decode(space, confident(space, seed), judge(limit), 4)
    assert found
    assert all(cost(arch) <= limit for arch in found)
    assert decode(space, confident(space, seed), judge(least / 2), 4) == []
