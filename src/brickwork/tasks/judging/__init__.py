"""How answers are judged: the loss of a training and the metrics, by kind of answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from brickwork.quantity import Quantity
from brickwork.tasks.judging.classes import ClassJudge
from brickwork.tasks.judging.masks import MaskJudge
from brickwork.tasks.judging.numbers import NumberJudge
from brickwork.tasks.judging.points import point, threshold_for

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ClassJudge", "Judge", "MaskJudge", "NumberJudge", "judge_of", "point", "threshold_for"]


class Judge(Protocol):
    """Judges the answers of networks.

    Attributes:
        names: What the outputs are called: classes, or numbers.
        quality: The metric to improve where nothing else was asked for.
    """

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def quality(self) -> str: ...

    def loss(self, answers: Tensor, labels: Tensor, smoothing: float) -> Tensor:
        """What training makes small: one number for a batch."""
        ...

    def metrics(
        self, answers: NDArray[Any], labels: NDArray[Any], source: str
    ) -> dict[str, Quantity]:
        """The quality of answers, by metric name; ``source`` says where the samples come from."""
        ...

    def details(self, answers: NDArray[Any], labels: NDArray[Any]) -> dict[str, Any]:
        """More than the metrics, as JSON.

        ``"classes"`` has a row for each class, ``"numbers"`` one for each of several numbers,
        ``"points"`` one for each point of operation: what stands in a row is named by its keys, and
        shown as it is.
        """
        ...

    def to_json(self) -> dict[str, Any]:
        """What ``judge_of`` makes it from again; ``"kind"`` says which it is."""
        ...


def judge_of(about: Mapping[str, Any]) -> Judge:
    """The judge that ``to_json`` described.

    Raises:
        KeyError: There is no such kind, or something is missing.
    """
    kinds: Mapping[str, Any] = {
        "classes": ClassJudge,
        "masks": MaskJudge,
        "numbers": NumberJudge,
    }
    settings = {key: _tupled(value) for key, value in about.items() if key != "kind"}
    judge: Judge = kinds[about["kind"]](**settings)
    return judge


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
