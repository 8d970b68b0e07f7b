"""Search the embedded digits for a microcontroller, then use the best small model.

python examples/digits.py STUDY [BUDGET]
"""

from __future__ import annotations

import sys

import torch

import brickwork as bw


def main(folder: str, budget: str = "2m") -> None:
    study = bw.search("digits", target="stm32f746", budget=budget, seed=0, study=folder)
    print(study.front)
    model = study.front.best("accuracy")
    network = model.module()
    blank = torch.zeros(1, *model.graph().input)
    print(f"{model.id}: {model.metrics['accuracy']} -> {network(blank).shape[1]} logits")
    print(f"its files: {model.folder}")


if __name__ == "__main__":
    main(*sys.argv[1:])
