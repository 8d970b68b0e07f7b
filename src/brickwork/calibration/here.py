"""The benchmark networks measured on this machine: the shortest way from networks to a target."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

from brickwork.calibration.log import read_times
from brickwork.calibration.manifest import CHECKED, Manifest
from brickwork.devices.measure import measure_onnx
from brickwork.errors import DataError

__all__ = ["HERE", "measure_here"]

HERE = "here.csv"
"""What is measured here, in the folder of the networks."""

_COLUMNS = ("file", "checksum", "latency_ms", "spread_ms", "runtime", "machine", "mhz")


def measure_here(
    folder: Path, manifest: Manifest, step: Callable[[int, int], None] = lambda _done, _all: None
) -> Path:
    """Measure all networks in ONNX Runtime on one thread; what was measured before is kept.

    Args:
        folder: The folder of the networks.
        manifest: What is in it.
        step: Told how many are done, of how many.

    Returns:
        A CSV as ``run_on_board.py`` writes it.

    Raises:
        DataError: The folder cannot be read or written.
    """
    path = folder / HERE
    done = {time.file for time in read_times(path, manifest)} if _started(path) else set()
    models = [(name, *found) for name, found in manifest.models.items() if name.endswith(".onnx")]
    try:
        with path.open("a", newline="", encoding="utf-8") as file:
            lines = csv.writer(file, lineterminator="\n")
            if not done:
                file.truncate(0)
                lines.writerow(_COLUMNS)
            for number, (name, network, facts) in enumerate(models, start=1):
                if name not in done:
                    content = (folder / "onnx" / name).read_bytes()
                    found = measure_onnx(content, network.input)
                    runtime, _, rest = found.source.partition(" on ")
                    times = [f"{found.value:.6g}", f"{found.spread or 0:.3g}"]
                    check = facts.sha256[:CHECKED]
                    machine = rest.partition(", 1 thread")[0]
                    lines.writerow([f"onnx/{name}", check, *times, runtime, machine, ""])
                    file.flush()
                    os.fsync(file.fileno())
                step(number, len(models))
    except OSError as error:
        raise DataError(f"{error.filename or path}: {error.strerror or error}") from None
    return path


def _started(path: Path) -> bool:
    """Whether a line with a time is there."""
    return path.is_file() and path.read_bytes().count(b"\n") > 1
