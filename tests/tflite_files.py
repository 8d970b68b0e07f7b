"""Small ``.tflite`` files, written by hand with the schema's object API."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

__all__ = ["Writer", "every_kind", "needs_mcu", "network"]


def needs_mcu(*modules: str) -> None:
    """Skip, visibly, where a package of the extra ``mcu`` is missing."""
    for module in modules or ("flatbuffers", "tflite_micro"):
        pytest.importorskip(module, reason=f"{module}: pip install 'brickwork[mcu]'")


class Writer:
    """Collects tensors and operations of one file.

    Args:
        type_: Type of the activations, ``"INT8"`` or ``"FLOAT32"``.
    """

    def __init__(self, type_: str = "INT8") -> None:
        from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

        self.s = schema
        self.type = type_
        self.tensors: list[Any] = []
        self.buffers = [schema.BufferT()]
        self.ops: list[Any] = []
        self.codes: list[Any] = []

    def tensor(
        self, shape: tuple[int, ...], data: Any = None, type_: str = "", scale: bool = True
    ) -> int:
        """Add a tensor; with data it is a constant."""
        t = self.s.TensorT()
        t.name, t.shape = f"t{len(self.tensors)}", list(shape)
        t.type = getattr(self.s.TensorType, type_ or self.type)
        if data is not None:
            buffer = self.s.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            t.buffer = len(self.buffers)
            self.buffers.append(buffer)
        if scale and (type_ or self.type) in ("INT8", "INT32", "UINT8"):
            t.quantization = self.s.QuantizationParametersT()
            step = 0.25 if type_ == "INT32" else 0.5  # of a bias: input times weight
            t.quantization.scale, t.quantization.zeroPoint = [step], [0]
        self.tensors.append(t)
        return len(self.tensors) - 1

    def weight(self, shape: tuple[int, ...]) -> int:
        """A constant of that shape and of the type of the activations."""
        return self.tensor(shape, np.ones(shape, np.int8 if self.type == "INT8" else np.float32))

    def bias(self, count: int) -> int:
        if self.type == "INT8":
            return self.tensor((count,), np.zeros(count, np.int32), "INT32")
        return self.tensor((count,), np.zeros(count, np.float32))

    def ints(self, *values: Any) -> int:
        data = np.array(values, np.int32)
        return self.tensor(data.shape, data, "INT32", scale=False)

    def op(
        self,
        kind: str,
        inputs: list[int],
        shape: tuple[int, ...],
        options: str = "",
        custom: str = "",
        **settings: Any,
    ) -> int:
        """Add an operation, and give the tensor that it writes."""
        code = self.s.OperatorCodeT()
        code.builtinCode = getattr(self.s.BuiltinOperator, kind)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 3
        code.customCode = custom or None
        op = self.s.OperatorT()
        op.opcodeIndex = len(self.codes)
        self.codes.append(code)
        output = self.tensor(shape)
        op.inputs, op.outputs = inputs, [output]
        if options:
            op.builtinOptionsType = getattr(self.s.BuiltinOptions, options)
            op.builtinOptions = getattr(self.s, f"{options}T")()
            for name, value in settings.items():
                setattr(op.builtinOptions, name, value)
        self.ops.append(op)
        return output

    def conv(
        self, x: int, kernel: tuple[int, int], out: int, stride: int = 1, same: bool = True
    ) -> int:
        """A convolution with a bias and ReLU."""
        n, h, w, c = self.tensors[x].shape
        shape = (n, -(-h // stride), -(-w // stride), out)
        if not same:
            shape = (n, (h - kernel[0]) // stride + 1, (w - kernel[1]) // stride + 1, out)
        return self.op(
            "CONV_2D",
            [x, self.weight((out, *kernel, c)), self.bias(out)],
            shape,
            "Conv2DOptions",
            **{"strideH": stride, "strideW": stride, "dilationHFactor": 1, "dilationWFactor": 1},
            **{"fusedActivationFunction": 1, "padding": 0 if same else 1},
        )

    def dense(self, x: int, out: int) -> int:
        inside = int(np.prod(self.tensors[x].shape[1:]))
        inputs = [x, self.weight((out, inside)), self.bias(out)]
        return self.op("FULLY_CONNECTED", inputs, (1, out), "FullyConnectedOptions")

    def finish(self, inputs: list[int], outputs: list[int], subgraphs: int = 1) -> bytes:
        """The bytes of the file."""
        import flatbuffers

        g = self.s.SubGraphT()
        g.tensors, g.operators, g.inputs, g.outputs = self.tensors, self.ops, inputs, outputs
        model = self.s.ModelT()
        model.version, model.operatorCodes, model.buffers = 3, self.codes, self.buffers
        model.subgraphs = [g] * subgraphs
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def network(type_: str = "INT8", kind: str = "", batch: int = 1) -> bytes:
    """A convolution, perhaps an operation of another kind, a mean and a linear layer."""
    w = Writer(type_)
    x = w.tensor((batch, 8, 8, 3))
    y = w.conv(x, (3, 3), 4, 2)
    if kind:
        y = w.op(kind, [y], (batch, 4, 4, 4))
    axes = w.ints(1, 2)
    y = w.op("MEAN", [y, axes], (batch, 4), "ReducerOptions", keepDims=False)
    out = w.op(
        "FULLY_CONNECTED",
        [y, w.weight((5, 4)), w.bias(5)],
        (batch, 5),
        "FullyConnectedOptions",
    )
    return w.finish([x], [out])


def every_kind() -> bytes:
    """Kinds of operation that Brickwork does not write itself, and several outputs."""
    w = Writer("FLOAT32")
    x = w.tensor((1, 6, 6, 4))
    y = w.op("SUB", [x, w.tensor((4,), np.ones(4, np.float32))], (1, 6, 6, 4), "SubOptions")
    y = w.op("STRIDED_SLICE", [y, w.ints(0), w.ints(6), w.ints(1)], (1, 6, 6, 4))
    z = w.op("CUSTOM", [y], (1, 6, 6, 4), custom="TFLite_Detection_PostProcess")
    w.op("SPLIT", [w.ints(3), z], (1, 6, 6, 2))
    half, other = w.ops[-1].outputs[0], w.tensor((1, 6, 6, 2))
    w.ops[-1].outputs = [half, other]
    y = w.op("SHAPE", [half], (4,))
    y = w.dense(other, 3)
    y = w.op("SOFTMAX", [y], (1, 3), "SoftmaxOptions")
    return w.finish([x], [y, half])
