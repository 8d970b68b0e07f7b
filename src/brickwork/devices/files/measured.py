"""The latency of a model file on this machine, measured in a process of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from brickwork.devices.child import Child
from brickwork.devices.files.model import ModelFile
from brickwork.devices.litert import measure_tflite, needs_litert
from brickwork.devices.measure import measure_onnx
from brickwork.quantity import Quantity

__all__ = ["latency_here", "measure"]

_RUNTIMES = {"onnx": "ONNX Runtime", "tflite": "LiteRT"}
_TIMEOUT_S = 120.0


def latency_here(model: ModelFile) -> Quantity:
    """Milliseconds of a call, in the runtime that the file is for.

    Raises:
        ModelFileError: The runtime cannot run it.
        MissingExtra: The runtime is not installed.
    """
    if model.format == "tflite":
        needs_litert()
    (shape, _), *_ = model.inputs
    with (
        Child(_RUNTIMES[model.format], f"{__name__}:measure", _TIMEOUT_S) as child,
        tempfile.TemporaryDirectory(prefix="brickwork-") as folder,
    ):
        path = Path(folder, f"model.{model.format}")
        path.write_bytes(model.content)
        reply, _ = child.ask({"path": str(path), "input": shape[1:]})
    return Quantity.from_json(reply)


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Measure the file that a job names; runs in the child."""
    path = Path(job["path"])
    if path.suffix == ".tflite":
        return measure_tflite(path.read_bytes()).to_json()
    return measure_onnx(path.read_bytes(), tuple(job["input"])).to_json()
