"""An image or a volume as the network beside this file takes it.

Needs NumPy only, and the settings in ``prepare.json``:

    x = prepare([volume], settings())     # (samples, channels, *spatial), uint8
    answers = onnxruntime.InferenceSession("model.onnx").run(None, {"input": x.astype("float32")})

A sample is ``(channels, *spatial)``, in the orientation and with the spacing of the training data,
which the settings have where they were known (``RAS``: axes from left to right, back to front and
below to above, as nibabel's ``as_closest_canonical`` gives them).
Values that are no bytes, or all values where the settings say ``scaled``, are scaled to 0..255 by
the range of all but 1 % of them. It is put in the middle of the sides that the network takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fitted", "prepare", "settings", "usual"]


def settings(file: str | Path = "") -> dict[str, Any]:
    """The settings of a file, by default of ``prepare.json`` beside this one."""
    path = Path(file or Path(__file__).with_name("prepare.json"))
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def prepare(samples: Sequence[NDArray[Any]], about: Mapping[str, Any]) -> NDArray[np.uint8]:
    """What the network takes of samples ``(channels, *spatial)``."""
    sides, scaled = tuple(about["sides"]), about.get("scaled", False)
    return np.stack([fitted(usual(np.asarray(sample), scaled), sides, 0) for sample in samples])


def fitted(sample: NDArray[Any], sides: Sequence[int], fill: float) -> NDArray[Any]:
    """A sample ``(..., *spatial)`` in the middle of those sides: filled up, or cut."""
    axes = len(sides)
    out = np.full((*sample.shape[:-axes], *sides), fill, sample.dtype)
    source: list[Any] = [Ellipsis]
    place: list[Any] = [Ellipsis]
    for have, want in zip(sample.shape[-axes:], sides, strict=True):
        cut, lead = max(0, (have - want) // 2), max(0, (want - have) // 2)
        count = min(have, want)
        source.append(slice(cut, cut + count))
        place.append(slice(lead, lead + count))
    out[tuple(place)] = sample[tuple(source)]
    return out


def usual(sample: NDArray[Any], scaled: bool = False) -> NDArray[Any]:
    """Brightness in 0..255, by what all but 1 % of its values span; bytes as they are.

    Bytes too are ``scaled`` where not all samples of the training were such.
    """
    if sample.dtype == np.uint8 and not scaled:
        return sample
    values = sample.astype(np.float64)  # a large offset leaves the digits that matter
    low, high = np.percentile(values, (0.5, 99.5))
    if not high > low:  # nearly all are alike: what differs are the few that were left out
        low, high = values.min(), values.max()
    parts = np.clip((values - low) / (float(high - low) or 1.0), 0, 1) * 255
    return np.asarray(np.round(parts), np.uint8)
