"""The manifest of a folder of benchmark networks: what is in it, with checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from brickwork.errors import DataError

__all__ = ["CHECKED", "MANIFEST", "KitFile", "Manifest", "Network", "checksum", "read_manifest"]

MANIFEST = "manifest.json"
CHECKED = 16
"""Digits of a checksum that a board prints."""

_VERSION = 1  # of the manifest's form


@dataclass(frozen=True, slots=True)
class KitFile:
    """A file as it was written.

    Attributes:
        sha256: Its checksum.
        bytes: Its size.
    """

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Network:
    """A benchmark network.

    Attributes:
        name: What its files begin with.
        space: The name of its space.
        settings: How the space was made, where not as usual.
        arch: The architecture, as JSON.
        input: Shape of a sample.
        outputs: Number of outputs.
        macs: Multiply-accumulates.
        parameters: Weights.
        work: Of each kind (``devices.work``).
        arena_bytes: Memory of its C file.
        part: The program that holds it, of those that a microcontroller runs one after the other.
        witness: Whether it is one of those by which a fit is judged.
        files: Its files, by their path in the folder.
    """

    name: str
    space: str
    settings: Mapping[str, Any]
    arch: Mapping[str, Any]
    input: tuple[int, ...]
    outputs: int
    macs: int
    parameters: int
    work: Mapping[str, float]
    arena_bytes: int
    part: int
    witness: bool
    files: Mapping[str, KitFile]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in a folder.

    Attributes:
        target: Name or file of the target that it was made for; empty for any.
        input: Shape of the samples that it was made for.
        seed: What chose networks and weights.
        networks: The networks.
        files: All other files, by their path in the folder.
        written_by: What wrote it.
    """

    target: str
    input: tuple[int, ...]
    seed: int
    networks: tuple[Network, ...]
    files: Mapping[str, KitFile]
    written_by: str

    @property
    def key(self) -> str:
        """What tells this set of networks from others."""
        every = sorted(file.sha256 for one in self.networks for file in one.files.values())
        return hashlib.sha256("".join(every).encode()).hexdigest()[:CHECKED]

    @property
    def models(self) -> dict[str, tuple[Network, KitFile]]:
        """Files of networks, by their name without a folder."""
        return {
            Path(path).name: (one, file)
            for one in self.networks
            for path, file in one.files.items()
        }

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {"version": _VERSION, "set": self.key, **asdict(self)}


def checksum(content: bytes) -> str:
    """The checksum of a file's content."""
    return hashlib.sha256(content).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder.

    Raises:
        DataError: The folder has none that can be read.
    """
    path = folder / MANIFEST
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"{folder} holds no benchmark networks: write them first, with 'brickwork calibrate "
            f"{folder}'"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise DataError(f"{path} is not a manifest of benchmark networks") from None
    try:
        version = data["version"]
        networks = tuple([_network(one) for one in data["networks"]])
        found = Manifest(
            str(data["target"]),
            tuple([int(size) for size in data["input"]]),
            int(data["seed"]),
            networks,
            _files(data["files"]),
            str(data["written_by"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DataError(f"{path} is not a manifest of benchmark networks") from None
    if version != _VERSION:
        raise DataError(f"{path} has version {version}, this Brickwork reads {_VERSION}")
    return found


def _network(data: Mapping[str, Any]) -> Network:
    fields = {**data, "input": tuple(data["input"]), "files": _files(data["files"])}
    return Network(**fields)


def _files(data: Mapping[str, Any]) -> dict[str, KitFile]:
    return {name: KitFile(**facts) for name, facts in data.items()}
