"""The folder of networks: complete, the same every time, and never over something else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from brickwork.calibration.folder import FEWEST, Asked, _written, write_folder
from brickwork.calibration.manifest import MANIFEST, checksum, read_manifest
from brickwork.devices import load_target
from brickwork.devices.files import read_model
from brickwork.devices.target import COEFFICIENTS
from brickwork.devices.work import work_of_program
from brickwork.errors import DataError, UnknownName

ASKED = Asked("stm32g0b1-hale", (1, 12, 12), FEWEST + 6)


def test_every_network_is_there_in_every_format(written, manifest):
    assert len(manifest.networks) == ASKED.networks
    listed = {MANIFEST, *manifest.files}
    for one in manifest.networks:
        assert set(one.files) == {
            f"tflite/{one.name}.int8.tflite",
            f"onnx/{one.name}.onnx",
            f"c/{one.name}.c",
            f"c/{one.name}.h",
        }
        listed |= set(one.files)
        for path, facts in one.files.items():
            content = (written / path).read_bytes()
            assert (checksum(content), len(content)) == (facts.sha256, facts.bytes)
    there = {str(p.relative_to(written)) for p in written.rglob("*") if p.is_file()}
    assert there == listed
    assert {"run_on_board.py", "README.md", "c/harness.c", "c/networks.h"} <= there


def test_the_work_of_a_network_is_that_of_its_file(written, manifest):
    for one in manifest.networks:
        program = read_model(written / f"tflite/{one.name}.int8.tflite").program
        found = work_of_program(program).named()
        assert found == pytest.approx({name: one.work[name] for name in COEFFICIENTS})


def test_networks_fit_the_target(manifest):
    target = load_target(ASKED.target)
    room = target.flash_bytes
    for part in range(1, 1 + max(one.part for one in manifest.networks)):
        own = [one for one in manifest.networks if one.part == part]
        assert own
        assert sum(one.files[f"tflite/{one.name}.int8.tflite"].bytes for one in own) < room
    assert all(one.arena_bytes < target.sram_bytes for one in manifest.networks)


def test_half_of_them_are_witnesses_for_the_input(manifest):
    own = [one for one in manifest.networks if one.witness]
    assert len(own) == ASKED.networks // 2
    assert {(one.space, one.input) for one in own} == {("mobile", ASKED.input)}


def test_a_second_time_changes_nothing(kit):
    before = (kit / MANIFEST).stat().st_mtime_ns
    assert write_folder(kit, ASKED) == read_manifest(kit)
    assert (kit / MANIFEST).stat().st_mtime_ns == before


def test_another_set_needs_another_folder(kit):
    with pytest.raises(DataError, match="holds 20 networks for stm32g0b1-hale and samples of 1x12"):
        write_folder(kit, Asked("", (1, 12, 12), 20))


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match="is not empty and holds no benchmark networks"):
        write_folder(tmp_path, ASKED)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(DataError, match="is not empty"):
        write_folder(tmp_path / "thesis.tex", ASKED)


def test_an_empty_folder_is_filled(written, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {"manifest.json": b"{}", "c/a.c": b"int a;", "README.md": b"Read"}
    _written(Path("."), files)
    _written(Path("new/er"), files)
    for folder in (Path("."), Path("new/er")):
        assert {path: (folder / path).read_bytes() for path in files} == files
    assert sorted(path.name for path in Path("new").iterdir()) == ["er"]
    assert sorted(path.name for path in Path(".").iterdir()) == [
        *("README.md", "c", "manifest.json", "new")
    ]


def test_too_few_networks(tmp_path):
    with pytest.raises(DataError, match="are too few to tell 13 kinds of work apart: at least 14"):
        write_folder(tmp_path / "new", Asked(networks=13))


def test_an_unknown_target(tmp_path):
    with pytest.raises(UnknownName, match="unknown target 'stm33'"):
        write_folder(tmp_path / "new", Asked("stm33"))


def test_a_place_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("brickwork.calibration.folder._contents", lambda *_: ((), {}))
    with pytest.raises(DataError, match="cannot be written: File exists"):
        write_folder(tmp_path / "file" / "new", ASKED)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "networks": [3]}'])
def test_a_manifest_that_is_none(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(DataError, match="is not a manifest of benchmark networks"):
        read_manifest(tmp_path)


def test_a_manifest_of_another_version(kit):
    data = json.loads((kit / MANIFEST).read_text())
    (kit / MANIFEST).write_text(json.dumps({**data, "version": 2}))
    with pytest.raises(DataError, match="has version 2, this Brickwork reads 1"):
        read_manifest(kit)


def test_no_path_and_no_time_is_in_it(written: Path):
    text = (written / MANIFEST).read_text()
    assert str(written.parent) not in text
    assert str(Path.home()) not in text
    assert np.isfinite(json.loads(text)["networks"][0]["macs"])
