"""Bright balls in noisy volumes of several sizes, found voxel by voxel.

python examples/volumes.py STUDY [BUDGET]
"""

from __future__ import annotations

import sys

import numpy as np

import brickwork as bw


def scan(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A volume of 6 to 8 voxels a side, and which of them belong to the ball in it."""
    sides = rng.integers(6, 9, 3)
    places = np.stack(np.meshgrid(*map(np.arange, sides), indexing="ij"), -1)
    ball = np.linalg.norm(places - rng.uniform(2, sides - 3), axis=-1) < rng.uniform(1.5, 2.5)
    return (80 + 70 * ball + rng.normal(0, 25, sides)).clip(0, 255).astype(np.uint8), ball


def main(folder: str, budget: str = "2m") -> None:
    rng = np.random.default_rng(0)
    scans = [scan(rng) for _ in range(30)]
    study = bw.search(
        {
            "volumes": np.concatenate([volume.ravel() for volume, _ in scans]),
            "labels": np.concatenate([ball.ravel() for _, ball in scans]),
            "shapes": np.array([volume.shape for volume, _ in scans]),
        },
        limits=["parameters<=50000"],
        objectives=["dice", "parameters"],
        budget=budget,
        study=folder,
    )
    print(study.front)
    model = study.front.best("dice")
    print(f"{model.id}: {model.metrics['dice']} for volumes of {model.graph().input}")


if __name__ == "__main__":
    main(*sys.argv[1:])
