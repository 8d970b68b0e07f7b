"""The shapes of all tensors of an ONNX file, inferred by ONNX itself in a process of its own.

ONNX infers shapes in native code, which ends the process that it runs in when a file asks for what
makes no sense (a negative size before a slice is enough). Where a shape is computed by the network
itself, as PyTorch writes it, ONNX Runtime folds what is constant first.
"""

from __future__ import annotations

import atexit
import functools
import os
import tempfile
from pathlib import Path
from typing import Any

from brickwork.devices.child import Child
from brickwork.errors import ModelFileError

__all__ = ["infer", "inferred"]

_CONTROL = {"If", "Loop", "Scan", "SequenceMap"}
_TIMEOUT_S = 60.0


def inferred(content: bytes) -> Any:
    """The ONNX model in the bytes of a file, shapes inferred, its batch one where it is open.

    Raises:
        ModelFileError: It is no such file, or holds what is not known here.
    """
    import onnx

    child = _child(os.getpid())
    with tempfile.TemporaryDirectory(prefix="brickwork-") as folder:
        path, out = Path(folder, "model.onnx"), Path(folder, "inferred.onnx")
        path.write_bytes(content)
        try:
            reply, _ = child.ask({"path": str(path), "out": str(out)})
        except ModelFileError as error:
            raise ModelFileError(f"the ONNX file is damaged ({error})") from None
        if "refused" in reply:
            raise ModelFileError(reply["refused"])
        return onnx.load_model_from_string(out.read_bytes())


@functools.cache
def _child(_pid: int) -> Child:
    """The one that a process keeps: it takes longer to start than to answer."""
    child = Child("ONNX", f"{__name__}:infer", _TIMEOUT_S)
    atexit.register(child.close)
    return child


def infer(job: dict[str, Any]) -> dict[str, Any]:
    """Check a file, infer its shapes and write it; runs in the child."""
    try:
        model = _checked(Path(job["path"]).read_bytes())
    except ModelFileError as error:
        return {"refused": str(error)}
    Path(job["out"]).write_bytes(model.SerializeToString())
    return {}


def _checked(content: bytes) -> Any:
    import onnx.inliner
    import onnx.shape_inference
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError):
        raise ModelFileError("not an ONNX file, or one that is cut off") from None
    if not model.ir_version or not model.graph.node or not model.graph.output:
        raise ModelFileError("not an ONNX file, or one without a network in it")
    if any(tensor.data_location == tensor.EXTERNAL for tensor in model.graph.initializer):
        raise ModelFileError("the ONNX file keeps its weights in other files: save it as one file")
    try:
        if model.functions:
            model = onnx.inliner.inline_local_functions(model)
        if kinds := sorted({n.op_type for n in model.graph.node} & _CONTROL):
            raise ModelFileError(f"the ONNX file holds further graphs ({kinds[0]}): one is known")
        onnx.checker.check_model(model)
        _fix_batch(model)
        found = onnx.shape_inference.infer_shapes(model, data_prop=True)
        if _open(found):
            found = onnx.shape_inference.infer_shapes(_folded(model), data_prop=True)
        return found
    except (
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
        *(ValueError, TypeError, RuntimeError, LookupError),
    ) as error:
        problem = " ".join(str(error).split())[:160]
        raise ModelFileError(f"the ONNX file is damaged ({problem})") from None


def _open(model: Any) -> bool:
    """Whether the shape of some tensor is not known."""
    known = {
        value.name
        for value in (*model.graph.value_info, *model.graph.output)
        if all(dim.dim_value > 0 for dim in value.type.tensor_type.shape.dim)
        and value.type.tensor_type.HasField("shape")
    }
    return any(name and name not in known for node in model.graph.node for name in node.output)


def _folded(model: Any) -> Any:
    """The model with all that is constant computed by ONNX Runtime."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    with tempfile.TemporaryDirectory(prefix="brickwork-") as folder:
        options.optimized_model_filepath = str(Path(folder, "folded.onnx"))
        try:
            onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # it has a class for each status, without a common base
            problem = " ".join(str(error).split())[:160]
            raise ModelFileError(
                f"the ONNX file does not tell all shapes, and ONNX Runtime cannot: {problem}"
            ) from error
        return onnx.load_model(options.optimized_model_filepath)


def _fix_batch(model: Any) -> None:
    """Take an open first size of the inputs as one, wherever the file names it."""
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    names = set()
    for value in graph.input:
        dims = value.type.tensor_type.shape.dim
        if value.name not in stored and len(dims) and dims[0].dim_value < 1:
            names.add(dims[0].dim_param)
            dims[0].dim_value = 1
    for value in (*graph.input, *graph.output, *graph.value_info):
        dims = value.type.tensor_type.shape.dim
        for place, dim in enumerate(dims):
            unnamed = place == 0 and names and not dim.dim_param and not dim.dim_value
            if unnamed or (dim.dim_param and dim.dim_param in names):
                dim.dim_value = 1
