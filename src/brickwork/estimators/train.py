"""The plain estimate: train the network for a part of its full training, score it on validation.

Fidelity counts compute, not epochs: a cheap network gets more epochs than an expensive one at the
same fidelity (``full_epochs``), because equal epochs rank small networks far too low.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from brickwork.devices.counts import macs
from brickwork.estimators.base import Estimate
from brickwork.nets.build import build
from brickwork.space import Arch, Graph, Space
from brickwork.tasks.task import Task
from brickwork.tasks.training import Recipe, full_epochs, predict, train
from brickwork.trial import Proposal, rng_for

__all__ = ["TrainEstimator", "training_seed"]

_FEWEST = 2  # epochs; below that a one-cycle schedule has no shape


class TrainEstimator:
    """Trains on the training split, scores on the validation split.

    Args:
        task: The data.
        space: Gives each architecture its recipe.
        graph: Gives each architecture its graph.
        typical_macs: What an ordinary member of the space costs.
        seed: The run's seed.
        scale: The part of a full training that fidelity 1 stands for in this search.
    """

    def __init__(
        self,
        task: Task,
        space: Space,
        graph: Callable[[Arch], Graph],
        typical_macs: float,
        seed: int,
        scale: float = 1.0,
    ) -> None:
        self.task = task
        self.space = space
        self.graph = graph
        self.typical_macs = typical_macs
        self.seed = seed
        self.scale = scale

    def estimate(self, proposal: Proposal, checkpoint: bytes | None) -> Estimate:
        """See ``Estimator``. A one-cycle schedule cannot be prolonged: it always starts anew."""
        whole = self.graph(proposal.arch)
        seed = training_seed(self.seed, proposal.arch, 0)
        epochs = self.epochs(whole, proposal.fidelity * self.scale, self.task.splits["train"].size)
        module = build(whole, torch.Generator().manual_seed(seed))
        recipe = Recipe.of(self.space.recipe(proposal.arch))
        trained = train(module, self.task, recipe, epochs=epochs, seed=seed)
        x, y = self.task.arrays("val")
        metrics = self.task.metrics(predict(module, x), y)
        return Estimate(metrics, trained.seconds, None, {"epochs": trained.epochs})

    def epochs(self, whole: Graph, part: float, size: int) -> int:
        """How many epochs over ``size`` samples a part of the full training of a network is."""
        return max(_FEWEST, round(part * full_epochs(size, macs(whole), round(self.typical_macs))))


def training_seed(seed: int, arch: Arch, repetition: int) -> int:
    """The seed of a training: a function of the run, the architecture and the repetition."""
    return int(rng_for(seed, "training", arch.id, repetition).integers(2**31))
