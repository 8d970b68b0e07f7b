"""How a waveform becomes what the network takes; needs NumPy and ``prepare.json`` beside it.

    prepare(waveform)    # 16-bit integers, or numbers in -1..1, at the rate in prepare.json

What is done, in this order: the middle of the waveform is cut out, or zeros are put on both sides,
until it has ``samples`` samples; it is made louder or softer until its highest peak is at half of
what can be, but not more than ``gain`` times as loud (0 leaves it as it is); windows of ``window``
samples are taken every ``hop`` samples and multiplied by a Hann window; their power spectrum is
that of a Fourier transform of ``fft`` samples, zeros appended; ``mels`` triangular filters, evenly
placed on the mel scale from ``low_hz`` to ``high_hz``, add it up; of that the decibels are taken,
of which ``low_db`` becomes 0 and ``high_db`` 255, rounded. ``front_end.c`` does the same on a
microcontroller.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FLOOR",
    "PEAK",
    "decibels",
    "filters",
    "fitted",
    "golden_vectors_hold",
    "hann",
    "level",
    "prepare",
]

FLOOR = 1e-8
"""Is added to every power; about that of the rounding to 16 bits."""
PEAK = 0.5
"""Where the highest peak of a clip comes to lie."""


def prepare(waveform: Any, settings: Mapping[str, Any] | None = None) -> NDArray[np.uint8]:
    """The input of the network, ``(1, frames, mels)``, without the axis of samples.

    Args:
        waveform: ``(n,)``.
        settings: By default those in ``prepare.json``.
    """
    about = _beside() if settings is None else settings
    low, high = about["low_db"], about["high_db"]
    steps = np.floor((decibels(waveform, about) - low) * (255.0 / (high - low)) + 0.5)
    features: NDArray[np.uint8] = np.clip(steps, 0, 255).astype(np.uint8)[None]
    return features


def decibels(waveform: Any, settings: Mapping[str, Any]) -> NDArray[np.float64]:
    """The power in each filter at each time, ``(frames, mels)``, in decibels."""
    x = np.asarray(waveform)
    x = x.astype(np.float64) / (32768.0 if x.dtype.kind == "i" else 1.0)
    x = fitted(x, settings["samples"])
    x = x * level(x, settings["gain"])
    window, hop, fft = settings["window"], settings["hop"], settings["fft"]
    frames = np.lib.stride_tricks.sliding_window_view(x, window)[::hop] * hann(window)
    power = np.square(np.abs(np.fft.rfft(frames, fft)))
    bank = filters(settings["rate"], fft, settings["mels"], settings["low_hz"], settings["high_hz"])
    found: NDArray[np.float64] = 10.0 * np.log10(power @ bank.T + FLOOR)
    return found


def fitted(x: NDArray[Any], samples: int) -> NDArray[Any]:
    """The middle of a waveform, or the waveform in the middle of zeros."""
    more = samples - len(x)
    if more <= 0:
        return x[-more // 2 : -more // 2 + samples]
    return np.pad(x, (more // 2, more - more // 2))


def level(x: NDArray[Any], most: float) -> float:
    """By what a clip is multiplied."""
    peak = float(np.abs(x).max())
    if most <= 0 or peak == 0:
        return 1.0
    return min(PEAK / peak, most)


def hann(window: int) -> NDArray[np.float64]:
    """A Hann window of that many samples, periodic."""
    wave: NDArray[np.float64] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    return wave


@functools.lru_cache(maxsize=8)
def filters(rate: int, fft: int, mels: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Triangles ``(mels, fft / 2 + 1)``; one too narrow for any frequency takes the nearest."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (low_hz, high_hz))
    edges = 700.0 * (10.0 ** (np.linspace(low, high, mels + 2) / 2595.0) - 1.0)
    hz = np.arange(fft // 2 + 1) * (rate / fft)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    slopes = np.minimum((hz - left) / (middle - left), (right - hz) / (right - middle))
    bank = np.maximum(0.0, slopes)
    for row in np.flatnonzero(bank.sum(axis=1) == 0):
        bank[row, np.abs(hz - middle[row]).argmin()] = 1.0
    return bank


def golden_vectors_hold() -> bool:
    """Whether this machine gives what ``prepare.json`` says, to within one step."""
    golden = _beside()["golden"]
    got = prepare(np.array(golden["waveform"], np.int16)).astype(np.int64)
    return bool((np.abs(got - np.array(golden["features"])) <= 1).all())


def _beside() -> dict[str, Any]:
    text = Path(__file__).with_name("prepare.json").read_text(encoding="utf-8")
    about: dict[str, Any] = json.loads(text)
    return about
