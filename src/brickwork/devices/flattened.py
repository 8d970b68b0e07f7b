"""In which order the numbers of a vector stand that was an image.

PyTorch flattens channels first, TensorFlow Lite channels last. The numbers are the same, so
whatever reads a flattened vector with weights of its own only has its weights reordered; what mixes
vectors of two orders, or gives one to the outside, cannot be lowered.
"""

from __future__ import annotations

from math import prod

from brickwork.devices.program import Program
from brickwork.errors import NotInIntegers
from brickwork.space import Shape

__all__ = ["orders"]

_ALONG = frozenset(
    {
        *("RELU", "RELU6", "HARD_SWISH", "LOGISTIC", "TANH", "GELU", "SOFTMAX"),
        *("RESHAPE", "DEPTHWISE_CONV_2D"),
    }
)
"""Kinds that keep the order of a vector (a depthwise convolution of one pixel, in a reshape)."""


def orders(program: Program) -> list[Shape | None]:
    """For each tensor the shape ``(height, width, channels)`` that it was flattened from.

    None where the order makes no difference.

    Raises:
        NotInIntegers: Two orders meet, or a flattened vector is what the network gives.
    """
    found: list[Shape | None] = [None] * len(program.shapes)
    for layer in program.layers:
        into, out = program.shapes_into(layer), program.shapes[layer.output]
        known = {found[i] for i in layer.inputs}
        if layer.kind == "RESHAPE" and len(out) == 1 and prod(into[0][:-1]) > 1:
            found[layer.output] = into[0]
        elif layer.kind == "FULLY_CONNECTED":
            continue  # its weights are reordered, what it gives has an order of its own
        elif len(known) == 1 and (layer.kind in _ALONG or layer.kind in ("ADD", "MUL")):
            found[layer.output] = known.pop()
        elif known != {None}:
            raise NotInIntegers(
                f"{layer.kind} mixes a flattened image with another vector: their orders differ in "
                "TensorFlow Lite; put a linear layer behind the flatten"
            )
    if found[program.output] is not None:
        raise NotInIntegers(
            "the network gives a flattened image, whose order differs in TensorFlow Lite: put a "
            "linear layer behind the flatten"
        )
    return found
