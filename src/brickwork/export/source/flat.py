"""A network as one class that runs its operations in order: for names that form no modules."""

from __future__ import annotations

from collections.abc import Iterator

from brickwork.export.source.pieces import constructor, expression, slots
from brickwork.export.source.text import Call, buffers, layout
from brickwork.export.source.tree import Leaf
from brickwork.space import Graph, Input

__all__ = ["flat_lines"]

_HEAD = '''class Net(nn.Module):
    """The network: raw values in, logits out."""

    def __init__(self) -> None:
        super().__init__()
        self.ops: dict[str, nn.Module] = {}'''

_PLACE = '''
    def place(self, path: str, module: nn.Module) -> None:
        """Hang a module into the tree that gives the weights their names."""
        *scopes, name = path.split(".")
        at: nn.Module = self
        for scope in scopes:
            at = at._modules.setdefault(scope, nn.Module())
        at._modules[name] = module
        self.ops[path] = module

    def forward(self, x: Tensor) -> Tensor:'''


def flat_lines(graph: Graph) -> Iterator[str]:
    """The lines of class ``Net``."""
    leaves = [
        (index, Leaf(node, tuple(graph.shapes_into(node))))
        for index, node in enumerate(graph.nodes)
        if not isinstance(node.op, Input)
    ]
    yield from _HEAD.split("\n")
    # Short paths first: an operation may be called like the scope of others.
    for index, leaf in sorted(leaves, key=lambda pair: pair[1].node.name.count(".")):
        yield from _made(leaf, f"op{index}")
    yield from _PLACE.split("\n")
    for index, leaf in leaves:
        inputs = [f"x{i}" if i else "x" for i in leaf.node.inputs]
        text = f'self.ops["{leaf.node.name}"]({inputs[0]})'
        if _module(leaf) is None:
            text = expression(leaf, inputs, f"op{index}")
        yield f"        x{index} = {text}"
    yield f"        return x{len(graph.nodes) - 1}" if leaves else "        return x"


def _module(leaf: Leaf) -> Call | None:
    made = constructor(leaf, {slot.label: repr(slot.value) for slot in slots(leaf)})
    return None if made is None else Call(made[0], tuple(("", text) for text in made[1]))


def _made(leaf: Leaf, name: str) -> Iterator[str]:
    """What the constructor does for one operation."""
    module = _module(leaf)
    if module is not None:
        arguments: tuple[tuple[str, str | Call], ...] = (("", f'"{leaf.node.name}"'), ("", module))
        yield from layout("", Call("self.place", arguments), "", 8)
    else:
        yield from buffers(leaf, name)
