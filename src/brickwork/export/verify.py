"""Every exported file against the network that was trained: run, compared, scored and timed."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.measure import measure_onnx
from brickwork.errors import ExportError
from brickwork.export.artifacts import (
    FileFacts,
    add_verification,
    check_manifest,
    read_manifest,
)
from brickwork.export.crosscheck import crosscheck
from brickwork.export.formats import FORMATS, INTEGER, files_in_order
from brickwork.export.runtimes import (
    PlainPython,
    plain_python,
    run_litert,
    run_onnx,
    run_torch,
)
from brickwork.export.verify_integers import integer_logits, other_bits
from brickwork.quantity import Quantity
from brickwork.space import Graph, Shape

if TYPE_CHECKING:
    from brickwork.export.integer.network import IntegerNetwork

__all__ = ["FileCheck", "Verification", "recheck", "verify"]

Array = NDArray[Any]
Metrics = Callable[[Any, Any], Mapping[str, Quantity]]
Measure = Callable[[bytes, Shape], Quantity]

_COMPARED = 1000  # samples on which a file is compared with the trained network
_FLOAT_DIFFERENCE = 1e-3  # of the largest logit
_FLOAT_AGREEMENT = 0.99
_INT8_AGREEMENT = 0.90
_INT8_GOLDEN = 0.05  # of the largest logit: other processors round differently

_FILES = tuple(files[0] for files in FORMATS.values())
_MICRO_MACS = (
    3e8  # that the reference kernels may take to compare a file, and no fewer samples than
)
_MICRO_SAMPLES = 8
_MICRO = files_in_order(INTEGER)


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What came of running one file.

    Attributes:
        file: Its name in the folder.
        facts: Its checksum and size.
        difference: Largest difference to the trained network's logits; None if it did not run.
        relative: The same, relative to the largest of those logits.
        agreement: The part of the samples for which both give the same class.
        samples: How many samples were compared.
        metrics: Its own scores on the samples and labels given.
        latency: Of one sample, measured on this machine.
        reason: Why it fails, a sentence; empty if it does not.
    """

    file: str
    facts: FileFacts
    difference: float | None = None
    relative: float | None = None
    agreement: float | None = None
    samples: int = 0
    metrics: Mapping[str, Quantity] = field(default_factory=dict)
    latency: Quantity | None = None
    reason: str = ""

    @property
    def detail(self) -> str:
        """What was found, for a person."""
        if self.reason:
            return self.reason
        if self.relative is None or self.agreement is None:
            return ""
        return (
            f"largest difference {self.relative:.1e}, same class for "
            f"{100 * self.agreement:.4g} % of {self.samples} samples"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "sha256": self.facts.sha256,
            "bytes": self.facts.bytes,
            "difference": self.difference,
            "relative": self.relative,
            "agreement": self.agreement,
            "samples": self.samples,
            "metrics": {name: quantity.to_json() for name, quantity in self.metrics.items()},
            "latency": None if self.latency is None else self.latency.to_json(),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of verifying a model's folder.

    Attributes:
        folder: The folder.
        checks: One for each file that can be run.
        metrics: The scores of the file that the model is judged by.
        judged: The name of that file.
        files: Everything in the folder, as it is now.
        reason: Why the model fails, a sentence; empty if it passes.
    """

    folder: Path
    checks: tuple[FileCheck, ...]
    metrics: Mapping[str, Quantity]
    judged: str
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
    measure: Measure | None = measure_onnx,
    python: PlainPython | None = None,
) -> Verification:
    """Run every file of a model's folder in its own runtime, and write down what came of it.

    ONNX files run in ONNX Runtime on one thread; ``model.py`` in a Python without Brickwork; TFLite
    files in LiteRT. An int8 file of TensorFlow Lite must give the bits of the reference arithmetic
    in TensorFlow Lite Micro, on as many samples as there is time for; its scores, over all samples,
    are those of that arithmetic. The card and the manifest of the folder are brought up to date.

    Args:
        folder: What ``export_model`` wrote.
        graph: The network.
        weights: Its weights.
        x: Raw samples ``(samples, *input)`` of the test split.
        y: Their labels.
        metrics: Gives the scores of logits ``(samples, outputs)`` against labels.
        prefer: Formats in the order in which the model is judged by them (``formats.preferred``).
        integer: The quantised network that integer files were written from.
        costs: Gives what the file that the model is judged by costs on its target.
        measure: Measures the latency of an ONNX file on this machine; None to leave it out.
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
    checks = []
    for name in (name for name in _FILES if name in files):
        # Python is slow on a whole split, and other files give its scores already.
        some = name == "model.py" and len(files.keys() & set(_FILES)) > 1
        check = FileCheck(name, files[name])
        try:
            content = (folder / name).read_bytes()
            if name in _MICRO:
                logits = integer_logits(folder / name, integer, x)
            else:
                logits = _run(folder / name, x[rows] if some else x, python)
            if len(logits) == (len(rows) if some else len(x)):
                check = _compared(check, reference, logits if some else logits[rows])
                if check.difference is not None and not some:
                    check = replace(check, metrics=_scores(metrics, logits, y, name))
                if measure is not None and name.endswith(".onnx"):
                    check = replace(check, latency=measure(content, graph.input))
            else:
                check = replace(check, reason=f"{name} gives {len(logits)} answers to {len(x)}")
        except (ExportError, OSError) as error:
            check = replace(check, reason=f"{name}: {error}")
        checks.append(check)
    reasons += [check.reason for check in checks if check.reason]
    judged = _judged(checks, prefer)
    known = costs(folder / judged.file) if judged and costs is not None else {}
    result = Verification(
        folder,
        tuple(checks),
        {**judged.metrics, **known} if judged else {},
        judged.file if judged else "",
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
        x, expected = vectors["inputs"], vectors["logits"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        return [f"golden.npz cannot be read: {error}"]
    for name in (name for name in _FILES if name in read_manifest(folder)["files"]):
        if name in _MICRO:
            problems += other_bits(folder / name, vectors)
            continue
        int8 = name == "model.int8.onnx"
        try:
            logits = _run(folder / name, x, python)
        except (ExportError, OSError) as error:
            problems.append(f"{name}: {error}")
            continue
        difference = _difference(vectors["logits_int8"] if int8 else expected, logits)[1]
        allowed = _INT8_GOLDEN if int8 else _FLOAT_DIFFERENCE
        if not difference <= allowed:
            problems.append(
                f"{name} does not reproduce golden.npz: largest difference {difference:.1e} of the "
                f"largest logit, allowed is {allowed:g}"
            )
    return problems


def _scores(metrics: Metrics, logits: Array, y: Array, name: str) -> dict[str, Quantity]:
    """The scores of a file, whose source says which file it was and what ran it."""
    where = "a Python without Brickwork"
    if name in _MICRO:
        where = "integers, bit by bit as TensorFlow Lite Micro"
    elif name.endswith(".tflite"):
        where = "LiteRT"
    elif name.endswith(".onnx"):
        import onnxruntime

        where = f"ONNX Runtime {onnxruntime.__version__}"
    return {
        key: replace(found, source=f"{found.source}; {name} in {where}")
        for key, found in metrics(logits, y).items()
    }


def _run(file: Path, x: Array, python: PlainPython | None) -> Array:
    """Logits of raw samples from a file in its own runtime.

    Raises:
        ExportError: It cannot be run.
    """
    if file.suffix == ".py":
        return (python or plain_python()).run(file, x)
    if file.suffix == ".tflite":
        last = np.ascontiguousarray(np.moveaxis(x, 1, -1), dtype=np.float32)
        return run_litert(file.read_bytes(), last[:, None] if x.ndim == 3 else last)
    return run_onnx(file.read_bytes(), x)


def _findings(result: Verification) -> dict[str, Any]:
    """What goes into ``verification.json`` and the card."""
    return {
        "passed": result.passed,
        "reason": result.reason,
        "judged": result.judged,
        "metrics": {name: quantity.to_json() for name, quantity in result.metrics.items()},
        "checks": [check.to_json() for check in result.checks],
    }


def _judged(checks: list[FileCheck], prefer: Sequence[str]) -> FileCheck | None:
    """The check of the first format that has scores."""
    by_name = {check.file: check for check in checks if check.metrics}
    names = (*files_in_order(prefer), *_FILES)
    return next((by_name[name] for name in names if name in by_name), None)


def _difference(expected: Array, found: Array) -> tuple[float, float]:
    """Largest absolute difference, and that relative to the largest expected value."""
    if found.shape != expected.shape:
        return float("inf"), float("inf")
    largest = float(np.abs(found.astype(np.float64) - expected).max())
    return largest, largest / max(float(np.abs(expected).max()), 1e-12)


def _compared(check: FileCheck, reference: Array, logits: Array) -> FileCheck:
    """The check with differences, and with a reason where they are too large."""
    name, int8 = check.file, ".int8." in check.file or check.file in _MICRO
    if logits.shape != reference.shape:
        reason = f"{name} gives logits of shape {logits.shape}, the network {reference.shape}"
        return replace(check, reason=reason)
    bad = int((~np.isfinite(logits.reshape(len(logits), -1)).all(axis=1)).sum())
    if bad:
        return replace(
            check, reason=f"{name} gives NaN or infinity for {bad} of {len(logits)} samples"
        )
    difference, relative = _difference(reference, logits)
    classes = [values.reshape(len(values), -1).argmax(axis=1) for values in (reference, logits)]
    agreement = float((classes[0] == classes[1]).mean())
    wanted = _INT8_AGREEMENT if int8 else _FLOAT_AGREEMENT
    reason = ""
    if not int8 and not relative <= _FLOAT_DIFFERENCE:
        reason = (
            f"{name} differs from the trained network by {relative:.1e} of its largest logit, "
            f"allowed is {_FLOAT_DIFFERENCE:g}"
        )
    elif agreement < wanted:
        reason = (
            f"{name} gives the class of the trained network for {100 * agreement:.1f} % of "
            f"{len(logits)} samples, wanted is {100 * wanted:g} %"
        )
    return replace(
        check,
        difference=difference,
        relative=relative,
        agreement=agreement,
        samples=len(logits),
        reason=reason,
    )
