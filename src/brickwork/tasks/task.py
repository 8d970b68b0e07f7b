"""What a task is to the rest of the house.

A task holds the data in three splits, knows the shape of a sample and of the answer, and judges
answers. The test split is opened once, at the end; ``opened`` shows that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from brickwork.quantity import Quantity
from brickwork.space import Normalize, Shape

if TYPE_CHECKING:
    import torch

__all__ = [
    "FORM",
    "LEAK",
    "SPLITS",
    "Arrays",
    "Split",
    "Task",
    "checksum",
    "formed",
    "is_warning",
    "warnings_first",
]

SPLITS = ("train", "val", "test")

FORM = "form"
"""Name of the setting that says in which form a network takes its samples."""

LEAK = "leak:"
"""How a note begins that says why scores flatter."""

_WARNINGS = (LEAK, "hint:")

Arrays = tuple[NDArray[Any], NDArray[Any]]
"""Samples ``(n, *input)`` as uint8, int32 or float32, and what is to be said of them: classes
``(n,)``, numbers ``(n, outputs)`` or a class for each position ``(n, *spatial)``."""


@dataclass(frozen=True, slots=True)
class Split:
    """How much a split holds, and which data exactly.

    Attributes:
        size: Number of samples.
        sha256: Checksum of samples and labels, in their order.
    """

    size: int
    sha256: str


class Task(Protocol):
    """Data to learn from, and how to judge what was learned.

    Attributes:
        name: A short name, fit for a folder.
        kind: Its name in the table of tasks, such as ``"image-classification"``.
        title: What a person calls it.
        input: Shape of a sample, ``(channels, *spatial)`` or ``(length,)``.
        outputs: How many numbers the network answers with, at each position if it has positions.
        classes: Names of the classes, in the order of the outputs; of the numbers, if it is numbers
            that are to be told.
        quality: The metric to improve where nothing else was asked for.
        normalize: Normalisation of raw samples, from the training split; part of every model.
            None where samples are codes.
        facts: What else a space may have to know of the data, such as how many ids a text has: by
            the name of the argument that its function takes.
        files: What goes with every model, by file name: how a raw sample becomes an input.
        splits: ``"train"``, ``"val"`` and ``"test"``.
        notes: What was done to the data, a line each.
        forms: What a sample may be made into, such as images of several sizes, the largest first;
            nothing where there is one way. This task has the first.
        opened: The splits whose samples were asked for, in that order.
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def input(self) -> Shape: ...
    @property
    def outputs(self) -> int: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def quality(self) -> str: ...
    @property
    def normalize(self) -> Normalize | None: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...
    @property
    def files(self) -> Mapping[str, str]: ...
    @property
    def splits(self) -> Mapping[str, Split]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def forms(self) -> tuple[str, ...]: ...
    @property
    def opened(self) -> list[str]: ...

    def in_form(self, name: str) -> Task:
        """The same samples in another form, or in this one if the name is empty."""
        ...

    def arrays(self, split: str) -> Arrays:
        """Samples and labels of a split."""
        ...

    def augment(
        self, x: torch.Tensor, y: torch.Tensor, strength: float, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch of raw samples, changed at random in ways that keep or move their labels."""
        ...

    def loss(self, answers: torch.Tensor, labels: torch.Tensor, smoothing: float) -> torch.Tensor:
        """What training makes small: one number for a batch."""
        ...

    def metrics(self, answers: NDArray[np.float32], labels: NDArray[Any]) -> dict[str, Quantity]:
        """The quality of a network's answers, by metric name."""
        ...

    @property
    def answers(self) -> Mapping[str, Any]:
        """What an answer means, as JSON: ``"kind"`` is ``classes``, ``numbers`` or ``masks``."""
        ...

    def details(self, answers: NDArray[np.float32], labels: NDArray[Any]) -> dict[str, Any]:
        """The quality of answers in detail, as JSON: class by class, for one."""
        ...

    def save(self, folder: Path) -> None:
        """Write the task to a folder, from which workers map it into memory."""
        ...


def is_warning(note: str) -> bool:
    """Whether a note on data says that scores may be worth less than they seem."""
    return note.startswith(_WARNINGS)


def warnings_first(notes: Sequence[str]) -> list[str]:
    """Notes on data, those first that must not be missed: leaks, then hints."""
    return sorted(notes, key=lambda note: [not note.startswith(one) for one in _WARNINGS])


def formed(task: Task, recipe: Mapping[str, Any]) -> Task:
    """The data in the form that the settings of an architecture say, if they do."""
    return task.in_form(str(recipe.get(FORM, "")))


def checksum(x: NDArray[Any], y: NDArray[Any]) -> str:
    """SHA-256 of samples and labels with their shapes and types."""
    digest = hashlib.sha256()
    for array in (x, y):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
