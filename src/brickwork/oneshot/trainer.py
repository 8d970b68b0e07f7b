"""Trains a supernet on the paths of a rule, in the loop that trains every network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its usual name

from brickwork.nets.layers import BatchNorm
from brickwork.nets.supernet import Supernet
from brickwork.oneshot.paths import Paths
from brickwork.oneshot.pool import plain
from brickwork.space import Space
from brickwork.tasks.task import Task
from brickwork.tasks.training import Epoch, Recipe, Trained, train
from brickwork.trial import rng_for

__all__ = ["calibrate", "shared_recipe", "train_supernet"]


def shared_recipe(space: Space) -> Recipe:
    """How the supernet of a space is trained: the middle option of each setting."""
    return Recipe.of(space.recipe(plain(space, space.arch())))


def train_supernet(
    net: Supernet,
    task: Task,
    paths: Paths,
    recipe: Recipe,
    *,
    epochs: int,
    seed: int,
    checkpoint: bytes | None = None,
    stop: Callable[[], bool] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    device: str = "cpu",
) -> Trained:
    """Train the shared weights.

    Args:
        net: The supernet, changed in place.
        task: The data.
        paths: Which members each step runs.
        recipe: How to train.
        epochs: How often every sample is seen, by all members of a step together.
        seed: Decides order, augmentation and paths.
        checkpoint: As for ``train``; the result is that of an unbroken run.
        stop: As for ``train``.
        on_epoch: As for ``train``.
        device: As for ``train``.

    Raises:
        Diverged: The loss became NaN or infinite.
    """

    def loss(x: Tensor, y: Tensor, progress: float) -> Tensor:
        rng = rng_for(seed, "paths", repr(progress))  # of this step, so that none has to be saved
        losses: list[Tensor] = []
        teacher: Tensor | None = None
        for arch in paths.paths(progress, rng):
            answers = net(x, arch).float()
            if teacher is not None:
                losses.append(F.cross_entropy(answers, teacher))
                continue
            losses.append(task.loss(answers, y, recipe.label_smoothing))
            teacher = answers.detach().softmax(1) if paths.teaches else None
        return torch.stack(losses).mean()

    return train(
        net,
        task,
        recipe,
        epochs=epochs,
        seed=seed,
        checkpoint=checkpoint,
        device=device,
        stop=stop,
        on_epoch=on_epoch,
        loss=loss,
    )


def calibrate(net: nn.Module, x: Tensor, batch: int = 256) -> None:
    """Take the running statistics of batch norms anew, as the mean over some batches.

    Those of a supernet are a mixture of all members and fit none of them (Guo et al., 2020; Yu and
    Huang, 2019).

    Args:
        net: A network, left in evaluation mode.
        x: Raw samples, ``(n, channels, *spatial)``.
        batch: How many at a time.
    """
    norms = [part for part in net.modules() if isinstance(part, BatchNorm)]
    before = [norm.momentum for norm in norms]
    net.eval()  # nothing but the norms behaves as in training: dropout is no part of a score
    for norm in norms:
        norm.train()
    with torch.no_grad():
        for i, part in enumerate(torch.split(x, batch), 1):
            for norm in norms:
                norm.momentum = 1.0 / i  # a running mean over the batches
            net(part.float())
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    net.eval()
