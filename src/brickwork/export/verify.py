"""Every exported file against the network that was trained: run, compared, scored and timed."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import ExportError
from brickwork.export.answers import called, gives_numbers
from brickwork.export.artifacts import (
    FileFacts,
    add_verification,
    check_manifest,
    read_manifest,
)
from brickwork.export.comparing import FLOAT_DIFFERENCE, FileCheck, compared, difference
from brickwork.export.crosscheck import crosscheck
from brickwork.export.ending import LOGITS, PROBABILITIES
from brickwork.export.formats import FORMATS, INTEGER, files_in_order
from brickwork.export.runners import latency_here, run_file, runtime_of
from brickwork.export.runtimes import PlainPython, run_torch
from brickwork.export.verify_integers import (
    check_bits,
    check_layers,
    integer_logits,
    litert_note,
    other_bits,
)
from brickwork.quantity import Quantity
from brickwork.space import Graph, Shape

if TYPE_CHECKING:
    from brickwork.export.integer.network import IntegerNetwork

__all__ = ["Verification", "recheck", "verify"]

Array = NDArray[Any]
Metrics = Callable[[Any, Any], Mapping[str, Quantity]]
Details = Callable[[Array, Callable[[Array], Array]], Mapping[str, Any]]
Measure = Callable[[Path, Shape], Quantity | None]

_COMPARED = 1000  # samples on which a file is compared with the trained network
_INT8_GOLDEN = 0.05  # of the largest logit: other processors round differently

_FILES = tuple(files[0] for files in FORMATS.values())
_MICRO = files_in_order(INTEGER)
(_INT8_ONNX,) = FORMATS["onnx-int8"]


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of verifying a model's folder.

    Attributes:
        folder: The folder.
        checks: One for each file that can be run.
        metrics: The scores of the file that the model is judged by.
        judged: The name of that file.
        details: What its answers are worth in detail, as JSON.
        files: Everything in the folder, as it is now.
        reason: Why the model fails, a sentence; empty if it passes.
    """

    folder: Path
    checks: tuple[FileCheck, ...]
    metrics: Mapping[str, Quantity]
    judged: str
    details: Mapping[str, Any]
    files: Mapping[str, FileFacts]
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether every file does what the trained network does."""
        return not self.reason

    def to_json(self) -> dict[str, Any]:
        checks = {check.file: check for check in self.checks}
        place = Path(self.folder.parent.name, self.folder.name)
        return {
            **_findings(self),
            "artifacts": {
                name: {
                    "path": str(place / name),
                    "sha256": facts.sha256,
                    "bytes": facts.bytes,
                    "verified": not checks[name].reason if name in checks else None,
                    "detail": checks[name].detail if name in checks else "",
                }
                for name, facts in self.files.items()
            },
        }


def verify(
    folder: Path,
    graph: Graph,
    weights: Mapping[str, Array],
    x: Array,
    y: Array,
    metrics: Metrics,
    *,
    prefer: Sequence[str] = (),
    integer: IntegerNetwork | None = None,
    costs: Callable[[Path], Mapping[str, Quantity]] | None = None,
    details: Details | None = None,
    measure: Measure | None = latency_here,
    python: PlainPython | None = None,
) -> Verification:
    """Run every file of a model's folder in its own runtime, and write down what came of it.

    Each runs in its own runtime on one thread (see ``runners``); ``model.py`` in a Python without
    Brickwork. An int8 file of TensorFlow Lite must give the bits of the reference arithmetic
    in TensorFlow Lite Micro, on as many samples as there is time for; its scores, over all samples,
    are those of that arithmetic. Each layer of an int8 ONNX file that was written from the same
    network must be within a step of it. The card and the manifest of the folder are brought up to
    date.

    Args:
        folder: What ``export_model`` wrote.
        graph: The network.
        weights: Its weights.
        x: Raw samples ``(samples, *input)`` of the test split.
        y: Their labels.
        metrics: Gives the scores of logits ``(samples, outputs)`` against labels.
        prefer: Formats in the order in which the model is judged by them (``formats.preferred``).
        integer: The quantised network that int8 files were written from, if any was.
        costs: Gives what the file that the model is judged by costs on its target.
        details: Tells more of the file that the model is judged by, from its answers to ``x`` and
            from what asks it for its answers to other raw samples.
        measure: Measures the latency of a file on this machine; None to leave it out.
        python: Where ``model.py`` runs; None for the one that this process keeps.

    Raises:
        ExportError: The folder is not a model's, or cannot be written.
        ValueError: There is no sample.
    """
    folder = Path(folder).absolute()
    if len(x) == 0 or len(x) != len(y):
        raise ValueError(f"verifying needs as many samples as labels, got {len(x)} and {len(y)}")
    manifest = read_manifest(folder)
    files = {name: FileFacts(**facts) for name, facts in manifest["files"].items()}
    reasons = check_manifest(folder)
    reasons += [f"graph and module differ: {text}" for text in crosscheck(graph, export=False)[:3]]
    rows = np.linspace(0, len(x) - 1, min(len(x), _COMPARED)).astype(np.intp)
    reference = run_torch(graph, weights, x[rows])
    numbers = gives_numbers(manifest["info"])
    checks: list[FileCheck] = []
    kept: dict[str, Array] = {}  # the answers of the file that the model is judged by
    rounded = functools.cache(lambda: integer_logits(integer, x))  # of all integer files
    for name in (name for name in _FILES if name in files):
        # Python is slow on a whole split, and other files give its scores already.
        some = name == "model.py" and len(files.keys() & set(_FILES)) > 1
        check = FileCheck(name, files[name])
        try:
            if name in _MICRO:
                away = check_bits(folder / name, integer, x)
                logits = rounded()
                note = litert_note(folder / name, integer, x, away, numbers=numbers)
                check = replace(check, note=note)
            else:
                logits = run_file(folder / name, x[rows] if some else x, python)
            if len(logits) == (len(rows) if some else len(x)):
                own = logits if some else logits[rows]
                check = compared(check, reference, own, numbers=numbers)
                if name == _INT8_ONNX and integer is not None and not check.reason:
                    check = replace(check, note=check_layers(folder / name, integer, x))
                if check.difference is not None and not some:
                    check = replace(check, metrics=_scores(metrics, logits, y, name))
                    first = _judged([*checks, check], prefer)
                    kept = {name: logits} if first is check else kept
                if measure is not None:
                    check = replace(check, latency=measure(folder / name, graph.input))
            else:
                check = replace(check, reason=f"{name} gives {len(logits)} answers to {len(x)}")
        except (ExportError, OSError) as error:
            check = replace(check, reason=f"{name}: {error}")
        checks.append(check)
    reasons += [check.reason for check in checks if check.reason]
    judged = _judged(checks, prefer)
    known = costs(folder / judged.file) if judged and costs is not None else {}
    told: Mapping[str, Any] = {}
    if judged and details is not None:
        ask = functools.partial(_asked, folder / judged.file, integer, python)
        told = details(kept[judged.file], ask)
    result = Verification(
        folder,
        tuple(checks),
        {**judged.metrics, **known} if judged else {},
        judged.file if judged else "",
        told,
        files,
        "; ".join(dict.fromkeys(reasons)),
    )
    return replace(result, files=add_verification(folder, _findings(result)).files)


def recheck(folder: Path, python: PlainPython | None = None) -> list[str]:
    """Check a model's folder again, without its data: checksums, and golden vectors in each file.

    Returns:
        What is wrong, a sentence each; nothing if all is well.
    """
    folder = Path(folder)
    problems = check_manifest(folder)
    if problems:
        return problems
    try:
        content = io.BytesIO((folder / "golden.npz").read_bytes())
        with np.load(content, allow_pickle=False) as golden:
            vectors = {name: golden[name] for name in golden.files}
        what = PROBABILITIES if PROBABILITIES in vectors else LOGITS
        x, expected = vectors["inputs"], vectors[what]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        return [f"golden.npz cannot be read: {error}"]
    manifest = read_manifest(folder)
    for name in (name for name in _FILES if name in manifest["files"]):
        if name in _MICRO:
            problems += other_bits(folder / name, vectors)
            continue
        int8 = name == _INT8_ONNX
        try:
            logits = run_file(folder / name, x, python)
        except (ExportError, OSError) as error:
            problems.append(f"{name}: {error}")
            continue
        found = difference(vectors[f"{what}_int8"] if int8 else expected, logits)[1]
        allowed = _INT8_GOLDEN if int8 else FLOAT_DIFFERENCE
        if not found <= allowed:
            problems.append(
                f"{name} does not reproduce golden.npz: largest difference {found:.1e} of the "
                f"largest of its {called(manifest['info'])}, allowed is {allowed:g}"
            )
    return problems


def _asked(
    file: Path, integer: IntegerNetwork | None, python: PlainPython | None, x: Array
) -> Array:
    """The answers of a file to raw samples."""
    if file.name in _MICRO:
        return integer_logits(integer, x)
    return run_file(file, x, python)


def _scores(metrics: Metrics, logits: Array, y: Array, name: str) -> dict[str, Quantity]:
    """The scores of a file, whose source says which file it was and what ran it."""
    where = runtime_of(name)
    if name in _MICRO:
        where = "integers, bit by bit as TensorFlow Lite Micro"
    return {
        key: replace(found, source=f"{found.source}; {name} in {where}")
        for key, found in metrics(logits, y).items()
    }


def _findings(result: Verification) -> dict[str, Any]:
    """What goes into ``verification.json`` and the card."""
    return {
        "passed": result.passed,
        "reason": result.reason,
        "judged": result.judged,
        "metrics": {name: quantity.to_json() for name, quantity in result.metrics.items()},
        "details": dict(result.details),
        "checks": [check.to_json() for check in result.checks],
    }


def _judged(checks: list[FileCheck], prefer: Sequence[str]) -> FileCheck | None:
    """The check of the first format that has scores."""
    by_name = {check.file: check for check in checks if check.metrics}
    names = (*files_in_order(prefer), *_FILES)
    return next((by_name[name] for name in names if name in by_name), None)
