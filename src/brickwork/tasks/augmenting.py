"""The random changes of training that a person wants, or does not want."""

from __future__ import annotations

from dataclasses import replace

from brickwork.errors import DataError
from brickwork.tasks.changing import Changes, ImageChanges, NoChanges
from brickwork.tasks.samples import DataTask

__all__ = ["augmented"]

_NONE, _MIRRORS = "none", {"mirror": True, "no-mirror": False}


def augmented(task: DataTask, how: str = "") -> DataTask:
    """A task whose training changes samples as was asked for, with a note on it; in each form.

    Args:
        task: The task.
        how: ``"mirror"`` or ``"no-mirror"`` of images, ``"none"`` for no change at all; empty for
            what is usual for such data.

    Raises:
        DataError: That cannot be.
    """
    changes = _asked(task.changes, how, task.name)
    others = {name: augmented(other, how) for name, other in task.others.items()}
    return replace(task, changes=changes, notes=(*task.notes, _note(changes, how)), others=others)


def _asked(changes: Changes, how: str, name: str) -> Changes:
    if not how:
        return changes
    if how == _NONE:
        return NoChanges()
    if isinstance(changes, ImageChanges) and how in _MIRRORS:
        return replace(changes, flips=_MIRRORS[how])
    known = ", ".join((*(_MIRRORS if isinstance(changes, ImageChanges) else ()), _NONE))
    raise DataError(f"--augment {how}: what {name} can have is {known}; or leave it out")


def _note(changes: Changes, how: str) -> str:
    note = f"in training samples are {changes.said}"
    if isinstance(changes, NoChanges):
        return f"{note}, as was asked for" if how else note
    if not isinstance(changes, ImageChanges):
        return f"{note}, at random; --augment none leaves them as they are"
    other = "no-mirror" if changes.flips else "mirror"
    return f"{note}, at random; --augment {other} or none changes that"
