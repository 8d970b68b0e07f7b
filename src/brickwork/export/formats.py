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
    "COMPILERS",
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
    "tflite-int8": ("model.int8.tflite", "model_data.h"),
    "c": ("model.c", "model.h"),
    "executorch": ("model.pte",),
    "openvino": ("model.xml", "model.bin"),
}
"""The files of each format; what is run comes first."""

EXPORTERS: Mapping[str, str] = {
    "source": "brickwork.export.source:write_source",
    "onnx": "brickwork.export.onnx:write_onnx",
    "onnx-int8": "brickwork.export.onnx:write_onnx_int8",
    "tflite": "brickwork.export.tflite:write_tflite",
    "tflite-int8": "brickwork.export.tflite:write_tflite_int8",
    "c": "brickwork.export.c:write_c",
    "executorch": "brickwork.export.executorch:write_executorch",
    "openvino": "brickwork.export.openvino:write_openvino",
}

COMPILERS = ("cc", "gcc", "clang")
"""Compilers of C, the first of which that is there is used."""

INTEGER = ("tflite-int8", "c")
"""Formats that give the bits of a quantised network, and so need one; int8 ONNX is near to them."""

_PACKAGES = {"tflite": ("ai_edge_litert",), "tflite-int8": ("tflite_micro",)}
_LOWERED = ("tflite", *INTEGER)  # written from a program of TensorFlow Lite

_ENGINES = {"executorch": "ExecuTorch", "openvino": "OpenVINO"}
"""Formats that a search writes only for a target whose engine is called so."""

_REFUSALS = {
    "executorch": "brickwork.export.executorch:why_not",
    "openvino": "brickwork.export.openvino:why_not",
}

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
    """The formats of a model for a kind of device, in the order in which it is judged by them.

    Args:
        family: Of the target, such as ``"mcu"``.
        precision: ``"int8"`` or ``"float32"``: what runs there comes first.
        engine: What runs it; a format of that precision that is for it alone comes first.
    """
    asked = asked_by(engine)
    own = tuple(name for name in _ENGINES if name in asked)
    suited = (*own, *_SUITED.get(family, tuple(name for name in asked if name != "source")))
    integer = [name for name in suited if name in INTEGER or name.endswith("-int8")]
    exact = [name for name in suited if name not in integer]
    first, then = (integer, exact) if precision == "int8" else (exact, integer)
    return tuple(dict.fromkeys([*first, *then, "source"]))


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
    for name in formats:
        if name in _REFUSALS and (refusal := _imported(_REFUSALS[name])(graph)):
            found[name] = refusal
    return found


def _missing(name: str) -> str:
    """What is missing to write and run a format."""
    if name == "c":
        return "" if any(map(shutil.which, COMPILERS)) else "no C compiler is installed here"
    for package in ("flatbuffers", *_PACKAGES[name]):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed: pip install 'brickwork[mcu]'"
    return ""


def _runs(name: str, engine: str) -> bool:
    return engine.casefold().startswith(_ENGINES[name].casefold())


def _imported(path: str) -> Any:
    module, _, function = path.partition(":")
    return getattr(importlib.import_module(module), function)
