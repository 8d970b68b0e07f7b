"""The folder of a model: every file in it, written at once, with a manifest of checksums."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from brickwork.errors import ExportError
from brickwork.export.card import write_card
from brickwork.export.contents import as_json, contents, facts_of, meaning_of
from brickwork.export.formats import FORMATS, asked_by, checked, impossible
from brickwork.space import Graph

if TYPE_CHECKING:
    from brickwork.export.integer.network import IntegerNetwork
    from brickwork.export.integer.quantizing import Judge

__all__ = [
    "Artifacts",
    "FileFacts",
    "add_verification",
    "check_manifest",
    "copy_model",
    "export_model",
    "file_facts",
    "read_manifest",
    "write_model",
]

_MANIFEST = "manifest.json"
_VERSION = 1  # of the manifest's form

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file as it was written.

    Attributes:
        sha256: Its checksum.
        bytes: Its size.
    """

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Artifacts:
    """A model's folder.

    Attributes:
        folder: Where it lies.
        files: What is in it, but for the manifest itself.
        integer: The quantised network that its int8 files were written from, if any was.
    """

    folder: Path
    files: Mapping[str, FileFacts]
    integer: IntegerNetwork | None = None


def export_model(
    folder: Path,
    graph: Graph,
    weights: Mapping[str, Array],
    *,
    formats: Sequence[str] | None = None,
    calibration: Array | None = None,
    judge: Judge | None = None,
    golden_inputs: Array,
    info: Mapping[str, Any],
    beside: Mapping[str, str] | None = None,
) -> Artifacts:
    """Write a model's folder: all of it or nothing.

    Args:
        folder: Where; a model that was there before is replaced.
        graph: The network.
        weights: Its weights by state-dict key.
        formats: Any of ``formats.FORMATS``; by default those of any search that the network
            can have here.
        calibration: Raw training samples ``(samples, *input)``, for int8.
        judge: Chooses one of several quantised networks.
        golden_inputs: A few raw samples whose logits are stored beside the model.
        info: What is known of the model, for its card (see ``write_card``); JSON.
        beside: Texts that go with it, by file name: how a raw sample becomes an input.

    Raises:
        UnknownName: A format is not known.
        ExportError: The folder cannot be written, or the network not in this format.
    """
    if formats is None:
        refused = impossible(graph, asked_by())
        formats = [name for name in asked_by() if name not in refused]
    checked(formats)
    files, integer = contents(graph, weights, formats, calibration, judge, golden_inputs, info)
    files |= {name: text.encode() for name, text in (beside or {}).items()}
    known = dict(info) | facts_of(graph)
    if integer is not None:
        known["integer"] = meaning_of(integer)
    return replace(write_model(folder, files, known), integer=integer)


def write_model(
    folder: Path,
    files: Mapping[str, bytes],
    info: Mapping[str, Any],
    verification: Mapping[str, Any] | None = None,
) -> Artifacts:
    """Write a model's folder, with a card and a manifest: all of it or nothing.

    Args:
        folder: Where; a model that was there before is replaced.
        files: The content of all other files.
        info: What is known of the model; JSON.
        verification: What came of verifying it; JSON.

    Raises:
        ExportError: The folder cannot be written.
    """
    known = dict(files)
    if verification is not None:
        known["verification.json"] = as_json(verification)
    sizes = {name: asdict(file_facts(content)) for name, content in known.items()}
    card = write_card({**info, "files": sizes, "verification": verification})
    return _write(Path(folder), {**known, "card.md": card.encode()}, info)


