"""An int8 ONNX file from a float one, by ONNX Runtime's quantiser: static, in QDQ form.

For networks that ``integer`` cannot quantise: with attention, of texts, tables and volumes. All
others have an int8 ONNX file of their own network in integers (``onnx.integers``).

The settings are those that ONNX Runtime executes in integers on a CPU: uint8 activations and int8
weights with a scale for each output channel. Weights use seven of their eight bits: x86 processors
without VNNI add two products in 16 bits, which saturate with all eight, and accuracies fall by
points there and nowhere else (ONNX Runtime's documentation calls it ``reduce_range``). The
normalisation of the input and the logits stay in float: quantised logits tie, which costs AUC. In
networks with attention only matrix products, convolutions and look-up tables are quantised; norms,
sums and softmax stay in float.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from brickwork.errors import ExportError
from brickwork.export.keeping import variance_kept
from brickwork.export.runtimes import run_onnx

__all__ = ["CALIBRATION_SAMPLES", "quantize"]

CALIBRATION_SAMPLES = 512
"""So many samples are used at most; the ranges of activations hardly move beyond."""

_BATCH = 64
_CLIPPING_SAMPLES = 128  # the histogram calibrator holds every activation of these in memory
_GOOD_AGREEMENT = 0.98  # below it, ranges without outliers are tried too
_PERCENTILES = (99.99, 99.9)

Array = NDArray[Any]


def quantize(model: bytes, calibration: Array, *, numbers: bool = False) -> bytes:
    """The int8 file of a float ONNX file.

    Ranges are the smallest and largest values seen. Where the result then disagrees with the float
    model on the calibration samples, ranges without the outermost 0.01 and 0.1 % are tried as well
    and the best file is given. The same arguments give the same bytes.

    Args:
        model: An ONNX file with one input and one output of logits, batch norms folded.
        calibration: Raw samples ``(samples, *input)`` of the training split.
        numbers: Whether it answers with numbers, not with classes.

    Raises:
        ExportError: The samples do not fit the model, or the file cannot be quantised.
    """
    proto = onnx.load_model_from_string(model)
    samples = _samples(proto, calibration)
    # Says that shapes are inferred and norms folded; without it every call logs a warning.
    onnx.helper.set_model_props(
        proto, {p.key: p.value for p in proto.metadata_props} | {"onnx.quant.pre_process": "done"}
    )
    try:
        with _quiet(), tempfile.TemporaryDirectory(prefix="brickwork-") as folder:
            path = Path(folder) / "float.onnx"
            path.write_bytes(proto.SerializeToString())
            best = _quantized(path, samples, None)
            agreement = _agreement(model, best, samples, numbers)
            for percentile in _PERCENTILES if agreement < _GOOD_AGREEMENT else ():
                other = _quantized(path, samples[:_CLIPPING_SAMPLES], percentile)
                if (found := _agreement(model, other, samples, numbers)) > agreement:
                    best, agreement = other, found
    except ExportError:
        raise
    except Exception as error:  # the quantiser and the runtime raise what they like
        raise ExportError(f"the model cannot be quantised to int8: {error}") from error
    return best


def _samples(proto: onnx.ModelProto, calibration: Array) -> NDArray[np.float32]:
    """The calibration samples, evenly spread over those given, as float32.

    Raises:
        ExportError: They do not fit the model.
    """
    dims = proto.graph.input[0].type.tensor_type.shape.dim
    expected = tuple(dim.dim_value for dim in dims[1:])
    if calibration.ndim < 1 or calibration.shape[1:] != expected or len(calibration) == 0:
        raise ExportError(
            f"calibration samples have shape {calibration.shape}, the model wants "
            f"(samples, {', '.join(map(str, expected))}) with at least one sample"
        )
    count = min(len(calibration), CALIBRATION_SAMPLES)
    chosen = np.linspace(0, len(calibration) - 1, count).astype(np.intp)
    samples = np.ascontiguousarray(calibration[chosen], dtype=np.float32)
    if not np.isfinite(samples).all():
        raise ExportError("calibration samples hold NaN or infinite values: clean the data first")
    return samples


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # the base class is not typed
    """Hands the samples out in batches."""

    def __init__(self, name: str, samples: NDArray[np.float32], batch: int) -> None:
        self._batches = ({name: samples[i : i + batch]} for i in range(0, len(samples), batch))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._batches, None)


def _quantized(path: Path, samples: NDArray[np.float32], percentile: float | None) -> bytes:
    """The int8 file of a float file.

    Args:
        path: The float file, in a folder for temporary files.
        samples: Samples to see the ranges of activations with.
        percentile: The part of the activations that lies in the range; None for all of them.
    """
    proto = onnx.load_model(path)
    written = path.with_name("int8.onnx")
    method = CalibrationMethod.MinMax if percentile is None else CalibrationMethod.Percentile
    # The histogram calibrator cannot take a last batch that is smaller than the others.
    batch = _BATCH if percentile is None else len(samples)
    quantize_static(
        path,  # of a model in memory the quantiser would write the weights to a file of their own
        written,
        _Reader(proto.graph.input[0].name, samples, batch),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        reduce_range=True,
        calibrate_method=method,
        op_types_to_quantize=_kinds(proto),
        nodes_to_exclude=_left_out(proto),
        extra_options={
            "OpTypesToExcludeOutputQuantization": ["Gemm"],
            **({} if percentile is None else {"CalibPercentile": percentile}),
        },
    )
    quantized = onnx.load_model(written)
    _shorten(quantized)
    onnx.helper.set_model_props(
        quantized,
        {p.key: p.value for p in proto.metadata_props if not p.key.startswith("onnx.")},
    )
    quantized.producer_name = proto.producer_name
    quantized.producer_version = proto.producer_version
    return bytes(quantized.SerializeToString(deterministic=True))


def _kinds(proto: onnx.ModelProto) -> list[str] | None:
    """The kinds of operator to quantise; None for all that can be."""
    attends = any(node.op_type == "MatMul" for node in proto.graph.node)
    return ["Conv", "ConvTranspose", "Gather", "Gemm", "MatMul"] if attends else None


def _left_out(proto: onnx.ModelProto) -> list[str]:
    """Operators that stay in float: softmax, and grouped transposed convolutions.

    The weights of the latter are ``(inputs, outputs / groups, ...)``: there is no axis of output
    channels, along which scales could differ.
    """
    return [
        node.name
        for node in proto.graph.node
        if node.op_type == "Softmax"
        or (
            node.op_type == "ConvTranspose"
            and any(a.name == "group" and a.i > 1 for a in node.attribute)
        )
    ]


def _agreement(model: bytes, other: bytes, samples: NDArray[np.float32], numbers: bool) -> float:
    """For what part of the samples two files give the same class, or how much variance is kept."""
    answers = [run_onnx(file, samples) for file in (model, other)]
    if numbers:
        return variance_kept(*answers)
    classes = [values.argmax(1) for values in answers]  # of each position too
    return float((classes[0] == classes[1]).mean())


def _shorten(proto: onnx.ModelProto) -> None:
    """Give scales, zero points and inner tensors short names, and keep equal constants once.

    For a network of a few thousand parameters the long names would be more than half of the file.
    Ops and weights keep their names.
    """
    graph = proto.graph
    keep = {value.name for value in (*graph.input, *graph.output)}
    names: dict[str, str] = {name: name for name in keep}
    constants: dict[tuple[Any, ...], str] = {}
    unique = []
    for constant in graph.initializer:
        values = onnx.numpy_helper.to_array(constant)
        key = (constant.data_type, values.shape, values.tobytes())
        if key in constants:
            names[constant.name] = constants[key]
            continue
        weight = values.size > 1 and constant.name.endswith("_quantized")
        short = constant.name.removesuffix("_quantized") if weight else f"c{len(constants)}"
        names[constant.name] = constants[key] = short
        unique.append(onnx.numpy_helper.from_array(values, short))
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            node.name = ""
        for name in node.output:
            names.setdefault(name, f"t{len(names)}")
        node.output[:] = [names[name] for name in node.output]
    for node in graph.node:
        node.input[:] = [names[name] if name else "" for name in node.input]
    del graph.initializer[:]
    graph.initializer.extend(unique)
    del graph.value_info[:]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep ONNX Runtime's quantiser from printing and from logging through the root logger.

    A handler stands by meanwhile, since ``logging.warning`` would install one for good where there
    is none.
    """
    root, handler = logging.getLogger(), logging.NullHandler()

    def not_from_quantizer(record: logging.LogRecord) -> bool:
        return "onnxruntime" not in record.pathname

    root.addHandler(handler)
    root.addFilter(not_from_quantizer)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # the histogram calibrator prints
            yield
    finally:
        root.removeFilter(not_from_quantizer)
        root.removeHandler(handler)
