"""OpenVINO, the runtime of servers and PCs: a model made from an ONNX file, and run here."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import ExportError, MissingExtra
from brickwork.export.runtimes import first_line
from brickwork.space import Graph, Norm

__all__ = ["load_openvino", "version_of_openvino", "why_not", "write_openvino"]

Array = NDArray[Any]

_EXACT = {
    "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16 on cores that have it
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
}


def why_not(graph: Graph) -> str:
    """Why a network cannot be written as a model, a sentence; empty if it can."""
    if importlib.util.find_spec("openvino") is None:
        return str(MissingExtra("openvino", "writing or running model.xml"))
    for node in graph.nodes:
        if isinstance(node.op, Norm) and node.op.how == "group" and len(node.shape) == 1:
            return f"{node.name}: OpenVINO has no group norm of features without positions"
    return ""


def write_openvino(onnx: bytes) -> dict[str, bytes]:
    """The model's two files, with weights in float32.

    Args:
        onnx: The network as ``write_onnx`` gives it.

    Raises:
        ExportError: OpenVINO does not read it, or the extra ``openvino`` is missing.
    """
    ov = _package()
    with tempfile.TemporaryDirectory(prefix="brickwork-") as folder:
        path = Path(folder, "model.xml")
        try:
            model = ov.Core().read_model(onnx)
            _fold(model)
            ov.save_model(model, path, compress_to_fp16=False)
        except RuntimeError as error:
            raise ExportError(f"OpenVINO cannot write it: {first_line(error)}") from error
        return {file.name: file.read_bytes() for file in (path, path.with_suffix(".bin"))}


def load_openvino(path: Path) -> Callable[[Array], Array]:
    """A model ready to run on one thread of the CPU: logits of samples ``(batch, *input)``.

    Args:
        path: ``model.xml``; ``model.bin`` lies beside it.

    Raises:
        ExportError: The extra ``openvino`` is missing, or the runtime cannot run the model.
    """
    ov = _package()
    try:
        request = ov.Core().compile_model(path, "CPU", _EXACT).create_infer_request()
    except RuntimeError as error:
        raise ExportError(f"OpenVINO cannot run it: {first_line(error)}") from error

    def call(x: Array) -> Array:
        try:
            return np.array(request.infer(x)[0])
        except RuntimeError as error:
            raise ExportError(f"OpenVINO cannot run it: {first_line(error)}") from error

    return call


def version_of_openvino() -> str:
    """Name and version of the runtime."""
    return f"OpenVINO {_package().__version__.partition('-')[0]} on the CPU"


def _fold(model: Any) -> None:
    """Compute what is known already, and name what has no name by its place, not by a counter."""
    from openvino import passes

    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(model)
    for place, op in enumerate(model.get_ordered_ops()):
        kind, _, number = op.get_friendly_name().rpartition("_")
        if kind[:1].isupper() and number.isdigit():
            op.set_friendly_name(f"{kind}_at_{place}")


def _package() -> Any:
    try:
        import openvino
    except ImportError:
        raise ExportError(str(MissingExtra("openvino", "running model.xml"))) from None
    return openvino