def copy_model(
    folder: Path,
    out: Path,
    formats: Sequence[str] = (),
    added: Mapping[str, bytes] | None = None,
    checks: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Copy a model to another folder.

    Args:
        folder: A model's folder.
        out: Where to; made if it is not there.
        formats: What to copy; everything where none are given and nothing is added.
        added: More files for the copy.
        checks: What came of verifying these, as JSON.

    Raises:
        UnknownName: A format is not known.
        ExportError: The model is not there, not in this format, or was changed.
    """
    checked(formats)
    if problems := check_manifest(folder):
        raise ExportError(f"{folder} cannot be copied: {'; '.join(problems)}")
    manifest = read_manifest(folder)
    for name in formats:
        missing = [file for file in FORMATS[name] if file not in manifest["files"]]
        if missing:
            raise ExportError(f"{folder} was not exported as {name!r}: it has no {missing[0]}")
    optional = {file for name in FORMATS for file in FORMATS[name]}
    wanted = {file for name in formats or (() if added else FORMATS) for file in FORMATS[name]}
    names = [name for name in manifest["files"] if name not in optional or name in wanted]
    with _readable(folder):
        files = {name: (Path(folder) / name).read_bytes() for name in names}
    known = {name: manifest["files"][name] for name in names}
    verified = json.loads(files["verification.json"]) if "verification.json" in files else None
    if added:
        files |= added
        known |= {name: asdict(file_facts(content)) for name, content in added.items()}
        before = (verified or {}).get("checks", [])
        kept = [check for check in before if check["file"] not in added]
        verified = {**(verified or {}), "checks": [*kept, *checks]}
        files["verification.json"] = as_json(verified)
    card = write_card({**manifest["info"], "files": known, "verification": verified})
    return _write(Path(out), {**files, "card.md": card.encode()}, manifest["info"]).folder


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a model's folder.

    Raises:
        ExportError: There is none that can be read.
    """
    path = Path(folder) / _MANIFEST
    with _readable(path):
        text = path.read_text(encoding="utf-8")
    try:
        manifest = json.loads(text)
        version = manifest["version"]
        files = {name: FileFacts(**facts) for name, facts in manifest["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ExportError(f"{path} is not a manifest: export the model again") from None
    if version != _VERSION:
        raise ExportError(f"{path} has version {version}, this Brickwork reads {_VERSION}")
    if bad := [name for name in files if Path(name).name != name]:
        raise ExportError(f"{path} names a file outside of its folder: {bad[0]!r}")
    return dict(manifest)


def check_manifest(folder: Path) -> list[str]:
    """What is wrong with the files of a model's folder, a sentence each; nothing if all is well."""
    try:
        manifest = read_manifest(folder)
    except ExportError as error:
        return [str(error)]
    problems = []
    for name, facts in manifest["files"].items():
        try:
            found = file_facts((Path(folder) / name).read_bytes())
        except FileNotFoundError:
            problems.append(f"{name} is missing")
            continue
        except OSError as error:
            problems.append(f"{name} cannot be read: {error.strerror}")
            continue
        if found != FileFacts(**facts):
            problems.append(
                f"{name} was changed: it has {found.bytes} bytes and sha256 {found.sha256[:12]}, "
                f"the manifest says {facts['bytes']} and {facts['sha256'][:12]}"
            )
    return problems


def add_verification(folder: Path, verification: Mapping[str, Any]) -> Artifacts:
    """Put what was verified into the card and the manifest of a model's folder.

    Raises:
        ExportError: The folder cannot be read or written.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    facts = {name: FileFacts(**known) for name, known in manifest["files"].items()}
    card = write_card(
        {**manifest["info"], "files": manifest["files"], "verification": verification}
    )
    changed = {"verification.json": as_json(verification), "card.md": card.encode()}
    facts |= {name: file_facts(content) for name, content in changed.items()}
    changed[_MANIFEST] = _manifest(facts, manifest["info"])
    with _writable(folder):
        for name, content in changed.items():
            part = folder / f".{name}.part"
            part.write_bytes(content)
            part.replace(folder / name)
    return Artifacts(folder, facts)


def file_facts(content: bytes) -> FileFacts:
    """The facts of a file's content."""
    return FileFacts(hashlib.sha256(content).hexdigest(), len(content))


def _manifest(facts: Mapping[str, FileFacts], info: Mapping[str, Any]) -> bytes:
    from brickwork.export.onnx import producer_version

    files = {name: asdict(fact) for name, fact in sorted(facts.items())}
    return as_json(
        {
            "version": _VERSION,
            "brickwork": producer_version(),
            "graph": info.get("graph"),
            "files": files,
            "info": info,
        }
    )


def _write(folder: Path, files: Mapping[str, bytes], info: Mapping[str, Any]) -> Artifacts:
    """Write a folder beside its place, then put it there."""
    facts = {name: file_facts(content) for name, content in files.items()}
    try:
        replaceable = not folder.exists() or not any(folder.iterdir()) or _is_ours(folder)
    except OSError as error:
        raise ExportError(f"cannot use {folder}: {error.strerror}: give another folder") from error
    if not replaceable:
        raise ExportError(f"{folder} holds other files than a model: give another folder")
    with _writable(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            for name, content in {**files, _MANIFEST: _manifest(facts, info)}.items():
                (part / name).write_bytes(content)
            part.chmod(0o755)  # the temporary folder was for us only
            _swap(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return Artifacts(folder, facts)


def _is_ours(folder: Path) -> bool:
    return (folder / _MANIFEST).is_file()


def _swap(part: Path, folder: Path) -> None:
    """Put a finished folder in its place; one that was there before goes when it is."""
    if not folder.exists():
        os.rename(part, folder)
        return
    old = part.with_name(part.name + ".old")
    os.rename(folder, old)
    try:
        os.rename(part, folder)
    except OSError:
        os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ExportError(
            f"cannot write {folder}: {reason}: free some space or give another folder"
        ) from error


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ExportError(f"cannot read {path}: {reason}: export the model again") from error
