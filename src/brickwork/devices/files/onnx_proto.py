"""The parts of an ONNX file that costs need, with all shapes known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import nan
from typing import Any

from brickwork.errors import ModelFileError
from brickwork.space import Shape

__all__ = ["Node", "Proto"]

_CLAMPS = {"Clip", "Relu"}


@dataclass(frozen=True, slots=True)
class Node:
    """An operator.

    Attributes:
        kind: Its name.
        domain: Whose operator it is; empty for ONNX's own.
        inputs: Names of what it reads; empty for an operand that is left out.
        outputs: Names of what it writes.
        attributes: Its settings.
    """

    kind: str
    domain: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


class Proto:
    """A graph with the shape and type of every tensor.

    Attributes:
        nodes: Its operators in execution order.
        inputs: Names of what goes in.
        outputs: Names of what comes out.
        stored: Shape and type of each tensor that the file holds.
    """

    def __init__(self, model: Any) -> None:
        import onnx

        graph = model.graph
        self.nodes = [
            Node(
                node.op_type,
                "" if node.domain == "ai.onnx" else node.domain,
                list(node.input),
                list(node.output),
                {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute},
            )
            for node in graph.node
        ]
        self.stored = {t.name: (tuple(t.dims), _type(t.data_type)) for t in graph.initializer}
        self._scalars = {t.name: t for t in graph.initializer if len(t.dims) == 0}
        self._tensors = dict(self.stored)
        for value in (*graph.input, *graph.output, *graph.value_info):
            held = value.type.tensor_type
            if held.HasField("shape"):
                shape = tuple([d.dim_value if d.dim_value > 0 else -1 for d in held.shape.dim])
                self._tensors.setdefault(value.name, (shape, _type(held.elem_type)))
        for node in self.nodes:
            if node.kind == "Constant" and "value" in node.attributes:
                tensor, name = node.attributes["value"], node.outputs[0]
                self.stored[name] = (tuple(tensor.dims), _type(tensor.data_type))
                self._tensors[name] = self.stored[name]
                if not tensor.dims:
                    self._scalars[name] = tensor
        self.inputs = [v.name for v in graph.input if v.name not in self.stored]
        self.outputs = [v.name for v in graph.output]
        reads = [name for node in self.nodes for name in node.inputs]
        self._readers = Counter([*reads, *self.outputs])
        self._reader = {name: node for node in self.nodes for name in node.inputs}

    def shape(self, name: str) -> Shape:
        """The shape of a tensor, batch included.

        Raises:
            ModelFileError: It is not fixed, or not known.
        """
        if name not in self._tensors:
            raise ModelFileError(
                f"the ONNX file does not tell the shape of {name[:60]!r}, and it cannot be inferred"
            )
        shape: Shape = self._tensors[name][0]
        if any(size < 0 for size in shape):
            sizes = ", ".join("?" if size < 0 else str(size) for size in shape)
            raise ModelFileError(
                f"the ONNX file has shapes that are not fixed: {name[:60]!r} is ({sizes}); export "
                "the model with a fixed input (only the batch may vary)"
            )
        return shape

    def type(self, name: str) -> str:
        """The type of a tensor's numbers; empty if it is not known."""
        return self._tensors[name][1] if name in self._tensors else ""

    def add(self, name: str, shape: Shape, type_: str) -> None:
        """Make a tensor known that is not in the file."""
        self._tensors[name] = (shape, type_)

    def readers(self, name: str) -> int:
        """How often a tensor is read; being an output is once."""
        return self._readers[name]

    def quantized(self, name: str) -> bool:
        """Whether a tensor is only read to be quantised, perhaps after being clamped."""
        while self._readers[name] == 1 and name in self._reader:
            node = self._reader[name]
            if node.kind not in _CLAMPS:
                return node.kind == "QuantizeLinear"
            name = node.outputs[0]
        return False

    def scalar(self, name: str) -> float:
        """A constant that is a single number; NaN if it is none."""
        import onnx

        held = self._scalars.get(name)
        return nan if held is None else float(onnx.numpy_helper.to_array(held))


def _type(number: int) -> str:
    import onnx

    name = str(onnx.TensorProto.DataType.Name(number)).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)
