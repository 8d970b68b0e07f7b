"""Which reader a model file needs."""

from __future__ import annotations

import os
from pathlib import Path

from brickwork.devices.files.model import ModelFile
from brickwork.devices.files.onnx import read_onnx
from brickwork.devices.files.tflite import is_tflite, read_tflite
from brickwork.errors import ModelFileError

__all__ = ["SUFFIXES", "is_model_file", "read_model"]

SUFFIXES = (".tflite", ".lite", ".onnx")
"""Endings of files that are read."""


def is_model_file(name: str) -> bool:
    """Whether a name has the ending of a model file."""
    return Path(name).suffix.lower() in SUFFIXES


def read_model(path: str | os.PathLike[str]) -> ModelFile:
    """The model in a ``.tflite`` or ``.onnx`` file; the content decides which it is.

    Raises:
        ModelFileError: It cannot be read; the message names the file.
        MissingExtra: What reads it is not installed.
    """
    name = os.fspath(path)
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise ModelFileError(f"{name}: no such file") from None
    except OSError as error:
        raise ModelFileError(f"{name}: cannot be read: {error.strerror}") from None
    if not content:
        raise ModelFileError(f"{name}: the file is empty")
    tflite = is_tflite(content) or Path(name).suffix.lower() in (".tflite", ".lite")
    try:
        return (read_tflite if tflite else read_onnx)(content)
    except ModelFileError as error:
        raise ModelFileError(f"{name}: {error}") from None
