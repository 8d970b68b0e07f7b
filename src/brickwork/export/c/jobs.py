"""What the C code executes: the steps of a network, fewer than in a file of TensorFlow Lite.

* A ``RESHAPE`` gives the same bytes another shape, so it is another name of what it reads.
* A ``PAD`` fills with the integer that means 0. A convolution subtracts exactly that integer from
  what it reads, so a border adds nothing to its sums: skipping it changes no bit, and the padded
  copy need not exist. A mean over windows adds the integer itself, once for each place of the
  border that the window covers. A ``PADV2`` with the lowest number never wins in a max pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from brickwork.devices.program import CONVOLUTIONS, Layer, Program
from brickwork.errors import ExportError
from brickwork.export.integer.network import IntegerNetwork, Scale, Step
from brickwork.space import Shape

__all__ = ["Job", "jobs_of"]

_NO_PADS = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A step as it is executed.

    Attributes:
        step: The step; its layer has the padding that was fused into it.
        place: Its place in the program, before fusing.
        inputs: Tensors that it reads; other names of a tensor are resolved.
        shapes: Their shapes, as it sees them.
        output: The tensor that it writes.
        counted: Of an average pool: whether the border counts as zeros.
    """

    step: Step
    place: int
    inputs: tuple[int, ...]
    shapes: tuple[Shape, ...]
    output: int
    counted: bool = False

    @property
    def layer(self) -> Layer:
        return self.step.layer


def jobs_of(network: IntegerNetwork) -> tuple[list[Job], int]:
    """What is executed, in the order of the program, and the tensor that the network gives.

    Raises:
        ExportError: Nothing is executed.
    """
    program = network.program
    fused = _fused_pads(program, network.scales)
    name = list(range(len(program.shapes)))  # the tensor whose bytes each tensor is
    jobs = []
    for place, step in enumerate(network.steps):
        layer = step.layer
        if layer.kind == "RESHAPE":
            name[layer.output] = name[layer.inputs[0]]
            continue
        if place in fused.values():
            continue
        counted = False
        inputs = layer.inputs
        if inputs[0] in fused:
            pad = program.layers[fused[inputs[0]]]
            counted = layer.kind == "AVERAGE_POOL_2D"
            pads = [a + b for a, b in zip(pad.pads, layer.pads, strict=True)]
            layer = replace(layer, pads=(pads[0], pads[1], pads[2], pads[3]))
            inputs = (pad.inputs[0], *inputs[1:])
        reads = tuple([name[i] for i in inputs])
        shapes = tuple([program.shapes[i] for i in inputs])
        jobs.append(Job(replace(step, layer=layer), place, reads, shapes, layer.output, counted))
    if not jobs:
        raise ExportError("a network that computes nothing cannot be written in C")
    return jobs, name[program.output]


def _fused_pads(program: Program, scales: Sequence[Scale]) -> dict[int, int]:
    """Padded tensors that need not exist, and the layers that would write them."""
    readers: dict[int, list[Layer]] = {}
    for layer in program.layers:
        for tensor in layer.inputs:
            readers.setdefault(tensor, []).append(layer)
    return {
        layer.output: place
        for place, layer in enumerate(program.layers)
        if layer.kind in ("PAD", "PADV2")
        and layer.output != program.output
        and scales[layer.inputs[0]] == scales[layer.output]
        and all(_takes(reader, layer) for reader in readers.get(layer.output, ()))
    }


def _takes(reader: Layer, pad: Layer) -> bool:
    """Whether a layer can skip the border that it reads."""
    if pad.lowest:
        return reader.kind == "MAX_POOL_2D" and reader.pads == _NO_PADS
    if reader.kind == "AVERAGE_POOL_2D":
        return reader.pads == _NO_PADS
    return reader.kind in CONVOLUTIONS and reader.kind != "TRANSPOSE_CONV"
