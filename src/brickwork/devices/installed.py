"""Targets of a user's own: TOML files in a folder of the user, found by their names.

``brickwork calibrate`` puts them there. Workers find them as the command line does, since all of
them have the same environment.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["FOLDER", "installed_file", "installed_folder", "installed_names"]

FOLDER = "BRICKWORK_TARGETS"
"""The environment variable that names another folder."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def installed_folder() -> Path:
    """Where targets are installed: what ``FOLDER`` says, or among the user's data."""
    if own := os.environ.get(FOLDER):
        return Path(own)
    data = os.environ.get("XDG_DATA_HOME", "")
    # What is not absolute is to be ignored, says the specification of base directories.
    base = Path(data) if os.path.isabs(data) else Path.home() / ".local" / "share"
    return base / "brickwork" / "targets"


def installed_names() -> list[str]:
    """The targets that are installed; none where the folder cannot be read."""
    try:
        files = [file.name for file in installed_folder().iterdir()]
    except (OSError, RuntimeError):  # not there, not ours to read, or no home
        return []
    names = [name.removesuffix(".toml") for name in files if name.endswith(".toml")]
    return sorted(name for name in names if _NAME.fullmatch(name))


def installed_file(name: str) -> Path | None:
    """The file of a name, wherever it may be: it need not be there. None for no possible name."""
    if not _NAME.fullmatch(name) or name.endswith(".toml"):
        return None
    return installed_folder() / f"{name}.toml"
