"""Archives of arrays that cannot be read, for every task that takes them: one line each."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brickwork.errors import DataError
from brickwork.names import TASKS, load
from brickwork.recognising import recognised
from brickwork.tasks.archives import members, names_in

READERS = [*sorted(TASKS), "recognising"]


def refused(reader: str, path: Path) -> str:
    """What a task, or what finds the task, says of a file that it refuses."""
    read = recognised if reader == "recognising" else load(TASKS, "task", reader)
    settings = {"label": "y"} if reader.startswith(("table", "text")) else {}
    with pytest.raises(DataError) as error:
        read(str(path), **settings)
    return str(error.value)


def damaged(path: Path) -> None:
    """An archive whose content is not what its checksum says."""
    noise = np.random.default_rng(0).integers(0, 255, (200, 8, 8)).astype(np.uint8)
    np.savez(path, x=noise, y=np.arange(200) % 2)
    content = bytearray(path.read_bytes())
    content[1000] ^= 255
    path.write_bytes(content)


def cut(path: Path) -> None:
    np.savez(path, x=np.zeros((200, 8, 8)), y=np.arange(200) % 2)
    path.write_bytes(path.read_bytes()[:5000])


def pickled(path: Path) -> None:
    np.savez(path, x=np.array([{"a": 1}, None], dtype=object), y=np.zeros(2))


def single(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def huge(path: Path) -> None:
    """A header that promises more numbers than any memory holds."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (2**52, 8)}
    )
    labels = io.BytesIO()
    np.save(labels, np.zeros(8, dtype=np.int64))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue())
        archive.writestr("y.npy", labels.getvalue())


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (damaged, "not a readable .npz file"),
        (cut, "not a readable .npz file"),
        (lambda path: path.write_bytes(b"x"), "not a readable .npz file"),
        (lambda path: path.write_bytes(b""), "not a readable .npz file"),
        (huge, "not a readable .npz file"),
        (pickled, "pickled objects, which are never loaded"),
        (single, "holds a single array"),
    ],
    ids=["damaged", "cut", "noise", "empty", "huge", "pickled", "single"],
)
def test_what_cannot_be_read(
    make: Callable[[Path], object], says: str, reader: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.npz"
    make(path)
    told = refused(reader, path)
    assert says in told, told
    assert str(path) in told
    assert "\n" not in told


def test_only_what_is_wanted_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(3), y=np.ones(2), secret=np.array([None, {}], dtype=object))
    assert names_in(path) == ["x", "y", "secret"]
    found = members(path, ("y",))
    assert list(found) == ["y"]
    assert found["y"].tolist() == [1, 1]
    with pytest.raises(DataError, match="'secret' holds pickled objects"):
        members(path)
