"""What can be counted exactly before training: MACs, parameters, flash bytes, peak SRAM."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from math import prod

from brickwork.devices.fusion import CACHE
from brickwork.devices.memory import BYTES, element_bytes, peak_sram
from brickwork.devices.target import Target
from brickwork.quantity import How, Quantity
from brickwork.space import Conv, Depthwise, Dropout, Fragment, Graph, Linear, Norm, Normalize

__all__ = ["counted", "flash_bytes", "macs", "parameters"]

_INT8_CHANNEL = 4 + 4  # a 32-bit bias and a float32 scale for each output channel

_SOURCES: Mapping[str, str] = {
    "parameters": "trained weights, as PyTorch counts them (sum of numel)",
    "macs": "multiply-accumulates for one sample; biases, sums and activations not counted",
    "int8": (
        "model data only, without the runtime: batch norm folded, 1 byte a weight, a 32-bit bias "
        "and a float32 scale for each output channel"
    ),
    "float32": "model data only, without the runtime: batch norm folded, 4 bytes a value",
    "peak_sram_bytes": (
        "activations only, without the runtime: largest sum of live tensors in the best order of "
        "execution, norms and activations fused, no buffer written in place"
    ),
}


def parameters(graph: Graph) -> int:
    """Number of trained weights (running statistics of norms are not trained)."""
    return sum(_tally(part)[0] for part in graph.parts)


def macs(graph: Graph) -> int:
    """Multiply-accumulates for one sample."""
    return sum(_tally(part)[1] for part in graph.parts)


def flash_bytes(graph: Graph, precision: str) -> int:
    """Bytes of model data, without the runtime and the description of the layers.

    ``"int8"``: after folding batch norm into the op before it, one byte for each weight; a 32-bit
    bias and a float32 scale for each output channel of every op with weights. A norm that cannot
    be folded (behind an activation, or not batch norm) is an op with a weight for each channel.
    The normalisation of the input is part of the quantisation of the input.

    ``"float32"``: four bytes for each weight and bias that is left after folding, and for each
    constant of the normalisation.

    Raises:
        ValueError: The precision is neither.
    """
    place = 2 if element_bytes(precision) == 1 else 3
    return sum(_tally(part)[place] for part in graph.parts)


def counted(graph: Graph, target: Target) -> dict[str, Quantity]:
    """``parameters``, ``macs``, ``flash_bytes`` and ``peak_sram_bytes`` at the target's precision."""
    weights = work = int8 = float32 = 0
    for part in graph.parts:
        a, b, c, d = _tally(part)
        weights += a
        work += b
        int8 += c
        float32 += d
    precision = target.precision
    flash = int8 if precision == "int8" else float32
    peak = peak_sram(graph, precision)
    how = How.COUNTED
    return {
        "parameters": Quantity(float(weights), "1", how, None, _SOURCES["parameters"]),
        "macs": Quantity(float(work), "1", how, None, _SOURCES["macs"]),
        "flash_bytes": Quantity(float(flash), "B", how, None, _SOURCES[precision]),
        "peak_sram_bytes": Quantity(float(peak), "B", how, None, _PEAK[precision]),
    }


_PEAK = {
    precision: f"{_SOURCES['peak_sram_bytes']}; {size} B an element"
    for precision, size in BYTES.items()
}


@functools.lru_cache(maxsize=CACHE)
def _tally(fragment: Fragment) -> tuple[int, int, int, int]:
    """Parameters, MACs, int8 bytes and float32 bytes of a fragment."""
    nodes = fragment.nodes
    trained = work = int8 = float32 = 0
    folds = _folds(fragment)
    for index, node in enumerate(nodes):
        op = node.op
        if isinstance(op, Normalize):
            float32 += 4 * (len(op.mean) + len(op.std))
            continue
        shapes = fragment.shapes_into(node)
        weights = op.weights(shapes)
        if not weights:
            continue
        values = sum(map(prod, weights.values()))
        trained += values
        work += op.macs(shapes, node.shape)
        channels = node.shape[0]
        target = folds.get(index)
        if target is None:  # an op with weights of its own
            bias = channels if "bias" in weights else 0
            int8 += values - bias + _INT8_CHANNEL * channels
            float32 += 4 * values
        elif target:  # folded into an op that had no bias until now
            float32 += 4 * channels
    return trained, work, int8, float32


def _folds(fragment: Fragment) -> dict[int, bool]:
    """The batch norms that vanish into the op before them; True where that gives it a bias."""
    nodes = fragment.nodes
    readers = [0] * (len(nodes) + 1)
    for node in nodes:
        for source in node.inputs:
            readers[source] += 1
    # For each node: None where no norm can be folded into it, else whether it has no bias yet.
    bare: list[bool | None] = [None] * (len(nodes) + 1)
    found: dict[int, bool] = {}
    for index, node in enumerate(nodes):
        op = node.op
        if isinstance(op, Conv | Depthwise | Linear):
            bare[index] = not op.bias
            continue
        source = node.inputs[0]
        before = bare[source]
        if before is None or readers[source] != 1:
            continue
        if isinstance(op, Norm) and op.how == "batch":
            found[index], bare[index] = before, False
        elif isinstance(op, Dropout):
            bare[index] = before
    return found
