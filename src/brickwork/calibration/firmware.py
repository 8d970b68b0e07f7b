"""The table by which the C harness knows its networks, in parts that fit a microcontroller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brickwork.calibration.manifest import CHECKED, checksum
from brickwork.devices import Target
from brickwork.export.c.writer import CFiles

__all__ = ["ARENA", "Written", "parts_of", "pattern", "result_of", "table"]

ARENA = "calibrate_arena"
"""The memory that all networks share."""

_CODE = 10_000  # bytes of the kernels of a network
_PART = 0.7  # of the flash of a device that one program may take
_UNLIMITED = 2**30


@dataclass(frozen=True, slots=True)
class Written:
    """A network in C, and what it gives for the harness's input.

    Attributes:
        files: The network in C.
        result: A hash of its outputs.
    """

    files: CFiles
    result: int


def pattern(size: int) -> NDArray[np.int8]:
    """The input that the harness fills in."""
    return ((np.arange(size) * 37 + 11) % 251 - 125).astype(np.int8)


def result_of(output: NDArray[np.int8]) -> int:
    """The hash of outputs that the harness computes, too: FNV-1a in 32 bits."""
    found = 2166136261
    for byte in output.tobytes():
        found = (found ^ byte) * 16777619 % 2**32
    return found


def parts_of(networks: Sequence[CFiles], target: Target | None) -> list[int]:
    """The number of the program, from 1 on, that each network goes into: as few as flash allows."""
    flash = None if target is None else target.flash_bytes
    room = _UNLIMITED if flash is None else int(_PART * flash)
    used: list[int] = []
    found = []
    for one in networks:
        size = one.constant_bytes + _CODE
        part = next((i for i, bytes_ in enumerate(used) if bytes_ + size <= room), len(used))
        if part == len(used):
            used.append(0)
        used[part] += size
        found.append(part + 1)
    return found


def table(networks: Sequence[Written], parts: Sequence[int]) -> str:
    """``networks.h``: a list of the networks of each part, and the memory that they share."""
    count = max(parts)
    lines = [
        "/* The networks of each part of a set; written by brickwork calibrate. */",
        "#ifndef CALIBRATE_NETWORKS_H",
        "#define CALIBRATE_NETWORKS_H",
        "",
        f"#define CALIBRATE_PARTS {count}",
        "#ifndef CALIBRATE_PART",
        "#define CALIBRATE_PART 1",
        "#endif",
    ]
    for part in range(1, count + 1):
        own = [one for one, which in zip(networks, parts, strict=True) if which == part]
        lines += ["", f"#if CALIBRATE_PART == {part}"]
        lines += [f'#include "{one.files.name}.h"' for one in own]
        lines.append(f"#define CALIBRATE_ARENA_BYTES {max(one.files.arena_bytes for one in own)}")
        lines.append("#define CALIBRATE_NETWORKS(NETWORK) \\")
        rows = []
        for one in own:
            name = one.files.name
            check = checksum(one.files.source.encode())[:CHECKED]
            rows.append(f'    NETWORK({name}, {name.upper()}, "{check}", 0x{one.result:08x}U)')
        lines += [f"{row} \\" for row in rows[:-1]] + rows[-1:]
        lines.append("#endif")
    return "\n".join([*lines, "", "#endif", ""])
