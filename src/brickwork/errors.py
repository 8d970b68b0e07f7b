"""Every error that Brickwork raises on purpose.

    BrickworkError                 the root: one line that says what, where and what to do
    ├── SpaceError                 a space, or an architecture in it, is not well formed
    │   └── ShapeError             two tensors do not fit together in a graph
    ├── UnknownName                a name that no table knows (target, strategy, task, metric, ...)
    ├── LimitError                 a limit's text cannot be read, or no candidate can meet it
    ├── TargetError                a device description is not usable
    ├── DataError                  the user's data cannot be used as it is
    ├── ModelFileError             a model file cannot be read, or a tool cannot use it
    ├── BudgetError                the budget does not suffice for one trial
    ├── StudyError                 the study folder cannot be used
    │   ├── StudyBusy              another process works in it
    │   ├── StudyMismatch          it belongs to another run
    │   ├── StudyCorrupt           its store cannot be read
    │   └── StudyVersion           a newer Brickwork wrote it
    ├── TrainingError              a training run cannot give a result
    │   └── Diverged               the loss became NaN or infinite
    ├── ExportError                a network cannot be written in the format asked for
    │   └── NotInIntegers          it has no form in the integers of TensorFlow Lite
    └── MissingExtra               an optional dependency is not installed

The command line prints the message of any of these as one line and exits with code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BrickworkError",
    "BudgetError",
    "DataError",
    "Diverged",
    "ExportError",
    "LimitError",
    "MissingExtra",
    "ModelFileError",
    "NotInIntegers",
    "ShapeError",
    "SpaceError",
    "StudyBusy",
    "StudyCorrupt",
    "StudyError",
    "StudyMismatch",
    "StudyVersion",
    "TargetError",
    "TrainingError",
    "UnknownName",
]


class BrickworkError(Exception):
    """The root of all errors that are raised on purpose; its message is one line for a person."""


class SpaceError(BrickworkError):
    """A space, or an architecture in it, is not well formed."""


class ShapeError(SpaceError):
    """Two tensors do not fit together in a graph."""


class UnknownName(BrickworkError):
    """A name that no table knows.

    Args:
        kind: What was named, such as ``"target"``.
        name: What was given.
        known: The names that would have been right.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        super().__init__(f"unknown {kind} {name!r}: {hint}known are {', '.join(names)}")


class LimitError(BrickworkError):
    """A limit's text cannot be read, or no candidate can meet it."""


class TargetError(BrickworkError):
    """A device description is not usable."""


class DataError(BrickworkError):
    """The user's data cannot be used as it is."""


class ModelFileError(BrickworkError):
    """A model file cannot be read, or a tool cannot use it."""


class BudgetError(BrickworkError):
    """The budget does not suffice for one trial."""


class StudyError(BrickworkError):
    """The study folder cannot be used."""


class StudyBusy(StudyError):
    """Another process works in this study."""


class StudyMismatch(StudyError):
    """The study folder belongs to another run."""


class StudyCorrupt(StudyError):
    """The store of the study cannot be read."""


class StudyVersion(StudyError):
    """A newer Brickwork wrote this study."""


class TrainingError(BrickworkError):
    """A training run cannot give a result."""


class Diverged(TrainingError):
    """The loss became NaN or infinite."""


class ExportError(BrickworkError):
    """A network cannot be written in the format asked for."""


class NotInIntegers(ExportError):
    """A network has no form in the integers of TensorFlow Lite, so only other formats hold it."""


class MissingExtra(BrickworkError):
    """An optional dependency is not installed.

    Args:
        extra: The extra of the package that brings it, such as ``"mcu"``.
        needed_for: What cannot be done without it.
    """

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs an extra: pip install 'brickwork[{extra}]'")
