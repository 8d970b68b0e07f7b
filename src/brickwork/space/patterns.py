"""What a network is made of: its operations, each with what leads to it.

Shervashidze, Schweitzer, van Leeuwen, Mehlhorn, Borgwardt: "Weisfeiler-Lehman Graph Kernels", 2011;
for architectures Ru, Wan, Dong, Osborne: "Interpretable Neural Architecture Search via Bayesian
Optimisation with Weisfeiler-Lehman Kernels", 2021.

Differs from the papers: a fragment is refined by itself (what comes before it is "in"), so its
patterns are found once, however many networks share it; widths do not count, because the costs of
a network tell them better.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping

from brickwork.space.graph import Fragment
from brickwork.space.ops import Op

__all__ = ["Structure", "patterns", "structure"]

_DEPTH = 2  # operations before an operation that belong to its pattern
_CACHE = 65_536
_FORM = ("how", "kernel", "stride", "dilation", "head")
"""Fields of an operation that say what it does; the others say how wide it is."""


Structure = tuple[tuple[str, tuple[int, ...]], ...]
"""Of each operation what it does, and where its inputs come from."""


@functools.lru_cache(maxsize=_CACHE)
def structure(part: Fragment) -> Structure:
    """A piece of a network without widths; many pieces have the same."""
    return tuple([(_form(node.op), node.inputs) for node in part.nodes])


def patterns(made: Structure) -> Mapping[str, int]:
    """How often each pattern occurs: an operation, with none, one or two steps of what leads to it.

    Args:
        made: How a piece of a network is made; the patterns of a network are those of its pieces
            together.
    """
    found: Counter[str] = Counter()
    labels: list[tuple[str, ...]] = []  # of each node, by depth
    for own, inputs in made:
        before = [("in",) * _DEPTH if i < 0 else labels[i] for i in inputs]
        around = [own]
        for depth in range(_DEPTH):
            around.append(f"{own}({','.join(sorted(label[depth] for label in before))})")
        labels.append(tuple(around))
        for pattern in around:
            found[pattern] += 1
    return found


@functools.lru_cache(maxsize=_CACHE)
def _form(op: Op) -> str:
    values = [f"{name}={_text(getattr(op, name))}" for name in _FORM if hasattr(op, name)]
    if getattr(op, "groups", 1) != 1:
        values.append("grouped")
    return " ".join([op.kind, *values])


def _text(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
