"""Time series: the series of a source as a task, with a class or with numbers for each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError
from brickwork.space import Shape
from brickwork.tasks.arrays import labels_of
from brickwork.tasks.beside import preparation
from brickwork.tasks.changing import SeriesChanges
from brickwork.tasks.raw import Raw
from brickwork.tasks.samples import DataTask, Prepared, classification, regression
from brickwork.tasks.scale import channel_statistics
from brickwork.tasks.series.prepare import fitted, prepare
from brickwork.tasks.series.rows import Standing, numbers_of, series_of
from brickwork.tasks.series.sources import Source, read

__all__ = ["load_series", "load_series_numbers", "series_inputs"]

_SHORTEST = 4  # steps; of less, nothing is left after two strided layers
_FITTING = 98  # percent of the training series that are not cut
_MUCH_LONGER = 1.5


def load_series(
    source: Source,
    seed: int = 0,
    validation: float | None = None,
    label: str = "",
    series: str = "",
    group: str = "",
    test: str = "",
) -> DataTask:
    """Classification of time series: one or more channels, of one or of several lengths.

    Args:
        source: An ``.npz`` file or a dictionary with ``x_train``, ``y_train`` and so on (or ``x``,
            ``y``), a pair ``(x, y)``: series ``(n, length)``, ``(n, channels, length)`` or ``(n,
            length, channels)``, possibly with ``len_train``, or a list of arrays of several
            lengths. A ``.csv`` or ``.tsv`` with a row for each series, as in the UCR archive, or
            one for each time of a series.
        seed: Decides which training samples become a split that the source does not have.
        validation: Part of the training samples for such a validation split; None for a fifth of
            all, at most 10,000.
        label: Of a table, the column that is to be told; by default one that is called so, else
            the first.
        series: Of a table with a row for each time, the column that says of which series it is;
            ``"wide"`` for a table with a row for each series.
        group: A further array or column, such as a patient: its series stay in one split.
        test: Of a table, a file like it with the test split; else a rule on a further array that
            says which series are it, such as ``"index<5"``.

    Raises:
        DataError: The data cannot be used as it is; one line says what, where and what to do.
    """
    raw = read(source, labels_of, label, series, group, test)

    def prepared(rows: NDArray[Any]) -> Prepared:
        return _prepared(rows, raw)

    return classification(raw, "series-classification", seed, prepared, validation)


def load_series_numbers(
    source: Source,
    seed: int = 0,
    validation: float | None = None,
    label: str = "",
    series: str = "",
    group: str = "",
    test: str = "",
) -> DataTask:
    """Regression on time series: a number, or several, for each.

    Args:
        source: As for ``load_series``; labels are numbers ``(n,)`` or ``(n, outputs)``.
        seed: Likewise.
        validation: Likewise.
        label: Likewise.
        series: Likewise.
        group: Likewise.
        test: Likewise.

    Raises:
        DataError: The data cannot be used as it is; one line says what, where and what to do.
    """
    raw = read(source, numbers_of, label, series, group, test)
    widths = {split: y.shape[1] for split, y in raw.y.items()}
    if len(set(widths.values())) > 1:
        raise DataError(f"{raw.where}: the splits have different numbers of labels: {widths}")
    count = widths["train"]
    names = (label or "y",) if count == 1 else tuple(f"y{i}" for i in range(count))

    def prepared(rows: NDArray[Any]) -> Prepared:
        return _prepared(rows, raw)

    return regression(raw, names, "series-regression", seed, prepared, validation)


def series_inputs(x: Any, about: Mapping[str, Any], input: Shape) -> NDArray[np.float32]:
    """What networks take of series as ``load_series`` takes them in arrays.

    Args:
        x: Series; of one channel also ``(n, any)``.
        about: The content of ``prepare.json``.
        input: Shape of what the network takes.

    Raises:
        DataError: They are no series, have other channels, or too much is missing.
    """
    standing = Standing(input[0], about.get("time_first", False))
    rows, *_ = series_of(x, None, "the samples", standing)
    return _encoded(rows, about)


def _encoded(rows: NDArray[Any], about: Mapping[str, Any]) -> NDArray[np.float32]:
    return np.stack([fitted(row, about["length"], about["fill"]) for row in rows])


def _prepared(rows: NDArray[Any], raw: Raw) -> Prepared:
    """Learns length and normalisation from training series ``(n,)`` of ``(channels, length)``."""
    lengths = np.array([row.shape[1] for row in rows])
    length = int(np.percentile(lengths, _FITTING, method="higher"))
    if lengths.max() <= _MUCH_LONGER * length:
        length = int(lengths.max())
    if length < _SHORTEST:
        raise DataError(
            f"{raw.where}: the longest series has {lengths.max()} steps, at least {_SHORTEST} are "
            "needed: take it as a table"
        )
    scale = channel_statistics(np.concatenate(list(rows), axis=1)[None], raw.where)
    notes: tuple[str, ...] = ()
    if lengths.min() < lengths.max():
        cut = 100 * (lengths > length).mean()
        notes = (
            f"series of {lengths.min()} to {lengths.max()} steps become {length}: {cut:.1f} % of "
            "the training series lose their end, shorter ones go on with their mean",
        )
    settings = {"length": length, "fill": scale.mean, **raw.reading}
    changes = SeriesChanges(scale.mean, scale.std)

    def encode(rows: NDArray[Any]) -> NDArray[np.float32]:
        return _encoded(rows, settings)

    return Prepared(scale, changes, encode, {}, _files(settings), notes)


def _files(settings: Mapping[str, Any]) -> dict[str, str]:
    """What goes with every model: how a series becomes its input, and a vector to check that."""
    channels, length = len(settings["fill"]), settings["length"]
    steps = np.arange(max(4, length - length // 4))
    wave = np.stack([np.sin(steps / (3.0 + c)).round(4) for c in range(channels)])
    wave = wave.astype(np.float32)
    if len(steps) >= 10:  # one value of fewer is too much to be missing
        wave[0, 1] = np.nan
    golden = {
        "series": [[None if np.isnan(v) else round(float(v), 4) for v in row] for row in wave],
        "input": [[float(v) for v in row] for row in prepare(wave, settings)],
    }
    text = json.dumps({**settings, "golden": golden})
    return preparation("brickwork.tasks.series", text.replace(', "golden"', ',\n"golden"') + "\n")
