"""The files that go with every model: how a raw sample becomes its input."""

from __future__ import annotations

from importlib import resources

__all__ = ["preparation"]


def preparation(package: str, settings: str) -> dict[str, str]:
    """``prepare.py`` of a package, and the settings that it reads.

    Args:
        package: Name of the package that the file lies in.
        settings: The text of ``prepare.json``.
    """
    program = resources.files(package) / "prepare.py"
    return {"prepare.py": program.read_text(encoding="utf-8"), "prepare.json": settings}
