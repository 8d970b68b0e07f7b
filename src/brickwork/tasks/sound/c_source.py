"""The front end in C99, for microcontrollers: what ``prepare.py`` does, in single precision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import Any

import numpy as np

from brickwork.tasks.sound.prepare import FLOOR, PEAK, filters, hann

__all__ = ["c_files", "memory_of"]

_WIDTH = 100


def c_files(settings: Mapping[str, Any], frames: int) -> dict[str, str]:
    """``front_end.h`` and ``front_end.c`` for the settings of ``prepare.json``."""
    return {
        "front_end.h": _header(settings, frames),
        "front_end.c": "\n".join(_source(settings)) + "\n",
    }


def memory_of(settings: Mapping[str, Any]) -> tuple[int, int]:
    """Bytes of constant tables and of static memory; code comes on top of them."""
    bank = filters(*(settings[name] for name in ("rate", "fft", "mels", "low_hz", "high_hz")))
    weights = sum(len(_span(np.flatnonzero(row))) for row in bank)
    tables = settings["window"] + settings["fft"] + settings["mels"] + weights  # two halves: mels
    return 4 * tables, 4 * settings["fft"]


def _header(about: Mapping[str, Any], frames: int) -> str:
    return f"""/* From sound to what the network takes: {frames} x {about["mels"]} log-mel values.
 *
 * Use: front_end(samples, features) for {about["samples"]} samples at {about["rate"]} Hz.
 * The network's int8 input is each value less 128, in the same order. Needs the C library's log10f
 * (link with -lm); {memory_of(about)[1]} bytes of static memory, none of the heap. Within one
 * step of prepare.py.
 */
#ifndef FRONT_END_H
#define FRONT_END_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define FRONT_END_RATE {about["rate"]}
#define FRONT_END_SAMPLES {about["samples"]}
#define FRONT_END_WINDOW {about["window"]}
#define FRONT_END_HOP {about["hop"]}
#define FRONT_END_FFT {about["fft"]}
#define FRONT_END_FRAMES {frames}
#define FRONT_END_MELS {about["mels"]}

/* FRONT_END_SAMPLES samples to FRONT_END_FRAMES x FRONT_END_MELS values. */
void front_end(const int16_t *samples, uint8_t *features);

/* The same in two steps: by what all samples are multiplied, and FRONT_END_WINDOW samples to
 * FRONT_END_MELS values, once every FRONT_END_HOP samples. */
float front_end_level(const int16_t *samples, int32_t count);
void front_end_frame(const int16_t *samples, float level, uint8_t *features);

#ifdef __cplusplus
}}
#endif

#endif
"""


def _source(about: Mapping[str, Any]) -> Iterator[str]:
    fft, low, high = about["fft"], about["low_db"], about["high_db"]
    bank = filters(about["rate"], fft, about["mels"], about["low_hz"], about["high_hz"])
    used = [np.flatnonzero(row) for row in bank]
    turn = -2 * np.pi * np.arange(fft // 2) / fft
    yield '#include "front_end.h"\n\n#include <math.h>\n'
    yield f"#define POWER_FLOOR {_float(FLOOR)}"
    yield f"#define PEAK {_float(PEAK)}"
    yield f"#define MOST_GAIN {_float(about['gain'])}"
    yield f"#define LOW_DB ({_float(low)})"
    yield f"#define STEPS_PER_DB {_float(255.0 / (high - low))}\n"
    yield from _table("float", "hann", map(_float, hann(about["window"])))
    yield from _table("float", "cosine", map(_float, np.cos(turn)))
    yield from _table("float", "sine", map(_float, np.sin(turn)))
    yield from _table("uint16_t", "mel_first", (str(places[0]) for places in used))
    yield from _table("uint16_t", "mel_count", (str(len(_span(places))) for places in used))
    weights = [w for row, places in zip(bank, used, strict=True) for w in row[_span(places)]]
    yield from _table("float", "mel_weights", map(_float, weights))
    yield f"\nstatic float work[{fft}];\n"
    body = resources.files("brickwork.tasks.sound") / "front_end.c"
    yield body.read_text(encoding="ascii").rstrip()


def _span(places: Any) -> Any:
    """All places from the first to the last, which triangles hold without a gap."""
    return np.arange(places[0], places[-1] + 1)


def _float(value: Any) -> str:
    text = f"{float(value):.9g}"
    return f"{text}f" if any(c in text for c in ".en") else f"{text}.0f"


def _table(kind: str, name: str, cells: Iterable[str]) -> Iterator[str]:
    listed = list(cells)
    yield f"static const {kind} {name}[{len(listed)}] = {{"
    line = "   "
    for cell in listed:
        if len(line) + len(cell) + 2 > _WIDTH:
            yield line
            line = "   "
        line += f" {cell},"
    yield line
    yield "};"
