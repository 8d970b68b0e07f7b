"""What the tests of exported files share: a trained network, and a Python without Brickwork."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from brickwork.export.runtimes import PlainPython
from brickwork.nets import build, weights_of
from brickwork.space import Graph, graph
from brickwork.spaces.mobile import mobile
from brickwork.tasks.image import load_images
from brickwork.tasks.task import Task
from brickwork.tasks.training import Recipe, train


@dataclass(frozen=True)
class Digits:
    """A network that was trained on digits."""

    task: Task
    graph: Graph
    weights: dict[str, NDArray[Any]]

    def split(self, name: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
        return self.task.arrays(name)


@pytest.fixture(scope="session")
def digits() -> Digits:
    torch.set_num_threads(1)
    task = load_images("digits", 0)
    space = mobile(task.input)
    chosen = {
        "stem.width": 8,
        "stage1.width": 12,
        "stage1.depth": 2,
        "stage1.skip": True,
        "stage1.0.se": True,
        "stage2.width": 24,
        "stage2.0.expand": 2,
    }
    whole = graph(space, space.arch(chosen), task.input, task.outputs, task.normalize)
    module = build(whole)
    recipe = Recipe.of({"lr": 0.02, "augment": 0.0})
    train(module, task, recipe, epochs=8, seed=0)
    return Digits(task, whole, weights_of(module))


@pytest.fixture(scope="session")
def python() -> Iterator[PlainPython]:
    """A Python without Brickwork."""
    plain = PlainPython()
    yield plain
    plain.close()
