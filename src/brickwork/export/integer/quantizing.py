"""From a trained network to integers.

Batch norms are folded, weights symmetric with a scale for each output channel, activations with one
scale for each tensor, from the smallest and largest values of calibration samples or without their
outermost values, whichever gives the better scores (Jacob et al., 2018; Krishnamoorthi, "Quantizing
deep convolutional networks for efficient inference", 2018).

Bytes go in as they are, less 128: the normalisation of a picture becomes part of the first layer.
At the border of the picture, where zeros are padded, this is exact for one channel; with several
the padding is grey instead of the mean colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.lowering import lower
from brickwork.devices.program import Program
from brickwork.errors import ExportError, NotInIntegers
from brickwork.export.integer.folding import Folded, fold, normalization
from brickwork.export.integer.network import Input, IntegerNetwork, Scale
from brickwork.export.integer.ranges import Ranges, seen
from brickwork.export.integer.steps import FIXED, least_step, step_of
from brickwork.export.integer.tuning import tuned
from brickwork.space import Graph

__all__ = ["GOOD", "LOSS", "PARTS", "Judge", "layer_names", "quantize_integer"]

PARTS = (1.0, 0.9999, 0.999)
"""Parts of the activations that lie in the ranges which are tried."""

GOOD = 0.001
"""A score that may be lost to rounding before other ranges are tried."""

LOSS = 0.005
"""A score that may be lost to rounding before the network is trained on with it."""

_SHARED = frozenset(
    {"MAX_POOL_2D", "AVERAGE_POOL_2D", "RESHAPE", "PAD", "PADV2", "CONCATENATION", "RELU6"}
)
"""Kinds that copy integers (RELU6 clamps them): what they read and give has one scale."""

_NARROWEST = 1e-6  # range of a tensor that says anything


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """By what one of several networks in integers is chosen.

    Attributes:
        score: Of such a network; larger is better.
        exact: The score of the float network; without it all ranges are tried.
        samples: Raw training samples to train on with, where rounding costs too much.
        outputs: Gives what the float network makes of raw samples.
        seed: Decides their order.
    """

    score: Callable[[IntegerNetwork], float]
    exact: float = math.inf
    samples: NDArray[Any] | None = None
    outputs: Callable[[NDArray[Any]], NDArray[np.float32]] | None = None
    seed: int = 0


def quantize_integer(
    graph: Graph,
    weights: Mapping[str, NDArray[Any]],
    calibration: NDArray[Any],
    judge: Judge | None = None,
) -> IntegerNetwork:
    """The network in integers.

    Args:
        graph: The network.
        weights: Its weights by state-dict key.
        calibration: Raw samples ``(samples, *input)`` of the training split; bytes where samples
            are bytes.
        judge: Chooses ranges, where those of all activations cost more than ``GOOD``. Where the
            best network scores ``LOSS`` less than the float network it is trained on.

    Raises:
        NotInIntegers: The network cannot be lowered, or no scales fit it.
        ExportError: A sample or a weight does not fit it.
    """
    program = lower(graph)
    folded = fold(program, graph, weights)
    if calibration.shape[1:] != graph.input or not len(calibration):
        raise ExportError(
            f"calibration samples have shape {calibration.shape}, the network wants "
            f"(samples, {', '.join(map(str, graph.input))}) with at least one sample"
        )
    mean, std = normalization(graph, program)
    normal = _normalized(calibration, mean, std)
    if not np.isfinite(normal).all():
        raise ExportError("calibration samples hold NaN or infinite values: clean the data first")
    way, first = Input(False, mean, std), None
    own: Sequence[Folded | None] = folded
    if calibration.dtype == np.uint8 and _takes_bytes(program):
        way, first = Input(True, mean, std), _byte_scale(mean, std)
        own = _absorbed(program, folded, first, mean, std)
    names = layer_names(program, graph)
    parts = PARTS if judge is not None else PARTS[:1]
    tried, scores = list[IntegerNetwork](), list[float]()
    for part, ranges in zip(parts, seen(program, folded, normal, parts), strict=True):
        scales = _scales(program, own, ranges, first)
        tried.append(_network(program, own, scales, way, names, part))
        if judge is None:
            return tried[0]
        scores.append(judge.score(tried[-1]))
        if judge.exact - scores[-1] <= GOOD:
            break
    if judge is None:
        raise RuntimeError("no ranges were tried")
    best = tried[int(np.argmax(scores))]
    if judge.exact - max(scores) <= LOSS or judge.samples is None or judge.outputs is None:
        return best
    learned = tuned(best, own, judge.samples, judge.outputs(judge.samples), judge.seed)
    again = _network(program, learned, best.scales, way, names, best.notes["range"])
    again = replace(again, notes={**again.notes, "tuned": True})
    return again if judge.score(again) > max(scores) else best


def _network(
    program: Program,
    folded: Sequence[Folded | None],
    scales: Sequence[Scale],
    way: Input,
    names: tuple[str, ...],
    part: float,
) -> IntegerNetwork:
    """The network that weights become at some scales."""
    steps = [
        step_of(program, layer, own, scales)
        for layer, own in zip(program.layers, folded, strict=True)
    ]
    notes = {"range": part}
    return IntegerNetwork(program, tuple(scales), tuple(steps), way, names, notes)


def layer_names(program: Program, graph: Graph) -> tuple[str, ...]:
    """A unique name for each layer: that of its op where it has weights, else of its kind."""
    taken: dict[str, int] = {}
    names = []
    for layer in program.layers:
        name = graph.nodes[layer.node].name if layer.node >= 0 else layer.kind.lower()
        count = taken[name] = taken.get(name, 0) + 1
        names.append(name if count == 1 else f"{name}_{count}")
    return tuple(names)


def _normalized(
    x: NDArray[Any], mean: Sequence[float], std: Sequence[float]
) -> NDArray[np.float32]:
    along = (-1, *[1] * (x.ndim - 2))
    a, b = [np.asarray(v, dtype=np.float64).reshape(along) for v in (mean, std)]
    return np.ascontiguousarray((x.astype(np.float64) - a) / b, dtype=np.float32)


def _takes_bytes(program: Program) -> bool:
    """Whether the first layer can take the normalisation in: it alone reads the input."""
    readers = [layer for layer in program.layers if 0 in layer.inputs]
    if len(readers) == 1 and readers[0].kind == "PAD":  # pads with what means zero
        readers = [layer for layer in program.layers if readers[0].output in layer.inputs]
    return len(readers) == 1 and readers[0].kind in ("CONV_2D", "DEPTHWISE_CONV_2D")


def _byte_scale(mean: tuple[float, ...], std: tuple[float, ...]) -> Scale:
    """The scale of bytes less 128: the byte nearest to the mean is zero."""
    zero = int(np.clip(round(float(np.mean(mean))) - 128, -128, 127))
    return Scale(float(np.float32(1.0 / float(np.mean(std)))), zero)


def _absorbed(
    program: Program,
    folded: Sequence[Folded | None],
    scale: Scale,
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> list[Folded | None]:
    """The weights of the first layer for bytes instead of normalised numbers.

    With ``real = scale * (byte - 128 - zero)`` a channel was ``real * factor + shift``.
    """
    found = list(folded)
    place = next(i for i, weights in enumerate(found) if weights is not None)
    first = found[place]
    channels = program.shapes[0][-1]
    centre = scale.zero + 128
    a, b = [np.broadcast_to(np.asarray(v, dtype=np.float64), (channels,)) for v in (mean, std)]
    factor, shift = 1.0 / (b * scale.scale), (centre - a) / b
    if first is None:
        raise RuntimeError("the first layer has no weights")
    layer = program.layers[place]
    if layer.kind == "DEPTHWISE_CONV_2D":
        times = first.weight.shape[-1] // channels
        factor, shift = factor.repeat(times), shift.repeat(times)
        added = (first.weight * shift).sum(axis=(0, 1, 2))
    else:
        group = channels // layer.groups  # group g of the outputs reads channels g * group to ...
        which = np.arange(len(first.weight)) // (len(first.weight) // layer.groups)
        columns = which[:, None] * group + np.arange(group)
        factor, shift = factor[columns][:, None, None], shift[columns][:, None, None]
        added = (first.weight * shift).sum(axis=(1, 2, 3))
    found[place] = Folded(first.weight * factor, first.bias + added)
    return found


def _scales(
    program: Program, folded: Sequence[Folded | None], ranges: Ranges, first: Scale | None
) -> list[Scale]:
    """What the integers of each tensor mean; tensors between which integers are copied agree."""
    group = list(range(len(program.shapes)))

    def root(tensor: int) -> int:
        while group[tensor] != tensor:
            tensor = group[tensor]
        return tensor

    for layer in program.layers:
        if layer.kind in _SHARED:
            for tensor in layer.inputs:
                group[root(tensor)] = root(layer.output)
    members: dict[int, list[int]] = {}
    for tensor in range(len(program.shapes)):
        members.setdefault(root(tensor), []).append(tensor)
    given = {layer.output: FIXED[layer.kind] for layer in program.layers if layer.kind in FIXED}
    if first is not None:
        given[0] = first
    scales = [Scale(1.0, 0)] * len(program.shapes)
    for tensors in members.values():
        fixed = {given[tensor] for tensor in tensors if tensor in given}
        if len(fixed) > 1 or (fixed and not _inside(tensors, ranges, fixed)):
            raise NotInIntegers(
                "a concatenation joins what a sigmoid, tanh or softmax gives with other numbers: "
                "TensorFlow Lite wants one scale for both"
            )
        low = min(ranges[tensor][0] for tensor in tensors)
        high = max(ranges[tensor][1] for tensor in tensors)
        scale = fixed.pop() if fixed else _scale(low, high)
        for tensor in tensors:
            scales[tensor] = scale
    for layer, own in zip(program.layers, folded, strict=True):
        if layer.output in given or layer.kind in _SHARED:
            continue
        least = least_step(layer, own, [scales[i].scale for i in layer.inputs])
        if scales[layer.output].scale < least:
            wider = _widened(scales[layer.output], least)
            for tensor in members[root(layer.output)]:
                scales[tensor] = wider
    return scales


def _widened(scale: Scale, least: float) -> Scale:
    """A scale with steps of at least that size, from the same lowest number on."""
    step = float(np.float32(least))
    lowest = scale.scale * (-128 - scale.zero)
    return Scale(step, int(np.clip(round(-128 - lowest / step), -128, 127)))


def _inside(tensors: list[int], ranges: Ranges, fixed: set[Scale]) -> bool:
    """Whether a scale that an operation demands holds the numbers of all these tensors."""
    if 0 in tensors:
        return True
    scale = next(iter(fixed))
    low, high = [scale.scale * (q - scale.zero) for q in (-129, 128)]
    return all(low <= ranges[t][0] and ranges[t][1] <= high for t in tensors)


def _scale(low: float, high: float) -> Scale:
    """Zero is always among the numbers, and is met exactly; what is silent may reach 1."""
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < _NARROWEST:
        high = 1.0
    scale = float(np.float32((high - low) / 255.0))
    return Scale(scale, int(np.clip(round(-128 - low / scale), -128, 127)))
