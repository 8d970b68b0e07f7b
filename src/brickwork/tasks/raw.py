"""Data as they were found, before they become a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

__all__ = ["Raw"]


@dataclass(frozen=True, slots=True)
class Raw:
    """Data as they were found, in the splits that there are.

    Attributes:
        name: A short name.
        title: What a person calls it.
        where: Where it comes from, for messages.
        x: Samples of each split, ``(n, *input)``; among them ``"train"``.
        y: Their labels, of any kind.
        notes: What was done to the data.
        groups: For each split, who or what each sample is of, ``(n,)``: a speaker, a patient. What
            is of one group stays in one split. Empty where nothing is known.
        advice: What else to say of a class, by its name, if it has too few samples.
        reading: What samples that come later are to be read with, as JSON.
    """

    name: str
    title: str
    where: str
    x: Mapping[str, NDArray[Any]]
    y: Mapping[str, NDArray[Any]]
    notes: tuple[str, ...] = field(default=())
    groups: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    advice: Mapping[str, str] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)
