"""Waveforms from files: wav with the standard library, flac and ogg through soundfile."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError, MissingExtra

__all__ = ["SUFFIXES", "from_floats", "read_sound"]

SUFFIXES = (".wav", ".flac", ".ogg")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_UNKNOWN_SIZE = 0x7FFFF000  # from which a size stands for "to the end", as recorders write it


def read_sound(file: Path) -> tuple[NDArray[np.int16], int]:
    """Samples ``(n,)`` of a file, its channels mixed, and how many there are in a second.

    Raises:
        DataError: The file is damaged, empty, or of a form that is not read.
        MissingExtra: It needs soundfile.
    """
    if file.suffix.lower() != ".wav":
        sound, rate = _by_soundfile(file)
    else:
        try:
            sound, rate = _by_chunks(file, file.read_bytes())
        except (OSError, struct.error) as error:
            raise DataError(f"{file}: the wav file is damaged: replace or remove it") from error
    if len(sound) == 0:
        raise DataError(f"{file}: holds no samples: replace or remove it")
    return sound, rate


def from_floats(x: NDArray[Any], where: str) -> NDArray[np.int16]:
    """Samples in -1..1 as 16-bit integers.

    Raises:
        DataError: Some are not finite, or far outside.
    """
    if not np.isfinite(x).all():
        raise DataError(f"{where}: holds NaN or infinite samples: replace or remove it")
    if len(x) and np.abs(x).max() > 2:
        raise DataError(
            f"{where}: samples reach {np.abs(x).max():.4g}, expected -1..1 (or 16-bit integers): "
            "divide them by the largest that the recorder gives"
        )
    return np.clip(np.round(x * 32767.0), -32768, 32767).astype(np.int16)


def _by_soundfile(file: Path) -> tuple[NDArray[np.int16], int]:
    try:
        import soundfile
    except ImportError:
        raise MissingExtra("audio", f"{file}: reading {file.suffix.lower()[1:]}") from None
    try:
        sound, rate = soundfile.read(str(file), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise DataError(f"{file}: cannot be read as a sound: replace or remove it") from error
    return from_floats(sound.mean(axis=1), str(file)), int(rate)


def _by_chunks(file: Path, data: bytes) -> tuple[NDArray[np.int16], int]:
    if not data:
        raise DataError(f"{file}: the file is empty: replace or remove it")
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise DataError(f"{file}: is no wav file, though its name says so: replace or remove it")
    chunks = dict(_chunks(data))
    if b"fmt " not in chunks or b"data" not in chunks:
        raise DataError(f"{file}: the wav file is damaged: replace or remove it")
    start, size = chunks[b"fmt "]
    form, channels, rate, _, frame, bits = struct.unpack_from("<HHIIHH", data, start)
    if form == _EXTENSIBLE and size >= 26:
        (form,) = struct.unpack_from("<H", data, start + 24)
    if channels < 1 or rate < 1 or frame != channels * (bits // 8):
        raise DataError(f"{file}: the header of the wav file is damaged: replace or remove it")
    if (form, bits) not in {(_PCM, b) for b in (8, 16, 24, 32)} | {(_FLOAT, 32), (_FLOAT, 64)}:
        raise DataError(
            f"{file}: {bits} bits in wav format {form} are not read: convert it to 16-bit PCM"
        )
    start, size = chunks[b"data"]
    there = len(data) - start
    if there < size < _UNKNOWN_SIZE:
        raise DataError(
            f"{file}: is cut off: {size} bytes of sound are promised, {there} are there: "
            "replace or remove it"
        )
    size = min(size, there)
    body = data[start : start + size - size % frame]
    wide = _mixed(body, form, bits, channels)
    if form == _FLOAT:
        return from_floats(wide, str(file)), rate
    return np.clip(np.round(wide), -32768, 32767).astype(np.int16), rate


def _chunks(data: bytes) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Name, start and size of each chunk."""
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        yield name, (place + 8, size)
        place += 8 + size + size % 2


def _mixed(body: bytes, form: int, bits: int, channels: int) -> NDArray[np.float64]:
    """The mean of the channels, integers on the scale of 16 bits."""
    scale = 1.0
    if form == _FLOAT:
        x: NDArray[Any] = np.frombuffer(body, f"<f{bits // 8}")
    elif bits == 8:  # the only one without a sign
        x, scale = np.frombuffer(body, np.uint8).astype(np.int16) - 128, 256.0
    elif bits == 24:
        parts = np.frombuffer(body, np.uint8).reshape(-1, 3).astype(np.int32)
        x = (parts[:, 0] << 8 | parts[:, 1] << 16 | parts[:, 2] << 24) >> 8
        scale = 1 / 256
    else:
        x = np.frombuffer(body, f"<i{bits // 8}")
        scale = 1.0 if bits == 16 else 1 / 65536
    mixed: NDArray[np.float64] = x.reshape(-1, channels).mean(axis=1, dtype=np.float64) * scale
    return mixed
