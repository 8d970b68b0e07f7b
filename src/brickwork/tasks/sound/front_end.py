"""Which front end: its settings by the data's rate and length, and what it learns from training."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.tasks.beside import preparation
from brickwork.tasks.sound.c_source import c_files
from brickwork.tasks.sound.prepare import decibels, prepare

__all__ = ["clip_length", "files_of", "forms_of", "frames_of", "settings_of", "with_range"]

_FITTING = 98  # percent of the training clips that are not cut
_LONG_S, _LONGEST_S = 2.0, 10.0
_WINDOW_S = 0.032  # 256 samples at 8 kHz and 512 at 16 kHz: no zeros in the transform
_HOP_S = (0.010, 0.020)
_FRAMES = 50  # in a second or less; up to 100 in what is longer
_LOW_HZ = 60.0  # below is hum
_CLIPS = 1000  # looked at for the range of decibels
_QUIET, _LOUD = 2.0, 99.9  # percentiles of what is not silence
_LEAST_DB = 20.0
_GAIN_DB = 30.0  # microphones and mouths differ by as much; silence stays softer than that
_MOST_GAIN_DB = 60.0  # beyond it, rounding noise is as loud as speech

_FORMS = 16  # front ends of a search: the features of each are kept in memory

_UNITS = {"": 1.0, "s": 1.0, "ms": 0.001, "db": 1.0}
_KEYS = {"window": ("s", "ms"), "hop": ("s", "ms"), "length": ("s", "ms"), "mels": ("",)}
_KEYS["gain"] = ("db",)


def clip_length(lengths: NDArray[np.int64], rate: int) -> int:
    """Samples that all clips get, from the lengths of the training clips.

    As long as nearly all of them, but where a few are much longer than most not beyond two seconds
    or the median, and never beyond ten seconds.
    """
    length = int(np.percentile(lengths, _FITTING, method="higher"))
    if lengths.max() <= 1.1 * length:
        length = int(lengths.max())
    if length > _LONG_S * rate:
        length = max(int(_LONG_S * rate), int(np.median(lengths)))
    return min(length, int(_LONGEST_S * rate))


def forms_of(text: str) -> list[tuple[str, str]]:
    """All front ends that a user asks for: what each is called, and its settings as text.

    Args:
        text: Settings, of which each may have several values with ``|`` between them.

    Raises:
        DataError: There are too many.
    """
    parts = [part.strip() for part in text.split(",")]
    values = [[value.strip() for value in part.partition("=")[2].split("|")] for part in parts]
    forms = []
    for chosen in product(*values):
        said = [part.partition("=")[0].strip() for part in parts]
        pairs = [
            f"{name}={value}" if value else part
            for name, value, part in zip(said, chosen, parts, strict=True)
        ]
        several = [pair for pair, found in zip(pairs, values, strict=True) if len(found) > 1]
        forms.append((",".join(several), ",".join(pairs)))
    if len(forms) > _FORMS:
        raise DataError(f"front end: {text!r} are {len(forms)} front ends, at most {_FORMS} can be")
    return forms


def settings_of(text: str, rate: int, length: int, where: str) -> dict[str, Any]:
    """Settings as in ``prepare.json``, without the range of decibels.

    Args:
        text: What a user asked for, such as ``"window=25ms,hop=20ms,mels=32"``; empty for nothing.
        rate: Samples in a second.
        length: Samples in a clip.
        where: Where the data come from, for messages.

    Raises:
        DataError: A setting is not known or makes no sense.
    """
    asked = _asked(text)
    length = round(asked.get("length", length / rate) * rate)
    low, high = _HOP_S
    usual = max(low, min(high, length / rate / _FRAMES), length / rate / (2 * _FRAMES))
    hop = round(asked.get("hop", round(usual, 3)) * rate)
    window = round(asked.get("window", max(_WINDOW_S, hop / rate)) * rate)
    if hop < 1 or window < 16 or window > rate:
        raise DataError(f"front end: {text!r} asks for a window of {window} samples every {hop}")
    frames = 1 + max(0, round((length - window) / hop))
    if not 8 <= frames <= 1000:
        raise DataError(
            f"{where}: clips of {length / rate:.3g} s give {frames} frames, 8 to 1000 are needed: "
            "ask for other ones, such as --front-end window=20ms,hop=10ms,length=1s"
        )
    mels = asked.get("mels", 32 if rate <= 16000 else 40)
    fft = 1 << (window - 1).bit_length()
    if mels != int(mels) or not 8 <= mels <= min(128, fft // 4):
        raise DataError(f"front end: {mels:g} mels, 8 to {min(128, fft // 4)} can be had")
    gain = asked.get("gain", _GAIN_DB)
    if gain > _MOST_GAIN_DB:
        raise DataError(f"front end: a gain of {gain:g} dB, 0 to {_MOST_GAIN_DB:g} can be had")
    return {
        "rate": rate,
        "samples": window + (frames - 1) * hop,
        "window": window,
        "hop": hop,
        "fft": fft,
        "mels": int(mels),
        "gain": round(10.0 ** (gain / 20.0), 4) if gain else 0.0,
        "low_hz": min(_LOW_HZ, rate / 100),
        "high_hz": min(rate / 2, 8000.0),
    }


def frames_of(settings: Mapping[str, Any]) -> int:
    """How many windows there are in a clip."""
    return int(1 + (settings["samples"] - settings["window"]) // settings["hop"])


def with_range(settings: Mapping[str, Any], clips: NDArray[Any], where: str) -> dict[str, Any]:
    """The settings with ``low_db`` and ``high_db``, learned from training clips.

    Raises:
        DataError: There is only silence.
    """
    chosen = clips[:: max(1, len(clips) // _CLIPS)]
    found = [decibels(clip, settings) for clip in chosen]
    silence = decibels(np.zeros(1), settings)[0, 0]
    heard = np.concatenate([power[power.max(axis=1) > silence + 1.0].ravel() for power in found])
    if not len(heard):
        raise DataError(f"{where}: all training clips that were looked at are silent")
    high = float(np.percentile(heard, _LOUD))
    low = min(float(np.percentile(heard, _QUIET)), high - _LEAST_DB)
    return {**settings, "low_db": round(low, 1), "high_db": round(high, 1)}


def files_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """What goes with every model: the front end in Python and in C, its settings, and vectors."""
    wave = _waveform(settings)
    golden = {
        "waveform": wave.tolist(),
        "features": prepare(wave, settings).tolist(),
    }
    text = json.dumps({**settings, "golden": golden}, indent=None)
    text = text.replace(', "golden"', ',\n"golden"') + "\n"
    return {
        **preparation("brickwork.tasks.sound", text),
        **c_files(settings, frames_of(settings)),
    }


def _waveform(settings: Mapping[str, Any]) -> NDArray[np.int16]:
    """A short rising tone with some noise, the same everywhere."""
    count = min(settings["samples"], settings["window"] + 8 * settings["hop"])
    at = np.arange(count) / settings["rate"]
    span = at[-1] or 1.0
    sweep = np.sin(2 * np.pi * (100.0 * at + (0.2 * settings["rate"] - 100.0) * at**2 / span))
    noise = (np.arange(count) * 7919 % 1009) / 1009.0 - 0.5
    wave = 32767.0 * (0.4 * at / span * sweep + 0.02 * noise)
    return np.asarray(np.round(wave), np.int16)


def _asked(text: str) -> dict[str, float]:
    """Numbers by name; times in seconds."""
    asked = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = re.fullmatch(r"(\w+)\s*=\s*(\d+\.?\d*)\s*(ms|s|db|)", part.lower())
        name, number, unit = found.groups() if found else ("", "", "")
        if unit not in _KEYS.get(name, ()):
            raise DataError(
                f"front end: cannot read {part!r}: expected some of window, hop, length and gain "
                "with their unit and mels, such as 'window=25ms,hop=20ms,length=1s,mels=32'"
            )
        if name in asked:
            raise DataError(f"front end: {text!r} gives {name} twice")
        asked[name] = float(number) * _UNITS[unit]
    return asked
