"""The script for a Linux board, run as there: alone in the folder, without Brickwork."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from brickwork.calibration.log import read_times
from brickwork.calibration.manifest import Manifest, read_manifest

BLOCKER = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
sys.argv[0] = {script!r}
import runpy
runpy.run_path({script!r}, run_name="__main__")
"""


def run(kit: Path, *words: str, blocked: tuple[str, ...] = ("brickwork",)) -> tuple[int, str]:
    """Exit code and standard error of the script, with some packages missing."""
    code = BLOCKER.format(blocked=blocked, script=str(kit / "run_on_board.py"))
    done = subprocess.run(
        [sys.executable, "-c", code, "--seconds", "0.01", *words],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=100,
    )
    return done.returncode, done.stderr


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("blocked", "runtime", "ending"),
    [
        (("brickwork", "ai_edge_litert", "tflite_runtime", "torch"), "ONNX Runtime", ".onnx"),
        (("brickwork", "onnxruntime", "onnx", "torch"), "LiteRT", ".int8.tflite"),
    ],
)
def test_all_networks_are_measured_with_what_is_there(kit, blocked, runtime, ending):
    if runtime == "LiteRT":
        pytest.importorskip("ai_edge_litert")
    code, said = run(kit, blocked=blocked)
    assert code == 0, said
    manifest = read_manifest(kit)
    found = rows(kit / "measurements.csv")
    assert len(found) == len(manifest.networks)
    assert all(row["file"].endswith(ending) for row in found)
    assert all(row["runtime"].startswith(runtime) for row in found)
    assert all(float(row["latency_ms"]) > 0 <= float(row["spread_ms"]) for row in found)
    assert len(read_times(kit / "measurements.csv", manifest)) == len(found)


def test_it_goes_on_where_it_stopped(kit):
    assert run(kit, "--runtime", "onnxruntime")[0] == 0
    path = kit / "measurements.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:5]) + lines[5][:12])  # it was stopped within a line
    code, said = run(kit, "--runtime", "onnxruntime")
    assert code == 0
    assert said.count(" ms\n") == len(lines) - 5
    again = path.read_text().splitlines(keepends=True)
    assert again[:5] == lines[:5]
    assert [line.split(",")[0] for line in again] == [line.split(",")[0] for line in lines]


def test_another_runtime_needs_another_file(kit):
    pytest.importorskip("ai_edge_litert")
    assert run(kit, "--runtime", "onnxruntime")[0] == 0
    code, said = run(kit, "--runtime", "litert")
    assert code == 1
    assert "was measured with ONNX Runtime" in said
    assert run(kit, "--runtime", "litert", "--out", str(kit / "litert.csv"))[0] == 0


def test_what_is_wrong_is_one_line(kit, manifest: Manifest):
    missing = ("brickwork", "onnxruntime", "ai_edge_litert", "tflite_runtime", "tensorflow")
    assert "none of litert" in run(kit, blocked=missing)[1]
    assert (
        "onnxruntime is not installed here"
        in run(kit, "--runtime", "onnxruntime", blocked=missing)[1]
    )
    path = kit / "onnx" / f"{manifest.networks[0].name}.onnx"
    path.write_bytes(b"changed")
    code, said = run(kit, "--runtime", "onnxruntime")
    assert code == 1
    assert said.splitlines()[-1] == "onnx/n00.onnx was changed: copy the folder again"
    (kit / "measurements.csv").unlink()
    code, said = run(kit, "--out", str(kit / "no" / "x.csv"))
    assert code == 2
    assert said.splitlines()[-1].endswith("x.csv: No such file or directory")
