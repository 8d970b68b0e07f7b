"""The isomorphism hash: blind to names and order, not to anything that changes the function."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_spaces import inputs, tiny_spaces

from brickwork.space import (
    Activation,
    Add,
    Choice,
    Concat,
    Conv,
    Fragment,
    Graph,
    Identity,
    Node,
    Norm,
    OneOf,
    Optional,
    Parallel,
    Residual,
    Seq,
    Space,
    graph,
)
from brickwork.spaces.mobile import mobile

SHAPE = (4, 5, 5)
UNARY = (Conv(4), Conv(4, 5), Activation("relu"), Activation("gelu"), Norm())


def as_graph(nodes: list[Node]) -> Graph:
    return Graph(SHAPE, (Fragment(SHAPE, tuple(nodes)),))


@st.composite
def dags(draw: st.DrawFn) -> list[Node]:
    """A random network: the nodes of a fragment, of which nobody reads the last alone."""
    nodes: list[Node] = []
    for index in range(draw(st.integers(1, 7))):
        sources = st.integers(-1, index - 1)
        op = draw(st.sampled_from((*UNARY, Add(), Concat())))
        read = (draw(sources),) if op in UNARY else (draw(sources), draw(sources))
        nodes.append(Node(f"n{index}", op, read, SHAPE))
    ends = set(range(-1, len(nodes))) - {i for node in nodes for i in node.inputs}
    return [*nodes, Node("end", Add(), tuple(sorted(ends)), SHAPE)]


def reordered(nodes: list[Node], rng: np.random.Generator) -> list[Node]:
    """The same network with other names, in another order, the inputs of sums shuffled."""
    where, order = {-1: -1}, []
    waiting = set(range(len(nodes)))
    while waiting:
        ready = sorted(i for i in waiting if all(source in where for source in nodes[i].inputs))
        chosen = int(rng.choice(ready))
        waiting.remove(chosen)
        where[chosen] = len(order)
        order.append(chosen)
    result = []
    for place, index in enumerate(order):
        read = [where[i] for i in nodes[index].inputs]
        if nodes[index].op.commutes:
            rng.shuffle(read)
        result.append(replace(nodes[index], name=f"renamed{place}", inputs=tuple(map(int, read))))
    return result


def isomorphic(a: Graph, b: Graph) -> bool:
    """By networkx: ops and shapes on nodes, places of inputs on edges unless they commute."""

    def as_networkx(whole: Graph):
        found = networkx.MultiDiGraph()
        for index, node in enumerate(whole.nodes):
            found.add_node(index, what=(node.op, node.shape))
            for place, source in enumerate(node.inputs):
                found.add_edge(source, index, place=None if node.op.commutes else place)
        return found

    def same_edges(left, right):
        return sorted(map(str, (e["place"] for e in left.values()))) == sorted(
            map(str, (e["place"] for e in right.values()))
        )

    return networkx.is_isomorphic(
        as_networkx(a),
        as_networkx(b),
        node_match=lambda left, right: left["what"] == right["what"],
        edge_match=same_edges,
    )


@given(dags(), st.integers(0, 2**32))
def test_names_and_order_do_not_matter(nodes, seed):
    other = as_graph(reordered(nodes, np.random.default_rng(seed)))
    assert other.hash == as_graph(nodes).hash


@given(dags(), st.data())
def test_a_changed_op_matters(nodes, data):
    index = data.draw(st.integers(0, len(nodes) - 1))
    ops = UNARY if len(nodes[index].inputs) == 1 and nodes[index].op in UNARY else (Add(), Concat())
    op = data.draw(st.sampled_from([op for op in ops if op != nodes[index].op]))
    changed = [*nodes[:index], replace(nodes[index], op=op), *nodes[index + 1 :]]
    assert as_graph(changed).hash != as_graph(nodes).hash


@given(dags(), st.data())
def test_a_changed_shape_matters(nodes, data):
    index = data.draw(st.integers(0, len(nodes) - 1))
    changed = list(nodes)
    changed[index] = replace(nodes[index], shape=(5, 5, 5))
    assert as_graph(changed).hash != as_graph(nodes).hash


@given(dags(), st.data())
def test_a_changed_edge_matters_unless_the_network_stays_the_same(nodes, data):
    index = data.draw(st.integers(0, len(nodes) - 1))
    place = data.draw(st.integers(0, len(nodes[index].inputs) - 1))
    read = list(nodes[index].inputs)
    read[place] = data.draw(st.integers(-1, index - 1))
    changed = list(nodes)
    changed[index] = replace(nodes[index], inputs=tuple(read))
    a, b = as_graph(nodes), as_graph(changed)
    assert (a.hash == b.hash) == isomorphic(a, b)


@pytest.mark.parametrize(("op", "same"), [(Add(), True), (Concat(), False)])
def test_the_order_of_inputs_matters_where_it_matters(op, same):
    def network(read):
        head = [Node("a", Conv(4), (-1,), SHAPE), Node("b", Activation(), (-1,), SHAPE)]
        return as_graph([*head, Node("c", op, read, SHAPE)])

    assert (network((0, 1)).hash == network((1, 0)).hash) == same


def test_the_hash_is_stable():
    """Hashes stand in stores: a twin is found again after an update."""
    nodes = [Node("a", Conv(4), (-1,), SHAPE), Node("b", Add(), (-1, 0), SHAPE)]
    assert as_graph(nodes).hash == "c07c51a61c69cadb"
    assert len(as_graph(nodes).hash) == 16


# --- twins in spaces ------------------------------------------------------------------------------


@given(tiny_spaces(most=24), inputs)
def test_twins_are_exactly_the_isomorphic_networks(space, input):
    archs = {space.arch()}
    for arch in list(archs):
        archs.update(space.neighbours(arch))
    graphs = [graph(space, arch, input, 3) for arch in sorted(archs, key=lambda a: a.id)[:6]]
    for a, b in combinations(graphs, 2):
        assert (a.hash == b.hash) == isomorphic(a, b)


def test_a_skip_that_cannot_be_is_a_twin():
    """The only block of this stage strides, so there is nothing that a skip could add to."""
    space = mobile((3, 32, 32))
    base = {"stage2.depth": 1}
    a, b = (space.arch({**base, "stage2.skip": skip}) for skip in (False, True))
    assert a != b
    assert graph(space, a, (3, 32, 32), 10).hash == graph(space, b, (3, 32, 32), 10).hash
    deep = [space.arch({"stage2.depth": 2, "stage2.skip": skip}) for skip in (False, True)]
    hashes = {graph(space, arch, (3, 32, 32), 10).hash for arch in deep}
    assert len(hashes) == 2


def test_a_recipe_does_not_change_the_network():
    space = mobile((3, 32, 32))
    first, last = space.decision("recipe.lr").options[0], space.decision("recipe.lr").options[-1]
    hashes = {
        graph(space, space.arch({"recipe.lr": lr}), (3, 32, 32), 10).hash for lr in (first, last)
    }
    assert len(hashes) == 1


def test_the_same_network_from_two_spaces_is_a_twin():
    a = Space("a", Seq(Seq(Conv(4), Norm(), name="x"), Residual(Conv(4))))
    b = Space(
        "b",
        Seq(
            OneOf("op", {"conv": Conv(Choice("width", (4, 8))), "none": Identity()}),
            Optional("norm", Norm()),
            Parallel((Identity(), Seq(Conv(4), name="y"))),
        ),
    )
    twin = b.arch({"op": "conv", "op.conv.width": 4, "norm": True})
    other = b.arch({"op": "conv", "op.conv.width": 8, "norm": True})
    assert graph(b, twin, (2, 5), 2).hash == graph(a, a.arch(), (2, 5), 2).hash
    with pytest.raises(Exception, match="cannot add shapes"):
        graph(b, other, (2, 5), 2)
