"""An image as the network beside this file takes it: smaller than the images it was trained from.

Needs NumPy only, and the settings in ``prepare.json``:

    x = prepare(images, settings())     # (samples, channels, height, width)
    answers = onnxruntime.InferenceSession("model.onnx").run(None, {"input": x.astype("float32")})

Images are ``(samples, channels, height, width)``, of the size in ``prepare.json``. Each pixel of
the result is the mean of ``average`` by ``average`` pixels; rows and columns that are left over, at
the bottom and on the right, are cut off. Means of bytes are rounded to bytes, if the training
images were bytes (``type``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["prepare", "settings"]

_CHUNK = 256  # images at a time in single precision


def settings(file: str | Path = "") -> dict[str, Any]:
    """The settings of a file, by default of ``prepare.json`` beside this one."""
    path = Path(file or Path(__file__).with_name("prepare.json"))
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def prepare(images: Any, about: Mapping[str, Any]) -> NDArray[Any]:
    """What the network takes of images ``(samples, channels, height, width)``."""
    x, side = np.asarray(images), int(about["average"])
    if about.get("type") == "float32":
        x = x.astype(np.float32)
    x = x.reshape(len(x), -1, *about["size"])  # grey images may come without channels
    height, width = (length // side for length in about["size"])
    out = np.empty((*x.shape[:2], height, width), x.dtype)
    for start in range(0, len(x), _CHUNK):
        part = x[start : start + _CHUNK, :, : height * side, : width * side].astype(np.float32)
        means = part.reshape(*part.shape[:2], height, side, width, side).mean(axis=(3, 5))
        out[start : start + _CHUNK] = np.round(means) if x.dtype.kind in "ui" else means
    return out
