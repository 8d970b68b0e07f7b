"""The cell spaces of the literature: NAS-Bench-201 and DARTS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from brickwork.errors import SpaceError
from brickwork.space import (
    Activation,
    Arch,
    Cell,
    Chain,
    Choice,
    Conv,
    Depthwise,
    Edge,
    GlobalPool,
    Halve,
    Identity,
    Linear,
    Norm,
    OneOf,
    Pool,
    Repeat,
    Residual,
    Seq,
    Shape,
    Space,
    Sum,
    Zero,
)
from brickwork.space.blocks import Block
from brickwork.spaces.inputs import expect
from brickwork.spaces.recipes import FIXED

__all__ = ["DARTS_V2", "arch_of_genotype", "arch_of_string", "darts", "nasbench201", "string_of"]

Genotype = Mapping[str, Sequence[tuple[str, int]]]

DARTS_V2: Genotype = {
    "normal": (
        *(("sep_conv_3x3", 0), ("sep_conv_3x3", 1)),
        *(("sep_conv_3x3", 0), ("sep_conv_3x3", 1)),
        *(("sep_conv_3x3", 1), ("skip_connect", 0)),
        *(("skip_connect", 0), ("dil_conv_3x3", 2)),
    ),
    "reduction": (
        *(("max_pool_3x3", 0), ("max_pool_3x3", 1)),
        *(("skip_connect", 2), ("max_pool_3x3", 1)),
        *(("max_pool_3x3", 0), ("skip_connect", 2)),
        *(("skip_connect", 2), ("max_pool_3x3", 1)),
    ),
}
"""The cells that second-order DARTS found (Liu et al., 2019): operation and node of each edge."""


def nasbench201(
    input: Shape = (3, 32, 32),
    channels: int = 16,
    cells: int = 5,
    stages: int = 3,
) -> Space:
    """NAS-Bench-201 (Dong and Yang, 2020): 15,625 cells of four nodes with an edge for each pair.

    Stages of equal cells, three in the paper, with residual blocks of stride 2 between them that
    double the channels. Differs from the paper: parts of a cell that have no effect are not built,
    where the published counts include them; sizes may be odd.

    Args:
        input: Shape of a sample, ``(channels, *spatial)``.
        channels: Width of the first stage.
        cells: Cells of a stage.
        stages: How many there are.
    """
    expect("nasbench201", input, "series", "images", "volumes")
    found: list[Block] = []
    for i in range(stages):
        width = channels * 2**i
        if i:
            body = Seq(
                Seq(*_relu_conv_norm(width, 3, 2), name="first"),
                Seq(*_relu_conv_norm(width, 3), name="second"),
            )
            found.append(Seq(Residual(body, Seq(Halve(), Conv(width, 1))), name=f"reduce{i}"))
        found.append(Repeat(f"stage{i + 1}", _nasbench201_cell(width), cells))
    body = Seq(
        Seq(Conv(channels, 3), Norm(), name="stem"),
        *found,
        Seq(Norm(), Activation(), GlobalPool(), Linear(), name="classifier"),
    )
    return Space("nasbench201", body, FIXED, doc="the 15,625 cells of NAS-Bench-201")


def _nasbench201_cell(width: int) -> Cell:
    ops: dict[str, Block] = {
        "none": Zero(),
        "skip_connect": Identity(),
        "avg_pool_3x3": Pool("average", 3, 1, 1),
        "nor_conv_1x1": Seq(*_relu_conv_norm(width, 1)),
        "nor_conv_3x3": Seq(*_relu_conv_norm(width, 3)),
    }
    nodes = [
        Sum(tuple(Edge(i, OneOf(f"/cell.node{j}.edge{i}.op", ops)) for i in range(j)))
        for j in (1, 2, 3)
    ]
    return Cell("cell", tuple(nodes))


def string_of(arch: Arch) -> str:
    """A cell as the benchmark writes it: ``|nor_conv_3x3~0|+|none~0|none~1|+|...|``."""
    ops = dict(arch.choices)
    return "+".join(
        "".join(f"|{ops[f'cell.node{j}.edge{i}.op']}~{i}" for i in range(j)) + "|"
        for j in (1, 2, 3)
    )


def arch_of_string(space: Space, text: str) -> Arch:
    """The architecture of a cell in the benchmark's own form.

    Raises:
        SpaceError: The text has another form, or an operation is not known.
    """
    ops: dict[str, str] = {}
    for j, node in enumerate(text.split("+"), start=1):
        for i, edge in enumerate(node.strip("|").split("|")):
            op, _, source = edge.partition("~")
            if source != str(i):
                break
            ops[f"cell.node{j}.edge{i}.op"] = op
    arch = space.arch(ops) if len(ops) == 6 else None
    if arch is None or string_of(arch) != text:
        raise SpaceError(f"a cell of NAS-Bench-201 is |OP~0|+|OP~0|OP~1|+|...|, got {text!r}")
    return arch


def darts(
    input: Shape = (3, 32, 32),
    channels: int = 16,
    cells: int = 8,
) -> Space:
    """DARTS (Liu, Simonyan and Yang, 2019): nodes that read two earlier ones, in two kinds of cell.

    Each cell reads the two before it and gives its four nodes side by side; those at one and at
    two thirds halve the size and double the channels.

    Differs from the paper: a factorized reduction is one 1x1 convolution of stride 2 instead of two
    of half the width, the second of which looks one pixel further: as many parameters and
    multiplications, but it sees a quarter of the pixels instead of a half. Both edges of a node may
    read the same one. Pooling has no norm, as in the released network that is trained in the end
    (the supernet has one). No auxiliary classifier and no drop path.

    Args:
        input: Shape of a sample, ``(channels, *spatial)``.
        channels: Width of a node in the first third.
        cells: How many cells there are.
    """
    expect("darts", input, "series", "images", "volumes")
    chain: list[Block] = []
    width, before = channels, 1  # stride of the cell before
    for i in range(cells):
        stride = 2 if i in (cells // 3, 2 * cells // 3) else 1
        width *= stride
        inputs = (Seq(*_relu_conv_norm(width, 1, before)), Seq(*_relu_conv_norm(width, 1)))
        nodes = tuple(_darts_node(j, width, stride) for j in range(2, 6))
        chain.append(Cell(f"cell{i + 1}", nodes, inputs, "all"))
        before = stride
    body = Seq(
        Seq(Conv(3 * channels, 3), Norm(), name="stem"),
        Chain(tuple(chain)),
        Seq(GlobalPool(), Linear(), name="classifier"),
    )
    return Space("darts", body, FIXED, doc="normal and reduction cells of DARTS")


def _darts_node(index: int, width: int, stride: int) -> Sum:
    """A node with two edges; those that read an input of the cell have its stride."""
    edges = []
    for k in range(2):
        name = f"/{'normal' if stride == 1 else 'reduction'}.node{index}.edge{k}"
        body = OneOf(f"{name}.op", _darts_ops(width, 1))
        first = OneOf(f"{name}.op", _darts_ops(width, 2)) if stride == 2 else None
        edges.append(Edge(Choice(f"{name}.source", tuple(range(index))), body, first))
    return Sum(tuple(edges))


def _darts_ops(width: int, stride: int) -> dict[str, Block]:
    def half(kernel: int, stride: int, dilation: int = 1) -> Iterator[Block]:
        yield Activation()
        yield Depthwise(kernel, stride, dilation)
        yield from (Conv(width, 1), Norm())

    def twice(kernel: int) -> Block:
        return Seq(Seq(*half(kernel, stride), name="first"), Seq(*half(kernel, 1), name="second"))

    return {
        "skip_connect": Identity() if stride == 1 else Seq(*_relu_conv_norm(width, 1, 2)),
        "max_pool_3x3": Pool("max", 3, stride, 1),
        "avg_pool_3x3": Pool("average", 3, stride, 1),
        "dil_conv_3x3": Seq(*half(3, stride, 2)),
        "dil_conv_5x5": Seq(*half(5, stride, 2)),
        "sep_conv_3x3": twice(3),
        "sep_conv_5x5": twice(5),
    }


def arch_of_genotype(space: Space, genotype: Genotype) -> Arch:
    """The architecture of published cells such as ``DARTS_V2``.

    Raises:
        SpaceError: An operation or a node is not known.
    """
    choices: dict[str, str | int] = {}
    for kind, edges in genotype.items():
        for place, (op, source) in enumerate(edges):
            name = f"{kind}.node{2 + place // 2}.edge{place % 2}"
            choices |= {f"{name}.op": op, f"{name}.source": source}
    return space.arch(choices)


def _relu_conv_norm(width: int, kernel: int, stride: int = 1) -> tuple[Block, ...]:
    return Activation(), Conv(width, kernel, stride), Norm()
