"""A graph as the blocks that a person thinks in, each with a line on what it does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from typing import Any

from brickwork.space import Graph, Node, per_axis

__all__ = ["blocks"]

_INSIDE = re.compile(r"\.node\d+\.")  # in the names of what belongs to a cell


def blocks(whole: Graph) -> list[dict[str, Any]]:
    """The blocks of a network: the scopes of its ops' names."""
    groups: dict[str, list[int]] = {}
    for index, node in enumerate(whole.nodes[1:], start=1):
        if node.op.kind == "normalize":
            continue
        path = node.name.split(".")
        scope = path[:2] if len(path) > 2 and path[1].isdigit() else path[:1]
        groups.setdefault(".".join(scope), []).append(index)
    return [_block(whole, label, members) for label, members in groups.items()]


def _block(whole: Graph, label: str, members: Sequence[int]) -> dict[str, Any]:
    nodes = [whole.nodes[i] for i in members]
    wired = any(_INSIDE.search(node.name) for node in nodes)
    shapes = [(node, whole.shapes_into(node)) for node in nodes]
    return {
        "label": label,
        "detail": _wiring(whole, members) if wired else _sequence(nodes),
        "shape": list(nodes[-1].shape),
        "macs": sum(node.op.macs(into, node.shape) for node, into in shapes),
        "parameters": sum(prod(w) for node, into in shapes for w in node.op.weights(into).values()),
        "skip": not wired and any(node.op.kind == "add" for node in nodes),
    }


def _sequence(nodes: Sequence[Node]) -> str:
    """What is done, in order, with the widths."""
    words = [f"{_word(n)} → {n.shape[0]}" if n.op.kind in _WIDE else _word(n) for n in nodes]
    return ", ".join(filter(None, words))


def _word(node: Node) -> str:
    """An operation as a person would call it; nothing for those that go without saying."""
    op: Any = node.op
    kind = op.kind
    if kind in _WINDOWED:
        size = "x".join(map(str, per_axis(op.kernel, len(node.shape) - 1)))
        return f"{_WINDOWED[kind]} {size}" + (f" /{op.stride}" if op.stride != 1 else "")
    if kind in ("pool", "global_pool"):
        return f"{op.how} pool"
    if kind == "attend":
        return f"attention, {node.shape[0] // op.head} × {op.head}"
    if kind == "embedding":
        return f"embedding {op.entries:,}"
    if kind == "columns":
        return f"{len(op.categories)} categories → {op.width} each"
    if kind == "position":
        return f"{op.how} positions"
    if kind == "select":
        return f"token {op.index}"
    if kind == "custom":
        return str(op.make.partition(":")[2])
    return _PLAIN.get(kind, "")


_WINDOWED = {"conv": "conv", "conv_transpose": "transposed conv", "depthwise": "depthwise"}
_WIDE = (*_WINDOWED, "linear", "embedding", "custom")
_PLAIN = {
    "linear": "linear",
    "class_token": "class token",
    "masked_mean": "masked mean",
    "zero": "zeros",
}


def _wiring(whole: Graph, members: Sequence[int]) -> str:
    """What a cell computes: ``a = in conv 3x3; a average pool + a + in``.

    What is read more than once has a letter.
    """
    readers = whole.consumers()
    outer = dict.fromkeys(i for m in members for i in whole.nodes[m].inputs if i not in members)
    names = [f"in{k}" for k in range(1, len(outer) + 1)] if len(outer) > 1 else ["in"]
    said = dict(zip(outer, names, strict=True))
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    lines = []
    for index in members:
        node = whole.nodes[index]
        sources = [said[i] for i in node.inputs]
        word = _word(node)
        if node.op.kind == "add":
            text = " + ".join(sources)
        elif node.op.kind == "concat":
            text = ", ".join(sources)
        elif node.op.kind == "multiply":
            text = " × ".join(map(_closed, sources))
        else:
            text = f"{_closed(sources[0])} {word}" if word else sources[0]
        if len(readers[index]) > 1 and " " in text and index != members[-1]:
            name = next(letters, node.name)
            lines.append(f"{name} = {text}")
            text = name
        said[index] = text
    return "; ".join([*lines, said[members[-1]]])


def _closed(text: str) -> str:
    """In parentheses, where what follows would seem to belong to its last part only."""
    return f"({text})" if re.search(" [+×] |, ", text) else text
