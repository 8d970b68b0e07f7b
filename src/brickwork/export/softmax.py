"""A model's files with a softmax behind them: written again, run, and put into a copy.

Training and verification want logits, so a model's own folder has these; a device may want
probabilities.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from brickwork.errors import ExportError
from brickwork.export.answers import gives_numbers
from brickwork.export.artifacts import check_manifest, file_facts, read_manifest, write_model
from brickwork.export.comparing import FileCheck, compared, difference
from brickwork.export.contents import (
    as_npz,
    contents,
    facts_of,
    integer_files,
    meaning_of,
    title_of,
)
from brickwork.export.ending import LOGITS, PROBABILITIES, with_softmax
from brickwork.export.formats import FORMATS, INTEGER, checked, from_weights, impossible
from brickwork.export.runners import latency_here, run_file
from brickwork.export.verify_integers import check_bits, integer_logits
from brickwork.space import Graph, Softmax

if TYPE_CHECKING:
    from brickwork.export.integer.network import IntegerNetwork

__all__ = ["export_with_softmax"]

_STEP = 1 / 256  # of an integer probability
_INT8 = "model.int8.tflite"

Array = NDArray[Any]


def export_with_softmax(
    folder: Path, out: Path, formats: Sequence[str], graph: Callable[[], Graph]
) -> Path:
    """Write a copy of a model whose files give probabilities.

    Float files are written from the weights. Integer ones are the quantised network that was
    verified, with one more operation; nothing is quantised again. Each file is run on the golden
    vectors, and compared with the trained network; an int8 one must also give the softmax of its
    own logits.

    Args:
        folder: A model's folder.
        out: Where to; made if it is not there.
        formats: What is wanted; those that the model has where none are given.
        graph: Gives the network.

    Raises:
        UnknownName: A format is not known.
        ExportError: The model is not there or was changed, answers with numbers, or cannot have
            this format.
    """
    checked(formats)
    manifest = read_manifest(folder)
    if problems := check_manifest(folder):
        raise ExportError(f"{folder} cannot be copied: {'; '.join(problems)}")
    if gives_numbers(manifest["info"]):
        raise ExportError("no softmax: the model answers with numbers, not with classes")
    formats = _formats(manifest["files"], formats)
    plain = graph()
    whole = plain.ended(Softmax())
    if refused := impossible(whole, formats):
        raise ExportError(f"no {next(iter(refused))}: {next(iter(refused.values()))}")
    before = _vectors((folder / "golden.npz").read_bytes())
    info = {**manifest["info"], **facts_of(whole)}
    files = _float_files(folder, whole, formats, before["inputs"], info)
    vectors = _vectors(files["golden.npz"])
    own: dict[str, Array] = {}  # what the softmax of a file's own logits is
    if "onnx-int8" in formats:
        from brickwork.export.onnx import end_in_softmax
        from brickwork.export.runtimes import run_onnx

        name = FORMATS["onnx-int8"][0]
        files[name] = end_in_softmax((folder / name).read_bytes(), whole)
        vectors[f"{PROBABILITIES}_int8"] = run_onnx(files[name], before["inputs"])
        own[name] = _softmax(before[f"{LOGITS}_int8"])
    integer = None
    if set(INTEGER) & set(formats):
        from brickwork.export.integer.reference import real

        quantised = _quantised(folder, plain, before, info)
        integer = with_softmax(quantised)
        files |= integer_files(integer, formats, title_of(info))
        vectors |= _integers(integer, before["q_inputs"])
        info["integer"] = {**info["integer"], **meaning_of(integer)}
        before_it = _softmax(real(quantised, before["q_outputs"]))
        own |= {FORMATS[name][0]: before_it for name in INTEGER}
    files["golden.npz"] = as_npz(vectors)
    checks = _verified(files, formats, whole, vectors, own, integer)
    verification = _verification(folder, manifest["files"], checks)
    return write_model(out, files, info, verification).folder


def _formats(known: Mapping[str, Any], asked: Sequence[str]) -> tuple[str, ...]:
    """The formats to write.

    Raises:
        ExportError: One needs a file that the model does not have.
    """
    found = tuple(asked) or tuple(name for name in FORMATS if FORMATS[name][0] in known)
    for name in found:
        needed = _INT8 if name in INTEGER else FORMATS[name][0]
        if needed not in known and not from_weights(name):
            raise ExportError(f"no {name} with a softmax: the model has no {needed}")
    return found


def _float_files(
    folder: Path, whole: Graph, formats: Sequence[str], inputs: Array, info: Mapping[str, Any]
) -> dict[str, bytes]:
    """The files that are written from the weights, and those that every model has."""
    try:
        weights = safetensors.numpy.load_file(folder / "weights.safetensors")
    except FileNotFoundError:
        raise ExportError(f"{folder} has no weights.safetensors to write from") from None
    own = [name for name in formats if from_weights(name)]
    return contents(whole, weights, own, None, None, inputs, info)[0]


def _quantised(
    folder: Path, graph: Graph, before: Mapping[str, Array], info: Mapping[str, Any]
) -> IntegerNetwork:
    """The quantised network of a model's folder.

    Raises:
        ExportError: What lies there does not give the golden vectors.
    """
    from brickwork.export.integer.network import Input
    from brickwork.export.integer.reference import run
    from brickwork.export.tflite import read_tflite_int8

    meaning = info["integer"]
    way = Input(meaning["bytes"], tuple(meaning["mean"]), tuple(meaning["std"]))
    network = read_tflite_int8((folder / _INT8).read_bytes(), graph, way)
    if not np.array_equal(run(network, before["q_inputs"]), before["q_outputs"]):
        raise ExportError(f"{_INT8} does not reproduce golden.npz here: export the model again")
    return network


def _integers(network: IntegerNetwork, q: Array) -> dict[str, Array]:
    """The golden integers."""
    from brickwork.export.integer.reference import run

    return {"q_inputs": q, "q_outputs": run(network, q)}


def _verified(
    files: Mapping[str, bytes],
    formats: Sequence[str],
    whole: Graph,
    vectors: Mapping[str, Array],
    own: Mapping[str, Array],
    integer: IntegerNetwork | None,
) -> list[dict[str, Any]]:
    """What came of running each file on the golden vectors.

    Raises:
        ExportError: One does not do what the network does.
    """
    checks = []
    inputs, expected = vectors["inputs"], vectors[PROBABILITIES]
    with tempfile.TemporaryDirectory(prefix="brickwork-") as place:
        for name, content in files.items():
            Path(place, name).write_bytes(content)
        for name in formats:
            file = Path(place, FORMATS[name][0])
            check = FileCheck(file.name, file_facts(files[file.name]))
            if name in INTEGER:
                check_bits(file, integer, inputs)
                found = integer_logits(integer, inputs)
            else:
                found = run_file(file, inputs)
            check = compared(check, expected, found, numbers=False)
            if file.name in own:  # whether int8 is good enough was found on the test split
                away = difference(own[file.name], found)[0]
                wrong = "" if away <= _STEP else f"it is {away:.1e} off the softmax of its logits"
                check = replace(check, reason=wrong)
            if check.reason:
                raise ExportError(f"no {name}: {check.reason}")
            checks.append(replace(check, latency=latency_here(file, whole.input)).to_json())
    return checks


def _verification(
    folder: Path, known: Mapping[str, Any], checks: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What was verified before, whose scores are those of the logits, and now."""
    import json

    before: dict[str, Any] = {}
    if "verification.json" in known:
        before = json.loads((folder / "verification.json").read_text(encoding="utf-8"))
    metrics = {
        name: {**found, "source": f"{found['source']}, before its softmax"}
        for name, found in before.get("metrics", {}).items()
    }
    return {**before, "metrics": metrics, "checks": list(checks), "when": ", before its softmax"}


def _vectors(content: bytes) -> dict[str, Array]:
    with np.load(io.BytesIO(content), allow_pickle=False) as golden:
        return {name: golden[name] for name in golden.files}


def _softmax(logits: Array) -> Array:
    above = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(above / above.sum(axis=1, keepdims=True), np.float32)
