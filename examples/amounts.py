"""Amounts instead of classes: how diabetes goes on, from a table, and the pitch of a noisy tone.

python examples/amounts.py STUDY [BUDGET]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes

import brickwork as bw


def tones(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Tones of 64 steps, ``(n, 64)``, and how often each swings in that time."""
    swings = rng.uniform(2, 12, n)
    phase = rng.uniform(0, 6, (n, 1))
    clean = np.sin(phase + swings[:, None] * np.linspace(0, 2 * np.pi, 64))
    return clean + 0.2 * rng.standard_normal(clean.shape), swings


def main(folder: str, budget: str = "1m") -> None:
    table = load_diabetes(return_X_y=True)
    waves = tones(400, np.random.default_rng(0))
    for name, data in (("table", table), ("series", waves)):
        study = bw.search(data, budget=budget, study=Path(folder) / name)
        print(study.front)
        model = study.front.best("rmse")
        print(f"{study.run.task}: {model.id} is off by {model.metrics['rmse']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
