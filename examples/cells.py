"""Dark cells on uneven ground, found pixel by pixel, for a microcontroller.

python examples/cells.py STUDY [BUDGET]
"""

from __future__ import annotations

import sys

import numpy as np

import brickwork as bw

SIDE = 32


def slide(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A picture of up to four cells, and which pixels are theirs."""
    y, x = np.mgrid[:SIDE, :SIDE]
    mask = np.zeros((SIDE, SIDE), bool)
    for _ in range(rng.integers(1, 5)):
        down, right = rng.uniform(4, SIDE - 4, 2)
        mask |= np.hypot(y - down, x - right) < rng.uniform(2, 5)
    ground = 150 + 40 * np.sin(x / 9 + rng.uniform(0, 6)) - 60 * mask
    return (ground + rng.normal(0, 15, ground.shape)).clip(0, 255).astype(np.uint8), mask


def main(folder: str, budget: str = "2m") -> None:
    rng = np.random.default_rng(0)
    pictures, masks = map(np.stack, zip(*[slide(rng) for _ in range(120)], strict=True))
    study = bw.search(
        (pictures, masks.astype(np.uint8)), target="stm32f746", budget=budget, study=folder
    )
    print(study.front)
    model = study.front.best("dice")
    print(f"{model.id}: {model.metrics['dice']} for pictures of {model.graph().input}")


if __name__ == "__main__":
    main(*sys.argv[1:])
