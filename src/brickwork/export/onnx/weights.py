"""Weights for networks that are not trained."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.space import Graph, Norm

__all__ = ["random_weights"]


def random_weights(graph: Graph, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Weights with which a graph can be run before it is trained, such as to measure its latency.

    Activations keep their scale through the network, so no value becomes infinite or denormal,
    either of which would distort a measurement.
    """
    weights: dict[str, NDArray[Any]] = {}
    for node in graph.nodes:
        shapes = graph.shapes_into(node)
        for name, shape in node.op.weights(shapes).items():
            values = rng.standard_normal(shape, dtype=np.float32)
            if isinstance(node.op, Norm):
                values = 0.1 * values + (1.0 if name == "weight" else 0.0)
            elif name.endswith("weight"):
                values *= sqrt(2 / prod(shape[1:]))
            else:
                values *= 0.1
            weights[f"{node.name}.{name}"] = values.astype(np.float32, copy=False)
        for name, shape in node.op.buffers(shapes).items():
            if name.endswith("running_mean"):
                weights[f"{node.name}.{name}"] = 0.1 * rng.standard_normal(shape, dtype=np.float32)
            elif name.endswith("running_var"):
                weights[f"{node.name}.{name}"] = 0.5 + rng.random(shape, dtype=np.float32)
            else:
                weights[f"{node.name}.{name}"] = np.zeros(shape, dtype=np.int64)
    return weights
