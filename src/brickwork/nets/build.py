"""From a graph to a plain PyTorch module whose state-dict keys are the graph's op names.

``build`` makes one leaf module for each operation, nested along the dotted path of its name, so
that the weight of ``stem.conv`` is called ``stem.conv.weight``. The forward pass walks a list that
is made once: which module runs, where its inputs lie and where its output goes. A place is used
again as soon as nothing reads it any more, so inference keeps only what is alive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from brickwork.nets.fast import channels_last
from brickwork.nets.layers import leaf
from brickwork.space import Graph, Input

__all__ = ["Net", "Step", "attach", "build", "load_weights", "run", "schedule", "weights_of"]

Step = tuple[Callable[..., Tensor], tuple[int, ...], int]
"""What runs, the places of its inputs, and the place of its output."""


class Net(nn.Module):
    """A network that runs a graph's operations in order. Made by ``build``.

    Takes ``(batch, *graph.input)`` of raw values as float32 and gives ``(batch, *graph.output)``.
    """

    def __init__(self, graph: Graph, generator: torch.Generator) -> None:
        super().__init__()
        leaves: list[nn.Module | None] = []
        for node in graph.nodes:
            if isinstance(node.op, Input):
                leaves.append(None)
                continue
            module = leaf(node, graph.shapes_into(node), generator)
            attach(self, node.name, module)
            leaves.append(module)
        self._steps, self._places, self._result = schedule(graph, leaves)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(batch, outputs)`` of raw inputs ``(batch, channels, *spatial)``."""
        return run(self._steps, self._places, self._result, x)


def build(graph: Graph, generator: torch.Generator | None = None) -> Net:
    """The module of a graph, with freshly initialised weights.

    Convolutions start from a normal distribution with variance 2 / fan out (He et al., "Delving
    deep into rectifiers", 2015; fan out of a group), linear layers from one with variance 1 / fan
    in, biases at 0, norms at the identity. Look-up tables start from a standard normal
    distribution, positions and class tokens from one with a standard deviation of 0.02. A user's
    own module starts as its author has it.

    Args:
        graph: The graph; ops without choices.
        generator: Source of the initial weights; None for one with seed 0. PyTorch's global
            generator is never used.

    Raises:
        SpaceError: An op has no module.
        ShapeError: PyTorch cannot pool with more padding than half the window.
    """
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    return Net(graph, generator)


def weights_of(module: nn.Module) -> dict[str, NDArray[Any]]:
    """A copy of the state dict as arrays, running statistics included."""
    return {key: value.detach().cpu().numpy().copy() for key, value in module.state_dict().items()}


def load_weights(module: nn.Module, weights: Mapping[str, NDArray[Any]]) -> None:
    """Set a module's state to what ``weights_of`` gave.

    Raises:
        ValueError: A name is missing or unknown, or an array has another shape.
    """
    state = module.state_dict()
    missing, unknown = sorted(state.keys() - weights.keys()), sorted(weights.keys() - state.keys())
    if missing or unknown:
        raise ValueError(
            f"these weights are of another network: missing {missing[:3]}, unknown {unknown[:3]}"
        )
    for key, value in weights.items():
        if tuple(value.shape) != tuple(state[key].shape):
            raise ValueError(
                f"{key} has shape {tuple(value.shape)}, the network needs {tuple(state[key].shape)}"
            )
    module.load_state_dict({key: torch.from_numpy(np.array(v)) for key, v in weights.items()})


def run(steps: Sequence[Step], places: int, result: int, x: Tensor) -> Tensor:
    """What the steps of a graph give for raw inputs ``(batch, channels, *spatial)``."""
    values = [channels_last(x)] * places
    for call, sources, place in steps:
        if len(sources) == 1:
            values[place] = call(values[sources[0]])
        else:
            values[place] = call(*[values[i] for i in sources])
    return values[result]


def attach(root: nn.Module, path: str, module: nn.Module) -> None:
    """Hang a leaf into the tree of containers.

    The dictionary of children is written directly: ``add_module`` refuses names that are also
    methods of a module, such as a scope called ``half``.
    """
    *scopes, last = path.split(".")
    at = root
    for scope in scopes:
        child = at._modules.get(scope)
        if child is None:
            child = at._modules[scope] = nn.Module()
        at = child
    before = at._modules.get(last)
    if before is not None:  # a scope that is called like this op
        module._modules.update(before._modules)
    at._modules[last] = module


def schedule(
    graph: Graph, calls: Sequence[Callable[..., Tensor] | None]
) -> tuple[tuple[Step, ...], int, int]:
    """Execution list of a graph, number of places, and the place of the result.

    The input lies in place 0.

    Args:
        graph: The graph.
        calls: What runs for each of its nodes; None for the input.
    """
    readers = graph.consumers()
    left = [len(readers_of_one) for readers_of_one in readers]
    left[-1] += 1  # the caller reads the result
    place_of: dict[int, int] = {}
    free: list[int] = []
    places = 0
    steps: list[Step] = []
    for index, node in enumerate(graph.nodes):
        sources = tuple(place_of[i] for i in node.inputs)
        for source in node.inputs:
            left[source] -= 1
            if left[source] == 0:
                free.append(place_of[source])
        if free:
            place = free.pop()
        else:
            place, places = places, places + 1
        place_of[index] = place
        if left[index] == 0:
            free.append(place)
        call = calls[index]
        if call is not None:
            steps.append((call, sources, place))
    return tuple(steps), places, place_of[len(calls) - 1]
