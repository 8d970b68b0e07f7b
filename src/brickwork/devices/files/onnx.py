"""Reading an ``.onnx`` file, float or quantised, also one that Brickwork did not make.

The program is what a runtime executes: constants are folded, batch norms and activations go into
the layer before them, and between a ``DequantizeLinear`` and a ``QuantizeLinear`` an operator works
on integers. Channels, which ONNX has first, are followed through the graph and put last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, prod
from typing import Any

from brickwork.devices.files.model import LARGEST, ModelFile, Numbers, checked, without_batch
from brickwork.devices.files.onnx_layers import (
    ALIASES,
    FIRST,
    FOLDED,
    KINDS,
    SETTINGS,
    channels_last,
    windowed,
)
from brickwork.devices.files.onnx_proto import Node, Proto
from brickwork.devices.files.onnx_shapes import inferred
from brickwork.devices.files.types import BITS, Types, bytes_of
from brickwork.devices.program import WEIGHTED, Layer, Program
from brickwork.errors import ModelFileError
from brickwork.space import Shape

__all__ = ["read_onnx"]

_CLAMPING = (
    *("ADD", "AVERAGE_POOL_2D", "CONV_2D", "CONV_3D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"),
    *("MAX_POOL_2D", "MUL", "SUB"),
)
"""Kinds that can clamp what they give."""

_DAMAGE = (LookupError, ValueError, TypeError, ArithmeticError)


def read_onnx(content: bytes) -> ModelFile:
    """The model in the bytes of an ``.onnx`` file.

    A batch that is not fixed is taken as one.

    Raises:
        ModelFileError: It is no such file, is cut off or damaged, or holds what is not known here:
            other shapes that are not fixed, control flow, weights in other files.
    """
    model = inferred(content)
    try:
        return checked(_Reader(Proto(model), content).model())
    except _DAMAGE as error:
        problem = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise ModelFileError(f"the ONNX file is damaged ({problem})") from None


@dataclass(frozen=True, slots=True)
class _Constant:
    """A tensor that is known before anything runs.

    Attributes:
        type: How its numbers are stored.
        real: Whether they stand for real numbers (and not for sizes or axes).
        stored: The tensors of the file that it comes from.
    """

    type: str
    real: bool
    stored: frozenset[str]


class _Reader:
    """One walk over a file."""

    def __init__(self, proto: Proto, content: bytes) -> None:
        self.proto = proto
        self.content = content
        self.constants = {
            name: _Constant(type_, _real(type_), frozenset((name,)))
            for name, (_, type_) in proto.stored.items()
        }
        self.at: dict[str, int] = {}  # name -> tensor of the program
        self.axis: dict[str, int] = {}  # name -> where its channels stand
        self.integers: dict[str, str] = {}  # what DequantizeLinear gives -> what it reads
        self.maker: dict[int, int] = {}  # tensor of the program -> the layer that writes it
        self.integral: set[int] = set()  # layers that read integers
        self.shapes: list[Shape] = []
        self.types: list[str] = []
        self.layers: list[Layer] = []
        self.weights = Types()
        self.activations = Types()
        self.counted: set[str] = set()

    def model(self) -> ModelFile:
        proto = self.proto
        if not proto.inputs:
            raise ModelFileError("the ONNX file has no input")
        for name in proto.inputs:
            rank = len(proto.shape(name))
            self.axis[name] = 1 if rank > 2 else rank - 1
            self.tensor(name)
        for node in proto.nodes:
            self.operator(node)
        given = [self.at[self.real(name)] for name in proto.outputs if name not in self.constants]
        if not given:
            raise ModelFileError("the output of the ONNX file does not depend on its input")
        if not self.activations:
            self.activations.add(self.types[0], 1)
        sizes = [
            bytes_of(prod(shape), type_)
            for shape, type_ in zip(self.shapes, self.types, strict=True)
        ]
        first = proto.shape(proto.inputs[0])
        return ModelFile(
            format="onnx",
            content=self.content,
            program=Program(
                tuple(self.shapes), tuple(self.layers), given[0], further=tuple(given[1:])
            ),
            sizes=tuple(sizes),
            batch=first[0] if len(first) > 1 else 1,
            parameters=self.weights.count,
            weight_bytes=self.weights.bytes,
            weights=self.weights.text,
            activations=self.activations.text,
            inputs=tuple([(proto.shape(n), Numbers(proto.type(n))) for n in proto.inputs]),
            outputs=tuple([(proto.shape(n), Numbers(proto.type(n))) for n in proto.outputs]),
        )

    def operator(self, node: Node) -> None:
        """Append what an operator does."""
        read = [name for name in node.inputs if name and name not in self.constants]
        if not read and node.kind == "ConstantOfShape":  # made anew for each batch
            self.emit("FILL", [], node.outputs, 1, {})
        elif not read or node.kind in FOLDED:
            self.fold(node)
        elif node.kind in ALIASES:
            self.alias(node.outputs[0], read[0])
        elif node.kind == "DequantizeLinear" and node.inputs[0] == read[0]:
            self.integers[node.outputs[0]] = read[0]
            self.alias(node.outputs[0], read[0])
        elif node.kind == "QuantizeLinear":
            self.quantize(node)
        elif not self.joined(node):
            self.append(node, read)

    def fold(self, node: Node) -> None:
        """What a node makes of constants is a constant."""
        if node.kind == "Constant" and node.outputs[0] in self.constants:
            return
        known = [self.constants[name] for name in node.inputs if name in self.constants]
        stored = frozenset[str]().union(*[one.stored for one in known if one.real])
        for name in node.outputs:
            type_ = known[0].type if known and node.kind == "DequantizeLinear" else ""
            real = bool(type_) or _real(self.proto.type(name))
            if node.kind == "DequantizeLinear":
                stored = known[0].stored
            self.constants[name] = _Constant(type_ or self.proto.type(name), real, stored)

    def alias(self, name: str, source: str) -> None:
        """A tensor that is another one under a new name."""
        self.at[name] = self.tensor(source)
        self.axis[name] = self.axis[source]
        if source in self.integers:
            self.integers.setdefault(name, self.integers[source])

    def quantize(self, node: Node) -> None:
        """Part of the layer before, if that reads integers and nobody else reads what it gives."""
        source, name = node.inputs[0], node.outputs[0]
        layer = self.maker.get(self.at[source])
        if layer in self.integral and self.proto.readers(source) == 1:
            self.alias(name, source)
            self.types[self.at[name]] = self.proto.type(name)
            return
        self.emit("QUANTIZE", [source], [name], self.axis[source], {})

    def joined(self, node: Node) -> bool:
        """Whether a norm or an activation becomes part of the layer before it."""
        source = node.inputs[0]
        if source in self.constants or self.proto.readers(source) > 1 or source in self.integers:
            return False
        place = self.maker.get(self.at[source])
        if place is None or self.layers[place].activation != "none":
            return False
        layer = self.layers[place]
        if node.kind == "BatchNormalization" and layer.kind in WEIGHTED:
            self.count(node, layer.kind)
        elif (how := self.clamp(node)) and layer.kind in _CLAMPING:
            self.layers[place] = replace(layer, activation=how)
        else:
            return False
        self.alias(node.outputs[0], source)
        return True

    def clamp(self, node: Node) -> str:
        """``"relu"`` or ``"relu6"`` for an operator that computes it."""
        if node.kind == "Relu":
            return "relu"
        if node.kind != "Clip":
            return ""
        bounds = [node.attributes.get("min", -inf), node.attributes.get("max", inf)]
        for place, name in enumerate(node.inputs[1:3]):
            if name:
                bounds[place] = self.proto.scalar(name)
        return {(0.0, 6.0): "relu6", (0.0, inf): "relu"}.get((bounds[0], bounds[1]), "")

    def append(self, node: Node, read: list[str]) -> None:
        """An operator that is a layer of its own."""
        kind, settings, axis = self.described(node, read)
        if not self.works_on_integers(node, read, kind):
            read = [self.real(name) for name in read]
        place = self.emit(kind, read, node.outputs, axis, settings)
        if any(name in self.integers for name in read):
            self.integral.add(place)
        self.count(node, kind)
        if kind in WEIGHTED:
            self.activations.add(self.types[self.at[read[0]]], prod(self.proto.shape(read[0])))

    def described(self, node: Node, read: list[str]) -> tuple[str, dict[str, Any], int]:
        """Kind and settings of a layer, and where its output has the channels."""
        into = self.proto.shape(read[0])
        rank = len(self.proto.shape(node.outputs[0]))
        plain = node.kind.removeprefix("QLinear")
        if node.kind in FIRST and len(into) > 2:
            self.put_first(read[0], into)
            weight = next((n for n in node.inputs[1:] if self.is_weight(n)), "")
            if plain in ("Conv", "ConvTranspose", "AveragePool", "MaxPool"):
                shape = self.proto.shape(weight) if plain.startswith("Conv") else ()
                return *windowed(plain, node.attributes, into, shape), 1
            return KINDS.get(plain, plain), {}, 1
        if plain in ("MatMul", "Gemm"):
            if len(read) > 1:
                return "BATCH_MATMUL", {}, rank - 1
            turned = read[0] != node.inputs[0] and rank > 1  # the weight comes first
            return "FULLY_CONNECTED", {}, rank - 2 if turned else rank - 1
        kind = {"relu": "RELU", "relu6": "RELU6"}.get(self.clamp(node), KINDS.get(plain, plain))
        return kind if node.domain == "" else f"CUSTOM({plain})", {}, self.follow(node, read)

    def is_weight(self, name: str) -> bool:
        return name in self.constants and len(self.proto.shape(name)) > 2

    def follow(self, node: Node, read: list[str]) -> int:
        """Where the channels stand in the output of an operator that only moves numbers."""
        rank = len(self.proto.shape(node.outputs[0]))
        before = self.axis[read[0]]
        if node.kind == "Transpose":
            order = node.attributes.get("perm") or range(rank)[::-1]
            return list(order).index(before)
        if node.kind == "Reshape" and rank > 2 and before == 1:
            return 1
        same = [self.axis[name] for name in read if len(self.proto.shape(name)) == rank]
        return same[0] if same and node.kind != "Gather" else rank - 1

    def put_first(self, name: str, shape: Shape) -> None:
        """Correct where a tensor has its channels, once an operator says it."""
        if self.axis[name] != 1:
            self.axis[name] = 1
            self.shapes[self.at[name]] = without_batch(channels_last(shape, 1))

    def works_on_integers(self, node: Node, read: list[str], kind: str) -> bool:
        """Whether an operator is executed on what its ``DequantizeLinear`` reads."""
        if not all(name in self.integers for name in read):
            return False
        held = [self.constants[name].type for name in node.inputs[1:2] if name in self.constants]
        whole = kind in WEIGHTED and any(not _real(type_) for type_ in held)
        return whole or self.proto.quantized(node.outputs[0])

    def real(self, name: str) -> str:
        """The real numbers that integers stand for, dequantised once where they are needed."""
        if name not in self.integers:
            return name
        source = self.integers[name]
        made = f"{source} dequantised"
        if made not in self.at:
            self.proto.add(made, self.proto.shape(name), self.proto.type(name))
            self.emit("DEQUANTIZE", [source], [made], self.axis[source], {})
        return made

    def emit(
        self, kind: str, read: list[str], written: list[str], axis: int, settings: Mapping[str, Any]
    ) -> int:
        """Append a layer and give its place."""
        inputs = tuple([self.tensor(name) for name in read])
        named = [name for name in written if name]
        for name in named:
            rank = len(self.proto.shape(name))
            self.axis[name] = axis if 0 <= axis < rank else max(0, rank - 1)
        output, *further = [self.tensor(name) for name in named]
        for tensor in (output, *further):
            self.maker[tensor] = len(self.layers)
        self.layers.append(Layer(kind, -1, inputs, output, further=tuple(further), **settings))
        return len(self.layers) - 1

    def tensor(self, name: str) -> int:
        """The tensor of the program for one of the file, which is made when first asked for."""
        if name not in self.at:
            shape, type_ = self.proto.shape(name), self.proto.type(name)
            if prod(shape) > LARGEST:
                raise ValueError(f"a tensor of {prod(shape)} elements")
            self.at[name] = len(self.shapes)
            self.shapes.append(without_batch(channels_last(shape, self.axis[name])))
            self.types.append(type_)
        return self.at[name]

    def count(self, node: Node, kind: str) -> None:
        """Count the stored tensors among an operator's operands that were trained."""
        settings = SETTINGS.get(node.kind, ())
        for place, name in enumerate(node.inputs):
            held = self.constants.get(name)
            if held is None or place in settings:
                continue
            one = prod(self.proto.shape(name)) == 1 and kind not in WEIGHTED
            if one or not (held.real or node.kind.startswith("QLinear")):
                continue
            for stored in held.stored - self.counted:
                shape, type_ = self.proto.stored[stored]
                self.counted.add(stored)
                self.weights.add(type_, prod(shape), bytes_of(prod(shape), type_))


def _real(type_: str) -> bool:
    return type_.startswith(("float", "bfloat")) and type_ in BITS
