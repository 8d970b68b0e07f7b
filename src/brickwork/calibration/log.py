"""What the runner or the harness printed, read back: rows of times for files of the manifest.

Lines around them may be anything: a boot message, another program, the end of a reset run. A header
says what is in which column; a board that starts again prints it again. A time stamp that a monitor
puts before each line is passed over.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from brickwork.calibration.manifest import CHECKED, Manifest, Network
from brickwork.errors import DataError

__all__ = ["Time", "read_times"]

_NEEDED = ("file", "latency_ms")
_SUFFIXES = (".onnx", ".tflite", ".c")


@dataclass(frozen=True, slots=True)
class Time:
    """The time of a network.

    Attributes:
        network: The network.
        file: Which of its files ran.
        latency_ms: How long it took.
        runtime: What ran it; empty where nobody says.
        machine: Where; likewise.
        mhz: The clock of the core, where it is known.
    """

    network: Network
    file: str
    latency_ms: float
    runtime: str = ""
    machine: str = ""
    mhz: float | None = None


def read_times(path: Path, manifest: Manifest) -> list[Time]:
    """The times in a CSV or a log; of a file that was measured again the last one.

    Raises:
        DataError: There are none, or they are of other networks, of several runtimes or machines,
            or no numbers; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    found: dict[str, Time] = {}
    for number, cells in _rows(text):
        time = _time(f"{path}: line {number}", cells, manifest)
        found[time.file] = time
    times = list(found.values())
    if not times:
        raise DataError(
            f"{path}: no line has times: a header with the columns file and latency_ms is needed, "
            "as run_on_board.py and harness.c print it"
        )
    kinds = {_kind(time.file) for time in times}
    _one(path, "kinds of files", [f"*{kind}" for kind in sorted(kinds)])
    _one(path, "runtimes", sorted({time.runtime for time in times}))
    _one(path, "machines", sorted({time.machine for time in times}))
    _one(path, "clocks", sorted({f"{time.mhz or 0:g} MHz" for time in times}))
    return times


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines that hold a time, as cells by column."""
    header: Sequence[str] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            cells = next(csv.reader([line], strict=True), [])
        except csv.Error:  # a line of something else
            continue
        cells = [cell.strip() for cell in cells]
        if cells and cells[0]:
            cells[0] = cells[0].split()[-1]  # without a time stamp
        if set(_NEEDED) <= set(cells):
            header = cells
        elif header and len(cells) == len(header):
            row = dict(zip(header, cells, strict=True))
            if row["file"].endswith(_SUFFIXES):
                yield number, row


def _time(where: str, cells: dict[str, str], manifest: Manifest) -> Time:
    name = Path(cells["file"]).name
    if name not in manifest.models:
        raise DataError(f"{where}: {cells['file']} is none of the networks of this folder")
    network, file = manifest.models[name]
    check = cells.get("checksum", "")
    if check and file.sha256[:CHECKED] != check:
        raise DataError(
            f"{where}: {name} was measured with checksum {check}, here it has "
            f"{file.sha256[:CHECKED]}: these are the times of another set of networks"
        )
    latency = _number(where, "latency_ms", cells["latency_ms"])
    if latency is None:
        raise DataError(f"{where}: latency_ms is empty: leave out what was not measured")
    mhz = _number(where, "mhz", cells.get("mhz", ""))
    return Time(network, name, latency, cells.get("runtime", ""), cells.get("machine", ""), mhz)


def _number(where: str, column: str, text: str) -> float | None:
    """A positive number; None for an empty cell."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value <= 0:
        raise DataError(f"{where}: {column} must be a number above 0, got {text!r}")
    return value


def _kind(file: str) -> str:
    return "." + file.split(".", 1)[1]


def _one(path: Path, what: str, found: Sequence[str]) -> None:
    if len(found) > 1:
        names = ", ".join(one or "none" for one in found)
        raise DataError(f"{path}: {what} differ ({names}): read one at a time")
