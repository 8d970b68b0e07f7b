"""Which versions a result was made with."""

from __future__ import annotations

__all__ = ["package_versions"]


def package_versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str] = {}
    for name in ("brickwork", "torch", "numpy", "scikit-learn", "onnx", "onnxruntime", "moocore"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
