"""How a search on a table is judged.

Axes are the error of the signal, in percent, and the logarithm of each cost, each from the best of
the table (0) to its 90th percentile (1); the score ``signal`` is the hypervolume of what was seen,
to the reference point 1, over that of the whole table. For ``test`` the front is chosen by the
signal and judged by the error of the test column; for ``small`` the cheapest quarter of the table
is taken by itself, axes and all. With accuracy alone both are accuracies: the best signal, and the
test accuracy of the network that has it. Where a network was trained again with other seeds, its
signal is the mean of those that were seen. Every evaluation counts.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.bench.harness import Told
from brickwork.bench.setting import Setting
from brickwork.objective import front, hypervolume

__all__ = ["COUNTS", "KINDS", "MARKS", "Score", "described", "header", "lines", "summary"]

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

MARKS = (10, 20, 30, 50, 75, 100, 150, 200)
"""Evaluations after which a search is judged."""

KINDS = ("signal", "test", "small", "best_test", "regret")
"""What it is judged by: see ``Score``."""

COUNTS = ("lost", "clock")
"""What is told beside: see ``Score.along``."""

_SLACK = 1e-6  # of sums of compute
_SMALL = 0.25  # of the networks, by the first cost: the small end of the front
_WORST = 0.9  # quantile of the table beyond which a network counts for nothing


class Score:
    """Judges what was evaluated so far.

    ``signal``, ``test`` and ``small`` as above; ``best_test``: test accuracy, in percent, of the
    network of the best signal; ``regret``: by how much the best of the table exceeds that.

    Args:
        setting: The table.
    """

    def __init__(self, setting: Setting) -> None:
        self._signal = 100.0 * setting.accuracy(setting.signal)
        self._test = 100.0 * setting.accuracy(setting.test)
        self._costs = [np.log(setting.table.column(name)) for name in setting.costs]
        self._seeds = [100.0 * setting.accuracy(name) for name in (setting.signal, *setting.again)]
        self._kept = setting.feasible
        self._best_test = float(self._test[self._kept].max(initial=-np.inf))
        self._whole: list[float] = []
        if self._costs and self._kept.any():
            least = np.quantile(self._costs[0][self._kept], _SMALL)
            self._cheap = self._kept & (self._costs[0] <= least)
            parts = (
                (self._signal, self._kept),
                (self._test, self._kept),
                (self._signal, self._cheap),
            )
            self._scales = [self._axes(*part) for part in parts]
            self._whole = [
                hypervolume(axes(accuracy)[kept], self._ones)
                for axes, (accuracy, kept) in zip(self._scales, parts, strict=True)
            ]

    @property
    def undefined(self) -> list[str]:
        """The scores that nothing can have: no row of theirs lies inside the bounds."""
        return [
            name
            for name, whole in zip(("signal", "test", "small"), self._whole, strict=False)
            if not whole > 0
        ]

    def __call__(self, rows: Sequence[int], repetitions: Sequence[int] = ()) -> dict[str, float]:
        """All scores of the rows that were evaluated in full and keep the limits.

        Args:
            rows: The same one several times, where it was evaluated with several seeds.
            repetitions: Which of the seeds each was; by default the first.
        """
        if not rows:
            nan = float("nan")
            nothing = dict.fromkeys(("signal", "test", "small"), 0.0 if self._costs else nan)
            return {**nothing, "best_test": nan, "regret": nan}
        seen, means = self._means(rows, repetitions or [0] * len(rows))
        first = int(seen[np.argmax(means[seen])])
        best = float(self._test[first])
        scores = {"best_test": best, "regret": self._best_test - best}
        if not self._costs:
            return {"signal": float(means[first]), "test": best, "small": float("nan"), **scores}
        cheap = seen[self._cheap[seen]]
        parts = (means, seen), (self._test, seen), (means, cheap)
        shown, judged, small = (
            axes(accuracy)[some] for axes, (accuracy, some) in zip(self._scales, parts, strict=True)
        )
        found = [hypervolume(one, self._ones) for one in (shown, judged[front(shown)], small)]
        over = (
            hv / whole if whole > 0 else float("nan")  # of few rows each may lie outside the bounds
            for hv, whole in zip(found, self._whole, strict=True)
        )
        return dict(zip(("signal", "test", "small"), over, strict=True)) | scores

    def along(self, told: Iterable[Told], marks: Sequence[int]) -> dict[int, dict[str, float]]:
        """The scores after so many evaluations, by compute.

        With them ``lost``, how many of these evaluations gave nothing, and ``clock``, the simulated
        seconds after which so much compute had ended; NaN where the run ended before.
        """
        told = list(told)
        found = {}
        for mark in marks:
            counted = [one for one in told if one.spent <= mark + _SLACK]
            pairs = [
                (one.row, one.repetition)
                for one in counted
                if one.row is not None and one.fidelity >= 1
            ]
            found[mark] = self([row for row, _ in pairs], [repetition for _, repetition in pairs])
            found[mark]["lost"] = float(sum(one.row is None for one in counted))
            reached = (one.clock for one in told if one.spent >= mark - _SLACK)
            found[mark]["clock"] = next(reached, float("nan"))
        return found

    def _means(self, rows: Sequence[int], repetitions: Sequence[int]) -> tuple[Rows, Array]:
        """The rows once each, and the signal of all, its mean where several seeds were seen."""
        found: dict[int, set[int]] = {}
        for row, repetition in zip(rows, repetitions, strict=True):
            found.setdefault(row, set()).add(repetition)
        signal = self._signal.copy()
        for row, seeds in found.items():
            signal[row] = np.mean([self._seeds[seed][row] for seed in sorted(seeds)])
        return np.array(list(found)), signal

    @property
    def _ones(self) -> list[float]:
        """The reference point."""
        return [1.0] * (1 + len(self._costs))

    def _axes(self, accuracy: Array, kept: NDArray[np.bool_]) -> Callable[[Array], Array]:
        """What scales accuracies and costs, from the best of some rows to nearly the worst."""

        def joined(values: Array) -> Array:
            return np.column_stack([100.0 - values, *self._costs])

        table = joined(accuracy)[kept]
        low = table.min(axis=0)
        width = np.maximum(np.quantile(table, _WORST, axis=0) - low, 1e-12)
        return lambda values: np.asarray((joined(values) - low) / width)


def summary(runs: Sequence[Mapping[int, Mapping[str, float]]], cpu_s: float) -> dict[str, Any]:
    """Mean and standard deviation over the seeds, by score and mark, as JSON.

    Both are None unless every seed has a number; ``values`` are those of the seeds, in order, None
    for one that has none.

    Args:
        runs: What ``Score.along`` gives of each run.
        cpu_s: CPU seconds of a run, on average.
    """
    found: dict[str, Any] = {}
    for kind in (*KINDS, *COUNTS):
        found[kind] = {
            str(mark): _spread([run[mark][kind] for run in runs])
            for mark in (runs[0] if runs else ())
        }
    return {**found, "cpu_s": cpu_s}


def _spread(found: Sequence[float]) -> dict[str, Any]:
    values = [value if math.isfinite(value) else None for value in found]
    every = [value for value in values if value is not None]
    if len(every) < len(values) or not every:
        return {"mean": None, "sd": None, "values": values}
    return {"mean": statistics.mean(every), "sd": statistics.pstdev(every), "values": values}


def described(setting: Setting, seeds: int, marks: Sequence[int], workers: int) -> dict[str, Any]:
    """The protocol of a run, as JSON."""
    return {
        "space": setting.table.space.name,
        "networks": len(setting.table.archs),
        "feasible": int(setting.feasible.sum()),
        "signal": setting.signal,
        "further_seeds": list(setting.again),
        "test": setting.test,
        "costs": list(setting.costs),
        "metrics": list(setting.metrics),
        "features": list(setting.features),
        "limits": setting.limits_as_asked,
        "low_fidelities": {str(part): column for part, column in setting.low.items()},
        "axes": "100 - accuracy in percent, log cost; from the best (0) to the 90th percentile (1)",
        "reference": 1.0,
        "small": "signal, of the cheapest quarter by the first cost, with axes of its own",
        "left_out": dict(setting.left_out),
        "counted": "every evaluation that was asked for, a part of a training as its part",
        "mean": "of all seeds; null where one of them has no number",
        "lost": "evaluations so far that gave nothing",
        "clock": "simulated seconds after which so much compute had ended; a whole training takes "
        + (f"what stands in {setting.time!r}" if setting.time else "one"),
        "seeds": seeds,
        "evals": list(marks),
        "workers": workers,
    }


_NAME = 18  # columns of a name in print


def header(marks: Sequence[int]) -> str:
    """The line above those of ``lines``."""
    return " " * (_NAME + 10) + "".join(f"{mark:>9}" for mark in marks) + "  CPU s a run"


def lines(name: str, found: Mapping[str, Any]) -> list[str]:
    """What is printed of a search: a line for each score, with its mean at each mark.

    What was lost has a line where anything was, the clock where it is not the number of trainings.
    """
    printed = [name] if len(name) >= _NAME else []  # a long one has a line of its own
    label = "" if printed else name
    for kind in (*KINDS, *COUNTS):
        means = {mark: one["mean"] for mark, one in found[kind].items()}
        known = {mark: mean for mark, mean in means.items() if mean is not None}
        if kind == "small" and None in means.values():  # accuracy alone
            continue
        if kind == "lost" and not any(known.values()):
            continue
        if kind == "clock" and all(abs(mean - int(mark)) < 1e-6 for mark, mean in known.items()):
            continue
        part = kind in ("signal", "test", "small")
        places = 3 if part and max(filter(None, means.values()), default=9) <= 1 else 2
        cells = "".join(f"{'-' if m is None else f'{m:.{places}f}':>9}" for m in means.values())
        end = f"{found['cpu_s']:>13.2f}" if kind == KINDS[0] else ""
        printed.append(f"{label if kind == KINDS[0] else '':<{_NAME}}{kind:<10}{cells}{end}")
    return printed
