"""``brickwork cost FILE``: what a stranger gets for a file of any origin."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from export_networks import member
from test_cli import refused, run
from tflite_files import every_kind, needs_mcu, network

from brickwork.devices import load_target
from brickwork.devices.files import costs as file_costs
from brickwork.export.onnx import random_weights, write_onnx
from brickwork.quantity import METRICS, Quantity
from brickwork.trial import rng_for


@pytest.fixture
def tflite(tmp_path: Path) -> Path:
    needs_mcu("flatbuffers", "tflite_micro", "ai_edge_litert", "ethosu")
    path = tmp_path / "net.tflite"
    path.write_bytes(network())
    return path


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    whole = member((3, 24, 24), 0)
    path = tmp_path / "net.onnx"
    path.write_bytes(write_onnx(whole, random_weights(whole, rng_for(0, "weights"))))
    return path


def cost(capsys: Any, path: Path, target: str) -> tuple[dict[str, Any], dict[str, Quantity]]:
    code, out, err = run(capsys, "cost", str(path), "--target", target, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    return found, {key: Quantity.from_json(data) for key, data in found["metrics"].items()}


def check(metrics: dict[str, Quantity]) -> None:
    known = set(metrics) - {"flash_total_bytes"}
    assert known == {"parameters", "macs", "flash_bytes", "peak_sram_bytes", *TIMED}
    for name, quantity in metrics.items():
        assert quantity.unit == METRICS[name].unit
        assert quantity.source


TIMED = ("latency_ms", "energy_mj")


@pytest.mark.parametrize(
    ("target", "peak", "latency", "flash"),
    [
        ("nrf5340", "measured", "estimated", "counted"),
        ("stm32h743", "counted", "estimated", "counted"),
        ("raspberrypi4", "counted", "estimated", "counted"),
        ("ethos-u55-128", "simulated", "simulated", "simulated"),
        ("cpu", "counted", "measured", "counted"),
    ],
)
def test_a_tflite_file(capsys, tflite: Path, target: str, peak: str, latency: str, flash: str):
    found, metrics = cost(capsys, tflite, target)
    check(metrics)
    assert metrics["peak_sram_bytes"].how == peak
    assert metrics["latency_ms"].how == latency
    assert metrics["flash_bytes"].how == flash
    runtime = load_target(target).family == "mcu" and load_target(target).npu is None
    assert ("flash_total_bytes" in metrics) == runtime
    if runtime:
        assert metrics["flash_total_bytes"].how == "estimated"
    assert metrics["macs"].value == 16 * 4 * 27 + 20
    assert found["layers"] == {"CONV_2D": 1, "MEAN": 1, "FULLY_CONNECTED": 1}
    assert found["input"] == [
        {"shape": [1, 8, 8, 3], "type": "int8", "scale": [0.5], "zero_point": [0]}
    ]
    assert found["fits"] is True


@pytest.mark.parametrize("target", ["cpu", "pixel", "stm32f746"])
def test_an_onnx_file(capsys, onnx: Path, target: str):
    found, metrics = cost(capsys, onnx, target)
    check(metrics)
    assert ("ONNX Runtime" in metrics["latency_ms"].source) == (target == "cpu")
    assert found["bytes"] == onnx.stat().st_size
    notes = " ".join(found["notes"])
    assert ("are for int8" in notes) == (load_target(target).precision == "int8")
    assert ("runs .tflite files or C" in notes) == (target == "stm32f746")


def test_for_a_person(capsys, tflite: Path):
    _, out, _ = run(capsys, "cost", str(tflite), "--target", "nrf5340")
    for word in ("MACs", "peak SRAM", "measured", "estimated", "fits"):
        assert word in out
    (tflite.parent / "loose.tflite").write_bytes(network(kind="FLOOR"))
    path = str(tflite.parent / "loose.tflite")
    _, out, _ = run(capsys, "cost", path, "--target", "ethos-u55-128")
    assert "note: on the CPU, and not in the latency: 1 FLOOR" in " ".join(out.split())


def test_work_that_is_not_known_is_said(capsys, tflite: Path):
    tflite.write_bytes(every_kind())
    _, metrics = cost(capsys, tflite, "pixel")
    assert metrics["macs"].how == "estimated"
    assert "TFLite_Detection_PostProcess" in metrics["macs"].source
    assert metrics["latency_ms"].how == "estimated"


def test_what_nobody_knows_is_unknown(capsys, onnx: Path):
    board = onnx.parent / "board.toml"
    board.write_text(
        'name = "board"\ntitle = "Mine"\nfamily = "board"\nprecision = "float32"\nengine = "mine"\n'
    )
    _, metrics = cost(capsys, onnx, str(board))
    check(metrics)
    for name in TIMED:
        assert metrics[name].how == "unknown"
    assert "'board' has no latency model" in metrics["latency_ms"].source


def test_what_is_refused(capsys, tflite: Path, onnx: Path):
    def line(path: Path, *words: str) -> str:
        return refused(capsys, "cost", str(path), *words)

    assert "leave out --input" in line(tflite, "--input", "3,8,8")
    assert "takes .tflite files only" in line(onnx, "--target", "ethos-u55-128")
    assert "no such file" in line(tflite.parent / "none.tflite")
    for path in (tflite, onnx):
        content = path.read_bytes()
        for broken in (b"", b"junk" * 50, content[: len(content) // 2]):
            path.write_bytes(broken)
            assert path.name in line(path, "--target", "nrf5340")
    tflite.write_bytes(network("FLOAT32"))
    assert "quantise it first" in line(tflite, "--target", "ethos-u85-512")
    tflite.write_bytes(network(kind="GELU"))
    assert "GELU" in line(tflite, "--target", "nrf5340")


def test_without_the_extra_peak_sram_says_what_is_missing(capsys, tflite: Path, monkeypatch):
    monkeypatch.setattr(file_costs.importlib.util, "find_spec", lambda _: None)
    found, metrics = cost(capsys, tflite, "nrf5340")
    assert metrics["peak_sram_bytes"].how == "counted"
    assert "brickwork[mcu]" in metrics["peak_sram_bytes"].source
    assert "activations only" in " ".join(found["notes"])


def test_without_a_schema_a_tflite_file_is_refused(capsys, tflite: Path, monkeypatch):
    from brickwork.devices.files import schema

    schema.schema.cache_clear()
    for name in schema._MODULES:
        monkeypatch.setitem(sys.modules, name, None)
    line = refused(capsys, "cost", str(tflite), "--target", "pixel")
    assert line == "brickwork: reading a .tflite file needs an extra: pip install 'brickwork[mcu]'"


@pytest.mark.parametrize("words", [("--objective", "latency_ms"), ("--limit", "energy_mj<=1")])
def test_a_search_for_what_only_files_have_is_refused(capsys, words: tuple[str, str], tmp_path):
    study = str(tmp_path / "study")
    line = refused(
        capsys, "search", "digits", "--target", "ethos-u55-128", "--study", study, *words
    )
    assert "tells latency of files only" in line


MLPERF = ("ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "str_ww_ref_model", "vww_96_int8")


@pytest.mark.parametrize("name", MLPERF)
def test_networks_of_mlperf_tiny_on_an_npu(capsys, shared_data: Path, name: str):
    needs_mcu("flatbuffers", "tflite_micro", "ethosu")
    path = shared_data / "devices" / "mlperf_tiny_models" / f"{name}.tflite"
    if not path.is_file():
        pytest.skip(f"no {path}")
    _, metrics = cost(capsys, path, "ethos-u55-128")
    check(metrics)
    assert metrics["latency_ms"].how == "simulated"
    assert metrics["flash_bytes"].value < path.stat().st_size
