"""A format that a model was not exported in: written from its weights, run, and put into a copy."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from brickwork.errors import ExportError
from brickwork.export.answers import gives_numbers
from brickwork.export.artifacts import check_manifest, copy_model, file_facts, read_manifest
from brickwork.export.comparing import FileCheck, compared
from brickwork.export.contents import contents
from brickwork.export.formats import FORMATS, checked, from_weights, impossible
from brickwork.export.runners import latency_here, run_file
from brickwork.export.softmax import export_with_softmax
from brickwork.space import Graph

__all__ = ["copy_or_write"]


def copy_or_write(
    folder: Path,
    out: Path,
    formats: Sequence[str],
    graph: Callable[[], Graph],
    softmax: bool = False,
) -> Path:
    """Copy a model to another folder, as ``copy_model``, and write what it was not exported as.

    What is written is run in its own runtime on the golden vectors, as there is no other data in a
    model's folder; the copy's card says so. The folder itself stays as it is. Integer formats need
    training samples, so they cannot be written later.

    Args:
        folder: A model's folder.
        out: Where to; made if it is not there.
        formats: What is wanted; everything that is there where none are given.
        graph: Gives the network; called only if something has to be written.
        softmax: Whether the copy is to give probabilities; then all is written again.

    Raises:
        UnknownName: A format is not known.
        ExportError: The model is not there or was changed, or cannot have this format.
    """
    if softmax:
        return export_with_softmax(folder, out, formats, graph)
    checked(formats)
    known = read_manifest(folder)["files"]
    new = [name for name in formats if from_weights(name) and FORMATS[name][0] not in known]
    if not new:
        return copy_model(folder, out, formats)
    if problems := check_manifest(folder):
        raise ExportError(f"{folder} cannot be copied: {'; '.join(problems)}")
    whole = graph()
    if refused := impossible(whole, new):
        raise ExportError(f"no {next(iter(refused))}: {next(iter(refused.values()))}")
    files = _written(Path(folder), whole, new)
    added, checks = _verified(Path(folder), whole, new, files)
    return copy_model(folder, out, [name for name in formats if name not in new], added, checks)


def _written(folder: Path, graph: Graph, formats: Sequence[str]) -> dict[str, bytes]:
    """The files of some formats, and those that every model has."""
    try:
        weights = safetensors.numpy.load_file(folder / "weights.safetensors")
    except FileNotFoundError:
        raise ExportError(f"{folder} has no weights.safetensors to write from") from None
    with np.load(folder / "golden.npz", allow_pickle=False) as golden:
        inputs = golden["inputs"]
    info = read_manifest(folder)["info"]
    files, _ = contents(graph, weights, formats, None, None, inputs, info)
    return files


def _verified(
    folder: Path, graph: Graph, formats: Sequence[str], files: Mapping[str, bytes]
) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """The files that are new, and what came of running them on the golden vectors.

    Raises:
        ExportError: One does not do what the network does.
    """
    with np.load(folder / "golden.npz", allow_pickle=False) as golden:
        inputs, logits = golden["inputs"], golden["logits"]
    added = {name: files[name] for format_ in formats for name in FORMATS[format_]}
    checks, numbers = [], gives_numbers(read_manifest(folder)["info"])
    with tempfile.TemporaryDirectory(prefix="brickwork-") as place:
        for name, content in added.items():
            Path(place, name).write_bytes(content)
        for format_ in formats:
            file = Path(place, FORMATS[format_][0])
            check = FileCheck(file.name, file_facts(added[file.name]))
            check = compared(check, logits, run_file(file, inputs), numbers=numbers)
            if check.reason:
                raise ExportError(f"no {format_}: {check.reason}")
            timed = replace(check, latency=latency_here(file, graph.input))
            checks.append(timed.to_json())
    return added, checks
