"""What stands behind the choices for texts: one network, trained in several ways.

    python benchmarks/text_choices.py [--data trec sms] [--seeds 0 1 2] [--only smoothing]

Three windows over embeddings of 32 numbers, 15 epochs. Each line differs from the first in what it
says, and is the mean over splits and seeds of the accuracy on validation samples. No test file is
opened. Data lie in ``$BRICKWORK_DATA``.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from brickwork.nets.build import build
from brickwork.space import Arch, graph
from brickwork.spaces.texts import textcnn
from brickwork.tasks.samples import DataTask
from brickwork.tasks.text import load_texts
from brickwork.tasks.training import Recipe, evaluate, prepare_process, train

DATA = Path(os.environ.get("BRICKWORK_DATA", "../shared/data"))
FILES = {"trec": "text/trec_train_5500.label", "sms": "text/SMSSpamCollection.tsv"}
WINDOWS: Mapping[str, Any] = {
    "reader": "windows",
    "width": 32,
    "channels": 64,
    "dropout": 0.5,
    "window1": 3,
    "window2": 3,
    "window3": 5,
}
RECIPE: Mapping[str, Any] = {
    "lr": 0.003,
    "weight_decay": 0.5,
    "label_smoothing": 0.1,
    "augment": 0.1,
}
CASES: Mapping[str, Mapping[str, Any]] = {
    "as it is": {},
    "smoothing 0": {"label_smoothing": 0.0},
    "decay 0.05": {"weight_decay": 0.05},
    "dropped 0": {"augment": 0.0},
    "dropped 0.5": {"augment": 0.5},
    "start 0.02": {"start": 0.02},
    "start 1": {"start": 1.0},
    "bag": {"reader": "bag"},
    "40 epochs, rate 0.0015": {"epochs": 40, "lr": 0.0015},
}


def scored(task: DataTask, seed: int, case: Mapping[str, Any]) -> float:
    """Accuracy on the validation split."""
    bag = case.get("reader") == "bag"
    choices = {name: WINDOWS[name] for name in (("width", "dropout") if bag else WINDOWS)}
    recipe = {**RECIPE, **{name: case[name] for name in RECIPE if name in case}}
    space = textcnn(task.input, **task.facts)
    arch = Arch.of(space.name, {**choices, "reader": case.get("reader", "windows")})
    whole = graph(space, arch, task.input, task.outputs)
    module = build(whole, torch.Generator().manual_seed(seed))
    for name, weights in module.named_parameters():
        if name.endswith("embedding.weight") and "start" in case:
            weights.data.mul_(case["start"] / float(weights.std()))
    train(module, task, Recipe.of(recipe), epochs=case.get("epochs", 15), seed=seed)
    return evaluate(module, task, "val")["accuracy"].value


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", nargs="+", default=list(FILES), choices=list(FILES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", default="", help="cases whose name holds this, and the first")
    options = parser.parse_args()
    prepare_process()
    for data in options.data:
        tasks = {seed: load_texts(DATA / FILES[data], seed=seed) for seed in options.seeds}
        for label, case in CASES.items():
            if case and options.only not in label:
                continue
            started = time.perf_counter()
            scores = [100 * scored(task, seed, case) for seed, task in tasks.items()]
            print(
                f"{data:5} {label:24} {np.mean(scores):.2f} ± {np.std(scores):.2f} "
                f"({' '.join(f'{score:.2f}' for score in scores)}) "
                f"{time.perf_counter() - started:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
