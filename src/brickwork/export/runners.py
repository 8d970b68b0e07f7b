"""Which runtime a file is for: run in it, timed in it, and what it is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.litert import measure_tflite
from brickwork.devices.measure import measure_call, measure_onnx, pixels
from brickwork.errors import ExportError, MissingExtra
from brickwork.export.executorch import load_executorch, version_of_executorch
from brickwork.export.openvino import load_openvino, version_of_openvino
from brickwork.export.runtimes import (
    PlainPython,
    batches,
    hushed,
    plain_python,
    run_litert,
    run_onnx,
)
from brickwork.quantity import Quantity
from brickwork.space import Shape

__all__ = ["latency_here", "run_file", "runtime_of"]

Array = NDArray[Any]

_BATCH = 256


def run_file(file: Path, x: Array, python: PlainPython | None = None) -> Array:
    """Logits of raw samples ``(samples, *input)`` from a float file in its own runtime.

    Args:
        file: A file of a model's folder.
        x: The samples.
        python: Where ``model.py`` runs; None for the one that this process keeps.

    Raises:
        ExportError: It cannot be run.
    """
    if file.suffix == ".py":
        return (python or plain_python()).run(file, x)
    if file.suffix == ".tflite":
        last = np.ascontiguousarray(np.moveaxis(x, 1, -1), dtype=np.float32)
        found = run_litert(file.read_bytes(), last[:, None] if x.ndim == 3 else last)
        return np.moveaxis(found, -1, 1) if found.ndim == x.ndim == 4 else found  # masks
    if file.suffix == ".pte":
        return _in_batches(load_executorch(file.read_bytes()), x, 1)
    if file.suffix == ".xml":
        return _in_batches(load_openvino(file), x)
    return run_onnx(file.read_bytes(), x)


def latency_here(file: Path, input: Shape) -> Quantity | None:
    """Milliseconds of one sample on this machine, as ``measure_call`` gives it.

    Args:
        file: A file of a model's folder.
        input: Shape of a sample, channels first.

    Returns:
        The latency; None where it is not measured (source) or its runtime is not installed.

    Raises:
        ExportError: The runtime cannot run it.
    """
    if file.suffix in (".py", ".c"):
        return None
    if file.suffix == ".onnx":
        return measure_onnx(file.read_bytes(), input)
    if file.suffix == ".tflite":
        return _in_litert(file.read_bytes())
    if file.suffix == ".pte":
        return _timed(load_executorch(file.read_bytes()), input, version_of_executorch())
    return _timed(load_openvino(file), input, version_of_openvino())


def runtime_of(name: str) -> str:
    """What runs a file, for the source of its scores."""
    suffix = Path(name).suffix
    if suffix == ".py":
        return "a Python without Brickwork"
    if suffix == ".tflite":
        return "LiteRT"
    if suffix == ".pte":
        return version_of_executorch()
    if suffix == ".xml":
        return version_of_openvino()
    import onnxruntime

    return f"ONNX Runtime {onnxruntime.__version__}"


def _in_litert(content: bytes) -> Quantity | None:
    try:
        with hushed():
            return measure_tflite(content)
    except MissingExtra:  # an int8 file is checked elsewhere
        return None
    except (RuntimeError, ValueError) as error:
        raise ExportError(f"LiteRT cannot run it: {error}") from error


def _timed(call: Callable[[Array], Array], input: Shape, runtime: str) -> Quantity:
    sample = pixels((1, *input), "float32")
    return measure_call(lambda: call(sample), runtime)


def _in_batches(call: Callable[[Array], Array], x: Array, most: int = _BATCH) -> Array:
    return np.concatenate([call(part) for part in batches(x, most)])
