"""Brickwork: give it data and a device, and it hands back the Pareto front of models that fit.

    import brickwork as bw

    study = bw.search("digits", target="stm32f746", budget="2m", seed=0)
    study.front                     # a table
    study.front.best(parameters=2000).module()

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Activation": "brickwork.space",
    "Arch": "brickwork.space",
    "BrickworkError": "brickwork.errors",
    "Choice": "brickwork.space",
    "Classifier": "brickwork.estimator",
    "Conv": "brickwork.space",
    "ConvNorm": "brickwork.space",
    "Depthwise": "brickwork.space",
    "GlobalPool": "brickwork.space",
    "InvertedResidual": "brickwork.space",
    "Limit": "brickwork.objective",
    "Linear": "brickwork.space",
    "Norm": "brickwork.space",
    "Objective": "brickwork.objective",
    "OneOf": "brickwork.space",
    "Optional": "brickwork.space",
    "Parallel": "brickwork.space",
    "Quantity": "brickwork.quantity",
    "Regressor": "brickwork.estimator",
    "Repeat": "brickwork.space",
    "Residual": "brickwork.space",
    "Seq": "brickwork.space",
    "Space": "brickwork.space",
    "Study": "brickwork.study",
    "build": "brickwork.nets.build",
    "graph": "brickwork.space",
    "load_target": "brickwork.devices.target",
    "search": "brickwork.api",
}

__all__ = ["__version__", *_HOME]  # the keys are strings


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'brickwork' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
