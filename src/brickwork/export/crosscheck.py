"""The analytic graph against the module that is really built from it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from brickwork.devices.counts import macs, parameters
from brickwork.nets import build
from brickwork.space import Graph, Input, Shape

__all__ = ["crosscheck"]


def crosscheck(graph: Graph, *, export: bool = True) -> list[str]:
    """Where what is counted on a graph differs from what PyTorch sees; empty if nowhere.

    Compared are the output shape of every op, the parameters, the names and shapes of the state,
    and the multiply-accumulates as PyTorch's flop counter has them (two flops each).

    Args:
        graph: The network.
        export: Whether the module goes through ``torch.export`` first, which takes seconds and
            shows that the network has no path that depends on its data.
    """
    module = build(graph).eval()
    x = torch.zeros((1, *graph.input))
    problems = list(_state(graph, module))
    shapes = _exported_shapes(module, x) if export else _hooked_shapes(graph, module, x)
    for node in graph.nodes:
        if isinstance(node.op, Input):
            continue
        found = shapes.get(node.name)
        if found is not None and found != node.shape:
            problems.append(f"{node.name} gives shape {found}, the graph says {node.shape}")
        elif found is None and (not export or node.op.weights(graph.shapes_into(node))):
            problems.append(f"{node.name} does not run")
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        module(x)
    counted, flops = macs(graph), counter.get_total_flops()
    if flops != 2 * counted:
        problems.append(
            f"PyTorch counts {flops / 2:,g} multiply-accumulates, the graph {counted:,}"
        )
    return problems


def _state(graph: Graph, module: nn.Module) -> Iterator[str]:
    found = sum(parameter.numel() for parameter in module.parameters())
    if found != parameters(graph):
        yield f"the module has {found:,} parameters, the graph {parameters(graph):,}"
    wanted = {
        f"{node.name}.{name}": tuple(shape)
        for node in graph.nodes
        for table in (node.op.weights, node.op.buffers)
        for name, shape in table(graph.shapes_into(node)).items()
    }
    state = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    for name in sorted(wanted.keys() | state.keys()):
        if wanted.get(name) != state.get(name):
            yield f"{name} has shape {state.get(name)} in the module, not {wanted.get(name)}"


def _hooked_shapes(graph: Graph, module: nn.Module, x: Tensor) -> dict[str, Shape]:
    """The output shape of each op in a run."""
    shapes: dict[str, Shape] = {}
    modules = dict(module.named_modules())

    def watch(name: str) -> None:
        def note(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            shapes[name] = tuple(output.shape[1:])

        modules[name].register_forward_hook(note)

    for node in graph.nodes:
        if node.name in modules:
            watch(node.name)
    with torch.inference_mode():
        module(x)
    return shapes


def _exported_shapes(module: nn.Module, x: Tensor) -> dict[str, Shape]:
    """The output shape of each op in the graph that ``torch.export`` captures.

    An op that hands its input on, such as dropout, leaves no trace there.
    """
    shapes: dict[str, Shape] = {}
    for node in torch.export.export(module, (x,)).graph.nodes:
        stack = node.meta.get("nn_module_stack") or {}
        value = node.meta.get("val")
        if stack and isinstance(value, Tensor):
            path = next(reversed(stack.values()))[0]
            shapes[path] = tuple(int(size) for size in value.shape[1:])
    return shapes
