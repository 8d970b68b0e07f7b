"""The classes of TensorFlow Lite's file format, which both packages of the extra ``mcu`` bring."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from brickwork.errors import MissingExtra

__all__ = ["schema"]

_MODULES = (
    "ai_edge_litert.schema_py_generated",
    "tflite_micro.tensorflow.lite.micro.python.schema_py_generated",
)


@functools.cache
def schema(needed_for: str) -> Any:
    """The module of these classes.

    Args:
        needed_for: What cannot be done without it, for the error.

    Raises:
        MissingExtra: Neither package is installed.
    """
    for name in _MODULES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise MissingExtra("mcu", needed_for)
