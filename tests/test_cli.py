"""What a stranger gets from the command line: answers, or one line and exit code 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from brickwork.cli import main
from brickwork.engine.store import Store
from brickwork.names import REFERENCES, SPACES, STRATEGIES, SUPERNETS, TASKS


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command, run in this process."""
    argv, sys.argv = sys.argv, ["brickwork", *words]
    try:
        main()
        code = 0
    except SystemExit as error:
        code = int(error.code or 0)
    finally:
        sys.argv = argv
    out, err = capsys.readouterr()
    return code, out, err


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line with which a command is refused."""
    code, _, err = run(capsys, *words)
    assert code == 2
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1, err
    assert lines[0].startswith("brickwork: ")
    assert "Traceback" not in err
    return lines[0]


def images(folder: Path, classes: tuple[str, ...] = ("cat", "dog"), count: int = 6) -> Path:
    """A folder of class folders with small pictures."""
    rng = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


X = np.zeros((8, 6, 6), np.uint8) + np.arange(8, dtype=np.uint8)[:, None, None]
Y = np.arange(8) % 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("digits", "--target", "stm32f74"), "unknown target 'stm32f74': did you mean 'stm32f746'"),
        (("digits", "--strategy", "evolve"), "unknown strategy"),
        (("digits", "--space", "moble"), "did you mean 'mobile'"),
        (("digits", "--task", "chess"), "unknown task"),
        (("digits", "--objective", "speed"), "unknown metric"),
        (("digits", "--limit", "speed<=3"), "unknown metric"),
        (("digits", "--limit", "latency_ms<3"), "cannot read the limit"),
        (("digits", "--limit", "latency_ms<=fast"), "cannot read the number 'fast'"),
        (("digits", "--limit", "flash_bytes<=3bananas"), "cannot read the number"),
        (("digits", "--budget", "soon"), "cannot read the duration 'soon'"),
        (("digits", "--budget", "0s"), "above zero"),
        (("digits", "--budget", "2s"), "too short for one trial"),
        (("digits", "--max-trials", "0"), "at least 1"),
        (("digits", "--workers", "0"), "at least 1"),
        (("nowhere.npz",), "no such file"),
        (("digits", "--limit", "parameters<=3"), "keeps the limits; the nearest has parameters"),
        (("digits", "--limit", "peak_sram_bytes<=10", "--target", "stm32f746"), "% beyond"),
        (("digits", "--space", "mobilenetv2", "--limit", "flash_bytes<=1kB"), "the nearest has"),
    ],
)
def test_settings_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    study = tmp_path / "study"
    assert says in refused(capsys, "search", *words, "--study", str(study))
    assert not (study / "models").exists()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p / "missing", "missing"),
        (lambda p: p, "no"),
        (lambda p: npz(p / "a.npz", a=X), "found the keys a; expected one of"),
        (lambda p: npz(p / "a.npz", X=X, y=Y[:5]), "5"),
        (lambda p: npz(p / "a.npz", X=X * np.nan, y=Y), "NaN"),
        (lambda p: npz(p / "a.npz", X=X[:, 0, 0], y=Y), "shape"),
        (lambda p: npz(p / "a.npz", X=X, y=Y * 0), "one class|two classes|all training labels"),
        (lambda p: npz(p / "a.npz", X=X, y=(np.arange(8) == 0) * 1), "1 training sample|1 sample"),
        (lambda p: npz(p / "a.npz", X=np.array([{}], object), y=Y), "pickle|object"),
        (lambda p: images(p / "d", ("only",)), "class"),
    ],
)
def test_data_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, make: Any, says: str
) -> None:
    import re

    (tmp_path / "data").mkdir()
    data = make(tmp_path / "data")
    line = refused(capsys, "search", str(data), "--study", str(tmp_path / "s"))
    assert re.search(says, line), line
    assert not (tmp_path / "s").exists()


def test_a_truncated_image_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = images(tmp_path / "d")
    broken = folder / "dog" / "3.png"
    broken.write_bytes(broken.read_bytes()[:60])
    line = refused(capsys, "search", str(folder), "--study", str(tmp_path / "s"))
    assert "3.png" in line


def test_studies_that_cannot_be_used(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "holds no study" in refused(capsys, "front", str(tmp_path))
    assert "holds no study" in refused(capsys, "resume", str(tmp_path / "none"))
    words = ("search", "digits", "--target", "stm32f746", "--study")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    assert "not empty" in refused(capsys, *words, str(mine))
    assert "is a file" in refused(capsys, *words, str(mine / "notes.txt"))
    other = tmp_path / "other"
    Store.create(other, {"data": "cats", "scale": 1.0, "low": 0.5}).close()
    assert "another run" in refused(capsys, *words, str(other))
    with Store.create(tmp_path / "busy", {"data": "digits", "scale": 1.0, "low": 0.5}):
        assert "busy" in refused(capsys, *words, str(tmp_path / "busy"))
    corrupt = tmp_path / "corrupt"
    corrupt.mkdir()
    (corrupt / "study.db").write_text("nonsense" * 1000)
    assert "corrupt" in refused(capsys, *words, str(corrupt))
    assert "corrupt" in refused(capsys, "front", str(corrupt))


@pytest.mark.parametrize(
    ("command", "names"),
    [("spaces", SPACES), ("strategies", STRATEGIES), ("tasks", TASKS)],
)
def test_lists(capsys: pytest.CaptureFixture[str], command: str, names: Any) -> None:
    code, out, _ = run(capsys, command, "--json")
    assert code == 0
    rows = json.loads(out)
    assert [row["name"] for row in rows] == list(names)
    if command == "strategies":
        assert len({row["doc"] for row in rows if row["name"] in SUPERNETS}) == len(SUPERNETS)
    if command == "spaces":
        assert all(row["size"] >= 1 and isinstance(row["decisions"], list) for row in rows)
        inputs = {row["name"]: row["inputs"] for row in rows}
        assert inputs["mobile"] == ["series", "images", "volumes"]
        assert inputs["series"] == ["series"]
        assert inputs["transformer"] == inputs["mlp"] == ["rows"]
        assert inputs["dscnn"] == ["images"]
    code, out, _ = run(capsys, command)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["name", *names]
    assert all(row["doc"] in out for row in rows)


def test_targets_give_their_limits(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "targets", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert "peak_sram_bytes<=327680" in rows["stm32f746"]["limits"]
    assert rows["cpu"]["latency"] == "measured"


@pytest.mark.parametrize("name", REFERENCES)
def test_cost_of_a_reference(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, _ = run(capsys, "cost", name, "--target", "stm32f746", "--json")
    assert code == 0
    found = json.loads(out)
    published = {
        "resnet8": 78_186,
        "mobilenetv2": 3_504_872,
        "dscnn": 23_756,
        "resnet18": 11_689_512,
        "efficientnetb0": 5_288_548,
        "vittiny": 5_717_416,
    }
    assert found["metrics"]["parameters"]["value"] == published[name]
    assert found["fits"] == (name in ("resnet8", "dscnn"))
    assert {"value", "unit", "how", "spread", "source"} == set(found["metrics"]["macs"])


def test_cost_of_a_space_and_of_an_arch(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ("--target", "stm32f746", "--input", "1,8,8", "--outputs", "10", "--json")
    _, out, _ = run(capsys, "cost", "mobile", *words)
    found = json.loads(out)
    sizes = [found["members"][k]["metrics"]["macs"]["value"] for k in ("smallest", "largest")]
    assert sizes[0] < sizes[1]
    path = tmp_path / "arch.json"
    path.write_text(json.dumps(found["members"]["largest"]["arch"]))
    _, out, _ = run(capsys, "cost", str(path), *words)
    assert json.loads(out)["metrics"]["macs"]["value"] == sizes[1]
    path.write_text('{"space": "mobile", "choices": {"stem.width": 5}}')
    assert "stem.width" in refused(capsys, "cost", str(path), *words)
    path.write_text("{")
    assert "not JSON" in refused(capsys, "cost", str(path), *words)
    for name, length in (("transformer", 64), ("mlp", 16)):
        code, out, _ = run(capsys, "cost", name, "--target", "stm32f746", "--json")
        assert (code, json.loads(out)["input"]) == (0, [length])
    assert "rows of ids or columns (length,)" in refused(
        capsys, "cost", "transformer", "--input", "3,32,32"
    )
    assert "series (channels, length)" in refused(capsys, "cost", "series", "--input", "16")
    assert "cannot read the shape" in refused(capsys, "cost", "mobile", "--input", "big")
    assert "unknown" in refused(capsys, "cost", "resnet9")


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "doctor", "--json")
    assert code == 0
    assert {"python", "cores", "torch", "onnxruntime", "disk"} <= set(json.loads(out))


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, resource\n"
        "import brickwork.cli\n"
        "sys.argv = ['brickwork', '--help']\n"
        "try:\n    brickwork.cli.main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'sklearn', 'onnx', 'onnxruntime', 'numpy', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    assert "search" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("full",), "is not empty and holds no benchmark networks"),
        (("new", "--networks", "3"), "too few to tell 13 kinds of work apart"),
        (("new", "--read", "no.csv"), "holds no benchmark networks: write them first"),
        (("new", "--input", "1,8,8,8"), "at most two spatial axes"),
        (("new", "--target", "stm33"), "unknown target"),
        (("new", "--title", "Mine"), "are for --read and --here"),
    ],
)
def test_calibrate_is_refused_in_one_line(capsys, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes").write_text("mine")
    assert says in refused(capsys, "calibrate", *words)
    assert not (tmp_path / "new").exists()
