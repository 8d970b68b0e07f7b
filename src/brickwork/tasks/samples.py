"""The one class behind all tasks: samples, a judge, and the changes that training makes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.quantity import Quantity
from brickwork.space import Normalize, Shape
from brickwork.tasks.changing import Changes, changes_of, described
from brickwork.tasks.judging import ClassJudge, Judge, NumberJudge, judge_of
from brickwork.tasks.raw import Raw
from brickwork.tasks.splitting import encode_labels, leaks, uncovered, with_all_splits
from brickwork.tasks.task import SPLITS, Arrays, Split, checksum

if TYPE_CHECKING:
    import torch

__all__ = [
    "DataTask",
    "Prepare",
    "Prepared",
    "assembled",
    "classification",
    "load_saved",
    "regression",
]

_VERSION = 3


@dataclass(frozen=True, slots=True)
class DataTask:
    """Samples in memory or on disk, and how networks for them are trained and judged.

    Attributes of ``Task``, and:

    Attributes:
        judge: Has the loss and the metrics.
        changes: What training does to samples at random.
        data: Samples and labels of each split.
        form: What the form of the samples is called, if there are others.
        others: The same task with samples of other forms, by what they are called.
    """

    name: str
    kind: str
    title: str
    normalize: Normalize | None
    notes: tuple[str, ...]
    judge: Judge
    changes: Changes
    data: Mapping[str, Arrays] = field(repr=False)
    splits: Mapping[str, Split] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: str = ""
    others: Mapping[str, DataTask] = field(default_factory=dict, repr=False)
    opened: list[str] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        if not self.splits:
            splits = {split: Split(len(y), checksum(x, y)) for split, (x, y) in self.data.items()}
            object.__setattr__(self, "splits", splits)

    @property
    def input(self) -> Shape:
        """Shape of a sample."""
        return tuple(self.data["train"][0].shape[1:])

    @property
    def outputs(self) -> int:
        """How many numbers the network answers with."""
        return len(self.judge.names)

    @property
    def classes(self) -> tuple[str, ...]:
        """What the outputs are called."""
        return self.judge.names

    @property
    def quality(self) -> str:
        """The metric to improve where nothing else was asked for."""
        return self.judge.quality

    @property
    def forms(self) -> tuple[str, ...]:
        """See ``Task``."""
        return (self.form, *self.others) if self.others else ()

    def in_form(self, name: str) -> DataTask:
        """See ``Task``.

        Raises:
            ValueError: There is no such form.
        """
        if name in ("", self.form):
            return self
        if name not in self.others:
            raise ValueError(f"no form {name!r}: there are {', '.join(self.forms) or 'none'}")
        return self.others[name]

    def noted(self, notes: Sequence[str]) -> DataTask:
        """The task with more notes, before its own; in each form."""
        others = {name: other.noted(notes) for name, other in self.others.items()}
        return replace(self, notes=(*notes, *self.notes), others=others)

    def arrays(self, split: str) -> Arrays:
        """Samples ``(n, *input)`` and labels of a split.

        Raises:
            ValueError: There is no such split.
        """
        if split not in self.data:
            raise ValueError(f"no split {split!r}: there are {', '.join(self.data)}")
        self.opened.append(split)
        return self.data[split]

    def augment(
        self, x: torch.Tensor, y: torch.Tensor, strength: float, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See ``Changes``."""
        return self.changes(x, y, strength, generator)

    def loss(self, answers: torch.Tensor, labels: torch.Tensor, smoothing: float) -> torch.Tensor:
        """See ``Judge``."""
        return self.judge.loss(answers, labels, smoothing)

    def metrics(self, answers: NDArray[Any], labels: NDArray[Any]) -> dict[str, Quantity]:
        """See ``Judge``."""
        return self.judge.metrics(answers, labels, self.name)

    @property
    def answers(self) -> Mapping[str, Any]:
        """What an answer means: how the judge takes it."""
        return self.judge.to_json()

    def details(self, answers: NDArray[Any], labels: NDArray[Any]) -> dict[str, Any]:
        """See ``Judge``."""
        return self.judge.details(answers, labels)

    def save(self, folder: Path) -> None:
        """Write the task, so that ``load_saved`` can map it into memory.

        A folder that is already there is replaced.
        """
        fresh = folder.with_name(f"{folder.name}.{os.getpid()}.part")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for number, other in enumerate(self.others.values()):
            other.save(fresh / f"form{number}")
        for split, (x, y) in self.data.items():
            np.save(fresh / f"{split}_x.npy", x, allow_pickle=False)
            np.save(fresh / f"{split}_y.npy", y, allow_pickle=False)
        (fresh / "task.json").write_text(json.dumps(self._to_json(), indent=1), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)

    def _to_json(self) -> dict[str, Any]:
        scale = self.normalize
        return {
            "version": _VERSION,
            "name": self.name,
            "kind": self.kind,
            "title": self.title,
            "normalize": None if scale is None else {"mean": scale.mean, "std": scale.std},
            "notes": self.notes,
            "judge": self.judge.to_json(),
            "changes": described(self.changes),
            "splits": {k: {"size": s.size, "sha256": s.sha256} for k, s in self.splits.items()},
            "facts": self.facts,
            "files": self.files,
            "form": self.form,
            "others": list(self.others),
        }


