"""What can be counted exactly before training: MACs, parameters, flash bytes, peak SRAM."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from math import prod

from brickwork.devices.fusion import CACHE, fused
from brickwork.devices.memory import BYTES, element_bytes, peak_sram
from brickwork.devices.target import Target
from brickwork.quantity import How, Quantity
from brickwork.space import (
    ClassToken,
    Columns,
    Conv,
    ConvTranspose,
    Custom,
    Depthwise,
    Dropout,
    Embedding,
    Fragment,
    Graph,
    Linear,
    Norm,
    Normalize,
    Op,
    Position,
    Shape,
)

__all__ = ["counted", "flash_bytes", "macs", "op_counts", "parameters"]

_FOLDED_INTO = (Conv, ConvTranspose, Depthwise, Linear)
_TABLES = {ClassToken, Columns, Embedding, Position}
_INT8_CHANNEL = 4 + 4  # a 32-bit bias and a float32 scale for each output channel
_INT8_TABLE = 4  # one float32 scale

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
    Tables of which rows are read or added (embeddings, positions, class tokens) have one scale.
    The normalisation of the input is part of the quantisation of the input.

    ``"float32"``: four bytes for each weight and bias that is left after folding, and for each
    constant of the normalisation.

    Sinusoidal positions are stored like learned ones. Of a user's own module the weights with two
    axes or more are quantised (a scale for each row), all else stays in four bytes.

    Raises:
        ValueError: The precision is neither.
    """
    place = 2 if element_bytes(precision) == 1 else 3
    return sum(_tally(part)[place] for part in graph.parts)


def counted(graph: Graph, target: Target) -> dict[str, Quantity]:
    """All counted costs by metric name, at the precision of the target."""
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
    readers = fused(fragment).readers
    # For each node: None where no norm can be folded into it, else whether it has no bias yet.
    bare: list[bool | None] = [None] * len(readers)
    trained = work = int8 = float32 = 0
    for index, node in enumerate(nodes):
        op, source = node.op, node.inputs[0]
        kind = type(op)
        host = bare[source] if readers[source] == 1 else None
        if kind.weights is Op.weights and kind.macs is Op.macs:  # nothing to count
            if isinstance(op, Dropout):
                bare[index] = host
            elif isinstance(op, Normalize):
                float32 += 4 * (len(op.mean) + len(op.std))
            continue
        inputs = tuple(fragment.shapes_into(node))
        values, biases, macs = op_counts(op, inputs, node.shape)
        trained += values
        work += macs
        channels = node.shape[0]
        if host is not None and isinstance(op, Norm) and op.how == "batch":
            bare[index] = False
            float32 += 4 * channels if host else 0  # the norm's shift becomes the op's bias
        elif kind in _TABLES:
            stored = values or prod(node.shape)  # sines are not trained, but stored
            int8 += stored + _INT8_TABLE
            float32 += 4 * stored
        elif isinstance(op, Custom):
            small, large = _custom_bytes(op, inputs)
            int8 += small
            float32 += large
        else:
            if isinstance(op, _FOLDED_INTO):
                bare[index] = not biases
            int8 += values - biases + _INT8_CHANNEL * channels if values else 0
            float32 += 4 * values
    return trained, work, int8, float32


@functools.lru_cache(maxsize=CACHE)
def op_counts(op: Op, inputs: tuple[Shape, ...], out: Shape) -> tuple[int, int, int]:
    """Trained values, biases among them, and MACs of an op."""
    weights = op.weights(inputs)
    values = sum(map(prod, weights.values()))
    return values, prod(weights.get("bias", (0,))), op.macs(inputs, out)


def _custom_bytes(op: Custom, inputs: tuple[Shape, ...]) -> tuple[int, int]:
    """Bytes of a user's own module at int8 and at float32, its buffers included."""
    state = [*op.weights(inputs).values(), *op.buffers(inputs).values()]
    quantised = [shape for shape in op.weights(inputs).values() if len(shape) > 1]
    saved = sum(3 * prod(shape) - 4 * shape[0] for shape in quantised)
    large = 4 * sum(map(prod, state))
    return large - saved, large
