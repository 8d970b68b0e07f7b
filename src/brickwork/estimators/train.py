"""The plain estimate: train the network for a part of its full training, score it on validation.

Fidelity counts compute, not epochs: a cheap network gets more epochs than an expensive one at the
same fidelity (``full_epochs``), because equal epochs rank small networks far too low.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch

from brickwork.devices.counts import macs
from brickwork.estimators.base import Estimate
from brickwork.nets.build import build
from brickwork.space import Arch, Graph, Space
from brickwork.tasks.splitting import by_class, strata
from brickwork.tasks.task import FORM, Arrays, Task, formed
from brickwork.tasks.training import Amount, Recipe, default_batch, full_epochs, predict, train
from brickwork.trial import Proposal, rng_for

__all__ = ["Sample", "TrainEstimator", "training_seed"]


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
        whole, size = self.graph(proposal.arch), self.task.splits["train"].size
        seed = training_seed(self.seed, proposal.arch, -proposal.repetition)
        amount = self.amount(whole, proposal.fidelity)
        task = form = formed(self.task, self.space.recipe(proposal.arch))
        if amount.share < 1.0:
            rng = rng_for(self.seed, "sample", f"{amount.share:.6f}")
            task = cast("Task", Sample(form, amount.share, rng))
        module = build(whole, torch.Generator().manual_seed(seed))
        recipe = self.recipe(proposal.arch, amount.passes / self.full(whole, size))
        trained = train(module, task, recipe, epochs=amount.epochs, seed=seed)
        x, y = form.arrays("val")
        metrics = self.task.metrics(predict(module, x), y)
        return Estimate(metrics, trained.seconds, None, {"epochs": trained.epochs})

    def recipe(self, arch: Arch, part: float = 1.0) -> Recipe:
        """How a network is trained, for a part of a full training or in full."""
        settings = self.space.recipe(arch)
        settings.pop(FORM, None)
        recipe = Recipe.of(settings).shortened(part)
        return replace(recipe, batch=recipe.batch or default_batch(self.task.splits["train"].size))

    def amount(self, whole: Graph, fidelity: float) -> Amount:
        """How much a network is trained in the search."""
        size = self.task.splits["train"].size
        return Amount.of(fidelity * self.scale, self.full(whole, size), size)

    def full(self, whole: Graph, size: int) -> int:
        """How many epochs over ``size`` samples the full training of a network takes."""
        return full_epochs(size, macs(whole), round(self.typical_macs))


class Sample:
    """A task with a part of its training samples, the same part of every class.

    Args:
        task: The whole.
        share: The part, in (0, 1]; of every class at least one sample is kept.
        rng: Chooses them.
    """

    def __init__(self, task: Task, share: float, rng: np.random.Generator) -> None:
        self._task = task
        x, y = task.arrays("train")
        rows = [m[: max(1, round(share * len(m)))] for m in by_class(strata(y), rng)]
        chosen = np.sort(np.concatenate(rows))
        self._train = (np.ascontiguousarray(x[chosen]), y[chosen])

    def arrays(self, split: str) -> Arrays:
        """Samples and labels of a split."""
        return self._train if split == "train" else self._task.arrays(split)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)


def training_seed(seed: int, arch: Arch, repetition: int) -> int:
    """The seed of a training: a function of the run, the architecture and the repetition.

    Repetitions up to 0 are those of a search, from 1 on those of the final trainings.
    """
    return int(rng_for(seed, "training", arch.id, repetition).integers(2**31))
