"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(place: Path, text: str) -> None:
    """Write a text file at once, and the folders that it lies in.

    Raises:
        OSError: It cannot be written; what was there is still there.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(prefix=".", suffix=".part", dir=place.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(made, 0o644)
        os.replace(made, place)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
