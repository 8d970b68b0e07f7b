"""The data of a report, as JSON: what ``render`` reads and ``study`` writes.

Every key may be missing, null or empty: a study that was interrupted, or that found nothing, has
a report too, and the page says plainly what is not there.

Wherever a metric's value stands, it may be a bare number or a whole quantity
(``Quantity.to_json``). How a bare number is known is read from ``kinds``; without an entry there, a
metric that can be counted is counted, a score is measured, and a latency or an energy is unknown,
so it is not drawn beside numbers that are known in another way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from brickwork.quantity import METRICS, How, Quantity

__all__ = [
    "ArtifactData",
    "BlockData",
    "ControlData",
    "DroppedData",
    "GapData",
    "ModelData",
    "QuantityData",
    "ReferenceData",
    "ReportData",
    "SpentData",
    "SplitData",
    "TargetData",
    "TaskData",
    "TrialData",
    "bare",
    "quantity_of",
]

Metrics = Mapping[str, Any]  # name -> number or quantity


class QuantityData(TypedDict):
    """``Quantity.to_json``; ``spread`` is half the width of an 80 % interval."""

    value: float | None
    unit: str
    how: str
    spread: float | None
    source: str


class SplitData(TypedDict):
    """One split of the data."""

    size: int
    sha256: str


class TaskData(TypedDict, total=False):
    """The user's data. ``input`` is (channels, *spatial)."""

    name: str
    title: str
    input: Sequence[int]
    classes: Sequence[str]
    splits: Mapping[str, SplitData]
    notes: Sequence[str]


class TargetData(TypedDict, total=False):
    """The device."""

    name: str
    title: str
    engine: str
    precision: str
    sram_bytes: int | None
    flash_bytes: int | None
    sources: Sequence[str]


class BlockData(TypedDict, total=False):
    """One block of a drawing. ``shape`` is its output, (channels, *spatial)."""

    label: str
    detail: str
    shape: Sequence[int]
    macs: int
    parameters: int
    skip: bool


class ArtifactData(TypedDict, total=False):
    """One exported file. ``verified`` is null where there was nothing to verify."""

    path: str
    sha256: str
    verified: bool | None
    detail: str
    bytes: int


class ModelData(TypedDict, total=False):
    """One model of the front.

    ``metrics`` are the numbers to stand behind: once ``final`` is there, the accuracy of the
    exported file on the test split. ``search`` is what the search believed. ``final`` holds the
    retrained quality and ``seeds``, one value per seed. ``memory`` is (op, live bytes) in order.
    """

    id: str
    arch: Mapping[str, Any]
    metrics: Mapping[str, QuantityData]
    search: Mapping[str, QuantityData] | None
    final: Mapping[str, Any] | None
    artifacts: Mapping[str, ArtifactData]
    drawing: Mapping[str, Sequence[BlockData]] | None
    memory: Sequence[tuple[str, float]] | None


class DroppedData(TypedDict, total=False):
    """A model that was on the front and failed its verification."""

    id: str
    reason: str
    metrics: Metrics


class TrialData(TypedDict, total=False):
    """One trial. ``state`` is a ``trial.State``."""

    number: int
    id: str
    state: str
    fidelity: float
    metrics: Metrics
    finished_s: float
    cause: str


class ReferenceData(TypedDict, total=False):
    """A known network; without a score it is drawn on the cost axis only."""

    name: str
    metrics: Metrics
    note: str


class ControlData(TypedDict, total=False):
    """A search to compare with, at equal budget."""

    models: Sequence[Mapping[str, Metrics]]
    hypervolume: float | None
    search_hypervolume: float | None
    note: str
    trials: int


class GapData(TypedDict, total=False):
    """Search score against final score. ``tau``: value, low, high, n."""

    pairs: Sequence[Mapping[str, Any]]
    mean: float
    tau: Mapping[str, Any] | None


class SpentData(TypedDict, total=False):
    """What it cost: wall seconds of each phase, CPU seconds, candidates, energy."""

    budget_s: float
    search_s: float
    final_s: float
    export_s: float
    cpu_s: float
    known: int
    trained: int
    infeasible: int
    failed: int
    twins: int
    energy: QuantityData | None


class ReportData(TypedDict, total=False):
    """The whole report.

    ``verdict`` holds sentences; a part between two pairs of asterisks is the key number.
    ``best`` is the id of the model that is selected first; without it, the knee of the front.
    ``kinds`` says how bare numbers are known: group (``trials``, ``references``, ``controls``,
    ``dropped``) -> metric -> a ``How``.
    ``progress`` holds curves of (seconds, hypervolume) by name, ``search`` and ``random``.
    """

    study: str
    title: str
    created: str
    version: str
    task: TaskData
    target: TargetData
    objectives: Sequence[str]
    limits: Sequence[str]
    seed: int
    strategy: Mapping[str, str]
    space: Mapping[str, Any]
    verdict: Sequence[str]
    best: str
    models: Sequence[ModelData]
    dropped: Sequence[DroppedData]
    trials: Sequence[TrialData]
    references: Sequence[ReferenceData]
    kinds: Mapping[str, Mapping[str, str]]
    gap: GapData | None
    controls: Mapping[str, ControlData | None] | None
    progress: Mapping[str, Sequence[Sequence[float]]] | None
    spent: SpentData | None
    failures: Sequence[Mapping[str, Any]]
    reproduce: Mapping[str, Any] | None


def bare(value: Any) -> float | None:
    """The number in a bare number or a quantity; None where there is none."""
    number = value.get("value") if isinstance(value, Mapping) else value
    return None if number is None or math.isnan(number) else float(number)


def quantity_of(
    metrics: Metrics | None, name: str, kinds: Mapping[str, str] | None = None
) -> Quantity | None:
    """The quantity of that name, whatever form it has; None where there is none.

    Args:
        metrics: Name to bare number or quantity.
        name: The name of a metric.
        kinds: How the bare numbers are known.
    """
    value = (metrics or {}).get(name)
    number = bare(value)
    if number is None:
        return None
    if isinstance(value, Mapping):
        spread, source = value.get("spread"), value.get("source") or ""
        return Quantity(number, value["unit"], How(value["how"]), spread, source)
    known = METRICS[name]
    usual = How.MEASURED if known.quality else How.COUNTED
    if name in ("latency_ms", "energy_mj"):
        usual = How.UNKNOWN
    return Quantity(number, known.unit, How((kinds or {}).get(name) or usual))
