"""A program as TensorFlow's converter leaves it: equal operations made one, clamps fused.

A cell reads a tensor more than once and gives each reader an activation of its own. The converter
finds that they are equal and keeps one; where only that one reads a tensor it is fused into the op
that writes it. Networks that others have converted and measured are counted like this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from brickwork.devices.program import CLAMPING, Layer, Program
from brickwork.space import Shape

__all__ = ["merged"]


def merged(program: Program) -> Program:
    """The program with equal operations made one, and clamps fused wherever they can be."""
    shapes = list(program.shapes)
    alias: dict[int, int] = {}
    seen: dict[Layer, int] = {}
    kept: list[Layer] = []
    for layer in _unfused(program.layers, shapes):
        layer = replace(layer, inputs=tuple([alias.get(i, i) for i in layer.inputs]))
        key = replace(layer, output=-1)
        if layer.node < 0 and not layer.norms and key in seen:  # no weights of its own
            alias[layer.output] = seen[key]
        else:
            seen[key] = layer.output
            kept.append(layer)
    output = alias.get(program.output, program.output)
    layers, output = _fused(kept, output)
    return replace(program, shapes=tuple(shapes), layers=layers, output=output)


def _unfused(layers: Iterable[Layer], shapes: list[Shape]) -> Iterable[Layer]:
    """The layers with each clamp as an operation of its own; its input is a new tensor."""
    for layer in layers:
        if layer.activation == "none":
            yield layer
            continue
        shapes.append(shapes[layer.output])
        bare = len(shapes) - 1
        yield replace(layer, activation="none", output=bare)
        yield Layer(layer.activation.upper(), -1, (bare,), layer.output)


def _fused(layers: list[Layer], output: int) -> tuple[tuple[Layer, ...], int]:
    """Clamps go into the op before them where nothing else reads what that writes."""
    readers = Counter([output, *(i for layer in layers for i in layer.inputs)])
    alias: dict[int, int] = {}
    writer: dict[int, int] = {}
    found: list[Layer] = []
    for layer in layers:
        layer = replace(layer, inputs=tuple([alias.get(i, i) for i in layer.inputs]))
        source = layer.inputs[0] if layer.inputs else -1
        if layer.kind in ("RELU", "RELU6") and readers[source] == 1 and source in writer:
            host = found[writer[source]]
            if host.kind in CLAMPING and host.activation == "none":
                found[writer[source]] = replace(host, activation=layer.kind.lower())
                alias[layer.output] = source
                readers[source] = readers[layer.output]
                continue
        writer[layer.output] = len(found)
        found.append(layer)
    return tuple(found), alias.get(output, output)
