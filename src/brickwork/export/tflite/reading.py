"""The quantised network that an int8 file of ours was written from.

The file has its integers and what they mean; how they are combined follows from the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.lowering import lower
from brickwork.devices.program import WEIGHTED
from brickwork.errors import ExportError
from brickwork.export.integer.network import Input, IntegerNetwork, Scale
from brickwork.export.integer.quantizing import layer_names
from brickwork.export.integer.steps import step_of, weighted_step
from brickwork.export.tflite.file import schema
from brickwork.space import Graph

__all__ = ["read_tflite_int8"]


def read_tflite_int8(content: bytes, graph: Graph, way: Input) -> IntegerNetwork:
    """The quantised network.

    Args:
        content: What ``write_tflite_int8`` gave.
        graph: The network that was quantised.
        way: How raw samples become its integers.

    Raises:
        ExportError: The file belongs to another network, or the extra ``mcu`` is missing.
    """
    program = lower(graph)
    names = layer_names(program, graph)
    file = _File(content)
    activations = {0: "input"} | {
        layer.output: name for layer, name in zip(program.layers, names, strict=True)
    }
    scales = [Scale(*file.scale(activations[i])) for i in range(len(program.shapes))]
    steps = []
    for layer, name in zip(program.layers, names, strict=True):
        if layer.kind not in WEIGHTED:
            steps.append(step_of(program, layer, None, scales))
            continue
        weight, into = f"{name}.weight", scales[layer.inputs[0]]
        values = file.values(weight, np.dtype(np.int8)).reshape(program.weight_shape(layer))
        bias = file.values(f"{name}.bias", np.dtype(np.int32))
        steps.append(
            weighted_step(layer, values, file.scales(weight), bias, into, scales[layer.output])
        )
    return IntegerNetwork(program, tuple(scales), tuple(steps), way, names)


class _File:
    """The tensors of a file by name."""

    def __init__(self, content: bytes) -> None:
        model = schema().ModelT.InitFromPackedBuf(content)
        self.buffers = model.buffers
        self.tensors: Mapping[str, Any] = {t.name.decode(): t for t in model.subgraphs[0].tensors}

    def scales(self, name: str) -> NDArray[np.float32]:
        """The scales of a tensor."""
        if name not in self.tensors:
            raise ExportError(f"the int8 file has no {name!r}: it belongs to another network")
        return np.asarray(self.tensors[name].quantization.scale, np.float32)

    def scale(self, name: str) -> tuple[float, int]:
        """The only scale of a tensor, and the integer that means 0."""
        (scale,) = self.scales(name)
        return float(scale), int(self.tensors[name].quantization.zeroPoint[0])

    def values(self, name: str, kind: np.dtype[Any]) -> NDArray[Any]:
        """The numbers of a constant."""
        self.scales(name)
        data = self.buffers[self.tensors[name].buffer].data
        return np.asarray(data, np.uint8).view(kind)
