"""A small set of benchmark networks, written once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from board_log import lines

from brickwork.calibration.folder import FEWEST, Asked, write_folder
from brickwork.calibration.manifest import Manifest, read_manifest
from brickwork.devices.installed import FOLDER

ASKED = Asked("stm32g0b1-hale", (1, 12, 12), FEWEST + 6)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibrate") / "kit"
    write_folder(folder, ASKED)
    return folder


@pytest.fixture
def kit(written: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(written, tmp_path / "kit"))


@pytest.fixture
def manifest(written: Path) -> Manifest:
    return read_manifest(written)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of installed targets, empty."""
    folder = tmp_path / "targets"
    monkeypatch.setenv(FOLDER, str(folder))
    return folder


@pytest.fixture
def printed(manifest: Manifest, tmp_path: Path) -> Path:
    path = tmp_path / "measurements.csv"
    path.write_text("\n".join(lines(manifest)) + "\n")
    return path
