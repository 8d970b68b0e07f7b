"""Balls and boxes in noisy volumes, told apart; the scans of a patient stay in one split.

python examples/scans.py STUDY [BUDGET]
"""

from __future__ import annotations

import sys

import numpy as np

import brickwork as bw


def scan(box: bool, rng: np.random.Generator) -> np.ndarray:
    """A volume of 12 voxels a side with a bright body in it."""
    places = np.stack(np.meshgrid(*[np.arange(12)] * 3, indexing="ij"), -1)
    away = places - rng.uniform(4, 8, 3)
    far = np.abs(away).max(-1) if box else 0.8 * np.linalg.norm(away, axis=-1)
    return (80 + 90 * (far < rng.uniform(2.5, 3.5)) + rng.normal(0, 20, far.shape)).clip(0, 255)


def main(folder: str, budget: str = "2m") -> None:
    rng = np.random.default_rng(0)
    patients = np.arange(160) // 4
    boxes = rng.integers(0, 2, 40)[patients]
    study = bw.search(
        {
            "x": np.stack([scan(bool(box), rng) for box in boxes]).astype(np.uint8),
            "y": np.array(["ball", "box"])[boxes],
            "patient": patients,
        },
        group="patient",
        limits=["parameters<=20000"],
        budget=budget,
        study=folder,
    )
    print(study.front)
    model = study.front[-1]
    print(f"{model.id}: {model.metrics['accuracy']} for volumes of {model.graph().input}")


if __name__ == "__main__":
    main(*sys.argv[1:])
