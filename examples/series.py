"""Movements of two kinds as series of three channels and of several lengths, told apart.

python examples/series.py STUDY [BUDGET]
"""

from __future__ import annotations

import sys

import numpy as np

import brickwork as bw


def movement(shaking: bool, rng: np.random.Generator) -> np.ndarray:
    """Acceleration on three axes, 40 to 60 steps: slow swinging, or shaking now and then."""
    at = np.arange(rng.integers(40, 61))
    swing = np.sin(at / rng.uniform(4, 6) + rng.uniform(0, 6))
    axes = np.stack([swing * rng.uniform(0.5, 1.5) for _ in range(3)])
    if shaking:
        axes += np.sin(at * rng.uniform(1.5, 2.5)) * (np.sin(at / 9 + rng.uniform(0, 6)) > 0)
    return axes + 0.3 * rng.standard_normal(axes.shape)


def main(folder: str, budget: str = "2m") -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    series = [movement(bool(label), rng) for label in labels]
    names = np.array(["swinging", "shaking"])[labels]
    study = bw.search(
        (series, names),
        task="series-classification",
        target="stm32f746",
        budget=budget,
        study=folder,
    )
    print(study.front)
    model = study.front.best("accuracy")
    print(f"{model.id}: {model.metrics['accuracy']} from series of {model.graph().input}")


if __name__ == "__main__":
    main(*sys.argv[1:])
