"""What is in each file of a model's folder."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import ExportError, NotInIntegers
from brickwork.export.answers import gives_numbers
from brickwork.export.ending import answers
from brickwork.export.formats import INTEGER, exporter
from brickwork.export.runtimes import run_onnx, run_torch
from brickwork.space import Graph

if TYPE_CHECKING:
    from brickwork.export.integer.network import IntegerNetwork
    from brickwork.export.integer.quantizing import Judge

__all__ = ["as_json", "as_npz", "contents", "facts_of", "integer_files", "meaning_of", "title_of"]

Array = NDArray[Any]


def contents(
    graph: Graph,
    weights: Mapping[str, Array],
    formats: Sequence[str],
    calibration: Array | None,
    judge: Judge | None,
    golden_inputs: Array,
    info: Mapping[str, Any],
) -> tuple[dict[str, bytes], IntegerNetwork | None]:
    """The content of every file but the card and the manifest, and the quantised network, if any.

    Args:
        graph: The network.
        weights: Its weights by state-dict key.
        formats: Any of ``formats.FORMATS``.
        calibration: Raw training samples ``(samples, *input)``, for int8.
        judge: Chooses one of several quantised networks.
        golden_inputs: A few raw samples whose outputs are stored.
        info: What is known of the model.

    Raises:
        ExportError: The network cannot be written in one of the formats.
    """
    what = answers(graph)
    golden = {"inputs": golden_inputs, what: run_torch(graph, weights, golden_inputs)}
    if calibration is None and any(name.endswith("-int8") for name in formats):
        raise ExportError("int8 needs calibration samples: give some of the training split")
    files: dict[str, bytes] = {}
    if "source" in formats:
        files |= _source(graph, weights, info)
    integer = _quantised(graph, weights, formats, calibration, judge)
    if {"onnx", "onnx-int8", "openvino"} & set(formats):
        model = exporter("onnx")(graph, weights)
        if "onnx" in formats:
            files["model.onnx"] = model
        if "onnx-int8" in formats:
            files["model.int8.onnx"] = _onnx_int8(
                integer, graph, model, calibration, numbers=gives_numbers(info)
            )
            golden[f"{what}_int8"] = run_onnx(files["model.int8.onnx"], golden_inputs)
        if "openvino" in formats:
            files |= exporter("openvino")(model)
    if "executorch" in formats:
        files["model.pte"] = exporter("executorch")(graph, weights)
    title = title_of(info)
    if "tflite" in formats:
        files["model.tflite"] = exporter("tflite")(graph, weights, title)
    if integer is not None and any(name in INTEGER for name in formats):
        from brickwork.export.integer.reference import run

        golden["q_inputs"] = integer.input.quantized(golden_inputs, integer.scales[0])
        golden["q_outputs"] = run(integer, golden["q_inputs"])
        files |= integer_files(integer, formats, title)
    files["golden.npz"] = as_npz(golden)
    beside = {"made_for": info["made_for"]} if "made_for" in info else {}
    facts = {"arch": info.get("arch"), **beside, **facts_of(graph), "ops": _ops(graph)}
    files["arch.json"] = as_json(facts)
    return files, integer


def _quantised(
    graph: Graph,
    weights: Mapping[str, Array],
    formats: Sequence[str],
    calibration: Array | None,
    judge: Judge | None,
) -> IntegerNetwork | None:
    """The one quantised network that all int8 files are written from.

    None where no file needs it, or where the network has no integers of TensorFlow Lite and only
    ONNX asks for them: that file is then made by ONNX Runtime's quantiser.
    """
    micro = any(name in INTEGER for name in formats)
    if calibration is None or not (micro or "onnx-int8" in formats):
        return None
    from brickwork.export.integer.quantizing import quantize_integer

    try:
        return quantize_integer(graph, weights, calibration, judge)
    except NotInIntegers:
        if micro:
            raise
        return None


def _onnx_int8(
    integer: IntegerNetwork | None,
    graph: Graph,
    model: bytes,
    calibration: Array | None,
    *,
    numbers: bool,
) -> bytes:
    """The int8 ONNX file of the quantised network; without one that of the float file."""
    if integer is not None:
        return bytes(exporter("onnx-int8")(integer, graph))
    from brickwork.export.quantize import quantize

    return quantize(model, np.asarray(calibration), numbers=numbers)


def integer_files(integer: IntegerNetwork, formats: Sequence[str], title: str) -> dict[str, bytes]:
    """The files of a quantised network.

    Args:
        integer: The network.
        formats: What is wanted; those that are not written from it are passed over.
        title: A line about it.

    Raises:
        ExportError: It cannot be written in one of the formats.
    """
    files: dict[str, bytes] = {}
    if "tflite-int8" in formats:
        from brickwork.export.c.embedding import bytes_header

        files["model.int8.tflite"] = exporter("tflite-int8")(integer, title)
        text = bytes_header(files["model.int8.tflite"], "model_data", title)
        files["model_data.h"] = text.encode()
    if "c" in formats:
        written = exporter("c")(integer, "model", title)
        files["model.c"], files["model.h"] = written.source.encode(), written.header.encode()
    return files


def as_npz(arrays: Mapping[str, Array]) -> bytes:
    """Arrays by name as a file of NumPy."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def as_json(value: Any) -> bytes:
    """A JSON file that a person can read."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def facts_of(graph: Graph) -> dict[str, Any]:
    """Shapes and hash of a network, and what it gives."""
    return {
        "input": list(graph.input),
        "output": list(graph.output),
        "answers": answers(graph),
        "graph": graph.hash,
    }


def meaning_of(integer: IntegerNetwork) -> dict[str, Any]:
    """What the integers of input and output mean."""
    first, last = integer.scales[0], integer.scales[integer.program.output]
    return {
        "bytes": integer.input.bytes,
        "mean": list(integer.input.mean),
        "std": list(integer.input.std),
        "input": asdict(first),
        "output": asdict(last),
        "shape": list(integer.program.shapes[0]),
        **integer.notes,
    }


def _source(
    graph: Graph, weights: Mapping[str, Array], info: Mapping[str, Any]
) -> dict[str, bytes]:
    import safetensors.numpy

    names = [str(name) for name in info.get("classes", ())]
    source = exporter("source")(graph, title_of(info), classes=names, numbers=gives_numbers(info))
    arrays = {key: np.asarray(value, order="C") for key, value in weights.items()}
    saved = safetensors.numpy.save(arrays, {"graph": graph.hash})
    return {"model.py": source.encode(), "weights.safetensors": saved}


def title_of(info: Mapping[str, Any]) -> str:
    """What a model is called in its files."""
    return f"Model {info['id']}" if "id" in info else "Model"


def _ops(graph: Graph) -> list[dict[str, Any]]:
    """The operations of a graph for a reader: name, settings, what each reads, and its shape."""
    return [
        {
            "name": node.name,
            "kind": node.op.kind,
            "settings": asdict(node.op),  # type: ignore[call-overload]  # every op is a dataclass
            "inputs": [graph.nodes[i].name for i in node.inputs],
            "shape": list(node.shape),
        }
        for node in graph.nodes
    ]
