"""Image classification: the data of a source as a task."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.tasks.changing import ImageChanges
from brickwork.tasks.image.sources import Source, read
from brickwork.tasks.samples import DataTask, Prepared, channel_statistics, classification

__all__ = ["load_images"]


def load_images(
    source: Source,
    seed: int = 0,
    validation: float | None = None,
    test: float | None = None,
) -> DataTask:
    """Image classification: grey or coloured images, one class each.

    Args:
        source: ``"digits"``; an ``.npz`` file with the keys of MNIST, of MedMNIST or ``X``/``y``; a
            folder with a folder of png or jpeg images for each class, itself possibly below
            ``train/``, ``val/`` and ``test/``; a pair of arrays; a dictionary of arrays with the
            same keys.
        seed: Decides which training samples become a split that the source does not have.
        validation: Part of the training samples for such a validation split; None for a fifth of
            all, at most 10,000.
        test: Likewise for the test split.

    Raises:
        DataError: The data cannot be used as it is; one line says what, where and what to do.
    """
    raw = read(source)

    def prepare(images: NDArray[Any]) -> Prepared:
        scale = channel_statistics(images, raw.where)
        changes = ImageChanges(
            # A mirrored photograph is a photograph; a mirrored digit, letter or X-ray is not.
            flips=images.shape[1] >= 3,
            photos=not _has_background(images),
            mean=scale.mean,
            std=scale.std,
        )
        return Prepared(scale, changes)

    return classification(raw, "image-classification", seed, prepare, validation, test)


def _has_background(x: NDArray[Any]) -> bool:
    """Whether most of the outermost pixels of the training images are black."""
    ring = np.concatenate([x[..., 0, :], x[..., -1, :], x[..., 0], x[..., -1]], axis=-1)
    return bool((ring == 0).mean() > 0.5)
