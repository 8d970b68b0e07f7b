"""What of a table is searched: the score that is seen, what is known beforehand, the limits."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from brickwork.bench.table import FORMS, Table
from brickwork.errors import BrickworkError, LimitError, SpaceError, TrainingError
from brickwork.estimators.base import Estimate
from brickwork.estimators.ranking import ranked
from brickwork.objective import Limit, Objective
from brickwork.quantity import How, Quantity, metric
from brickwork.space import Arch
from brickwork.strategies.base import Problem
from brickwork.trial import Proposal

__all__ = ["Setting"]

Array = NDArray[np.float64]

_MEANT = {
    "parameters": r"[kmn]?param(eter)?s?",
    "macs": r"[kmg]?(mac|flop|madd|multadd)s?",
    "energy_mj": r"energy|energies|[mu]j|(m|milli|micro)?joules?",
    "peak_sram_bytes": r"s?ram|mem|memory|arena",
    "flash_bytes": r"flash|rom|sizes?",
}
"""Metrics, and a word in the name of a column that holds them; any other column is a latency."""

_STAND_INS = ("latency_ms", "energy_mj", "peak_sram_bytes", "flash_bytes", "parameters", "macs")
"""What a column goes by whose metric another has; MACs last, from which networks are learned."""

_TIME = re.compile(r"[mun]?s|[mun]?secs?|(milli|micro|nano)?seconds?")  # ends the name of a latency
_LEAST_MS = 0.5  # a latency that is no longer is an error of measurement
_FEW = 0.5  # of all rows may be errors
_UNITS = {"m": 1.0, "u": 1e3, "n": 1e6, "": 1e-3}  # in a millisecond, by how a time's name begins
_SIZE = re.compile(r"[kmg]?i?b|bytes|[kmg]?bits?")  # no time, whatever else the name says
_PERCENT = 1.5  # an accuracy above it is given in percent


@dataclass(frozen=True)
class Setting:
    """A table as a search sees it, and by what the search is judged.

    Rows with a number missing, with a latency of 0.5 ms or less, or with another cost or a time of
    0 or less, are left out.

    Attributes:
        table: The rows that are searched.
        signal: Column of the accuracy that a search sees at fidelity 1.
        test: Column of the accuracy by which what it found is judged.
        costs: Columns of the costs, which a search knows beforehand; none for accuracy alone.
        metrics: The metric that each cost goes by, in the same order.
        limits: What must be kept, on these metrics.
        low: Fidelities below 1 and their columns.
        again: Columns of the same accuracy with other seeds: what a search sees when it asks for a
            further repetition.
        features: Columns that a search knows beforehand too, to learn from: scores of untrained
            networks. A network may have none.
        time: Column of the seconds that a whole training takes; by default each takes one.
        left_out: How many rows of the files were left out, by the reason.
    """

    table: Table
    signal: str
    test: str
    costs: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    low: Mapping[float, str] = field(default_factory=dict)
    again: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    time: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        table: Table,
        signal: str,
        test: str,
        costs: Sequence[str] = (),
        limits: Sequence[str] = (),
        low: Mapping[float, str] | None = None,
        again: Sequence[str] = (),
        features: Sequence[str] = (),
        time: str = "",
    ) -> Setting:
        """The setting, with the rows of which all is known.

        Args:
            table: All rows.
            signal: As the attribute.
            test: As the attribute.
            costs: As the attribute.
            limits: Such as ``"pixel2<=10"``, on the columns of the costs.
            low: As the attribute.
            again: As the attribute.
            features: As the attribute.
            time: As the attribute.

        Raises:
            BrickworkError: No row is left, there are more costs than metrics to call them by, a
                cost or a feature is named twice, or a feature is asked for as something else too or
                has no number in any row.
            LimitError: A limit cannot be read, or no network keeps them.
            UnknownName: The table has no such column.
        """
        low = dict(low or {})
        for kind, columns in (("cost", costs), ("feature", features)):
            for column in columns:
                if columns.count(column) > 1:
                    raise BrickworkError(f"the {kind} {column!r} is named twice: name it once")
        names = _metrics(costs)
        scores = (signal, test, *again, *low.values())
        kept, unusable = _usable(table, scores, costs, time)
        left_out = {**table.left_out, **unusable}
        if not kept.any():
            why = "; ".join(f"{count:,} rows: {reason}" for reason, count in left_out.items())
            raise BrickworkError(f"the table has no row with a number to use in each column: {why}")
        read = tuple(_limit(text, dict(zip(costs, names, strict=True))) for text in limits)
        others = tuple(again), tuple(features)
        named = tuple(costs), names, read, low, *others, time
        made = cls(table.only(kept), signal, test, *named, left_out)
        for column in features:
            if column in (signal, test, *again, *low.values(), *costs):
                raise BrickworkError(
                    f"the feature {column!r} is a cost or an accuracy of this search already: "
                    "name a column that is neither"
                )
            if not np.isfinite(made.table.column(column)).any():
                raise BrickworkError(f"the feature {column!r} has no number in a row that is used")
        if not made.feasible.any():
            raise LimitError(f"no network of the table keeps the limits: {', '.join(limits)}")
        return made

    def accuracy(self, column: str) -> Array:
        """A column of accuracies as fractions, (rows,)."""
        values = self.table.column(column)
        return values / 100.0 if np.nanmax(values) > _PERCENT else values

    @property
    def limits_as_asked(self) -> list[str]:
        """The limits, on the columns of the costs."""
        columns = self._columns
        return [limit.text.replace(limit.metric, columns[limit.metric], 1) for limit in self.limits]

    def by_column(self, text: str) -> str:
        """A sentence, with the columns of the costs in place of what they go by."""
        columns = {metric(name).label: column for name, column in self._columns.items()}
        if not columns:
            return text
        labels = "|".join(re.escape(label) for label in columns)
        return re.sub(rf"\b({labels})\b", lambda found: columns[found[1]], text)

    @functools.cached_property
    def row(self) -> Mapping[str, int]:
        """The row of each architecture, by its id."""
        return {arch.id: i for i, arch in enumerate(self.table.archs)}

    @functools.cached_property
    def feasible(self) -> NDArray[np.bool_]:
        """The rows that keep the limits, (rows,)."""
        kept = np.ones(len(self.table.archs), np.bool_)
        for limit in self.limits:
            values = self.table.column(self._columns[limit.metric])
            kept &= values <= limit.bound if limit.upper else values >= limit.bound
        return kept

    @functools.cached_property
    def problem(self) -> Problem:
        """What a strategy is given."""
        wanted = tuple(Objective(name) for name in ("accuracy", *self.metrics))
        form = FORMS.get(self.table.space.name)
        graph = form.graph if form is not None else None
        count = 1 + len(self.again)
        scores = {name: functools.partial(self._score, self._part(name)) for name in self.features}
        return Problem(self.table.space, wanted, self.limits, self.known, graph, count, scores)

    def known(self, arch: Arch) -> Mapping[str, Quantity]:
        """The costs of an architecture.

        Raises:
            SpaceError: The table does not have it.
        """
        row = self.row.get(arch.id)
        if row is None:
            raise SpaceError(f"the table has no row for {dict(arch.choices)}")
        return {
            name: Quantity(float(values[row]), metric(name).unit, How.MEASURED, None, column)
            for name, column, values in self._values
        }

    def estimate(self, proposal: Proposal, checkpoint: bytes | None = None) -> Estimate:
        """See ``Estimator``: the score in the table; the seconds are those of ``seconds``.

        Raises:
            TrainingError: The table has no such network, or no column for the fidelity.
        """
        row, part = self.row.get(proposal.arch.id), proposal.fidelity
        signals = (self.signal, *self.again)
        column = self.low.get(part)
        if part >= 1 and proposal.repetition < len(signals):
            column = signals[proposal.repetition]
        if row is None or column is None:
            raise TrainingError("not in the table")
        score = Quantity(float(self._scores[column][row]), "fraction", How.MEASURED, None, column)
        return Estimate({"accuracy": score}, self.seconds(proposal))

    def seconds(self, proposal: Proposal) -> float:
        """Simulated seconds of a training: its part of what a whole one takes.

        Of a network that the table lacks that is the median of the table.
        """
        if not self.time:
            return proposal.fidelity
        times, row = self.table.column(self.time), self.row.get(proposal.arch.id)
        return proposal.fidelity * (self._median_s if row is None else float(times[row]))

    @functools.cached_property
    def _median_s(self) -> float:
        return float(np.median(self.table.column(self.time)))

    @property
    def _columns(self) -> Mapping[str, str]:
        """The column of each metric."""
        return dict(zip(self.metrics, self.costs, strict=True))

    def _part(self, column: str) -> Array:
        """The part of the networks of which each has more, (rows,); NaN where it has no number."""
        values = self.table.column(column)
        known = np.isfinite(values)
        places = ranked({column: values[known].tolist()})
        parts = np.full(len(values), np.nan)
        parts[known] = 1.0 - (np.array([place.mean_rank for place in places]) - 0.5) / known.sum()
        return parts

    def _score(self, parts: Array, arch: Arch) -> float:
        row = self.row.get(arch.id)
        return float("nan") if row is None else float(parts[row])

    @functools.cached_property
    def _scores(self) -> Mapping[str, Array]:
        names = (self.signal, *self.again, *self.low.values())
        return {name: self.accuracy(name) for name in names}

    @functools.cached_property
    def _values(self) -> list[tuple[str, str, Array]]:
        return [(name, column, self.table.column(column)) for name, column in self._columns.items()]


def _usable(
    table: Table, scores: Sequence[str], costs: Sequence[str], time: str
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """The rows of which all is known, (rows,), and how many are not, by the first reason."""
    kept = np.ones(len(table.archs), np.bool_)
    left_out: dict[str, int] = {}

    def keep(which: NDArray[np.bool_], reason: str) -> None:
        nonlocal kept
        count = int((kept & ~which).sum())
        if count:
            left_out[reason] = count
        kept = kept & which

    last = (time,) if time else ()
    for column in dict.fromkeys((*scores, *costs, *last)):
        keep(np.isfinite(table.column(column)), f"no number in {column!r}")
    for column in costs:
        least, unit = _least(column)
        if unit != "ms" and (table.column(column)[kept] <= least).mean() > _FEW:  # of another unit
            least, unit = 0.0, ""
        error = f" {unit}, which is taken for an error" if unit else ""
        keep(table.column(column) > least, f"{column!r} is at most {least:g}{error}")
    if time:
        keep(table.column(time) > 0, f"{time!r} is at most 0")
    return kept, left_out


def _meant(column: str) -> str:
    """The metric that a column holds, by the words of its name, between which stands no letter."""
    words = re.findall(r"[a-z]+", column.lower())
    if words and _TIME.fullmatch(words[-1]):
        return "latency_ms"
    found = (m for m, form in _MEANT.items() if any(re.fullmatch(form, word) for word in words))
    return next(found, "latency_ms")


def _least(column: str) -> tuple[float, str]:
    """What a cost must be above: of a latency 0.5 ms, in the unit that ends its name."""
    words = re.findall(r"[a-z]+", column.lower())
    if _meant(column) != "latency_ms" or any(_SIZE.fullmatch(word) for word in words):
        return 0.0, ""
    timed = bool(words) and _TIME.fullmatch(words[-1]) is not None
    prefix = re.sub(r"(s|secs?|seconds?)$", "", words[-1])[:1] if timed else "m"
    return _LEAST_MS * _UNITS[prefix], f"{prefix}s"


def _metrics(costs: Sequence[str]) -> tuple[str, ...]:
    """A metric for each cost, no two alike: what it goes by in the search.

    Each metric is that of the first column that holds it; the others stand in for the rest.
    """
    if len(costs) > len(_STAND_INS):
        raise BrickworkError(f"at most {len(_STAND_INS)} costs can be searched at once")
    meant = {_meant(column): column for column in reversed(costs)}
    free = (name for name in _STAND_INS if name not in meant)
    return tuple(
        name if meant[name] == column else next(free)
        for column, name in ((column, _meant(column)) for column in costs)
    )


def _limit(text: str, names: Mapping[str, str]) -> Limit:
    text = text.strip()
    found = [name for name in names if re.match(rf"{re.escape(name)}\s*[<>=]", text)]
    if not found:
        raise LimitError(
            f"the limit {text!r} is on no cost: write COLUMN<=NUMBER with one of "
            f"{', '.join(names) or 'the columns given by --cost'}"
        )
    column = max(found, key=len)  # a name may have such signs itself
    bound = text.removeprefix(column).strip()
    if re.search(r"\d\s*[a-z%]+$", bound, re.IGNORECASE):
        raise LimitError(
            f"the limit {text!r} has a unit: a bound is a plain number, in the unit of its column"
        )
    return Limit.parse(names[column] + bound)
