"""A user's own module."""

from __future__ import annotations

import torch
from torch import nn

from brickwork.errors import ShapeError, SpaceError
from brickwork.space import Shape, ops
from brickwork.space.ops.custom import imported

__all__ = ["custom"]


def custom(op: ops.Custom, shapes: list[Shape], random: torch.Generator | None) -> nn.Module:
    """The module that a user's function makes, checked against what its author says of it.

    Such a module draws its first weights from PyTorch's global generator. It is lent the state of
    ours for that while, so that a seed determines them and the global generator stays as it was.

    Raises:
        ShapeError: The module's state is not the one described.
        SpaceError: Its weights are to come from elsewhere.
    """
    if random is None:
        raise SpaceError(f"{op.make}: a module of one's own has no elastic form: it is not cut")
    with torch.random.fork_rng(devices=()):
        torch.set_rng_state(random.get_state())
        module = imported(op.make)(shapes[0], **dict(op.arguments))
        random.set_state(torch.get_rng_state())
    if not isinstance(module, nn.Module):
        raise ShapeError(f"{op.make} gives {module!r}, not a torch.nn.Module")
    weights = {name: tuple(value.shape) for name, value in module.named_parameters()}
    state = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    buffers = {name: shape for name, shape in state.items() if name not in weights}
    for kind, found, said in (
        ("weight", weights, op.weights(shapes)),
        ("buffer", buffers, op.buffers(shapes)),
    ):
        wanted = {name: tuple(shape) for name, shape in said.items()}
        for name in sorted(found.keys() | wanted.keys()):
            if found.get(name) != wanted.get(name):
                raise ShapeError(
                    f"the {kind} {name!r} has shape {found.get(name)} in the module of {op.make}, "
                    f"and {wanted.get(name)} according to {op.describe}: correct one of them"
                )
    return module
