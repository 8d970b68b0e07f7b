"""Verification: what passes, what does not, and that the files themselves are what is run."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_networks import CASES, INPUTS, every_op, graph_of, member, raw
from safetensors.numpy import save_file

import brickwork.export.crosscheck as crosschecking
from brickwork.errors import ExportError
from brickwork.export.artifacts import Artifacts, check_manifest, copy_model, export_model
from brickwork.export.crosscheck import crosscheck
from brickwork.export.formats import asked_by, files_in_order, preferred
from brickwork.export.onnx import random_weights, write_onnx
from brickwork.export.runners import latency_here, run_file
from brickwork.export.runtimes import PlainPython, run_torch
from brickwork.export.tflite import write_tflite, write_tflite_int8
from brickwork.export.verify import Verification, recheck, verify
from brickwork.quantity import How, Quantity
from brickwork.space import Graph, Normalize, Shape, graph
from brickwork.spaces.signals import series
from brickwork.tasks.judging.classes import classification_metrics
from brickwork.trial import rng_for

FILES = files_in_order(asked_by())
RUNTIMES = {
    "model.onnx": "ONNX Runtime ",
    "model.int8.onnx": "ONNX Runtime ",
    "model.tflite": "LiteRT ",
    "model.int8.tflite": "LiteRT ",
}
LATENCY = Quantity(0.5, "ms", How.MEASURED, 0.1, "a stopwatch")


def scores(logits: Any, labels: Any) -> dict[str, Quantity]:
    return classification_metrics(logits, labels, "test split")


def stopwatch(file: Path, input: Shape) -> Quantity | None:
    assert file.is_file()
    assert input == (1, 8, 8)
    return None if file.suffix == ".py" else LATENCY


@pytest.fixture(scope="module")
def written(digits: Any, tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    pytest.importorskip("tflite_micro")
    pytest.importorskip("ai_edge_litert")
    folder = tmp_path_factory.mktemp("study") / "models" / "ab12"
    x, _ = digits.split("test")
    return export_model(
        folder,
        digits.graph,
        digits.weights,
        calibration=digits.split("train")[0][:256],
        golden_inputs=x[:8],
        info={"id": "ab12", "task": "digits", "classes": list(digits.task.classes)},
    )


@pytest.fixture
def folder(written: Artifacts, tmp_path: Path) -> Path:
    return copy_model(written.folder, tmp_path / "models" / "ab12")


@pytest.fixture
def check(
    digits: Any, written: Artifacts, folder: Path, python: PlainPython
) -> Callable[..., Verification]:
    """Verifies the folder."""
    x, y = digits.split("test")

    def run(**changes: Any) -> Verification:
        settings = {
            "measure": stopwatch,
            "python": python,
            "integer": written.integer,
            "prefer": preferred("board", "int8"),
        } | changes
        return verify(folder, digits.graph, digits.weights, x, y, scores, **settings)

    return run


def overwrite(folder: Path, name: str, content: bytes) -> None:
    """Put another file in its place, manifest and all."""
    import hashlib

    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_good_model_passes(check: Callable[..., Verification], folder: Path, digits: Any):
    result = check()
    assert result.passed, result.reason
    assert [c.file for c in result.checks] == list(FILES)
    source, exact, int8, phone, micro, plain = result.checks
    assert phone.agreement == 1.0
    assert re.search(
        "LiteRT's reference kernels within [012] of 256 steps, its fast ones", micro.detail
    )
    assert re.search("each layer within 1 of 256 steps of its integers, all of them", int8.detail)
    assert not plain.note
    assert plain.metrics["accuracy"].value == micro.metrics["accuracy"].value
    assert micro.agreement is not None
    assert micro.agreement > 0.97
    assert "bit by bit as TensorFlow Lite Micro" in micro.metrics["accuracy"].source
    assert source.relative is not None
    assert source.relative < 1e-5
    assert exact.agreement == 1.0
    assert exact.latency == int8.latency == phone.latency == micro.latency == LATENCY
    assert source.latency is None
    x, y = digits.split("test")
    expected = scores(run_torch(digits.graph, digits.weights, x), y)["accuracy"].value
    assert exact.metrics["accuracy"].value == expected
    assert abs(int8.metrics["accuracy"].value - expected) < 0.01
    assert result.judged == "model.int8.onnx"
    assert result.metrics == int8.metrics
    assert "model.int8.onnx in ONNX Runtime" in result.metrics["accuracy"].source
    assert check_manifest(folder) == []


def test_every_file_is_timed_in_its_own_runtime(
    folder: Path, digits: Any, capfd: pytest.CaptureFixture[str]
):
    found = {name: latency_here(folder / name, digits.graph.input) for name in FILES}
    assert found.pop("model.py") is None
    assert found.pop("model.c") is None
    for name, runtime in RUNTIMES.items():
        latency = found.pop(name)
        assert latency is not None
        assert latency.how is How.MEASURED
        assert 0 < latency.value < 1000
        assert latency.source.startswith(runtime)
        assert "1 thread" in latency.source
    assert not found
    assert capfd.readouterr() == ("", "")


def test_a_file_that_litert_does_not_run_is_a_reason(folder: Path, tmp_path: Path):
    (tmp_path / "model.int8.tflite").write_bytes(b"TFL3" * 100)
    with pytest.raises(ExportError, match="LiteRT cannot run it") as caught:
        latency_here(tmp_path / "model.int8.tflite", (1, 8, 8))
    assert "\n" not in str(caught.value)


def test_without_litert_an_int8_file_has_no_latency(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert latency_here(folder / "model.int8.tflite", (1, 8, 8)) is None


def test_a_target_in_float_is_judged_by_the_float_file(check: Callable[..., Verification]):
    assert check(prefer=preferred("cpu", "float32")).judged == "model.onnx"
    assert check(prefer=preferred("phone", "float32")).judged == "model.tflite"
    assert check(prefer=preferred("mcu", "int8")).judged == "model.int8.tflite"


def test_an_integer_file_with_one_other_weight_fails(
    check: Callable[..., Verification], folder: Path, written: Artifacts
):
    assert written.integer is not None
    step = next(s for s in written.integer.steps if s.weight is not None)
    weight = step.weight.copy()
    weight.reshape(-1)[:4] += np.where(weight.reshape(-1)[:4] > 0, -90, 90).astype(np.int8)
    steps = tuple(replace(s, weight=weight) if s is step else s for s in written.integer.steps)
    wrong = write_tflite_int8(replace(written.integer, steps=steps))
    overwrite(folder, "model.int8.tflite", wrong)
    assert "model.int8.tflite: other bits in TensorFlow Lite Micro for" in check().reason
    (problem,) = recheck(folder)
    assert problem == "model.int8.tflite does not reproduce golden.npz to the bit"
    assert "is not known" in check(integer=None).reason


def test_a_c_file_with_one_other_weight_fails(check: Callable[..., Verification], folder: Path):
    source = (folder / "model.c").read_text()
    place = source.index("layer_0_weights[")
    start = source.index("{", place) + 1
    end = source.index(",", start)
    wrong = source[:start] + "\n    " + str((int(source[start:end]) + 90) % 100) + source[end:]
    overwrite(folder, "model.c", wrong.encode())
    assert "model.c: other bits as a program for" in check().reason
    (problem,) = recheck(folder)
    assert problem == "model.c does not reproduce golden.npz to the bit"


def test_json_has_what_a_study_records(check: Callable[..., Verification], folder: Path):
    data = json.loads(json.dumps(check().to_json()))
    assert data["reason"] == ""
    qualities = {"accuracy", "balanced_accuracy", "macro_f1", "auc", "calibration_error"}
    assert set(data["metrics"]) == qualities
    files = data["artifacts"]
    assert set(files) == {path.name for path in folder.iterdir()} - {"manifest.json"}
    assert files["model.onnx"]["path"] == "models/ab12/model.onnx"
    assert files["model.onnx"]["verified"] is True
    assert "largest difference" in files["model.onnx"]["detail"]
    assert files["card.md"]["verified"] is None
    import hashlib

    for name, facts in files.items():
        content = (folder / name).read_bytes()
        assert facts["sha256"] == hashlib.sha256(content).hexdigest()
        assert facts["bytes"] == len(content)


def test_the_card_shows_the_verification(check: Callable[..., Verification], folder: Path):
    assert "not verified" in (folder / "card.md").read_text()
    check()
    card = (folder / "card.md").read_text()
    assert "not verified" not in card
    rows = [line for line in card.splitlines() if line.startswith("| `model.int8.onnx` |")]
    assert "passed" in rows[-1]
    assert "0.5 ms" in rows[-1]


def test_a_float_file_with_other_weights_fails(
    check: Callable[..., Verification], folder: Path, digits: Any
):
    weights = dict(digits.weights)
    weights["stem.norm.bias"] = weights["stem.norm.bias"] + 0.1
    overwrite(folder, "model.onnx", write_onnx(digits.graph, weights))
    result = check()
    assert "model.onnx differs from the trained network by" in result.reason
    assert [c.file for c in result.checks if c.reason] == ["model.onnx"]
    assert result.to_json()["artifacts"]["model.onnx"]["verified"] is False


def test_an_int8_file_that_guesses_fails(
    check: Callable[..., Verification], folder: Path, digits: Any
):
    weights = dict(digits.weights)
    weights["classifier.linear.weight"] = -weights["classifier.linear.weight"]
    overwrite(folder, "model.int8.onnx", write_onnx(digits.graph, weights))
    result = check()
    assert result.reason.startswith("model.int8.onnx gives the class of the trained network for ")


def test_nan_is_a_reason_and_not_a_score(
    check: Callable[..., Verification], folder: Path, digits: Any
):
    weights = dict(digits.weights)
    weights["classifier.linear.bias"] = np.full_like(weights["classifier.linear.bias"], np.nan)
    overwrite(folder, "model.int8.onnx", write_onnx(digits.graph, weights))
    result = check()
    assert "gives NaN or infinity" in result.reason
    assert result.judged == "model.int8.tflite"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("import brickwork", "ModuleNotFoundError"),
        ("def load(): return lambda x: x[:, 0, 0, :3]", "gives logits of shape"),
        ("def load(): return lambda x: x[:5]", "gives 10 answers to"),
        ("import os; os._exit(7)", "ended with exit code"),
        ("x = (", "SyntaxError"),
    ],
)
def test_source_that_does_not_run(
    check: Callable[..., Verification], folder: Path, source: str, reason: str
):
    overwrite(folder, "model.py", source.encode())
    result = check()
    assert "model.py" in result.reason
    assert reason in result.reason
    assert "\n" not in result.reason


def test_a_file_that_no_runtime_reads(check: Callable[..., Verification], folder: Path):
    overwrite(folder, "model.onnx", b"not a model")
    assert "model.onnx: ONNX Runtime cannot run it" in check().reason


def test_source_that_never_ends(folder: Path, digits: Any, python: PlainPython):
    x, _ = digits.split("test")
    overwrite(folder, "model.py", b"while True: pass")
    python.run(copy_model_source(folder, digits), x[:1])  # it is up
    slow, python.timeout_s = python.timeout_s, 0.3
    try:
        with pytest.raises(ExportError, match=r"took over 0\.3 s"):
            python.run(folder / "model.py", x[:1])
    finally:
        python.timeout_s = slow


def copy_model_source(folder: Path, digits: Any) -> Path:
    """A source that works."""
    from brickwork.export.source import write_source

    place = folder.parent / "working"
    place.mkdir()
    (place / "model.py").write_text(write_source(digits.graph, "working"))
    save_file(dict(digits.weights), place / "weights.safetensors")
    return place / "model.py"


def test_a_changed_file_and_a_graph_that_differs_are_reasons(
    check: Callable[..., Verification], folder: Path, monkeypatch: pytest.MonkeyPatch
):
    (folder / "arch.json").write_text("{}")
    monkeypatch.setattr(crosschecking, "macs", lambda _graph: 1)
    reason = check().reason
    assert "arch.json was changed" in reason
    assert "graph and module differ: PyTorch counts" in reason


def test_only_source(digits: Any, tmp_path: Path, python: PlainPython):
    x, y = digits.split("test")
    folder = tmp_path / "models" / "ab12"
    inputs = {"golden_inputs": x[:2], "info": {}}
    export_model(folder, digits.graph, digits.weights, formats=("source",), **inputs)
    result = verify(folder, digits.graph, digits.weights, x, y, scores, python=python)
    assert result.passed
    assert result.judged == "model.py"
    assert result.metrics["accuracy"].value > 0.9


@pytest.mark.parametrize(
    ("name", "file", "runtime"),
    [
        ("openvino", "model.xml", "OpenVINO "),
        pytest.param("executorch", "model.pte", "ExecuTorch ", marks=pytest.mark.slow),
    ],
)
def test_formats_on_request_are_run_scored_and_timed(
    digits: Any, tmp_path: Path, python: PlainPython, name: str, file: str, runtime: str
):
    pytest.importorskip(name)
    x, y = digits.split("test")
    folder = tmp_path / "models" / "ab12"
    inputs = {"golden_inputs": x[:8], "info": {"input": [1, 8, 8]}}
    export_model(folder, digits.graph, digits.weights, formats=("source", name), **inputs)
    prefer = preferred("phone", "float32", runtime)
    args = (folder, digits.graph, digits.weights, x, y, scores)
    result = verify(*args, prefer=prefer, python=python)
    assert result.passed, result.reason
    check = next(check for check in result.checks if check.file == file)
    assert check.agreement == 1.0
    assert check.relative is not None
    assert check.relative < 1e-5
    assert check.latency is not None
    assert check.latency.source.startswith(runtime)
    assert result.judged == file
    expected = scores(run_torch(digits.graph, digits.weights, x), y)["accuracy"].value
    assert result.metrics["accuracy"].value == expected
    assert f"{file} in {runtime}" in result.metrics["accuracy"].source
    assert recheck(folder, python) == []
    assert f"| `{file}` | {len(x)} |" in (folder / "card.md").read_text()


def test_samples_and_labels_must_match(check: Callable[..., Verification], digits: Any):
    x, y = digits.split("test")
    with pytest.raises(ValueError, match="as many samples as labels"):
        verify(Path("x"), digits.graph, digits.weights, x, y[1:], scores)


def test_recheck_needs_no_data(folder: Path, python: PlainPython, digits: Any):
    assert recheck(folder, python) == []
    weights = dict(digits.weights)
    weights["classifier.linear.bias"] = weights["classifier.linear.bias"] + 1.0
    overwrite(folder, "model.onnx", write_onnx(digits.graph, weights))
    overwrite(folder, "model.int8.onnx", write_onnx(digits.graph, weights))
    overwrite(folder, "model.py", b"load = 1")
    source, exact, int8 = recheck(folder, python)
    assert "model.py: Python cannot run it: TypeError" in source
    assert "model.onnx does not reproduce golden.npz" in exact
    assert "model.int8.onnx does not reproduce golden.npz" in int8
    (folder / "model.onnx").unlink()
    assert recheck(folder, python) == ["model.onnx is missing"]


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_recheck_of_a_broken_golden_file(folder: Path, python: PlainPython, keep: int):
    overwrite(folder, "golden.npz", (folder / "golden.npz").read_bytes()[:keep])
    (problem,) = recheck(folder, python)
    assert "golden.npz cannot be read" in problem


@pytest.mark.parametrize("input", [(2, 64), (1, 28, 28), (1, 16, 16, 16)])
def test_counts_of_members_agree_with_pytorch(input: Shape):
    for seed in range(3):
        assert crosscheck(member(input, seed), export=False) == []


@pytest.mark.parametrize(("axes", "name"), CASES)
def test_counts_of_every_op_agree_with_pytorch(axes: int, name: str):
    assert crosscheck(graph_of(every_op(axes)[name], INPUTS[axes]), export=False) == []


def test_counts_agree_with_torch_export():
    assert crosscheck(member((1, 12, 12), 0), export=True) == []


def test_a_graph_that_is_wrong_is_noticed(monkeypatch: pytest.MonkeyPatch):
    whole = member((1, 12, 12), 0)
    right = whole.nodes
    wrong = [replace(n, shape=(9, 9)) if n.name == "stem.conv" else n for n in right]
    monkeypatch.setattr(crosschecking, "parameters", lambda _graph: 3)
    monkeypatch.setattr(crosschecking, "build", lambda _graph: crosschecking_build(whole))
    fake = Graph(whole.input, whole.parts)
    fake._nodes = tuple(wrong)
    problems = " / ".join(crosscheck(fake, export=False))
    assert "stem.conv gives shape (" in problems
    assert "parameters, the graph 3" in problems


def crosschecking_build(whole: Graph) -> Any:
    from brickwork.nets import build

    return build(whole)


def test_plain_python_knows_no_brickwork(tmp_path: Path, python: PlainPython):
    source = tmp_path / "model.py"
    source.write_text(
        "import sys, torch\n"
        "assert sys.modules['brickwork'] is None\n"
        "assert not any('brickwork' in name for name in sys.modules if sys.modules[name])\n"
        "print('noise')\n"
        "def load():\n    return lambda x: x.flatten(1)[:, :2]\n"
    )
    x = raw(member((1, 12, 12), 0), 300)
    assert np.array_equal(python.run(source, x), x.reshape(300, -1)[:, :2])


def test_a_float_file_stands_a_mean_far_from_0(tmp_path: Path) -> None:
    """Air pressure in pascals: thousands of deviations from 0, which must cancel at once."""
    pytest.importorskip("ai_edge_litert")
    space = series((1, 40))
    mean, std = 101324.375, 0.75
    whole = graph(space, space.extremes()[0], (1, 40), 3, Normalize((mean,), (std,)))
    weights = random_weights(whole, rng_for(0, "weights"))
    x = (mean + std * rng_for(0, "samples").normal(size=(20, 1, 40))).astype(np.float32)
    answers = run_torch(whole, weights, x)
    path = tmp_path / "model.tflite"
    path.write_bytes(write_tflite(whole, weights))
    found = run_file(path, x)
    assert np.abs(found - answers).max() < 1e-4 * np.abs(answers).max()
