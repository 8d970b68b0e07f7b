"""What stands behind choices that were made by measuring: trainings scored on validation data.

    python benchmarks/design_choices.py [--part stem|weights|epochs|rate] [--workers 2]

``stem``: how networks for 28x28 pixels come down to the global pool (MNIST, 15 epochs).
``weights``: what rare classes weigh in the loss (PneumoniaMNIST, 20 epochs).
``epochs``: how long a full training should be (PneumoniaMNIST and digits).
``rate``: the peak learning rate for trainings of some lengths (digits and a part of MNIST).
The test split is not opened. ``BRICKWORK_DATA`` (or ``../shared/data``) holds the data sets.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch

from brickwork.devices.counts import parameters
from brickwork.estimators.train import Sample
from brickwork.nets.build import build
from brickwork.space import (
    ConvNorm,
    GlobalPool,
    Graph,
    InvertedResidual,
    Linear,
    Pool,
    Seq,
    Space,
    graph,
)
from brickwork.space.blocks import Block
from brickwork.tasks.image import load_images
from brickwork.tasks.samples import DataTask
from brickwork.tasks.task import Task
from brickwork.tasks.training import Recipe, default_batch, predict, prepare_process, train
from brickwork.trial import rng_for

DATA = Path(os.environ.get("BRICKWORK_DATA", Path(__file__).parents[2] / "shared" / "data"))
SEEDS = (0, 1)


@dataclass(frozen=True)
class Net:
    """A network of three inverted residuals behind a convolution, as in the mobile space.

    Attributes:
        stem: Width of the convolution.
        widths: Of the three blocks.
        kernel: Of all depthwise convolutions and of the stem.
        pool: Whether the stem pools; else it strides.
        last: Stride of the third block.
    """

    stem: int
    widths: tuple[int, int, int]
    kernel: int = 5
    pool: bool = True
    last: int = 1

    def graph(self, task: DataTask) -> Graph:
        down: list[Block] = [ConvNorm(self.stem, self.kernel, 1 if self.pool else 2)]
        if self.pool:
            down.append(Pool("max", 3, 2, 1))
        blocks = [
            Seq(InvertedResidual(width, self.kernel, stride, 2, "relu"), name=f"stage{i}")
            for i, (width, stride) in enumerate(zip(self.widths, (1, 2, self.last), strict=True), 1)
        ]
        body = Seq(Seq(*down, name="stem"), *blocks, GlobalPool(), Linear())
        space = Space("fixed", body)
        return graph(space, space.arch({}), task.input, task.outputs, task.normalize)


@dataclass(frozen=True)
class Case:
    """A training.

    Attributes:
        label: Of the line that it counts for; cases of one label are averaged.
        data: A data set.
        net: A network.
        epochs: How long.
        power: Class weights are those of the tool to this power; 1 leaves them as they are.
        seed: Of weights, order and augmentation.
        lr: Peak learning rate.
        share: Of the training samples.
    """

    label: str
    data: str
    net: Net
    epochs: int
    power: float = 1.0
    seed: int = 0
    lr: float = 0.02
    share: float = 1.0


TINY = Net(4, (4, 8, 12), kernel=3)
SMALL, LARGE = Net(8, (12, 16, 16)), Net(12, (16, 24, 32))
XRAYS = (SMALL, Net(12, (12, 16, 24), kernel=3, pool=False, last=2))


def stem() -> list[Case]:
    nets = {
        "pools, 7 pixels left": (SMALL, LARGE),
        "pools, 4 pixels left": (replace(SMALL, last=2), replace(LARGE, last=2)),
        "strides, 7 pixels left": (replace(SMALL, pool=False), replace(LARGE, pool=False)),
    }
    return [
        Case(f"{size}: {label}", "mnist.npz", net, 15, seed=seed)
        for label, pair in nets.items()
        for size, net in zip(("small", "large"), pair, strict=True)
        for seed in SEEDS
    ]


def weights() -> list[Case]:
    powers = {"none": 0.0, "square root of rarity": 1.0, "rarity": 2.0}
    return [
        Case(label, "pneumoniamnist.npz", net, 20, power, seed)
        for label, power in powers.items()
        for net in XRAYS
        for seed in SEEDS
    ]


def epochs() -> list[Case]:
    lengths = {"pneumoniamnist.npz": (15, 30, 60), "digits": (50, 100, 200)}
    return [
        Case(f"{data}: {count}", data, SMALL, count, seed=seed)
        for data, counts in lengths.items()
        for count in counts
        for seed in SEEDS
    ]


def rate() -> list[Case]:
    lengths = (
        ("digits", 16, 1.0),
        ("digits", 60, 1.0),
        ("digits", 180, 1.0),
        ("mnist.npz", 3, 0.3),
    )
    return [
        Case(f"{data}: {count} x {share}: {lr}", data, net, count, seed=seed, lr=lr, share=share)
        for data, count, share in lengths
        for lr in (0.01, 0.02, 0.04, 0.08)
        for net in (TINY, SMALL)
        for seed in SEEDS
    ]


PARTS: dict[str, Callable[[], list[Case]]] = {
    "stem": stem,
    "weights": weights,
    "epochs": epochs,
    "rate": rate,
}


@functools.lru_cache
def task_of(data: str) -> DataTask:
    return load_images(data if data == "digits" else DATA / "images" / data, 0)


def scored(case: Case) -> dict[str, float]:
    """Train, and score the validation split."""
    task = task_of(case.data)
    if task.weights:
        task = replace(task, weights=tuple(w**case.power for w in task.weights))
    whole = case.net.graph(task)
    module = build(whole, torch.Generator().manual_seed(case.seed))
    smoothing = 0.0 if case.data == "mnist.npz" else 0.05
    recipe = Recipe(
        lr=case.lr,
        label_smoothing=smoothing,
        batch=default_batch(task.splits["train"].size),
    )
    samples: Task = task
    if case.share < 1.0:
        samples = cast("Task", Sample(task, case.share, rng_for(0, "sample")))
    start = time.process_time()
    train(module, samples, recipe, epochs=case.epochs, seed=case.seed)
    seconds = time.process_time() - start
    x, y = task.arrays("val")
    answers = predict(module, x)
    right = answers.argmax(axis=1) == y
    return {
        "parameters": parameters(whole),
        "accuracy": float(right.mean()),
        "balanced": float(np.mean([right[y == label].mean() for label in np.unique(y)])),
        "cpu_s": seconds,
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", action="append", choices=list(PARTS))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(argv)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, context, prepare_process) as pool:
        for part in options.part or PARTS:
            cases = PARTS[part]()
            lines: dict[str, list[dict[str, float]]] = {}
            for case, found in zip(cases, pool.map(scored, cases), strict=True):
                lines.setdefault(case.label, []).append(found)
            for label, results in lines.items():
                mean = {key: np.mean([found[key] for found in results]) for key in results[0]}
                print(
                    f"{part}: {label}: parameters {mean['parameters']:.0f}, "
                    f"accuracy {100 * mean['accuracy']:.2f} %, balanced "
                    f"{100 * mean['balanced']:.2f} %, {mean['cpu_s']:.0f} CPU s, "
                    f"{len(results)} trainings",
                    flush=True,
                )


if __name__ == "__main__":
    main()
