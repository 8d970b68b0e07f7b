"""What a network is made of, as it is learned from."""

from __future__ import annotations

from collections import Counter

import pytest
from catalogue import CATALOGUE, Entry

from brickwork.space import Conv, Graph, Norm, Residual, Seq, Space, graph, patterns, structure
from brickwork.spaces.cell import arch_of_string, nasbench201
from brickwork.trial import rng_for

CELLS = nasbench201(cells=1, stages=1)


def of(text: str) -> Counter[str]:
    return made_of(graph(CELLS, arch_of_string(CELLS, text), (3, 8, 8), 10))


def made_of(whole: Graph) -> Counter[str]:
    return sum((Counter(patterns(structure(part))) for part in whole.parts), Counter())


def test_twins_are_made_of_the_same() -> None:
    """A path through node 1 and the same path through node 2."""
    one = of("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|nor_conv_1x1~1|none~2|")
    two = of("|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|nor_conv_1x1~2|")
    assert one == two


def test_order_of_operations_is_seen() -> None:
    first = of("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|nor_conv_1x1~1|none~2|")
    second = of("|nor_conv_1x1~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|")
    alone = [{k: n for k, n in found.items() if "(" not in k} for found in (first, second)]
    assert alone[0] == alone[1]
    assert first != second


def test_widths_do_not_count_and_kernels_do() -> None:
    def one(width: int, kernel: int) -> Counter[str]:
        space = Space("one", Seq(Conv(width, kernel), Norm(), Residual(Conv(width, kernel))))
        return made_of(graph(space, space.extremes()[0], (3, 8, 8), 10))

    assert one(8, 3) == one(16, 3)
    assert one(8, 3) != one(8, 5)


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.id)
def test_each_operation_is_counted_once_by_itself(entry: Entry) -> None:
    whole = graph(entry.space, entry.space.sample(rng_for(0)), entry.input, entry.outputs)
    alone = [count for pattern, count in made_of(whole).items() if "(" not in pattern]
    assert sum(alone) == len(whole.nodes) - 1  # the input is none
    assert min(alone) > 0
