"""Cells, chains and grammars: what is built for them, by hand, by definition, by enumeration."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from brickwork.errors import SpaceError
from brickwork.space import (
    Activation,
    Arch,
    Cell,
    Chain,
    Choice,
    Concat,
    Conv,
    Edge,
    Grammar,
    Identity,
    Norm,
    OneOf,
    Optional,
    Parallel,
    Pool,
    Repeat,
    Residual,
    Seq,
    Space,
    Sum,
    Symbol,
    Zero,
    graph,
)
from brickwork.space.blocks import Block

INPUT = (4, 6, 6)
CONV = Conv(4, 3)
TWO = (Identity(), Identity())


def nodes_of(body: Block, choices: dict[str, object] | None = None):
    """Name and inputs of all operations; 0 is the input."""
    space = Space("s", body)
    whole = graph(space, space.arch(choices or {}), INPUT, 3)
    return [(node.name, node.inputs) for node in whole.nodes[1:]]


def cell(*nodes: Sum, **options) -> Cell:
    return Cell("cell", nodes, **options)


def edges(*pairs) -> tuple[Edge, ...]:
    return tuple(Edge(*pair) for pair in pairs)


# --- what reads nothing gives nothing -------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # an edge of zeros, and a sum of one, are not there
        (cell(Sum(edges((0, CONV), (0, Zero())))), [("cell.node1.edge0.conv", (0,))]),
        # a skip edge is no operation
        (cell(Sum(edges((0,)))), []),
        (
            cell(Sum(edges((0,), (0, CONV)))),
            [("cell.node1.edge1.conv", (0,)), ("cell.node1.add", (0, 1))],
        ),
        # what reads nothing gives nothing, whatever it is
        (
            cell(Sum(edges((0, Zero()))), Sum(edges((1, Seq(CONV, Norm())), (0, Norm())))),
            [("cell.node2.edge1.norm", (0,))],
        ),
        # nor does a brick after a sum of nothing
        (
            cell(Sum(edges((0, Zero())), Activation()), Sum(edges((1,), (0, CONV)))),
            [("cell.node2.edge1.conv", (0,))],
        ),
        # a dead end
        (cell(Sum(edges((0, CONV))), Sum(edges((0, Norm())))), [("cell.node2.edge0.norm", (0,))]),
        # zeros inside of a brick on an edge
        (
            cell(Sum(edges((0, Parallel((Seq(Zero(), CONV), Norm())))))),
            [("cell.node1.edge0.1.norm", (0,))],
        ),
        # a sum that only a sum reads is part of it
        (
            cell(Sum(edges((0,), (0, CONV))), Sum(edges((1,), (0, Norm())))),
            [
                ("cell.node1.edge1.conv", (0,)),
                ("cell.node2.edge1.norm", (0,)),
                ("cell.node2.add", (0, 1, 2)),
            ],
        ),
        # unless something else reads it too
        (
            cell(Sum(edges((0,), (0, CONV))), Sum(edges((1,), (1, Norm())))),
            [
                ("cell.node1.edge1.conv", (0,)),
                ("cell.node1.add", (0, 1)),
                ("cell.node2.edge1.norm", (2,)),
                ("cell.node2.add", (2, 3)),
            ],
        ),
        # only the whole cell
        (cell(Sum(edges((0, Zero()))), Sum(edges((1, CONV)))), [("cell.zero", (0,))]),
        # which gives nothing to a cell around it
        (
            cell(Sum(edges((0, Cell("in", (Sum(edges((0, Zero()))),))), (0, CONV)))),
            [("cell.node1.edge1.conv", (0,))],
        ),
        # but is something to the next one
        (
            Seq(Cell("a", (Sum(edges((0, Zero()))),)), Cell("b", (Sum(edges((0, CONV))),))),
            [("a.zero", (0,)), ("b.node1.edge0.conv", (1,))],
        ),
        # side by side: the width does not depend on what is there
        (
            cell(Sum(edges((0, CONV))), Sum(edges((1, Zero()))), output="all"),
            [("cell.node1.edge0.conv", (0,)), ("cell.node2.zero", (0,)), ("cell.concat", (1, 2))],
        ),
        # loose ends: what no other node reads, and a dead edge does not read
        (
            cell(Sum(edges((0, CONV))), Sum(edges((0, Norm()), (1, Zero()))), output="ends"),
            [
                ("cell.node1.edge0.conv", (0,)),
                ("cell.node2.edge0.norm", (0,)),
                ("cell.add", (1, 2)),
            ],
        ),
        (
            cell(Sum(edges((0, CONV))), Sum(edges((1, Norm()))), output="ends"),
            [("cell.node1.edge0.conv", (0,)), ("cell.node2.edge0.norm", (1,))],
        ),
        # nor does a node that gives nothing
        (
            cell(Sum(edges((0, CONV))), Sum(edges((1,)), Zero()), output="ends"),
            [("cell.node1.edge0.conv", (0,))],
        ),
        # outside of a cell zeros are an operation like others
        (Seq(Zero(), CONV), [("zero", (0,)), ("conv", (1,))]),
    ],
)
def test_what_is_built(body, expected):
    assert nodes_of(body) == expected


def test_zeros_that_stand_for_a_cell_have_its_shape():
    body = cell(Sum(edges((0, Zero(2)))), Sum(edges((1, Conv(7)), (0, Seq(Conv(7, 3, 2), Zero())))))
    whole = graph(Space("s", body), Space("s", body).arch(), INPUT, 3)
    assert [(n.op, n.shape) for n in whole.nodes[1:]] == [(Zero(to=(7, 3, 3)), (7, 3, 3))]


def test_dead_decisions_are_active_but_their_architectures_are_twins():
    ops = {"none": Zero(), "conv": CONV}
    wired = cell(
        Sum(edges((0, OneOf("op", {"a": CONV, "b": Norm()})))),
        Sum(edges((0, CONV), (1, OneOf("wire", ops)))),
    )
    space = Space("s", wired)
    archs = [
        space.arch({"cell.node1.edge0.op": op, "cell.node2.edge1.wire": wire})
        for op, wire in product("ab", ops)
    ]
    assert space.size() == len(set(archs)) == 4
    hashes = [graph(space, arch, INPUT, 3).hash for arch in archs]
    assert hashes[0] == hashes[2]
    assert len(set(hashes)) == 3


# --- wiring ---------------------------------------------------------------------------------------


def test_an_elastic_source_reads_what_was_chosen():
    body = cell(Sum(edges((0, CONV))), Sum(edges((0, CONV), (Choice("source", (0, 1)), Norm()))))
    assert nodes_of(body, {"cell.node2.edge1.source": 0}) == [
        ("cell.node2.edge0.conv", (0,)),
        ("cell.node2.edge1.norm", (0,)),
        ("cell.node2.add", (1, 2)),
    ]
    assert nodes_of(body, {"cell.node2.edge1.source": 1}) == [
        ("cell.node1.edge0.conv", (0,)),
        ("cell.node2.edge0.conv", (0,)),
        ("cell.node2.edge1.norm", (1,)),
        ("cell.node2.add", (2, 3)),
    ]


def test_an_edge_from_an_input_may_have_a_brick_of_its_own():
    """Decisions of the one brick matter where the edge reads an input, those of the other else."""
    late = Seq(Conv(4, Choice("late", (1, 3))))
    early = Seq(Conv(4, Choice("early", (1, 3, 5))))
    source = Choice("source", (0, 1))
    space = Space("s", cell(Sum(edges((0,))), Sum(edges((source, late, early)))))
    assert space.size() == 3 + 2
    assert space.arch().choices == (("cell.node2.edge0.early", 1), ("cell.node2.edge0.source", 0))
    other = space.arch({"cell.node2.edge0.source": 1, "cell.node2.edge0.late": 3})
    assert graph(space, other, INPUT, 3).nodes[1].op == Conv(4, 3)


def test_a_chain_hands_two_outputs_on():
    a, b, c = (Cell(name, (Sum(edges((0,), (1,))),), TWO) for name in "abc")
    body = Chain((a, Seq(CONV, name="between"), b, c))
    assert nodes_of(body) == [
        ("a.node2.add", (0, 0)),
        ("between.conv", (1,)),
        ("b.node2.add", (1, 2)),
        ("c.node2.add", (2, 3)),
    ]


def test_what_a_chain_passes_by_is_not_there():
    first, last = Sum(edges((0, CONV))), Sum(edges((1, CONV)))
    a, b, c = (Cell(n, (node,), TWO) for n, node in (("a", last), ("b", last), ("c", first)))
    body = Chain((a, b, c))
    assert nodes_of(body) == [("a.node2.edge0.conv", (0,)), ("c.node2.edge0.conv", (1,))]


def test_outside_of_a_chain_both_inputs_are_the_one_that_comes_in():
    both = Cell("cell", (Sum(edges((0,), (1,))),), (CONV, Identity()))
    assert nodes_of(both) == [("cell.node0.conv", (0,)), ("cell.node2.add", (1, 0))]


def test_cells_share_their_decisions_but_not_their_weights():
    ops = {"conv": Seq(Conv(4, Choice("kernel", (1, 3)))), "none": Zero()}
    body = Repeat("stage", cell(Sum(edges((0, OneOf("/cell.op", ops)), (0,)))), 2)
    space = Space("s", body)
    assert [d.name for d in space.decisions()] == [
        "cell.op",
        *(f"stage.{i}.cell.node1.edge0.op.conv.kernel" for i in range(2)),
    ]
    names = [node.name for node in graph(space, space.arch(), INPUT, 3).nodes[1:]]
    assert names == [
        f"stage.{i}.cell.node1.{part}" for i in range(2) for part in ("edge0.op.conv.conv", "add")
    ]


@pytest.mark.parametrize("name", ["wire", "../wire", "/a.wire"])
def test_options_stand_where_their_brick_does(name):
    """Wherever a decision is named, its options are named after the place."""
    one_of, maybe = OneOf(name, {"x": CONV}), Optional(name, CONV)
    assert nodes_of(Seq(one_of, name="deep")) == [("deep.wire.x.conv", (0,))]
    (decision,) = Space("s", Seq(maybe, name="deep")).decisions()
    assert nodes_of(Seq(maybe, name="deep"), {decision.name: True}) == [("deep.wire.conv", (0,))]


def test_repeated_cells_equal_cells_that_are_made_one_by_one():
    """Cells at other places are renamed copies where their decisions are equal."""
    ops = {"conv": CONV, "norm": Norm(), "none": Zero()}
    wired = cell(Sum(edges((0, OneOf("op", ops)))), Sum(edges((0, CONV), (1, OneOf("op", ops)))))
    space = Space("s", Repeat("stage", wired, 3))
    rng = np.random.default_rng(0)
    for _ in range(60):
        arch = space.sample(rng)
        fresh = Space("s", Repeat("stage", wired, 3))
        assert graph(space, arch, INPUT, 3).nodes == graph(fresh, arch, INPUT, 3).nodes


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: cell(Sum(edges((1, CONV)))),
            "cell 'cell': node 1 reads nodes from 0 to 0, got [1]",
        ),
        (
            lambda: cell(Sum(edges((Choice("s", (0, 1)), CONV)))),
            "cell 'cell': node 1 reads nodes from 0 to 0, got [0, 1]",
        ),
        (lambda: cell(Sum(())), "cell 'cell': node 1 reads nodes from 0 to 0, got []"),
        (lambda: cell(), "cell 'cell' needs one or two inputs and at least one node"),
        (
            lambda: cell(Sum(edges((0,))), inputs=(CONV,) * 3),
            "cell 'cell' needs one or two inputs and at least one node",
        ),
        (
            lambda: cell(Sum(edges((0,))), output="first"),
            "cell 'cell': the output is one of last, all, ends, got 'first'",
        ),
    ],
)
def test_what_is_no_cell(make, says):
    with pytest.raises(SpaceError) as caught:
        make()
    assert str(caught.value) == says


def test_a_source_that_is_missing_is_named():
    body = cell(Sum(edges((0,))), Sum(edges((Choice("source", (0, 1)), CONV))))
    with pytest.raises(SpaceError, match=r"does not decide cell\.node2\.edge0\.source$"):
        graph(Space("s", body), Arch("s", ()), INPUT, 3)


# --- grammars -------------------------------------------------------------------------------------

RULES = {
    "part": {
        "conv": CONV,
        "norm": Norm(),
        "skip": Residual(Seq(Symbol("part"), name="body")),
        "two": Parallel((Symbol("part"), Symbol("part")), Concat()),
    }
}


def words(depth: int) -> int:
    """How many sentences the rules have, by recursion over their options."""
    return 2 if depth == 1 else 2 + words(depth - 1) + words(depth - 1) ** 2


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_a_grammar_has_as_many_members_as_sentences(depth):
    space = Space("s", Grammar("top", RULES, "part", depth))
    assert space.size() == words(depth)


def test_a_grammar_grows_scopes_of_its_own():
    body = Grammar("top", RULES, "part", 3)
    choices = {"top": "two", "top.two.0.part": "skip", "top.two.0.part.skip.body.part": "conv"}
    assert nodes_of(body, choices | {"top.two.1.part": "norm"}) == [
        ("top.two.0.part.skip.body.part.conv.conv", (0,)),
        ("top.two.0.part.skip.add", (1, 0)),
        ("top.two.1.part.norm.norm", (0,)),
        ("top.two.concat", (2, 3)),
    ]


def test_a_rule_with_one_option_decides_nothing():
    rules = {"a": {"more": Seq(Symbol("a"), Norm()), "end": CONV}}
    space = Space("s", Grammar("/top", rules, "a", 2))
    assert [d.name for d in space.decisions()] == ["top"]
    names = [n.name for n in graph(space, space.arch({"top": "more"}), INPUT, 3).nodes[1:]]
    assert names == ["top.more.a.end.conv", "top.more.norm"]


def test_symbols_grow_wherever_a_brick_may_stand():
    rules = {
        "top": {
            "all": Chain(
                (
                    cell(Sum(edges((0, Symbol("end", "edge"))))),
                    OneOf("op", {"a": Seq(Symbol("end"), name="in"), "b": Identity()}),
                    Repeat("stage", Symbol("end"), 1),
                )
            )
        },
        "end": {"x": Norm(), "y": Pool("max", 3, 1, 1)},
    }
    names = {d.name for d in Space("s", Grammar("top", rules, "top", 2)).decisions()}
    base = "top.all"
    assert names == {
        f"{base}.cell.node1.edge0.edge",
        f"{base}.op",
        f"{base}.op.a.in.end",
        f"{base}.stage.0.end",
    }


def test_a_grammar_inside_a_grammar_has_rules_of_its_own():
    inner = Grammar("inner", {"part": {"x": CONV, "y": Norm()}}, "part", 1)
    space = Space("s", Grammar("top", {"part": {"a": inner, "b": Norm()}}, "part", 1))
    assert space.size() == 3


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: Grammar("g", {"a": {"more": Symbol("a")}}, "a", 3),
            "grammar 'g': the rule 'a' never ends, because all its options hold symbols",
        ),
        (
            lambda: Grammar("g", {"a": {"x": Symbol("b"), "y": CONV}}, "a", 2),
            "grammar 'g' has no rule 'b': known are a",
        ),
        (
            lambda: Grammar("g", {"a": {"x": CONV}}, "b", 2),
            "grammar 'g' has no rule 'b': known are a",
        ),
        (lambda: Grammar("g", {}, "a", 0), "grammar 'g' needs at least one level, got depth 0"),
        (lambda: Seq(Symbol("a")), "the symbol 'a' stands outside of a grammar"),
    ],
)
def test_what_is_no_grammar(make, says):
    with pytest.raises(SpaceError) as caught:
        Space("s", make())
    assert str(caught.value) == says
