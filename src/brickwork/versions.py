"""Which versions a result was made with."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["package_versions"]

_OWN = ("brickwork", "torch", "numpy", "scikit-learn", "onnx", "onnxruntime", "moocore")


def package_versions(names: Iterable[str] = _OWN) -> dict[str, str]:
    """Versions of what a result depends on, by the name of the package."""
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
