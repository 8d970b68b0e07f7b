"""What collects the tensors and operators of a TensorFlow Lite file.

The schema comes with the packages of the extra ``mcu``. Kinds of operator and their options are
written as TensorFlow Lite's specification names them; each has the lowest version that has the
types used here, so that old runtimes can read the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.files.schema import schema as loaded
from brickwork.devices.program import Layer
from brickwork.errors import ExportError, MissingExtra
from brickwork.export.integer.network import Scale
from brickwork.space import Shape

__all__ = ["Writer", "schema"]

_VERSION = 3  # of the schema
_ROOM = 1 << 16  # bytes of a file at first

_VERSIONS: Mapping[str, tuple[int, int]] = {  # for float and for int8
    "ADD": (1, 2),
    "AVERAGE_POOL_2D": (1, 2),
    "CONCATENATION": (1, 2),
    "CONV_2D": (1, 3),
    "DEPTHWISE_CONV_2D": (1, 3),
    "FULLY_CONNECTED": (1, 4),
    "GELU": (1, 2),
    "HARD_SWISH": (1, 1),
    "LOGISTIC": (1, 2),
    "MAX_POOL_2D": (1, 2),
    "MEAN": (1, 2),
    "MUL": (1, 2),
    "PAD": (1, 2),
    "PADV2": (1, 2),
    "RELU": (1, 2),
    "RELU6": (1, 2),
    "RESHAPE": (1, 1),
    "SOFTMAX": (1, 2),
    "TANH": (1, 2),
    "TRANSPOSE_CONV": (3, 3),
}
_ACTIVATIONS = {"none": "NONE", "relu": "RELU", "relu6": "RELU6"}


def schema() -> Any:
    """The module with the classes of the file format.

    Raises:
        ExportError: No package brings one.
    """
    try:
        return loaded("writing a .tflite file")
    except MissingExtra as error:
        raise ExportError(str(error)) from None


class Writer:
    """Tensors and operators of one file.

    Args:
        int8: Whether activations are int8; otherwise float32.
    """

    def __init__(self, int8: bool) -> None:
        self.schema = schema()
        self.int8 = int8
        self._tensors: list[Any] = []
        self._buffers: list[Any] = [self.schema.BufferT()]
        self._operators: list[Any] = []
        self._codes: list[tuple[str, int]] = []

    def tensor(self, name: str, shape: Shape, scale: Scale | None = None) -> int:
        """An activation, with a batch of one in front of its shape."""
        kind = "INT8" if self.int8 else "FLOAT32"
        return self._add(name, (1, *shape), kind, None if scale is None else [scale], 0)

    def constant(
        self,
        name: str,
        values: NDArray[Any],
        scales: Sequence[Scale] | None = None,
        axis: int = 0,
    ) -> int:
        """A tensor whose numbers are in the file.

        Args:
            name: Its name.
            values: int8, int32 or float32.
            scales: What its integers mean: one for all, or one for each entry along ``axis``.
            axis: Along which scales differ.
        """
        place = self._add(name, values.shape, str(values.dtype).upper(), scales, axis)
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._buffers.append(buffer)
        self._tensors[place].buffer = len(self._buffers) - 1
        return place

    def operator(self, kind: str, inputs: Sequence[int], output: int, options: Any = None) -> None:
        """Append an operator; ``options`` is an object of the schema, or None."""
        code = kind, _VERSIONS[kind][self.int8]
        if code not in self._codes:
            self._codes.append(code)
        found = self.schema.OperatorT()
        found.opcodeIndex = self._codes.index(code)
        found.inputs, found.outputs = list(inputs), [output]
        if options is not None:
            found.builtinOptions = options
            name = type(options).__name__.removesuffix("T")
            found.builtinOptionsType = getattr(self.schema.BuiltinOptions, name)
        self._operators.append(found)

    def activation(self, layer: Layer) -> int:
        """The code of what a layer clamps its output with."""
        kinds = self.schema.ActivationFunctionType
        return int(getattr(kinds, _ACTIVATIONS[layer.activation]))

    def padding(self, layer: Layer) -> int:
        """The code of the padding of a window."""
        kinds = self.schema.Padding
        return int(kinds.SAME if layer.same else kinds.VALID)

    def finished(self, inputs: Sequence[int], outputs: Sequence[int], text: str) -> bytes:
        """The file."""
        import flatbuffers

        s = self.schema
        whole = s.SubGraphT()
        whole.tensors, whole.operators = self._tensors, self._operators
        whole.inputs, whole.outputs, whole.name = list(inputs), list(outputs), "main"
        model = s.ModelT()
        model.version, model.description = _VERSION, text
        model.subgraphs, model.buffers = [whole], self._buffers
        model.operatorCodes = []
        for kind, version in self._codes:
            code = s.OperatorCodeT()
            code.builtinCode = getattr(s.BuiltinOperator, kind)
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            code.version = version
            model.operatorCodes.append(code)
        builder = flatbuffers.Builder(_ROOM)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _add(
        self, name: str, shape: Shape, kind: str, scales: Sequence[Scale] | None, axis: int
    ) -> int:
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, list(shape), 0
        tensor.type = getattr(self.schema.TensorType, kind)
        if scales is not None:
            meaning = self.schema.QuantizationParametersT()
            meaning.scale = [scale.scale for scale in scales]
            meaning.zeroPoint = [scale.zero for scale in scales]
            meaning.quantizedDimension = axis
            tensor.quantization = meaning
        self._tensors.append(tensor)
        return len(self._tensors) - 1
