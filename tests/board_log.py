"""What a board prints whose times are a known linear model's."""

from __future__ import annotations

import numpy as np

from brickwork.calibration.manifest import CHECKED, Manifest
from brickwork.devices import load_target
from brickwork.devices.target import COEFFICIENTS

__all__ = ["COLUMNS", "TRUTH", "lines"]

TRUTH = "stm32l4r5"
COLUMNS = "file,checksum,latency_ms,spread_ms,runtime,machine,mhz"


def lines(
    manifest: Manifest,
    ending: str = ".c",
    factor: float = 2.0,
    mhz: str = "120",
    seed: int = 0,
    noise: float = 0.01,
) -> list[str]:
    """What a board prints whose times are a linear model's, with some noise."""
    truth, rng = load_target(TRUTH).latency, np.random.default_rng(seed)
    assert truth is not None
    found = [COLUMNS]
    for one in manifest.networks:
        work = np.array([one.work[name] for name in COEFFICIENTS])
        ms = factor * float(truth.coefficients @ work) * np.exp(rng.normal(0, noise))
        path = next(path for path in one.files if path.endswith(ending))
        check = one.files[path].sha256[:CHECKED]
        found.append(f'{path},{check},{ms:.6g},0.001,"An engine, 1.0",a board,{mhz}')
    return found
