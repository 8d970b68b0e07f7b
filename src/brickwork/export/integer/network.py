"""A quantised network: a program, and the integers of every layer.

Real numbers are ``scale * (q - zero)``. Activations are int8 with one scale for each tensor,
weights int8 with a scale for each output channel (one for all in a fully connected layer), biases
int32 with the product of both scales. After:
- Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
  Inference", 2018;
- the specification of TensorFlow Lite's 8-bit quantisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.program import Layer, Program

__all__ = ["Input", "IntegerNetwork", "Scale", "Step"]


@dataclass(frozen=True, slots=True)
class Scale:
    """What the integers of a tensor mean: ``real = scale * (q - zero)``.

    Attributes:
        scale: A float32 value.
        zero: The integer that means 0, from -128 to 127.
    """

    scale: float
    zero: int


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A layer with its integers; what a kind of layer does not have is None or empty.

    Attributes:
        layer: The layer.
        weight: As TensorFlow Lite stores it (``Program.weight_shape``), int8.
        weight_scales: A float32 scale for each output channel, or one for all.
        bias: int32, (out,).
        multipliers: int32 mantissas of the factors that bring sums to the scale of the output: of
            a convolution one for each output channel; of a fully connected layer, a product, a
            mean and a RELU one; of a sum three (first operand, second operand, output).
        shifts: The exponents that belong to them; the factor is ``multiplier * 2**(shift - 31)``.
        low: Smallest output that the activation allows.
        high: Largest.
        constant: The second operand of a sum or a product, int8.
        constant_scale: What its integers mean.
        table: What each input from -128 to 127 becomes, int8, for functions of one number.
        exponentials: Of a softmax: what a number counts that is 0, 1, 2, ... below the largest,
            int32, fractions of ``2**31``; one that is further below counts nothing.
    """

    layer: Layer
    weight: NDArray[np.int8] | None = None
    weight_scales: NDArray[np.float32] | None = None
    bias: NDArray[np.int32] | None = None
    multipliers: tuple[int, ...] = ()
    shifts: tuple[int, ...] = ()
    low: int = -128
    high: int = 127
    constant: NDArray[np.int8] | None = None
    constant_scale: Scale | None = None
    table: NDArray[np.int8] | None = None
    exponentials: NDArray[np.int32] | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """How raw samples become the integers of the input.

    Either ``q = raw - 128`` for samples of bytes, whose normalisation is part of the first layer;
    or ``q = round((raw - mean) / std / scale) + zero``, clipped, with the scale of tensor 0.

    Attributes:
        bytes: Whether samples are bytes, of which 128 is subtracted.
        mean: For each channel, or one for all.
        std: Likewise.
    """

    bytes: bool
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def quantized(self, raw: NDArray[Any], scale: Scale) -> NDArray[np.int8]:
        """The integers of raw samples.

        Args:
            raw: ``(samples, channels, *spatial)``.
            scale: Of tensor 0.

        Returns:
            Channels last, ``(samples, *shape of tensor 0)``.
        """
        last = np.moveaxis(raw, 1, -1)
        if raw.ndim == 3:  # a sequence is an image of height 1
            last = last[:, None]
        if self.bytes:
            return np.ascontiguousarray(last.astype(np.int16) - 128).astype(np.int8)
        real = (last.astype(np.float64) - np.array(self.mean)) / np.array(self.std)
        q = np.round(real / scale.scale) + scale.zero
        return np.ascontiguousarray(np.clip(q, -128, 127).astype(np.int8))


@dataclass(frozen=True, slots=True, eq=False)
class IntegerNetwork:
    """A network in integers.

    Attributes:
        program: Its operations.
        scales: What the integers of each tensor of the program mean.
        steps: Its layers with their integers, as many as ``program.layers``.
        input: How raw samples become the integers of tensor 0.
        names: A name for each layer, that of the op it does most of the work of.
        notes: How it was made, for its card.
    """

    program: Program
    scales: tuple[Scale, ...]
    steps: tuple[Step, ...]
    input: Input
    names: tuple[str, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def constant_bytes(self) -> int:
        """Bytes of weights, biases, multipliers and shifts."""
        return sum(
            (0 if step.weight is None else step.weight.size)
            + (0 if step.bias is None else 4 * step.bias.size)
            + 5 * len(step.multipliers)
            + (0 if step.constant is None else step.constant.size)
            for step in self.steps
        )
