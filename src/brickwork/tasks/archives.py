"""Archives of arrays: ``.npz`` files."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError

__all__ = ["members", "names_in"]

_Read = TypeVar("_Read")


def names_in(path: Path) -> list[str]:
    """Which arrays there are.

    Raises:
        DataError: The file is no archive of arrays.
    """
    return _from(path, lambda file: list(file.files))


def members(path: Path, only: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
    """The arrays by their names.

    Args:
        path: Of the archive.
        only: Names of those that are wanted, which are there; all are if it is not given.

    Raises:
        DataError: The file is no archive of arrays, is damaged, or holds pickled objects.
    """

    def read(file: Any) -> dict[str, NDArray[Any]]:
        return {name: _member(file, name, path) for name in (file.files if only is None else only)}

    return _from(path, read)


def _from(path: Path, read: Callable[[Any], _Read]) -> _Read:
    try:
        # numpy leaves a file open that is no archive, so it gets one that is closed here.
        with path.open("rb") as handle:
            file = np.load(handle, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise DataError(
                    f"{path}: holds a single array; samples and labels are needed, each under a "
                    "name of its own"
                )
            return read(file)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, MemoryError) as error:
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path}: not a readable .npz file ({what})") from error


def _member(file: Any, name: str, path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = file[name]
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise DataError(
                f"{path}: {name!r} holds pickled objects, which are never loaded: "
                "save it as a plain array of numbers"
            ) from error
        raise
    return array
