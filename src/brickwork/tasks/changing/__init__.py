"""Random changes to samples that keep what is to be said of them, by kind of sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from brickwork.tasks.changing.images import ImageChanges
from brickwork.tasks.changing.rows import RowChanges
from brickwork.tasks.changing.series import SeriesChanges
from brickwork.tasks.changing.sounds import SoundChanges
from brickwork.tasks.changing.texts import TextChanges
from brickwork.tasks.changing.voxels import VoxelChanges

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = [
    "Changes",
    "ImageChanges",
    "NoChanges",
    "RowChanges",
    "SeriesChanges",
    "SoundChanges",
    "TextChanges",
    "VoxelChanges",
    "changes_of",
    "described",
]


class Changes(Protocol):
    """Changes a batch at random; a frozen dataclass of plain settings.

    Attributes:
        said: What becomes of samples, to stand after "samples are".
    """

    @property
    def said(self) -> str: ...

    def __call__(
        self, x: Tensor, y: Tensor, strength: float, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """A batch of raw samples ``(batch, *input)`` in floating point, and its labels.

        Args:
            x: The samples.
            y: Their labels.
            strength: 0 for no change, 1 for the full ranges.
            generator: Source of randomness.
        """
        ...


@dataclass(frozen=True, slots=True)
class NoChanges:
    """Leaves samples as they are, where no change is known to keep their label."""

    @property
    def said(self) -> str:
        """See ``Changes``."""
        return "left as they are"

    def __call__(
        self, x: Tensor, y: Tensor, strength: float, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """The same samples."""
        return x, y


_KINDS: Mapping[str, Any] = {
    "none": NoChanges,
    "image": ImageChanges,
    "row": RowChanges,
    "text": TextChanges,
    "voxel": VoxelChanges,
    "series": SeriesChanges,
    "sound": SoundChanges,
}


def described(changes: Changes) -> dict[str, Any]:
    """Changes as JSON, for ``changes_of``."""
    (kind,) = (name for name, made in _KINDS.items() if type(changes) is made)
    return {"kind": kind, **asdict(changes)}  # type: ignore[call-overload]  # they are dataclasses


def changes_of(about: Mapping[str, Any]) -> Changes:
    """The changes that ``described`` wrote.

    Raises:
        KeyError: There is no such kind.
    """
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in about.items() if k != "kind"}
    changes: Changes = _KINDS[about["kind"]](**settings)
    return changes
