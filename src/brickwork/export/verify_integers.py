"""Integer files against the quantised network that they were written from.

TensorFlow Lite and C are equal to the bit. ONNX Runtime brings sums to the scale of an output in
floating point and rounds halves to even numbers, so each of its layers may be a step away from what
the quantised network makes of the same integers; over layers that adds up.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.lacking import MICRO_LACKS
from brickwork.errors import ExportError
from brickwork.export.keeping import shown, variance_kept
from brickwork.export.runtimes import run_litert, run_tflm

if TYPE_CHECKING:
    from brickwork.export.integer.network import IntegerNetwork

__all__ = [
    "ONNX_STEPS",
    "check_bits",
    "check_layers",
    "integer_logits",
    "layers_away",
    "litert_note",
    "other_bits",
]

ONNX_STEPS = 1
"""By which a layer may differ in ONNX Runtime, of 256."""

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
    some = _some(integer, x)
    count = len(some)
    q = integer.input.quantized(some, integer.scales[0])
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


def check_layers(file: Path, integer: IntegerNetwork, x: Array) -> str:
    """Run an int8 ONNX file on some samples: each layer must do what the integers do.

    Args:
        file: The file.
        integer: The quantised network that it was written from.
        x: Raw samples ``(samples, *input)``.

    Returns:
        How near it is, a phrase.

    Raises:
        ExportError: A layer is further away than ``ONNX_STEPS``, or the file cannot be run.
    """
    from brickwork.export.integer.halving import halved
    from brickwork.export.integer.reference import run

    some, own = _some(integer, x), halved(integer)
    away, last = layers_away(file.read_bytes(), own, some)
    name, most = max(away.items(), key=lambda one: one[1])
    if most > ONNX_STEPS:
        raise ExportError(f"its {name} is {most} steps off its integers, allowed is {ONNX_STEPS}")
    expected = run(own, own.input.quantized(some, own.scales[0]))
    whole = int(np.abs(last.astype(int) - expected).max())
    return f"each layer within {most} of 256 steps of its integers, all of them within {whole}"


def layers_away(
    model: bytes, integer: IntegerNetwork, x: Array
) -> tuple[dict[str, int], NDArray[np.int8]]:
    """By how many steps the layers of an int8 ONNX file differ from integers, given what they read.

    Args:
        model: The file.
        integer: What it holds, weights halved.
        x: Raw samples ``(samples, *input)``.

    Returns:
        The most steps for the input and each layer, by name; and what the file gives, as integers.

    Raises:
        ExportError: It is another file, or cannot be run.
    """
    from brickwork.export.integer.reference import layer
    from brickwork.export.onnx import UP, integers_of, with_integers
    from brickwork.export.runtimes import outputs_of_onnx

    given = outputs_of_onnx(with_integers(model), x)
    if integers_of(0) not in given:
        raise ExportError("it does not hold the integers of its network")
    logits, scale = next(iter(given.values())), integer.scales[integer.program.output]
    shape = integer.program.shapes[integer.program.output]
    rounded = np.clip(np.round(logits / np.float32(scale.scale)) + scale.zero, -128, 127)
    last = _last(rounded).reshape(-1, *shape).astype(np.int8)
    found = {0: _last(given[integers_of(0)].astype(np.int16) - UP).astype(np.int8)}
    expected = integer.input.quantized(x, integer.scales[0])
    away = {"input": _apart(found[0], expected)}
    for step, name in zip(integer.steps, integer.names, strict=True):
        place = step.layer.output
        expected = layer(integer, step, [found[i] for i in step.layer.inputs])
        if place == integer.program.output:
            found[place] = last
        elif (known := given.get(integers_of(place))) is not None:
            found[place] = _last(known.astype(np.int16) - UP).astype(np.int8)
        else:  # a padding that became part of what reads it
            found[place] = expected
        away[name] = _apart(found[place], expected)
    return away, last


def _apart(a: NDArray[np.int8], b: NDArray[np.int8]) -> int:
    return int(np.abs(a.astype(int) - b).max())


def _last(values: Array) -> Array:
    """Channels last."""
    return np.moveaxis(values, 1, -1)


def _some(integer: IntegerNetwork, x: Array) -> Array:
    """As many samples as there is time for."""
    macs = sum(map(integer.program.macs, integer.program.layers))
    least, most = _SAMPLES
    count = min(len(x), most, max(least, int(_MACS / max(1, macs))))
    return np.asarray(x[np.linspace(0, len(x) - 1, count).astype(np.intp)])


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


def litert_note(
    file: Path,
    integer: IntegerNetwork | None,
    x: Array,
    reference: int | None,
    *,
    numbers: bool = False,
) -> str:
    """How LiteRT's fast kernels, which round in another way, differ from the bits.

    Args:
        file: The file.
        integer: What it was written from.
        x: Raw samples ``(samples, *input)``.
        reference: What ``check_bits`` gave.
        numbers: Whether the network answers with numbers, not with classes.

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
    near = (
        f"LiteRT's reference kernels within {reference} of 256 steps, its fast ones within {away}"
    )
    if numbers:
        kept = shown(variance_kept(expected, found))
        return f"{near}, which keep {kept} of the variance of the answers to {len(q)}"
    classes = [values.argmax(-1) for values in (expected, found)]  # channels are last
    return f"{near}, same class for {shown((classes[0] == classes[1]).mean())} of {len(q)}"


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
