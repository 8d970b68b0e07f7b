"""Integer files against the quantised network that they were written from: equal to the bit."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.lacking import MICRO_LACKS
from brickwork.errors import ExportError
from brickwork.export.runtimes import run_litert, run_tflm

if TYPE_CHECKING:
    from brickwork.export.integer.network import IntegerNetwork

__all__ = ["check_bits", "integer_logits", "litert_note", "other_bits"]

_MACS = 1e8  # that are run to compare a file,
_SAMPLES = 8, 128  # and between so many samples
_NOTED = 64  # samples that LiteRT runs besides
_STEPS = 2  # by which LiteRT's reference kernels may round otherwise

Array = NDArray[Any]


def check_bits(file: Path, integer: IntegerNetwork | None, x: Array) -> int | None:
    """Run an integer file on some samples: it must give the bits of the quantised network.

    TensorFlow Lite Micro runs a ``.tflite`` file, and so do LiteRT's reference kernels where it is
    installed. These may be two steps away: they round a fully connected layer once, not twice.

    Args:
        file: The file.
        integer: What it was written from.
        x: Raw samples ``(samples, *input)``.

    Returns:
        Steps by which LiteRT's reference kernels differ; None where they were not run.

    Raises:
        ExportError: It gives other bits, cannot be run, or what it was written from is not known.
    """
    from brickwork.export.integer.reference import run

    integer = _known(integer)
    macs = sum(map(integer.program.macs, integer.program.layers))
    least, most = _SAMPLES
    count = min(len(x), most, max(least, int(_MACS / max(1, macs))))
    some = np.linspace(0, len(x) - 1, count).astype(np.intp)
    q = integer.input.quantized(x[some], integer.scales[0])
    expected = run(integer, q)
    lite = file.suffix == ".tflite"
    lacked = lite and _lacked(integer)
    if not lacked:
        found = _run(file, q, expected.shape[1:])
        if not np.array_equal(expected, found):
            bad = int((expected != found).reshape(count, -1).any(axis=1).sum())
            where = "in TensorFlow Lite Micro" if lite else "as a program"
            raise ExportError(f"other bits {where} for {bad} of {count} samples")
    if not lacked and not (lite and _has_litert()):
        return None
    found = run_litert(file.read_bytes(), q, reference=True)
    away = int(np.abs(found.astype(int) - expected).max())
    if away > _STEPS:
        raise ExportError(f"LiteRT differs by {away} steps, allowed are {_STEPS}")
    return away


def integer_logits(integer: IntegerNetwork | None, x: Array) -> Array:
    """Logits of raw samples from the quantised network, and so from files with its bits.

    Raises:
        ExportError: It is not known.
    """
    from brickwork.export.integer.reference import logits

    return logits(_known(integer), x)


def _known(integer: IntegerNetwork | None) -> IntegerNetwork:
    if integer is None:
        raise ExportError("the quantised network that it was written from is not known")
    return integer


def litert_note(file: Path, integer: IntegerNetwork | None, x: Array, reference: int | None) -> str:
    """How LiteRT's fast kernels, which round in another way, differ from the bits.

    Args:
        file: The file.
        integer: What it was written from.
        x: Raw samples ``(samples, *input)``.
        reference: What ``check_bits`` gave.

    Returns:
        A phrase; empty where LiteRT was not run.
    """
    from brickwork.export.integer.reference import run

    if integer is None or reference is None:
        return ""
    some = np.linspace(0, len(x) - 1, min(len(x), _NOTED)).astype(np.intp)
    q = integer.input.quantized(x[some], integer.scales[0])
    expected, found = run(integer, q), run_litert(file.read_bytes(), q)
    away = int(np.abs(found.astype(int) - expected).max())
    classes = [values.argmax(-1) for values in (expected, found)]  # channels are last
    same = float((classes[0] == classes[1]).mean())
    return (
        f"LiteRT's reference kernels within {reference} of 256 steps, its fast ones within {away}, "
        f"same class for {100 * same:.4g} % of {len(q)}"
    )


def other_bits(file: Path, vectors: Mapping[str, Array]) -> list[str]:
    """What is wrong with an integer file: it must reproduce its golden vectors to the bit."""
    if "q_inputs" not in vectors:
        return [f"golden.npz has no integers for {file.name}: export the model again"]
    expected = vectors["q_outputs"]
    try:
        found = _run(file, vectors["q_inputs"], expected.shape[1:])
    except (ExportError, OSError) as error:
        return [f"{file.name}: {error}"]
    same = np.array_equal(found, expected)
    return [] if same else [f"{file.name} does not reproduce golden.npz to the bit"]


def _run(file: Path, q: Array, output: tuple[int, ...]) -> Array:
    if file.suffix != ".c":
        return run_tflm(file.read_bytes(), q)
    from brickwork.export.c.host import run_c
    from brickwork.export.c.writer import CFiles

    source = file.read_text(encoding="utf-8")
    header = file.with_suffix(".h").read_text(encoding="utf-8")
    return run_c(CFiles(file.stem, source, header, q.shape[1:], output, (), 0, 0, 0), q)


def _has_litert() -> bool:
    return importlib.util.find_spec("ai_edge_litert") is not None


def _lacked(integer: IntegerNetwork) -> bool:
    """Whether TensorFlow Lite Micro has no kernel for one of its layers."""
    return any(layer.kind in MICRO_LACKS for layer in integer.program.layers)
