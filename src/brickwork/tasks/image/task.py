"""Image classification: the data of a source as a task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.space import Shape
from brickwork.tasks.beside import preparation
from brickwork.tasks.changing import ImageChanges
from brickwork.tasks.image.arrays import images_of
from brickwork.tasks.image.prepare import prepare as averaged
from brickwork.tasks.image.sources import Source, read
from brickwork.tasks.samples import DataTask, Prepared, classification
from brickwork.tasks.scale import channel_statistics

__all__ = ["image_inputs", "load_images"]

_AVERAGES = (1, 2, 4)  # pixels that become one, along each axis
_LEAST = 24  # pixels that are left


def load_images(
    source: Source,
    seed: int = 0,
    validation: float | None = None,
    group: str = "",
    test: str = "",
) -> DataTask:
    """Image classification: grey or coloured images, one class each.

    Args:
        source: ``"digits"``; an ``.npz`` file with the keys of MNIST, of MedMNIST or ``X``/``y``; a
            folder with a folder of images for each class, itself possibly below
            ``train/``, ``val/`` and ``test/``; a pair of arrays; a dictionary of arrays with the
            same keys. Images of 48 pixels and more may go in smaller: how large is searched.
        seed: Decides which training samples become a split that the source does not have.
        validation: Part of the training samples for such a validation split; None for a fifth of
            all, at most 10,000.
        group: A further array, such as a patient: images of one value stay in one split. Of a
            folder see ``owners``.
        test: A rule on such an array that says which images are the test split.

    Raises:
        DataError: The data cannot be used as it is; one line says what, where and what to do.
    """
    raw = read(source, group, test)

    def prepare(images: NDArray[Any]) -> Prepared:
        sizes = _sizes(images)
        whole = prepared(images)
        if len(sizes) == 1:
            return whole
        others = [prepared(averaged(images, about), about) for about in sizes[1:]]
        forms = " or ".join(_size(about) for about in sizes)
        note = f"networks take images of {forms}: which is better is searched"
        return replace(whole, form=_size(sizes[0]), others=others, notes=(*whole.notes, note))

    def prepared(images: NDArray[Any], about: Mapping[str, Any] | None = None) -> Prepared:
        scale = channel_statistics(images, raw.where)
        changes = ImageChanges(
            # A mirrored photograph is a photograph; a mirrored digit, letter or X-ray is not.
            flips=images.shape[1] >= 3,
            photos=not _has_background(images),
            mean=scale.mean,
            std=scale.std,
        )
        if about is None:
            return Prepared(scale, changes)
        height, width = about["size"]
        return Prepared(
            scale,
            changes,
            lambda images: averaged(images, about),
            files=preparation("brickwork.tasks.image", json.dumps(about) + "\n"),
            notes=(f"images of {height}x{width} are averaged to {_size(about)} by prepare.py",),
            form=_size(about),
        )

    return classification(raw, "image-classification", seed, prepare, validation)


def image_inputs(x: Any, about: Mapping[str, Any], input: Shape) -> NDArray[Any]:
    """What networks take of images as ``load_images`` takes them in arrays.

    Args:
        x: Images.
        about: The content of ``prepare.json``; empty where there is none.
        input: Shape of what the network takes.

    Raises:
        DataError: They are no images, or of another size than those of the training.
    """
    images = images_of(x, "the samples")
    wanted = (input[0], *about.get("size", input[1:]))
    if images.shape[1:] != wanted:
        raise DataError(
            f"the samples: images have the shape {images.shape[1:]} (channels first), those of the "
            f"training {wanted}"
        )
    return averaged(images, about) if about else images


def _sizes(images: NDArray[Any]) -> list[dict[str, Any]]:
    """The sizes that images can have, the largest first, as in ``prepare.json``."""
    size, kind = images.shape[2:], str(images.dtype)
    factors = [n for n in _AVERAGES if n == 1 or min(size) // n >= _LEAST]
    return [{"average": n, "size": size, "type": kind} for n in factors]


def _size(about: Mapping[str, Any]) -> str:
    return "x".join(str(side // about["average"]) for side in about["size"])


def _has_background(x: NDArray[Any]) -> bool:
    """Whether most of the outermost pixels of the training images are black."""
    ring = np.concatenate([x[..., 0, :], x[..., -1, :], x[..., 0], x[..., -1]], axis=-1)
    return bool((ring == 0).mean() > 0.5)
