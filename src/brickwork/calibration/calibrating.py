"""What ``brickwork calibrate`` does: write networks, read what a board says, or both here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from brickwork.calibration.folder import NETWORKS, Asked, totals, write_folder
from brickwork.calibration.here import measure_here
from brickwork.calibration.installing import free_place, read_back
from brickwork.calibration.manifest import MANIFEST, Manifest, read_manifest
from brickwork.costs import shape_of
from brickwork.errors import BrickworkError

__all__ = ["calibrate"]


def calibrate(
    folder: Path,
    *,
    target: str = "",
    input: str = "",
    networks: int | None = None,
    seed: int | None = None,
    read: Path | None = None,
    here: bool = False,
    name: str = "",
    title: str = "",
    factor: bool = False,
    step: Callable[[int, int], None] = lambda _done, _all: None,
) -> dict[str, Any]:
    """Write benchmark networks; or read back measurements of them and install a target.

    Args:
        folder: Of the networks.
        target: Name or file of a target: networks fit its memory, what is installed keeps it.
        input: Shape of the samples that will be searched, as text.
        networks: How many networks.
        seed: Chooses networks and weights.
        read: What a board printed; it is fitted and installed.
        here: Whether networks are measured on this machine, and that is installed.
        name: Of the installed target; else as the folder is called.
        title: Likewise, for a person.
        factor: Whether only one factor to the target's model is fitted.
        step: Told how many networks are measured here, of how many.

    Returns:
        What is in the folder; or what ``read_back`` gives.

    Raises:
        BrickworkError: One line that says what is wrong, and where.
    """
    shaped = input or networks is not None or seed is not None
    if read is not None and (here or shaped):
        other = "--here measures" if here else "--input, --networks and --seed are for writing"
        raise BrickworkError(f"--read takes networks that were measured; {other}: leave one out")
    if read is None and not here and (name or title or factor):
        raise BrickworkError("--name, --title and --factor are for --read and --here")
    if read is not None:
        return read_back(folder, read, name, title, target=target, factor=factor)
    asked = Asked(
        "" if here else target,  # this machine has the memory for any of them
        shape_of(input) if input else Asked().input,
        NETWORKS if networks is None else networks,
        seed or 0,
    )
    there = here and not shaped and (folder / MANIFEST).is_file()
    manifest = read_manifest(folder) if there else write_folder(folder, asked)
    if not here:
        return _written(folder, manifest)
    free_place(name or folder.resolve().name, manifest)  # before minutes are spent
    times = measure_here(folder, manifest, step)
    return read_back(folder, times, name, title, target=target or "cpu", factor=factor)


def _written(folder: Path, manifest: Manifest) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "set": manifest.key,
        "target": manifest.target,
        "input": list(manifest.input),
        **totals(manifest.networks),
        "files": [
            {"name": one.name, "space": one.space, "input": list(one.input), "macs": one.macs}
            for one in manifest.networks
        ],
    }
