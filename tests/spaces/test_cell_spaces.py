"""NAS-Bench-201 and DARTS against what was published, and against rules written a second time."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import groupby, permutations, product
from math import prod

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812  # its usual name

from brickwork.errors import SpaceError
from brickwork.nets import build, weights_of
from brickwork.space import Graph, graph
from brickwork.spaces.cell import (
    DARTS_V2,
    arch_of_genotype,
    arch_of_string,
    darts,
    nasbench201,
    string_of,
)
from brickwork.trial import rng_for

Cell = tuple[str, ...]
"""The operations of a cell on the edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3."""

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
CELLS: list[Cell] = list(product(OPS, repeat=6))
SAMPLE = [CELLS[i] for i in rng_for(0, "cells").choice(len(CELLS), 1500, replace=False)]


def text_of(cell: Cell) -> str:
    a, b, c, d, e, f = cell
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def into(cell: Cell) -> Iterator[list[tuple[int, str]]]:
    """For each inner node its edges: the node that they read, and their operation."""
    ops = iter(cell)
    for node in (1, 2, 3):
        yield [(source, next(ops)) for source in range(node)]


def counts(whole: Graph) -> tuple[int, int]:
    """Parameters and multiply-accumulates."""
    inside = [(node, whole.shapes_into(node)) for node in whole.nodes[1:]]
    return (
        sum(prod(shape) for node, ins in inside for shape in node.op.weights(ins).values()),
        sum(node.op.macs(ins, node.shape) for node, ins in inside),
    )


# --- the benchmark's own form ---------------------------------------------------------------------


def test_all_strings_make_the_round_trip():
    space = nasbench201()
    archs = {arch_of_string(space, text_of(cell)) for cell in CELLS}
    assert {string_of(arch) for arch in archs} == set(map(text_of, CELLS))
    assert len(archs) == len({arch.id for arch in archs}) == space.size() == 15_625


def test_the_strings_of_the_table_are_these(shared_data):
    with gzip.open(shared_data / "benchmarks" / "nasbench201_cifar10.csv.gz", "rt") as file:
        found = {row["arch"] for row in csv.DictReader(file)}
    assert found == set(map(text_of, CELLS))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "|none~0|",
        "|none~0|+|none~0|none~1|",
        "|none~0|+|none~0|none~0|+|none~0|none~1|none~2|",
        "none~0+none~0|none~1+none~0|none~1|none~2",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|none~3|",
    ],
)
def test_what_is_no_cell(text):
    with pytest.raises(SpaceError, match=r"a cell of NAS-Bench-201 is \|OP~0\|"):
        arch_of_string(nasbench201(), text)
    with pytest.raises(SpaceError, match="'conv' is not an option"):
        arch_of_string(nasbench201(), text_of(("conv", *SAMPLE[0][1:])))


# --- which cells are the same ---------------------------------------------------------------------


def unique_string(cell: Cell, *, drop: bool) -> str:
    """The benchmark's rule (Dong and Yang, 2020): skips are contracted and summands sorted as text.

    What is nothing is "#"; it is a summand like others unless dropped.
    """
    values = ["0"]
    for edges in into(cell):
        summands = []
        for source, op in edges:
            value = values[source]
            if op == "none" or value == "#":
                value = "#"
            elif op != "skip_connect":
                value = f"({value})@{op}"
            if value != "#" or not drop:
                summands.append(value)
        values.append("+".join(sorted(summands)) or "#")
    return values[-1]


def expression(cell: Cell) -> Hashable:
    """What a cell computes as an expression; a sum is a multiset, whatever is summed first."""
    values: list[tuple[Hashable, ...]] = [("0",)]
    for edges in into(cell):
        terms: list[Hashable] = []
        for source, op in edges:
            if op == "skip_connect":
                terms += values[source]
            elif op != "none" and values[source]:
                terms.append((op, values[source]))
        values.append(tuple(sorted(terms, key=repr)))
    return values[-1]


def network(cell: Cell) -> Hashable:
    """The network of a cell up to isomorphism: like the expression, but one layer is not two."""
    layers: list[tuple[str, tuple[int, ...]]] = [("0", ())]
    values: list[tuple[int, ...]] = [(0,)]
    for edges in into(cell):
        terms: list[int] = []
        for source, op in edges:
            if op == "skip_connect":
                terms += values[source]
            elif op != "none" and values[source]:
                layers.append((op, values[source]))
                terms.append(len(layers) - 1)
        values.append(tuple(terms))
    used = set(values[-1])
    for index in reversed(range(len(layers))):
        used |= set(layers[index][1]) if index in used else set()

    def tree(layer: int) -> str:
        op, inputs = layers[layer]
        return f"{op}({', '.join(sorted(map(tree, inputs)))})"

    def written(order: list[int]) -> Hashable:
        number = {layer: place for place, layer in enumerate(order)}
        lines = [(layers[i][0], tuple(sorted(number[j] for j in layers[i][1]))) for i in order]
        return (*lines, tuple(sorted(number[i] for i in values[-1])))

    # Only layers that compute the same can change places.
    alike = [list(group) for _, group in groupby(sorted(used, key=tree), key=tree)]
    orders = product(*(permutations(group) for group in alike))
    return min((written([i for group in order for i in group]) for order in orders), key=repr)


def classes(cells: Iterable[Cell], rule: Callable[[Cell], Hashable]) -> set[frozenset[Cell]]:
    """The partition of cells by what a rule gives."""
    found: dict[Hashable, set[Cell]] = defaultdict(set)
    for cell in cells:
        found[rule(cell)].add(cell)
    return set(map(frozenset, found.values()))


def refines(fine: set[frozenset[Cell]], coarse: set[frozenset[Cell]]) -> bool:
    where = {cell: whole for whole in coarse for cell in whole}
    return all(len({where[cell] for cell in part}) == 1 for part in fine)


def hash_of() -> Callable[[Cell], str]:
    space = nasbench201(channels=2, cells=1)

    def found(cell: Cell) -> str:
        return graph(space, arch_of_string(space, text_of(cell)), (3, 8, 8), 3).hash

    return found


def test_the_rule_gives_the_published_number_of_classes():
    assert len(classes(CELLS, lambda cell: unique_string(cell, drop=False))) == 6466
    assert len(classes(CELLS, lambda cell: unique_string(cell, drop=True))) == 5390


def test_the_hash_tells_networks_apart():
    """On a sample; the next test looks at all."""
    assert classes(SAMPLE, hash_of()) == classes(SAMPLE, network)


@pytest.mark.slow
def test_the_hash_tells_all_networks_apart_and_how_the_rule_differs():
    """The hash is exact. The benchmark's rule reads a cell as an expression, so that a layer that
    is read twice is as good as two layers, and it sorts sums as text, so that (a + c) + b and
    a + b + c may differ. Without these two both are the same.
    """
    hashes = classes(CELLS, hash_of())
    rule = classes(CELLS, lambda cell: unique_string(cell, drop=True))
    expressions = classes(CELLS, expression)
    assert hashes == classes(CELLS, network)
    assert (len(hashes), len(rule), len(expressions)) == (5425, 5390, 4930)
    assert refines(hashes, expressions)
    assert refines(rule, expressions)


def test_where_the_rule_differs_by_hand():
    conv, pool, skip, none = "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "none"
    found = hash_of()
    # One layer read by two, or two equal layers: one expression, but another network.
    once = (conv, none, skip, none, conv, pool)
    twice = (conv, conv, none, none, conv, pool)
    assert unique_string(once, drop=True) == unique_string(twice, drop=True)
    assert found(once) != found(twice)
    space = nasbench201()
    small, large = (
        graph(space, arch_of_string(space, text_of(cell)), (3, 32, 32), 10)
        for cell in (once, twice)
    )
    assert counts(large)[0] - counts(small)[0] == 243_040
    # The same sum, added up in another order: one network, but other texts.
    first, other = (skip, conv, none, pool, skip, skip), (skip, pool, skip, conv, none, skip)
    assert expression(first) == expression(other)
    assert unique_string(first, drop=True) != unique_string(other, drop=True)
    assert found(first) == found(other)


# --- sizes ----------------------------------------------------------------------------------------

# Published for CIFAR-10 with 16 channels and 5 cells (the benchmark's own files): cell 284 has one
# 1x1 convolution and 101,306 parameters, cell 0 two and 129,306, cell 11 three 3x3 and 802,426; in
# operations 11.71521, 15.64737 and 113.95137 million.
SMALLEST = (73_306, 7_783_050)
PUBLISHED = {"nor_conv_1x1": (28_000, 3_932_160), "nor_conv_3x3": (243_040, 35_389_440)}
BIAS = 10  # the published operations count the bias of the classifier, MACs do not


def living(cell: Cell) -> list[str]:
    """The operations that lie on a way from the input to the output."""
    edges = [
        (source, node, op)
        for node, found in enumerate(into(cell), start=1)
        for source, op in found
        if op != "none"
    ]
    reached, wanted = {0}, {3}
    for source, node, _ in edges:
        reached |= {node} if source in reached else set()
    for source, node, _ in reversed(edges):
        wanted |= {source} if node in wanted else set()
    return [op for source, node, op in edges if source in reached and node in wanted]


def published(ops: Iterable[str]) -> tuple[int, int]:
    rows = [SMALLEST, *(PUBLISHED[op] for op in ops if op in PUBLISHED)]
    return sum(row[0] for row in rows), sum(row[1] for row in rows) - BIAS


def test_sizes_are_the_published_ones_of_the_living_operations():
    """Where nothing is dead these are the published numbers; else they leave the dead ones out."""
    space = nasbench201()
    without_dead_parts = 0
    for cell in SAMPLE[:600]:
        whole = graph(space, arch_of_string(space, text_of(cell)), (3, 32, 32), 10)
        assert counts(whole) == published(living(cell))
        without_dead_parts += counts(whole) == published(cell)
    assert without_dead_parts > 300


def test_sizes_of_the_published_cells(shared_data):
    path = shared_data / "benchmarks" / "nasbench201_three_archs_detail.json"
    space = nasbench201()
    rows = json.loads(path.read_text())
    assert len(rows) == 3
    for text, row in rows.items():
        whole = graph(space, arch_of_string(space, text.strip()), (3, 32, 32), 10)
        detail = row["results"]["200epochs/cifar10/seed777"]
        parameters, macs = counts(whole)
        assert parameters == round(1e6 * detail["params_M"])
        assert macs + BIAS == round(1e6 * detail["flops_M"])


def test_darts_v2_has_its_published_size():
    """Published are 3.3 million parameters; without the auxiliary classifier they are these."""
    space = darts(channels=36, cells=20)
    whole = graph(space, arch_of_genotype(space, DARTS_V2), (3, 32, 32), 10)
    assert counts(whole) == (3_349_342, 528_359_040)


def test_the_size_of_darts_by_hand():
    a_cell = prod((7 * sources) ** 2 for sources in (2, 3, 4, 5))
    assert darts().size() == a_cell**2


def test_all_normal_cells_of_darts_are_equal():
    space = darts(cells=6)
    arch = space.sample(np.random.default_rng(0))
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for node in graph(space, arch, (3, 32, 32), 10).nodes:
        where, _, rest = node.name.partition(".")
        if rest.startswith(("node2", "node3", "node4", "node5")):
            kinds[where][rest] += 1
    assert kinds["cell1"] == kinds["cell2"] == kinds["cell4"] == kinds["cell6"]
    assert kinds["cell3"] == kinds["cell5"] != kinds["cell1"]


def test_a_genotype_with_an_unknown_operation_is_refused():
    with pytest.raises(SpaceError, match="'none' is not an option"):
        arch_of_genotype(darts(), {"normal": [("none", 0)]})


# --- what the network computes --------------------------------------------------------------------


def by_definition(cell: Cell, weights: dict[str, np.ndarray], x: torch.Tensor) -> torch.Tensor:
    """A network with one cell a stage, in plain functions; what is nothing is None."""
    w = {name: torch.from_numpy(value) for name, value in weights.items()}

    def norm(x: torch.Tensor, at: str) -> torch.Tensor:
        running = w[f"{at}.running_mean"], w[f"{at}.running_var"]
        return F.batch_norm(x, *running, w[f"{at}.weight"], w[f"{at}.bias"])

    def conv(x: torch.Tensor, at: str, stride: int = 1) -> torch.Tensor:
        weight = w[f"{at}.conv.weight"]
        return norm(F.conv2d(F.relu(x), weight, None, stride, weight.shape[-1] // 2), f"{at}.norm")

    x = norm(F.conv2d(x, w["stem.conv.weight"], None, 1, 1), "stem.norm")
    for stage in (1, 2, 3):
        if stage > 1:
            at = f"reduce{stage - 1}"
            short = F.conv2d(F.avg_pool2d(x, 2), w[f"{at}.shortcut.conv.weight"])
            x = short + conv(conv(x, f"{at}.first", 2), f"{at}.second")
        values: list[torch.Tensor | None] = [x]
        for node, edges in enumerate(into(cell), start=1):
            total = None
            for source, op in edges:
                value = values[source]
                if op == "none" or value is None:
                    continue
                if op == "avg_pool_3x3":
                    value = F.avg_pool2d(value, 3, 1, 1, count_include_pad=False)
                elif op != "skip_connect":
                    at = f"stage{stage}.0.cell.node{node}.edge{source}.op.{op}"
                    if f"{at}.conv.weight" not in w:  # a dead end
                        continue
                    value = conv(value, at)
                total = value if total is None else total + value
            values.append(total)
        last = values[-1]
        x = torch.zeros_like(x) if last is None else last
    x = F.relu(norm(x, "classifier.norm")).mean((2, 3))
    return F.linear(x, w["classifier.linear.weight"], w["classifier.linear.bias"])


def test_a_network_computes_what_its_string_says():
    space = nasbench201(channels=2, cells=1)
    random = torch.Generator().manual_seed(0)
    for cell in [("none",) * 6, *SAMPLE[:60]]:
        whole = graph(space, arch_of_string(space, text_of(cell)), (3, 8, 8), 3)
        module = build(whole, random)
        x = torch.randn(4, 3, 8, 8, generator=random)
        module(x)  # moves the running statistics away from their start
        with torch.no_grad():
            expected = by_definition(cell, weights_of(module), x)
            torch.testing.assert_close(module.eval()(x), expected, rtol=1e-4, atol=1e-5)
