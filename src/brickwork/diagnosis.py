"""What this machine has, for ``brickwork doctor``."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from pathlib import Path
from typing import Any

from brickwork.engine.executors import usable_cores
from brickwork.versions import package_versions

__all__ = ["diagnose"]

_EXTRAS = {
    "mcu": "tflite_micro",
    "cluster": "ray",
    "executorch": "executorch",
    "openvino": "openvino",
    "audio": "soundfile",
    "medical": "nibabel",
    "optuna": "optuna",
}


def diagnose() -> dict[str, Any]:
    """Versions, cores, memory, runtimes, extras and disk, in plain words."""
    free = shutil.disk_usage(Path.cwd()).free
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": f"{usable_cores()} usable of {os.cpu_count()}",
        "memory": _memory(),
        "disk": f"{free / 2**30:.1f} GiB free in {Path.cwd()}",
    }
    found |= package_versions()
    found["gpu"] = _gpu()
    found["runtimes"] = _runtimes()
    for extra, module in _EXTRAS.items():
        present = importlib.util.find_spec(module) is not None
        found[f"extra {extra}"] = (
            "installed" if present else f"not installed: pip install 'brickwork[{extra}]'"
        )
    return found


def _memory() -> str:
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return "unknown"
    return f"{total / 2**30:.1f} GiB"


def _gpu() -> str:
    try:
        import torch
    except ImportError as error:
        return f"unknown: {error}"
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none"


def _runtimes() -> str:
    try:
        import onnxruntime
    except ImportError as error:
        return f"onnxruntime does not import: {error}"
    return f"onnxruntime with {', '.join(onnxruntime.get_available_providers())}"