def load_saved(folder: Path, opened: list[str] | None = None) -> DataTask:
    """The task that ``save`` wrote, its arrays mapped into memory (pages are read on demand).

    Args:
        folder: Where it was written.
        opened: Where to note which splits are asked for.

    Raises:
        DataError: The folder holds no task, a damaged one, or one of a newer version.
    """
    opened = [] if opened is None else opened
    try:
        about = json.loads((folder / "task.json").read_text(encoding="utf-8"))
        if about["version"] > _VERSION:
            raise DataError(
                f"{folder}: written by a newer Brickwork; update it, or give the data again"
            )
        # Copy-on-write, because torch warns about arrays that it must not write to.
        data = {
            split: (
                np.load(folder / f"{split}_x.npy", mmap_mode="c", allow_pickle=False),
                np.load(folder / f"{split}_y.npy", mmap_mode="c", allow_pickle=False),
            )
            for split in SPLITS
        }
        splits = {k: Split(s["size"], s["sha256"]) for k, s in about["splits"].items()}
        for split, (x, y) in data.items():
            if not len(x) == len(y) == splits[split].size:
                raise ValueError(f"the {split} split has another size than recorded")
        scale = about["normalize"]
        return DataTask(
            name=about["name"],
            kind=about["kind"],
            title=about["title"],
            normalize=scale and Normalize(tuple(scale["mean"]), tuple(scale["std"])),
            notes=tuple(about["notes"]),
            judge=judge_of(about["judge"]),
            changes=changes_of(about["changes"]),
            data=data,
            splits=splits,
            facts={k: tuple(v) if isinstance(v, list) else v for k, v in about["facts"].items()},
            files=about["files"],
            form=about["form"],
            others={
                name: load_saved(folder / f"form{number}", opened)
                for number, name in enumerate(about["others"])
            },
            opened=opened,
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        what = " ".join(str(error).split())[:200]
        raise DataError(f"{folder}: no saved task that can be read ({what})") from error


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was learned from the training samples alone, before any network.

    Attributes:
        normalize: As in ``Task``.
        changes: What training does to samples at random.
        encode: Makes samples as they were found, ``(n, ...)``, the numbers that networks take; None
            if they are.
        facts: As in ``Task``.
        files: As in ``Task``.
        notes: What was done, a line each.
        form: What the form of the samples is called, if there are others.
        others: What other forms were prepared with.
        strange: Tells what of the samples of the test split training does not know, a line each.
    """

    normalize: Normalize | None
    changes: Changes
    encode: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    form: str = ""
    others: Sequence[Prepared] = ()
    strange: Callable[[NDArray[Any]], Sequence[str]] = lambda _: ()


Prepare = Callable[[NDArray[Any]], Prepared]
"""Learns from the training samples what all samples are prepared with."""


def classification(
    raw: Raw,
    kind: str,
    seed: int,
    prepare: Prepare,
    validation: float | None = None,
) -> DataTask:
    """A task with one class for each sample, from data as they were found.

    Args:
        raw: The data; what training, validation and test samples are is decided here.
        kind: Name of the task.
        seed: Decides which training samples become a split that the source does not have.
        prepare: Is given the samples of the training split.
        validation: Part of the training samples for a validation split that is missing; None for a
            fifth of all, at most 10,000.

    Raises:
        DataError: There is one class only, or too few samples of one.
    """
    labels, names = encode_labels(raw.y, raw.where)
    counts = np.bincount(labels["train"], minlength=len(names))
    need = max(2, len(set(SPLITS) - set(raw.x)) + 1)
    if counts.min() < need:
        few = int(counts.argmin())
        raise DataError(
            f"{raw.where}: class {names[few]!r} has {counts[few]} training "
            f"{'sample' if counts[few] == 1 else 'samples'}, at least {need} are needed: "
            f"add some or leave the class out{raw.advice.get(names[few], '')}"
        )

    def judged(found: Mapping[str, Arrays]) -> tuple[Judge, list[str]]:
        bare = uncovered(found, names, raw.where)
        judge, notes = ClassJudge.of(found["train"][1], names)
        return judge, [*bare, *notes]

    return assembled(raw, labels, kind, seed, prepare, judged, {"val": validation})


def regression(
    raw: Raw,
    names: Sequence[str],
    kind: str,
    seed: int,
    prepare: Prepare,
    validation: float | None = None,
) -> DataTask:
    """A task with numbers for each sample; ``raw.y`` holds them, ``(n, outputs)`` as float32.

    Args:
        raw: The data.
        names: Of the numbers.
        kind: Name of the task.
        seed: As for ``classification``, like the others.
        prepare: Is given the samples of the training split.
        validation: Part of the training samples for a validation split that is missing.

    Raises:
        DataError: A number is not finite, or always the same.
    """
    for split, y in raw.y.items():
        bad = np.flatnonzero(~np.isfinite(y).all(axis=1))
        if len(bad):
            raise DataError(
                f"{raw.where}: {len(bad)} of the {len(y)} labels of the {split} split are NaN or "
                f"infinite, the first is that of row {bad[0] + 1}: fill or remove them"
            )

    def judged(found: Mapping[str, Arrays]) -> tuple[Judge, list[str]]:
        return NumberJudge.of(found["train"][1], tuple(names), raw.where), []

    held_out = {"val": validation}
    return assembled(raw, raw.y, kind, seed, prepare, judged, held_out)


def assembled(
    raw: Raw,
    labels: Mapping[str, NDArray[Any]],
    kind: str,
    seed: int,
    prepare: Prepare,
    judged: Callable[[Mapping[str, Arrays]], tuple[Judge, Sequence[str]]],
    held_out: Mapping[str, float | None],
) -> DataTask:
    """A task from data as they were found, once it is known what is to be said of each sample.

    Args:
        raw: The data.
        labels: For each split that there is.
        kind: Name of the task.
        seed: Decides the splits.
        prepare: Is given the samples of the training split.
        judged: Makes the judge from the labels of the training split, and notes on the splits.
        held_out: As for ``splitting.with_all_splits``.

    Raises:
        DataError: The data cannot be split.
    """
    found, made = with_all_splits(raw, labels, seed, held_out)
    shared = leaks(found)
    judge, said = judged(found)
    opened: list[str] = []

    def of(prepared: Prepared) -> DataTask:
        encode, new = prepared.encode, prepared.strange(found["test"][0])
        return DataTask(
            name=raw.name,
            kind=kind,
            title=raw.title,
            normalize=prepared.normalize,
            notes=(*raw.notes, *made, *prepared.notes, *new, *said, *shared),
            judge=judge,
            changes=prepared.changes,
            data=found if encode is None else {k: (encode(x), y) for k, (x, y) in found.items()},
            facts=prepared.facts,
            files=prepared.files,
            form=prepared.form,
            others={other.form: of(other) for other in prepared.others},
            opened=opened,
        )

    return of(prepare(found["train"][0]))
