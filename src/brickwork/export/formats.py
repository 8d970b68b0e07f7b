"""The formats that a model can be exported to, and which of them a kind of device is judged by."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from brickwork.devices.lowering import why_not
from brickwork.errors import UnknownName
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
    "tflite-int8": ("model.int8.tflite", "model_data.h"),
    "c": ("model.c", "model.h"),
}
"""The files of each format; what is run comes first."""

EXPORTERS: Mapping[str, str] = {
    "source": "brickwork.export.source:write_source",
    "onnx": "brickwork.export.onnx:write_onnx",
    "onnx-int8": "brickwork.export.quantize:quantize",
    "tflite": "brickwork.export.tflite:write_tflite",
    "tflite-int8": "brickwork.export.tflite:write_tflite_int8",
    "c": "brickwork.export.c:write_c",
}

INTEGER = ("tflite-int8", "c")
"""Formats that are written from a quantised network."""

_PACKAGES = {"tflite": ("ai_edge_litert",), "tflite-int8": ("tflite_micro",)}
_COMPILERS = ("cc", "gcc", "clang")
_LOWERED = ("tflite", *INTEGER)  # written from a program of TensorFlow Lite

_SUITED: Mapping[str, tuple[str, ...]] = {
    "mcu": ("tflite-int8", "c", "onnx-int8", "tflite", "onnx"),
    "npu": ("tflite-int8", "onnx-int8", "tflite", "onnx"),
    "phone": ("tflite", "onnx", "tflite-int8", "onnx-int8"),
    "board": ("onnx", "tflite", "onnx-int8", "tflite-int8"),
    "cpu": ("onnx", "onnx-int8"),
}
"""What a model for a kind of device is exported to, beside its source."""


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
    """The formats of a model for a kind of device, in the order in which it is judged by them.

    Args:
        family: Of the target, such as ``"mcu"``.
        precision: ``"int8"`` or ``"float32"``: what runs there comes first.
    """
    suited = _SUITED.get(family, tuple(name for name in FORMATS if name != "source"))
    integer = [name for name in suited if name in INTEGER or name.endswith("-int8")]
    exact = [name for name in suited if name not in integer]
    first, then = (integer, exact) if precision == "int8" else (exact, integer)
    return (*first, *then, "source")


def files_in_order(formats: Sequence[str]) -> tuple[str, ...]:
    """The files that are run, of some formats."""
    return tuple(FORMATS[name][0] for name in formats)


def impossible(graph: Graph, formats: Sequence[str]) -> dict[str, str]:
    """Of some formats those that a network cannot have here, and why, a sentence each.

    What cannot be run here is not written: it could not be verified.
    """
    found: dict[str, str] = {}
    lowered = [name for name in formats if name in _LOWERED]
    reason = why_not(graph) if lowered else ""
    for name in lowered:
        if problem := reason or _missing(name):
            found[name] = problem
    return found


def _missing(name: str) -> str:
    """What is missing to write and run a format."""
    if name == "c":
        return "" if any(map(shutil.which, _COMPILERS)) else "no C compiler is installed here"
    for package in ("flatbuffers", *_PACKAGES[name]):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed: pip install 'brickwork[mcu]'"
    return ""
