"""The supernets of a run: how they are made and trained, how long, and what scores with them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.numpy
import torch
from torch import nn

from brickwork.config import Context
from brickwork.estimators.base import Estimator
from brickwork.estimators.shared import SharedEstimator, trained_supernets
from brickwork.names import SUPERNETS, load
from brickwork.nets.build import load_weights, weights_of
from brickwork.nets.supernet import Supernet
from brickwork.oneshot.paths import Paths
from brickwork.oneshot.preparing import Allowance, keep
from brickwork.oneshot.trainer import shared_recipe, train_supernet
from brickwork.space import Arch
from brickwork.tasks.training import Epoch
from brickwork.trial import rng_for

__all__ = [
    "checkpoints",
    "estimator_of",
    "inherited",
    "make_supernet",
    "prepare",
    "rule_of",
    "supernet_epochs",
]

_LOOKS = 10  # at the members of a step, along the training of a supernet
_SHARING = 0.4  # of the time of a search, for training supernets, one on each worker
_KEPT_S = 5.0  # between two checkpoints of such a training


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


def inherited(context: Context, folder: Path, arch: Arch, number: int) -> nn.Module | None:
    """A network with the weights that it has in a trained supernet of the run.

    Args:
        context: The objects of the run.
        folder: Where trained supernets lie.
        arch: The network.
        number: Which repetition it is for: several begin from different supernets, if there are.

    Returns:
        The network; None where no supernet was trained.
    """
    paths = trained_supernets(folder)
    if not paths:
        return None
    net = make_supernet(context)
    load_weights(net, safetensors.numpy.load_file(paths[number % len(paths)]))
    return net.extract(arch)


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


def prepare(context: Context, allowance: Allowance) -> dict[str, Any]:
    """Train a supernet as the run's strategy does, or go on from what is left of its training.

    Returns:
        Its weights as bytes (``weights``), the epochs done, and how the training ended.
    """
    kept, number = allowance.checkpoint, allowance.number
    net = make_supernet(context, number)
    trained = train_supernet(
        net,
        context.task,
        rule_of(context),
        shared_recipe(context.space),
        epochs=supernet_epochs(context, allowance.search_s),
        seed=int(rng_for(context.run.seed, "sharing", number).integers(2**31)),
        checkpoint=kept.read_bytes() if kept.is_file() else None,
        stop=lambda: time.monotonic() > allowance.end,
        on_epoch=checkpoints(kept),
    )
    weights = safetensors.numpy.save(dict(weights_of(net)))
    return {"weights": weights, "epochs": trained.epochs, "ended": trained.ended}


def checkpoints(path: Path, every_s: float = _KEPT_S) -> Callable[[Epoch], None]:
    """What keeps the state of a training in a file, now and then, for ``train`` to go on from.

    Args:
        path: The file.
        every_s: Seconds between two of them, at least.
    """
    last = time.monotonic()

    def on_epoch(epoch: Epoch) -> None:
        nonlocal last
        if time.monotonic() - last >= every_s:
            keep(path, epoch.checkpoint())
            last = time.monotonic()

    return on_epoch
