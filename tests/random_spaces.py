"""Random spaces for property tests: trees of bricks in which every architecture has a graph.

The same full name always has the same options (they follow from its last part), so that decisions
are often shared between bricks, and are reached under several conditions.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import assume
from hypothesis import strategies as st

from brickwork.errors import SpaceError
from brickwork.space import (
    Activation,
    Add,
    Cell,
    Chain,
    Choice,
    Concat,
    Conv,
    ConvNorm,
    ConvTranspose,
    DepthwiseNorm,
    Dropout,
    Edge,
    Flatten,
    GlobalPool,
    Grammar,
    Identity,
    InvertedResidual,
    Linear,
    MlpBlock,
    Multiply,
    Norm,
    OneOf,
    Optional,
    Parallel,
    Pool,
    Position,
    Repeat,
    Residual,
    Select,
    Separable,
    Seq,
    Space,
    SqueezeExcite,
    Sum,
    Symbol,
    Tokens,
    TransformerBlock,
    Wide,
    Zero,
)
from brickwork.space.blocks import Block

__all__ = ["inputs", "space_and_input", "spaces", "tiny_spaces"]

OPTIONS = {
    "width": (2, 3, 4),
    "kernel": (1, 3),
    "act": ("relu", "gelu"),
    "expand": (1, 2),
    "ratio": (0.5, 1.0),
    "skip": (False, True),
    "rate": (0.0, 0.1),
    "depth": (1, 2),
    "depth0": (0, 1, 3),
    "heads": (4, 8),
    "head": (2, 4),
    "how": ("learned", "sinusoidal"),
}
RECIPES = (
    {},
    {"lr": 0.1, "epochs": Choice("epochs", (1, 2))},
    {"lr": Choice("lr", (0.1, 0.2)), "augment": Choice("augment", (False, True)), "how": "sgd"},
)

inputs = st.tuples(st.integers(1, 3), st.lists(st.integers(1, 7), min_size=1, max_size=3)).map(
    lambda parts: (parts[0], *parts[1])
)


@st.composite
def choices(draw: st.DrawFn, base: str, levels: int):
    """A choice of that base name, scoped somewhere, or one of its options.

    Args:
        levels: How many scopes there are to go up.
    """
    options = OPTIONS[base]
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(options))
    up = draw(st.integers(0, min(levels, 2)))
    prefix = draw(st.sampled_from(["", "../" * up, "/", "/"]))
    return Choice(prefix + base, options)


@st.composite
def leaves(draw: st.DrawFn, levels: int, keeps: bool) -> Block:
    """A brick that is not made of others. With ``keeps`` the shape stays as it is."""

    def choice(base: str):
        return draw(choices(base, levels))

    def stride() -> int:
        return draw(st.sampled_from([1, 2]))

    keeping: list[Callable[[], Block]] = [
        Identity,
        Norm,
        lambda: Activation(choice("act")),
        lambda: Dropout(choice("rate")),
        lambda: Pool(draw(st.sampled_from(["max", "average"])), 3, 1, 1),
        lambda: DepthwiseNorm(choice("kernel"), activation=choice("act")),
        lambda: SqueezeExcite(choice("ratio"), divisor=2),
        lambda: MlpBlock(choice("expand"), choice("act"), choice("rate")),
    ]
    changing: list[Callable[[], Block]] = [
        lambda: Conv(choice("width"), choice("kernel"), stride(), bias=draw(st.booleans())),
        lambda: Conv(Wide(choice("expand"), divisor=2), 1),
        lambda: ConvNorm(choice("width"), choice("kernel"), stride(), choice("act")),
        lambda: Separable(choice("width"), choice("kernel"), stride(), choice("act")),
        # down first, so that repetitions do not make the sizes explode
        lambda: Seq(
            Conv(choice("width"), 1, 2),
            ConvTranspose(Wide(choice("expand")), 2, 2, bias=draw(st.booleans())),
        ),
        lambda: InvertedResidual(
            choice("width"),
            kernel=choice("kernel"),
            stride=stride(),
            expand=choice("expand"),
            activation=choice("act"),
            gate=draw(st.sampled_from([None, Optional("gate", SqueezeExcite())])),
            skip=choice("skip"),
        ),
    ]
    return draw(st.sampled_from(keeping if keeps else keeping + changing))()


@st.composite
def blocks(draw: st.DrawFn, depth: int, levels: int = 0, *, keeps: bool = False) -> Block:
    """A tree of bricks, at most ``depth`` deep.

    Args:
        levels: How many scopes are around it.
        keeps: Whether what comes out has the shape of what comes in.
    """
    kinds = [
        "leaf",
        "seq",
        "seq",
        "one_of",
        "optional",
        "repeat",
        "residual",
        "add",
        "concat",
        "gate",
        "cell",
        "chain",
        "grammar",
    ]
    kind = "leaf" if depth == 0 else draw(st.sampled_from(kinds))

    def inner(more: int, *, keeps: bool = keeps) -> Block:
        return draw(blocks(depth - 1, levels + more, keeps=keeps))

    if kind == "seq":
        name = draw(st.sampled_from(["", "one", "two"]))
        count = draw(st.integers(0, 4))
        return Seq(*(inner(bool(name)) for _ in range(count)), name=name)
    if kind == "one_of":
        return OneOf("op", {"a": inner(2, keeps=True), "b": inner(2, keeps=True)})
    if kind == "optional":
        return Optional("maybe", inner(1, keeps=True))
    if kind == "repeat":
        times = draw(choices(draw(st.sampled_from(["depth", "depth0"])), levels + 1))
        first = draw(st.booleans())
        return Repeat("stage", inner(2), times, inner(2) if first else None)
    if kind == "residual":
        keep = draw(choices("skip", levels))
        return Residual(inner(0), "drop", keep)
    if kind == "add":
        nothing = (Zero(),) if draw(st.booleans()) else ()
        return Parallel((inner(0, keeps=True), inner(0, keeps=True), *nothing), Add())
    if kind == "concat" and not keeps:
        branches = (inner(0, keeps=True), Identity(), Seq(inner(1, keeps=True), name="third"))
        return Parallel(branches, Concat())
    if kind == "gate":
        return Parallel((Identity(), inner(0, keeps=True)), Multiply())
    if kind == "cell":
        return draw(cells("cell", depth - 1, levels + 1, keeps=keeps))
    if kind == "chain":
        few = range(draw(st.integers(1, 3)))
        members = [draw(cells(f"cell{i}", 0, levels + 1, keeps=True)) for i in few]
        between = Seq(inner(1, keeps=True), name="between")
        return Chain((*members[:1], between, *members[1:]))
    if kind == "grammar":
        part = draw(st.sampled_from([Symbol("sub"), Seq(Symbol("sub"), name="one")]))
        rules = {
            "part": {"leaf": inner(2, keeps=True), "pair": Parallel((part, Symbol("sub")))},
            "sub": {"pair": Seq(Symbol("sub"), Norm()), "leaf": inner(4, keeps=True)},
        }
        return Grammar("part", rules, "part", draw(st.integers(2, 3)))
    return draw(leaves(levels, keeps))


@st.composite
def cells(draw: st.DrawFn, name: str, depth: int, levels: int, *, keeps: bool) -> Cell:
    """A cell of up to three nodes; what its edges pass keeps the shape."""

    def brick(more: int) -> Block:
        if draw(st.booleans()):
            return draw(st.sampled_from([Zero(), Identity(), Identity(), Norm()]))
        return draw(blocks(depth, levels + more, keeps=True))

    def body() -> Block:
        if draw(st.booleans()):
            return brick(2)
        up = draw(st.sampled_from(["", "../", "/"]))
        return OneOf(f"{up}wire", {"none": Zero(), "skip": Identity(), "op": brick(4)})

    def edge(index: int) -> Edge:
        source = draw(st.integers(0, index - 1))
        if draw(st.booleans()):
            return Edge(source, body(), draw(st.sampled_from([None, body()])))
        choice = Choice(f"source{index}", tuple(range(index)))
        return Edge(choice, body(), draw(st.sampled_from([None, body()])))

    inputs = tuple(brick(1) for _ in range(draw(st.integers(1, 2))))
    count = len(inputs) + draw(st.integers(1, 3))
    nodes = tuple(
        Sum(
            tuple(edge(index) for _ in range(draw(st.integers(1, 2)))),
            draw(st.sampled_from([Identity(), Activation()])),
        )
        for index in range(len(inputs), count)
    )
    output = draw(st.sampled_from(["last", "ends"] if keeps else ["last", "ends", "all"]))
    return Cell(name, nodes, inputs, output)


@st.composite
def spaces(draw: st.DrawFn, depth: int = 3) -> Space:
    """A space whose architectures all have a graph, for every one of ``inputs``."""
    body = draw(st.lists(blocks(depth), min_size=1, max_size=4))
    attention = Seq(
        Tokens(),
        Position(draw(choices("how", 0))),
        TransformerBlock(draw(choices("head", 0)), draw(choices("heads", 0)), expand=1),
        Select(-1),
        Linear(),
    )
    head: tuple[Block, ...] = draw(
        st.sampled_from(
            [
                (),
                (Seq(GlobalPool(), Linear(), name="head"),),
                (Flatten(), Norm(), Linear()),
                (attention,),
            ]
        )
    )
    recipe = draw(st.sampled_from(RECIPES))
    try:
        return Space("random", Seq(*body, *head), recipe, doc="for tests")
    except SpaceError as error:  # two shared depths, each within the other; or equal names
        assume("in a circle" not in str(error) and "two bricks stand at" not in str(error))
        raise


def tiny_spaces(most: int = 300) -> st.SearchStrategy[Space]:
    """Spaces that can be enumerated, with at least two architectures."""

    def assignments(space: Space) -> int:
        total = 1
        for decision in space.decisions():
            total *= len(decision.options)
        return total

    return spaces(depth=2).filter(lambda space: 1 < assignments(space) <= most)


def space_and_input() -> st.SearchStrategy[tuple[Space, tuple[int, ...]]]:
    """A space and the shape of a sample."""
    return st.tuples(spaces(), inputs)
