"""What a network ends in: logits, which training wants, or probabilities, which a device may want.

A softmax has no weights and its integers have one meaning only, so it can be put behind a trained
network, and behind a quantised one, without any samples.
"""

from __future__ import annotations

from dataclasses import replace

from brickwork.devices.program import Layer
from brickwork.export.integer.network import IntegerNetwork
from brickwork.export.integer.steps import FIXED, step_of
from brickwork.space import Graph, Softmax

__all__ = ["LOGITS", "PROBABILITIES", "answers", "with_softmax"]

LOGITS, PROBABILITIES = "logits", "probabilities"


def answers(graph: Graph) -> str:
    """What the outputs of a network are called, in files and texts."""
    return PROBABILITIES if isinstance(graph.nodes[-1].op, Softmax) else LOGITS


def with_softmax(network: IntegerNetwork) -> IntegerNetwork:
    """A quantised network with a softmax behind it: steps of 1/256, from -128 on.

    Raises:
        ExportError: It has more outputs than TensorFlow Lite Micro's softmax can take.
    """
    program, before = network.program, network.program.output
    layer = Layer("SOFTMAX", -1, (before,), len(program.shapes))
    program = replace(
        program,
        shapes=(*program.shapes, program.shapes[before]),
        layers=(*program.layers, layer),
        output=layer.output,
    )
    scales = (*network.scales, FIXED["SOFTMAX"])
    steps = (*network.steps, step_of(program, layer, None, scales))
    return replace(
        network, program=program, scales=scales, steps=steps, names=(*network.names, "softmax")
    )
