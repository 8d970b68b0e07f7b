"""From what a board printed to an installed target: read, fit, install."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from brickwork.calibration.log import Time, read_times
from brickwork.calibration.manifest import Manifest, checksum, read_manifest
from brickwork.devices import load_target, target_names
from brickwork.devices.installed import installed_file
from brickwork.errors import DataError, TargetError
from brickwork.fit import fit_measurements
from brickwork.writing import write_whole

__all__ = ["free_place", "read_back"]

_MARK = "# Written by brickwork calibrate from the set "
_FEW = 2  # networks; the fit says what else it needs


def read_back(
    folder: Path,
    measurements: Path,
    name: str = "",
    title: str = "",
    *,
    target: str = "",
    factor: bool = False,
) -> dict[str, Any]:
    """Fit what a board printed and install it as a target.

    Args:
        folder: The folder of the networks.
        measurements: A CSV, or a log with one in it.
        name: How the target is asked for; else as the folder is called.
        title: What a person calls it; else its machine and runtime.
        target: Name or file of what was measured: its memory and power are kept; else what the
            networks were made for.
        factor: Whether only one factor to that target's model is fitted.

    Returns:
        What ``fit_measurements`` gives, and where the target is installed.

    Raises:
        DataError: The folder or the measurements cannot be used.
        TargetError: The name is taken, or the target cannot be used or written.
    """
    manifest = read_manifest(folder)
    name = name or folder.resolve().name
    place = free_place(name, manifest)
    times = read_times(measurements, manifest)
    if len(times) < _FEW:
        raise DataError(f"{measurements}: the time of one network is not enough to fit anything")
    with tempfile.TemporaryDirectory(prefix="brickwork-") as work:
        table = Path(work) / f"{measurements.stem}.csv"
        _write_table(table, folder, times)
        made = Path(work) / f"{name}.toml"
        base = target or manifest.target
        try:
            found = fit_measurements(
                table,
                base or None,
                made,
                factor=factor,
                about=_about(times, base, title),
                judges=[time.network.name for time in times if time.network.witness],
            )
        except DataError as error:
            raise DataError(str(error).replace(str(table), str(measurements))) from None
        text = f"{_MARK}{manifest.key}.\n{made.read_text(encoding='utf-8')}"
    _install(place, text)
    return {**found, "file": str(place), "of": len(manifest.networks)}


def free_place(name: str, manifest: Manifest) -> Path:
    """Where a target of that name goes.

    Raises:
        TargetError: Something else has that name, or it is none.
    """
    if name in target_names():
        raise TargetError(f"the library has a target {name!r}: choose another with --name")
    place = installed_file(name)
    if place is None:
        raise TargetError(
            f"{name!r} cannot name a target: use letters, digits, dots and dashes (--name)"
        )
    try:
        before = place.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return place
    except OSError as error:
        raise TargetError(f"{place}: cannot be read: {error.strerror}") from None
    if not before.startswith(f"{_MARK}{manifest.key}."):
        raise TargetError(
            f"a target {name!r} is installed that does not come from this set of networks: choose "
            f"another --name, or remove {place}"
        )
    return place


def _write_table(table: Path, folder: Path, times: Sequence[Time]) -> None:
    """A CSV as ``brickwork fit`` reads it, with files that are checked to be those measured."""
    with table.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(("file", "latency_ms", "mhz", "family"))
        for time in times:
            path = next(path for path in time.network.files if Path(path).name == _model(time))
            try:
                content = (folder / path).read_bytes()
            except OSError as error:
                raise DataError(f"{folder / path}: cannot be read: {error.strerror}") from None
            if checksum(content) != time.network.files[path].sha256:
                raise DataError(f"{folder / path} was changed since it was written")
            lines.writerow(
                ((folder / path).resolve(), time.latency_ms, time.mhz or "", time.network.name)
            )


def _model(time: Time) -> str:
    """The file whose work a time belongs to: the one that is counted as a search counts a graph.

    ONNX and C pad inside of convolutions, so a search, which predicts graphs as TensorFlow Lite
    runs them, would otherwise count what the fit did not.
    """
    return f"{time.network.name}.int8.tflite"


def _about(times: Sequence[Time], base: str, title: str) -> dict[str, str]:
    """What the measurements say of the target."""
    first = times[0]
    about = {"precision": "float32" if first.file.endswith(".onnx") else "int8"}
    if first.runtime:
        about["engine"] = first.runtime
    where = first.machine or (load_target(base).title if base else "")
    if title or where:
        runtime = f", {first.runtime}" if first.runtime else ""
        about["title"] = title or f"{where}{runtime}"
    return about


def _install(place: Path, text: str) -> None:
    """Write a target's file at once."""
    try:
        write_whole(place, text)
    except OSError as error:
        raise TargetError(f"{place}: cannot be written: {error.strerror or error}") from None
