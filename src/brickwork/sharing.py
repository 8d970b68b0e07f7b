"""The supernets of a run: how they are made and trained, how long, and what scores with them."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from brickwork.config import SUPERNETS, Context, load
from brickwork.estimators.base import Estimator
from brickwork.estimators.shared import SharedEstimator
from brickwork.nets.supernet import Supernet
from brickwork.oneshot.paths import Paths
from brickwork.oneshot.trainer import shared_recipe, train_supernet
from brickwork.tasks.training import Trained
from brickwork.trial import rng_for

__all__ = ["estimator_of", "make_supernet", "rule_of", "supernet_epochs", "train"]

_LOOKS = 10  # at the members of a step, along the training of a supernet
_SHARING = 0.4  # of the time of a search, for training supernets, one on each worker


def estimator_of(context: Context, folder: Path) -> Estimator:
    """What scores the proposals of a search.

    Args:
        context: The objects of the run.
        folder: Where trained supernets lie.
    """
    if context.run.strategy not in SUPERNETS:
        return context.estimator
    return SharedEstimator(
        context.task,
        lambda: make_supernet(context),
        folder,
        context.estimator,
        context.run.seed,
    )


def make_supernet(context: Context, number: int = 0) -> Supernet:
    """A supernet of the run's space, with the initial weights of that number."""
    task = context.task
    seed = int(rng_for(context.run.seed, "supernet", number).integers(2**31))
    random = torch.Generator().manual_seed(seed)
    return Supernet(context.space, task.input, task.outputs, task.normalize, random)


def rule_of(context: Context) -> Paths:
    """The rule by which the run's strategy trains a supernet.

    Raises:
        UnknownName: It trains none.
    """
    made: Paths = load(SUPERNETS, "strategy", context.run.strategy)(context.space)
    return made


def supernet_epochs(context: Context, search_s: float) -> int:
    """How many epochs a supernet is trained for, in its part of the time of a search."""
    rng, rule = rng_for(context.run.seed, "sharing"), rule_of(context)
    epochs_s = [
        sum(context.epoch_s(context.graph(arch)) for arch in rule.paths((i + 0.5) / _LOOKS, rng))
        for i in range(_LOOKS)
    ]
    return max(1, round(_SHARING * search_s * _LOOKS / sum(epochs_s)))


def train(net: Supernet, context: Context, number: int, epochs: int, end: float) -> Trained:
    """Train a supernet as the run's strategy does.

    Args:
        net: The supernet, changed in place.
        context: The objects of the run.
        number: Which of the run's supernets it is.
        epochs: How many epochs.
        end: When it ends at the latest, on the monotonic clock.
    """
    return train_supernet(
        net,
        context.task,
        rule_of(context),
        shared_recipe(context.space),
        epochs=epochs,
        seed=int(rng_for(context.run.seed, "sharing", number).integers(2**31)),
        stop=lambda: time.monotonic() > end,
    )
