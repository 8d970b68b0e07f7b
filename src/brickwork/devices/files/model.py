"""What a model file says of itself, whoever made it."""

from __future__ import annotations

from dataclasses import dataclass

from brickwork.devices.program import Program
from brickwork.space import Shape

__all__ = ["LARGEST", "ModelFile", "Numbers", "checked", "without_batch"]

LARGEST = 2**40
"""Elements that a tensor of a file may have: beyond it the file is damaged, or not meant for us."""

_HIDDEN = {
    *("ATTENTION", "Attention", "BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN"),
    *("CALL", "CALL_ONCE", "ConvInteger", "DeformConv", "Einsum", "GRU", "IF", "If", "Loop"),
    *("LSTM", "MatMulInteger", "RNN", "SVDF", "Scan", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
    *("UNIDIRECTIONAL_SEQUENCE_RNN", "WHILE"),
}
"""Kinds that multiply and accumulate, but whose work is not counted here."""
_FOREIGN = ("CUSTOM(", "BUILTIN(", "STABLEHLO")


@dataclass(frozen=True, slots=True)
class Numbers:
    """How the numbers of a tensor are stored.

    Attributes:
        type: Such as ``"int8"`` or ``"float32"``.
        scale: What one step of an integer stands for; empty for floats.
        zero_point: The integer that stands for zero; empty for floats.
    """

    type: str
    scale: tuple[float, ...] = ()
    zero_point: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file that was read.

    Attributes:
        format: ``"tflite"`` or ``"onnx"``.
        content: Its bytes.
        program: The operations that it has executed, for one call.
        sizes: Bytes of each tensor of the program.
        batch: Samples that a call takes.
        parameters: Numbers that were trained, as far as a file tells: weights, biases, scales of
            norms and tables. What a norm was folded into counts as it stands there.
        weight_bytes: Bytes of these.
        weights: Their types by size, such as ``"int8 and int32"``.
        activations: Types of what layers with weights read (or all layers), likewise.
        inputs: Shape, batch included and as the file orders it, and numbers of each input.
        outputs: Likewise of each output.
    """

    format: str
    content: bytes
    program: Program
    sizes: tuple[int, ...]
    batch: int
    parameters: int
    weight_bytes: int
    weights: str
    activations: str
    inputs: tuple[tuple[Shape, Numbers], ...]
    outputs: tuple[tuple[Shape, Numbers], ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a call, as far as the kinds of its layers are known."""
        return sum(map(self.program.macs, self.program.layers))

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Kinds of layer that may multiply and accumulate, but whose work is not known."""
        kinds = {layer.kind for layer in self.program.layers}
        return tuple(sorted(k for k in kinds if k in _HIDDEN or k.startswith(_FOREIGN)))

    @property
    def live_peak(self) -> int:
        """Bytes of the largest set of tensors that are needed at once, in the file's order."""
        return self.program.live_peak(self.sizes)

    @property
    def integer(self) -> bool:
        """Whether its convolutions and linear layers work on integers."""
        return not any(kind.startswith(("float", "bfloat")) for kind in self.activations.split())

    @property
    def axes(self) -> int:
        """Axes of what goes in, channels included: an image has 3, a sequence 2, a row 1."""
        shape = self.program.shapes[0]
        return 2 if len(shape) == 3 and shape[0] == 1 else len(shape)


def checked(model: ModelFile) -> ModelFile:
    """The model, if what is asked of it can be told.

    Raises:
        ValueError: It is larger than any that was meant.
        IndexError: A layer's tensors lack the axes that it needs.
    """
    if max(model.macs, model.live_peak) > LARGEST**2:
        raise ValueError(f"{model.macs} MACs and {model.live_peak} bytes at once")
    return model


def without_batch(shape: Shape) -> Shape:
    """A shape without a leading batch of one; other batches stay."""
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
