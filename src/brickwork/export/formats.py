"""The formats that a model can be exported to, and which of them a kind of device is judged by."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from brickwork.devices.lowering import why_not
from brickwork.errors import ExportError, UnknownName
from brickwork.space import Graph

__all__ = [
    "EXPORTERS",
    "FORMATS",
    "INTEGER",
    "asked_by",
    "checked",
    "exporter",
    "files_in_order",
    "from_weights",
    "impossible",
    "preferred",
]

FORMATS: Mapping[str, tuple[str, ...]] = {
    "source": ("model.py", "weights.safetensors"),
    "onnx": ("model.onnx",),
    "onnx-int8": ("model.int8.onnx",),
    "tflite": ("model.tflite",),
    "tflite-int8": ("model.int8.tflite",),
    "executorch": ("model.pte",),
    "openvino": ("model.xml", "model.bin"),
}
"""The files of each format; what is run comes first."""

EXPORTERS: Mapping[str, str] = {
    "source": "brickwork.export.source:write_source",
    "onnx": "brickwork.export.onnx:write_onnx",
    "onnx-int8": "brickwork.export.quantize:quantize",
    "tflite": "brickwork.export.tflite:write_tflite",
    "tflite-int8": "brickwork.export.tflite:write_tflite_int8",
    "executorch": "brickwork.export.executorch:write_executorch",
    "openvino": "brickwork.export.openvino:write_openvino",
}

INTEGER = ("tflite-int8",)
"""Formats that are written from a quantised network."""

_LOWERED = ("tflite", *INTEGER)  # written from a program of TensorFlow Lite

_ENGINES = {"executorch": "ExecuTorch", "openvino": "OpenVINO"}
"""Formats that a search writes only for a target whose engine is called so."""

_REFUSALS = {
    "executorch": "brickwork.export.executorch:why_not",
    "openvino": "brickwork.export.openvino:why_not",
}

_FIRST: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("mcu", "int8"): ("tflite-int8", "onnx-int8"),
    ("phone", "int8"): ("tflite-int8", "onnx-int8"),
    ("phone", "float32"): ("tflite", "onnx"),
    ("board", "int8"): ("onnx-int8", "tflite-int8"),
    ("board", "float32"): ("onnx", "tflite"),
    ("cpu", "int8"): ("onnx-int8",),
    ("cpu", "float32"): ("onnx",),
}


def checked(names: Sequence[str]) -> None:
    """Check names of formats.

    Raises:
        UnknownName: One is not known.
    """
    for name in names:
        if name not in FORMATS:
            raise UnknownName("format", name, FORMATS)


def exporter(name: str) -> Any:
    """An exporter's function; what it depends on is heavy, so it is imported on first use."""
    return _imported(EXPORTERS[name])


def asked_by(engine: str = "") -> tuple[str, ...]:
    """The formats that a search exports: those on request only where they are for the engine.

    Args:
        engine: The target's, such as ``"ExecuTorch 1.5"``.
    """
    return tuple(name for name in FORMATS if name not in _ENGINES or _runs(name, engine))


def from_weights(name: str) -> bool:
    """Whether a format needs a network and its weights only, so that it can be written later."""
    return not name.endswith("-int8") and name not in INTEGER


def preferred(family: str, precision: str, engine: str = "") -> tuple[str, ...]:
    """All formats, in the order in which a model for a kind of device is judged by them.

    Args:
        family: Of the target, such as ``"mcu"``.
        precision: ``"int8"`` or ``"float32"``: what runs there.
        engine: What runs it; a format of that precision that is for it alone comes first.
    """
    own = [n for n in _ENGINES if _runs(n, engine) and n.endswith("-int8") == (precision == "int8")]
    first = (*own, *_FIRST.get((family, precision), ()))
    same = [n for n in FORMATS if n.endswith("-int8") == (precision == "int8") and n != "source"]
    return tuple(dict.fromkeys([*first, *same, *(n for n in FORMATS if n != "source"), "source"]))


def files_in_order(formats: Sequence[str]) -> tuple[str, ...]:
    """The files that are run, of some formats."""
    return tuple(FORMATS[name][0] for name in formats)


def impossible(graph: Graph, formats: Sequence[str]) -> dict[str, str]:
    """Of some formats those that a network cannot be written in here, and why, a sentence each."""
    lowered = [name for name in formats if name in _LOWERED]
    reason = why_not(graph) if lowered else ""
    if lowered and not reason:
        from brickwork.export.tflite.file import schema

        try:
            schema()
        except ExportError as error:
            reason = str(error)
    refused = dict.fromkeys(lowered, reason) if reason else {}
    for name in formats:
        if name in _REFUSALS and (reason := _imported(_REFUSALS[name])(graph)):
            refused[name] = reason
    return refused


def _runs(name: str, engine: str) -> bool:
    return engine.casefold().startswith(_ENGINES[name].casefold())


def _imported(path: str) -> Any:
    module, _, function = path.partition(":")
    return getattr(importlib.import_module(module), function)
