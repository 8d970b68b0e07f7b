"""What a supernet holds: every operation that any member has, at its largest."""

from __future__ import annotations

import pytest

from brickwork.space import Cell, Conv, Edge, Identity, OneOf, Seq, Space, Sum, Zero
from brickwork.space.cover import largest
from brickwork.trial import rng_for


@pytest.mark.parametrize("seed", range(5))
def test_operations_that_few_members_have_are_found(seed):
    """Each of twelve is alive in one of 192 members, and in none where all first options are."""
    there, gone = {"skip": Identity(), "none": Zero()}, {"none": Zero(), "skip": Identity()}
    layers = {f"layer{i}": Seq(Conv(2, 1 + 2 * (i % 3)), name="layer") for i in range(12)}
    wires = (there, gone, there, gone)
    nodes = [Sum((Edge(i, OneOf("wire", wire)),)) for i, wire in enumerate(wires)]
    cell = Cell("cell", (*nodes, Sum((Edge(4, OneOf("op", layers)),))))
    found = largest(Space("hidden", cell), (2, 5, 5), 3, rng_for(seed, "cover"))
    assert set(found) == {f"cell.node5.edge0.op.{label}.layer.conv" for label in layers}
