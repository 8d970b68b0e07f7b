"""Scores with shared weights: a member of a trained supernet, its batch norms calibrated."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch

from brickwork.errors import TrainingError
from brickwork.estimators.base import Estimate, Estimator
from brickwork.nets.build import load_weights
from brickwork.nets.supernet import Supernet
from brickwork.oneshot import SHARED
from brickwork.oneshot.trainer import calibrate
from brickwork.quantity import How, Quantity
from brickwork.space import Arch
from brickwork.tasks.task import Task
from brickwork.tasks.training import predict
from brickwork.trial import Proposal, rng_for

__all__ = ["SharedEstimator", "trained_supernets"]

_CALIBRATION = 1024  # training samples from which running statistics are taken


class SharedEstimator:
    """Scores at the fidelity ``SHARED`` with supernets, all others as another estimator does.

    The score is the mean over all supernets in a folder: each was trained with a seed of its own,
    so the mean ranks networks better than any of them.

    Args:
        task: The data.
        make: Gives a supernet of the space, whose weights are replaced.
        folder: Where the weights of trained supernets lie, ``*.safetensors``.
        alone: Scores at other fidelities.
        seed: The run's seed.
    """

    def __init__(
        self,
        task: Task,
        make: Callable[[], Supernet],
        folder: Path,
        alone: Estimator,
        seed: int,
    ) -> None:
        self.task = task
        self.make = make
        self.folder = folder
        self.alone = alone
        self.seed = seed
        self._nets: list[Supernet] = []

    def estimate(self, proposal: Proposal, checkpoint: bytes | None) -> Estimate:
        """See ``Estimator``."""
        if proposal.fidelity != SHARED:
            return self.alone.estimate(proposal, checkpoint)
        started = time.process_time()
        scores = [self._score(net, proposal.arch) for net in self._supernets()]
        metrics = {name: _mean([score[name] for score in scores]) for name in scores[0]}
        return Estimate(metrics, time.process_time() - started)

    def _score(self, net: Supernet, arch: Arch) -> Mapping[str, Quantity]:
        module = net.extract(arch)
        seen, _ = self.task.arrays("train")
        rows = rng_for(self.seed, "calibration").permutation(len(seen))[:_CALIBRATION]
        calibrate(module, torch.from_numpy(np.ascontiguousarray(seen[np.sort(rows)])))
        x, y = self.task.arrays("val")
        return self.task.metrics(predict(module, x), y)

    def _supernets(self) -> Sequence[Supernet]:
        if not self._nets:
            for path in trained_supernets(self.folder):
                net = self.make()
                load_weights(net, safetensors.numpy.load_file(path))
                self._nets.append(net)
        if not self._nets:
            raise TrainingError(f"there is no trained supernet in {self.folder}")
        return self._nets


def trained_supernets(folder: Path) -> list[Path]:
    """Files of trained supernets, in the order of their numbers."""
    return sorted(folder.glob("*.safetensors"), key=lambda path: int(path.stem))


def _mean(scores: Sequence[Quantity]) -> Quantity:
    value = sum(score.value for score in scores) / len(scores)
    source = f"weights shared in {len(scores)} supernets; {scores[0].source}"
    return replace(scores[0], value=value, how=How.ESTIMATED, source=source)
