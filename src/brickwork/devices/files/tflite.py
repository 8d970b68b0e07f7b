"""Reading a ``.tflite`` file, also one that Brickwork did not make.

A file is not to be trusted: every offset, count and shape is checked before it is used, and what
does not fit is one error. The schema comes with the extra ``mcu``.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from math import prod
from typing import Any

from brickwork.devices.files.model import LARGEST, ModelFile, Numbers, checked, without_batch
from brickwork.devices.files.schema import schema
from brickwork.devices.files.tflite_layers import constant_of, settings_of
from brickwork.devices.files.types import BITS, Types, bytes_of
from brickwork.devices.program import WEIGHTED, Layer, Program
from brickwork.errors import ModelFileError
from brickwork.space import Shape

__all__ = ["is_tflite", "read_tflite"]

_MOST = 100_000  # tensors, operations or operands of one file
_DAMAGE = (struct.error, LookupError, ValueError, TypeError, ArithmeticError, AttributeError)
"""What reading beyond the end of a buffer, or through a wrong offset, raises."""


def is_tflite(content: bytes) -> bool:
    """Whether bytes have the mark of a TensorFlow Lite file."""
    return content[4:8] == b"TFL3"


def read_tflite(content: bytes) -> ModelFile:
    """The model in the bytes of a ``.tflite`` file.

    Raises:
        ModelFileError: It is no such file, is cut off or damaged, or holds what is not known here:
            several subgraphs, shapes that are not fixed.
        MissingExtra: The schema is not installed.
    """
    if not is_tflite(content):
        raise ModelFileError("not a TensorFlow Lite file: its bytes 5 to 8 are not 'TFL3'")
    known = _schema()
    try:
        return checked(_Reader(known, content).model())
    except _DAMAGE as error:
        problem = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise ModelFileError(
            f"the TensorFlow Lite file is cut off or damaged ({problem})"
        ) from None


def _schema() -> Any:
    return schema("reading a .tflite file")


@functools.cache
def _names(enum: str) -> dict[int, str]:
    return {v: k for k, v in vars(getattr(_schema(), enum)).items() if isinstance(v, int)}


class _Reader:
    """One walk over a file."""

    def __init__(self, schema: Any, content: bytes) -> None:
        self.schema = schema
        self.content = content
        self.root = schema.Model.GetRootAs(content, 0)
        if (count := self.root.SubgraphsLength()) != 1:
            raise ModelFileError(f"the TensorFlow Lite file has {count} subgraphs: one is known")
        self.graph = self.root.Subgraphs(0)
        self.tensors = [self.graph.Tensors(i) for i in range(_bounded(self.graph.TensorsLength()))]
        self.at: dict[int, int] = {}  # tensor of the file -> tensor of the program
        self.stands_for: dict[int, int] = {}  # what DEQUANTIZE makes of a constant -> the constant
        self.shapes: list[Shape] = []
        self.sizes: list[int] = []
        self.layers: list[Layer] = []
        self.weights = Types()
        self.activations = Types()
        self.counted: set[int] = set()
        self.alive: list[tuple[int, int]] = []

    def model(self) -> ModelFile:
        inputs = [self.index(i) for i in _all(self.graph.Inputs, self.graph.InputsLength())]
        outputs = [self.index(i) for i in _all(self.graph.Outputs, self.graph.OutputsLength())]
        if not inputs or not outputs:
            raise ModelFileError("the TensorFlow Lite file has no input or no output")
        for i in inputs:
            self.tensor(i)
        for place in range(_bounded(self.graph.OperatorsLength())):
            self.operator(self.graph.Operators(place))
        given = [self.at[i] for i in outputs]
        first = self.shape(inputs[0])
        if not self.activations:
            self.activations.add(self.type(inputs[0]), 1)
        return ModelFile(
            format="tflite",
            content=self.content,
            program=Program(
                tuple(self.shapes), tuple(self.layers), given[0], further=tuple(given[1:])
            ),
            sizes=tuple(self.sizes),
            batch=first[0] if len(first) > 1 else 1,
            parameters=self.weights.count,
            weight_bytes=self.weights.bytes,
            weights=self.weights.text,
            activations=self.activations.text,
            inputs=tuple([(self.shape(i), self.numbers(i)) for i in inputs]),
            outputs=tuple([(self.shape(i), self.numbers(i)) for i in outputs]),
            alive=tuple(self.alive),
        )

    def operator(self, op: Any) -> None:
        """Append what an operation of the file does."""
        kind = self.kind(op.OpcodeIndex())
        operands = _all(op.Inputs, op.InputsLength())
        results = [self.index(i) for i in _all(op.Outputs, op.OutputsLength())]
        present = [i if i == -1 else self.stands_for.get(self.index(i), i) for i in operands]
        if kind == "DEQUANTIZE" and self.constant(present[0]):
            self.stands_for[results[0]] = present[0]
            return
        read = [i for i in present if i != -1 and not self.constant(i)]
        if not results:
            return  # it only changes a state, such as a variable
        inputs = tuple([self.tensor(i) for i in read])
        further = tuple([self.tensor(i) for i in results[1:]])
        output = self.tensor(results[0])
        shapes, out = [self.whole(i) for i in present], self.shape(results[0])
        settings = settings_of(self.schema, op, kind, shapes, out, self.values)
        if kind in ("ADD", "MUL", "SUB", "DIV") and len(inputs) == 1 and len(present) == 2:
            second = next((i for i in present if i != -1 and self.constant(i)), None)
            if second is not None:
                settings["constant"] = constant_of(
                    without_batch(self.shape(second)), self.values(second), self.numbers(second)
                )
        layer = Layer(kind, -1, inputs, output, further=further, **settings)
        self.check(layer, present)
        self.layers.append(layer)
        self.note_dead(layer, present)
        self.count(kind, present)
        if kind in WEIGHTED and read:
            self.activations.add(self.type(read[0]), self.elements(read[0]))

    def kind(self, place: int) -> str:
        """The name of an operation; its own where it is custom."""
        if not 0 <= place < self.root.OperatorCodesLength():
            raise IndexError(f"operation code {place}")
        code = self.root.OperatorCodes(place)
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        name = _names("BuiltinOperator").get(number, f"BUILTIN({number})")
        if name != "CUSTOM":
            return name
        text = (code.CustomCode() or b"").decode("utf-8", "replace")
        return f"CUSTOM({''.join(c for c in text if c.isprintable())[:40]})"

    def check(self, layer: Layer, operands: list[int]) -> None:
        """Compare the weight's shape with those of what the layer reads and writes.

        Raises:
            ValueError: They do not fit together.
        """
        if layer.kind not in WEIGHTED:
            return
        if not layer.inputs or len(operands) < 2 or operands[1] == -1:
            raise ValueError(f"{layer.kind} without an input or a weight")
        program = Program(tuple(self.shapes), (), 0)
        expected, weight = program.weight_shape(layer), self.shape(operands[1])
        if prod(expected) != prod(weight):
            raise ValueError(f"{layer.kind} has a weight of {weight}, expected {expected}")

    def note_dead(self, layer: Layer, operands: list[int]) -> None:
        """Note how many output channels have a weight other than 0, where some have none."""
        weight = self.values(operands[1]) if layer.kind in WEIGHTED else None
        if weight is None or self.type(operands[1]) != "int8":
            return
        grid = weight.reshape(self.shape(operands[1]))
        channels = grid.shape[-1] if layer.kind == "DEPTHWISE_CONV_2D" else grid.shape[0]
        if layer.kind == "DEPTHWISE_CONV_2D":
            left = int(grid.reshape(-1, channels).any(axis=0).sum())
        else:
            left = int(grid.reshape(channels, -1).any(axis=1).sum())
        if left < channels:
            self.alive.append((len(self.layers) - 1, max(1, left)))

    def count(self, kind: str, operands: list[int]) -> None:
        """Count the constants among an operation's operands that were trained.

        A single number is a setting, unless it is a weight or a bias.
        """
        for place, i in enumerate(operands):
            if i == -1 or i in self.counted or not self.constant(i):
                continue
            if self.elements(i) == 1 and kind not in WEIGHTED:
                continue
            type_ = self.type(i)
            trained = type_.startswith(("float", "bfloat")) or bool(self.numbers(i).scale)
            if (trained and kind != "PADV2") or (kind in WEIGHTED and place == 2):
                self.counted.add(i)
                self.weights.add(type_, self.elements(i), self.bytes(i))

    def tensor(self, i: int) -> int:
        """The tensor of the program for one of the file, which is made when first asked for."""
        if i not in self.at:
            self.at[i] = len(self.shapes)
            self.shapes.append(without_batch(self.shape(i)))
            self.sizes.append(self.bytes(i))
        return self.at[i]

    def index(self, i: int) -> int:
        if not 0 <= i < len(self.tensors):
            raise IndexError(f"tensor {i} of {len(self.tensors)}")
        return i

    def whole(self, i: int) -> Shape:
        """The shape of an operand, batch included; empty for one that is left out."""
        return self.shape(i) if i != -1 else ()

    def shape(self, i: int) -> Shape:
        tensor = self.tensors[i]
        shape = tuple(_all(tensor.Shape, tensor.ShapeLength()))
        asked = tuple(_all(tensor.ShapeSignature, tensor.ShapeSignatureLength()))
        fixed = asked[1:] if len(shape) > 1 else asked
        if any(size < 0 for size in (*shape, *fixed)):
            sizes = ", ".join("?" if size < 0 else str(size) for size in asked or shape)
            raise ModelFileError(
                f"the TensorFlow Lite file has shapes that are not fixed: tensor {i} is ({sizes}); "
                "convert the model with a fixed input"
            )
        if prod(shape) > LARGEST:
            raise ValueError(f"a tensor of {prod(shape)} elements")
        return shape

    def type(self, i: int) -> str:
        return _names("TensorType").get(self.tensors[i].Type(), "unknown").lower()

    def elements(self, i: int) -> int:
        return prod(self.shape(i))

    def bytes(self, i: int) -> int:
        return bytes_of(self.elements(i), self.type(i))

    def numbers(self, i: int) -> Numbers:
        held = self.tensors[i].Quantization()
        if held is None or not held.ScaleLength():
            return Numbers(self.type(i))
        scale = tuple(map(float, held.ScaleAsNumpy()))
        zero = tuple(map(int, held.ZeroPointAsNumpy())) if held.ZeroPointLength() else ()
        return Numbers(self.type(i), scale, zero)

    def constant(self, i: int) -> bool:
        """Whether a tensor's numbers stand in the file.

        Raises:
            ValueError: They should, but the file ends before, or there are too few or too many.
        """
        tensor = self.tensors[self.index(i)]
        place = tensor.Buffer()
        if not 0 <= place < self.root.BuffersLength():
            raise IndexError(f"buffer {place}")
        buffer = self.root.Buffers(place)
        held = buffer.DataLength() and len(buffer.DataAsNumpy())  # fails beyond the end
        if not held and buffer.Offset() > 1 and buffer.Size():  # behind the model, in large files
            held = buffer.Size()
            if buffer.Offset() + held > len(self.content):
                raise ValueError("weights lie behind the end of the file")
        wrong = held and tensor.Sparsity() is None and self.type(i) in BITS
        if wrong and held != self.bytes(i):
            raise ValueError(f"tensor {i} has {held} bytes, expected {self.bytes(i)}")
        return bool(held)

    def values(self, i: int) -> Any:
        """The numbers of a constant as stored, one after the other; None if there are none."""
        import numpy as np

        if i == -1 or not self.constant(i) or self.type(i) not in np.sctypeDict:
            return None
        buffer = self.root.Buffers(self.tensors[i].Buffer())
        if buffer.DataLength():
            return buffer.DataAsNumpy().view(self.type(i))
        part = self.content[buffer.Offset() : buffer.Offset() + buffer.Size()]
        return np.frombuffer(part, self.type(i))


def _all(get: Callable[[int], int], count: int) -> list[int]:
    return [int(get(i)) for i in range(_bounded(count))]


def _bounded(count: int) -> int:
    """A count of a file.

    Raises:
        ValueError: It is so large that it cannot be meant.
    """
    if count > _MOST:
        raise ValueError(f"{count} entries, at most {_MOST} are read")
    return count
