"""Quantised networks for the tests of what is written from them."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
from export_networks import raw
from numpy.typing import NDArray

from brickwork.devices.program import WEIGHTED, Layer, Program
from brickwork.export.integer.folding import Folded
from brickwork.export.integer.network import Input, IntegerNetwork, Scale
from brickwork.export.integer.quantizing import quantize_integer
from brickwork.export.integer.steps import FIXED, step_of
from brickwork.export.onnx import random_weights
from brickwork.space import Graph, Shape
from brickwork.trial import rng_for

__all__ = ["compiled", "integers", "network_of", "quantized"]

compiled = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))),
    reason="no C compiler: apt install gcc libc6-dev",
)
"""Marks tests that compile C for this machine."""

COPIES = ("PAD", "PADV2", "MAX_POOL_2D", "AVERAGE_POOL_2D", "CONCATENATION", "RESHAPE", "RELU6")


def quantized(whole: Graph, seed: int = 0) -> IntegerNetwork:
    """A graph with random weights in integers."""
    return quantize_integer(whole, random_weights(whole, rng_for(seed, "weights")), raw(whole, 24))


def integers(network: IntegerNetwork, samples: int = 3, seed: int = 0) -> NDArray[np.int8]:
    """Inputs with every integer."""
    shape = (samples, *network.program.shapes[0])
    return rng_for(seed, "integers").integers(-128, 128, shape).astype(np.int8)


def network_of(
    shapes: list[Shape], layers: list[dict[str, Any]], seed: int = 0, bytes: bool = False
) -> IntegerNetwork:
    """A network of layers that are given one by one, with random weights and scales.

    Args:
        shapes: Of every tensor; the last is the output.
        layers: The fields of each layer; the output of layer ``i`` is tensor ``i + 1``.
        seed: Of the random numbers.
        bytes: Whether its input is made from bytes.
    """
    rng = rng_for(seed, "network")
    made = [
        Layer(**{"node": -1, "inputs": (place,), "output": place + 1, **fields})
        for place, fields in enumerate(layers)
    ]
    program = Program(tuple(shapes), tuple(made), len(shapes) - 1)
    scales = [Scale(float(np.float32(rng.uniform(0.01, 0.1))), int(rng.integers(-50, 50)))]
    for layer in made:
        fresh = Scale(float(np.float32(rng.uniform(0.02, 0.2))), int(rng.integers(-100, 100)))
        copied = scales[layer.inputs[0]] if layer.kind in COPIES else fresh
        scales.append(FIXED.get(layer.kind, copied))
    steps = []
    for layer in made:
        weights = None
        if layer.kind in WEIGHTED:
            shape = program.weight_shape(layer)
            count = shape[-1] if layer.kind == "DEPTHWISE_CONV_2D" else shape[0]
            weights = Folded(rng.normal(0.0, 0.2, shape), rng.normal(0.0, 0.5, count))
        steps.append(step_of(program, layer, weights, scales))
    way = Input(True) if bytes else Input(False, (0.1, -0.3)[: shapes[0][-1]], (1.5,))
    return IntegerNetwork(program, tuple(scales), tuple(steps), way)
