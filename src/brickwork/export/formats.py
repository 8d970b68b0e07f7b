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
    "checked",
    "exporter",
    "files_in_order",
    "impossible",
    "preferred",
]

FORMATS: Mapping[str, tuple[str, ...]] = {
    "source": ("model.py", "weights.safetensors"),
    "onnx": ("model.onnx",),
    "onnx-int8": ("model.int8.onnx",),
    "tflite": ("model.tflite",),
    "tflite-int8": ("model.int8.tflite",),
}
"""The files of each format; what is run comes first."""

EXPORTERS: Mapping[str, str] = {
    "source": "brickwork.export.source:write_source",
    "onnx": "brickwork.export.onnx:write_onnx",
    "onnx-int8": "brickwork.export.quantize:quantize",
    "tflite": "brickwork.export.tflite:write_tflite",
    "tflite-int8": "brickwork.export.tflite:write_tflite_int8",
}

INTEGER = ("tflite-int8",)
"""Formats that are written from a quantised network."""

_LOWERED = ("tflite", *INTEGER)  # written from a program of TensorFlow Lite

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
    module, _, function = EXPORTERS[name].partition(":")
    return getattr(importlib.import_module(module), function)


def preferred(family: str, precision: str) -> tuple[str, ...]:
    """All formats, in the order in which a model for a kind of device is judged by them.

    Args:
        family: Of the target, such as ``"mcu"``.
        precision: ``"int8"`` or ``"float32"``: what runs there.
    """
    first = _FIRST.get((family, precision), ())
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
    return dict.fromkeys(lowered, reason) if reason else {}
