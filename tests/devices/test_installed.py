"""Targets of a user's own: where they lie, and that their names find them."""

from __future__ import annotations

from pathlib import Path

import pytest

from brickwork.devices import load_target, target_names
from brickwork.devices.installed import FOLDER, installed_file, installed_folder, installed_names
from brickwork.errors import TargetError, UnknownName
from brickwork.listing import target_rows

BOARD = (
    'name = "mine"\ntitle = "Mine"\nfamily = "board"\nprecision = "int8"\nengine = "An engine"\n'
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path


def test_where_they_lie(monkeypatch, tmp_path):
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    usual = tmp_path / ".local" / "share" / "brickwork" / "targets"
    for text in ("", "relative/is/ignored"):
        monkeypatch.setenv("XDG_DATA_HOME", text)
        assert installed_folder() == usual
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert installed_folder() == tmp_path / "data" / "brickwork" / "targets"
    monkeypatch.setenv(FOLDER, str(tmp_path / "own"))
    assert installed_folder() == tmp_path / "own"
    assert installed_names() == []  # it need not be there


def test_a_name_finds_it(folder):
    (folder / "mine.toml").write_text(BOARD)
    for name in ("notes.txt", ".hidden.toml", "a b.toml"):
        (folder / name).write_text("")
    assert installed_names() == ["mine"]
    assert load_target("mine").title == "Mine"
    (folder / "mine.toml").write_text(BOARD.replace("Mine", "Other"))
    assert load_target("mine").title == "Other"
    assert "mine" not in target_names()
    with pytest.raises(UnknownName, match="did you mean 'mine'"):
        load_target("mime")


def test_the_library_comes_first(folder):
    (folder / "pixel.toml").write_text(BOARD)
    assert load_target("pixel").name == "pixel"
    assert [row["from"] for row in target_rows() if row["name"] == "pixel"] == ["library"]


def test_a_file_that_is_no_target_is_listed_with_what_is_wrong(folder):
    (folder / "mine.toml").write_text("name = 3\n")
    (folder / "other.toml").write_text(BOARD)
    with pytest.raises(TargetError, match=r"mine\.toml: "):
        load_target("mine")
    rows = {row["name"]: row for row in target_rows()}
    assert str(folder / "mine.toml") in rows["mine"]["title"]
    assert rows["mine"].keys() == rows["pixel"].keys()
    assert rows["mine"]["from"] == str(folder / "mine.toml")


def test_only_names_have_a_file(folder):
    assert installed_file("my-board_1.2") == folder / "my-board_1.2.toml"
    for name in ("", ".x", "-x", "../x", "a/b", "a b", "x.toml"):
        assert installed_file(name) is None
