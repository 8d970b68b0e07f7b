"""Tables of networks that others have trained: what each reached, and what it costs.

A table is a CSV file, also compressed, with a column ``arch`` of NAS-Bench-201 strings, or the JSON
file of NAS-Bench-Macro. Further files may be joined by a column that both have.
"""

from __future__ import annotations

import csv
import functools
import gzip
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import DataError, SpaceError, UnknownName
from brickwork.space import Arch, Graph, Identity, OneOf, Seq, Space, graph
from brickwork.spaces.cell import arch_of_string, nasbench201

__all__ = ["FORMS", "Form", "Table"]

Array = NDArray[np.float64]

_LAYERS = 8  # that NAS-Bench-Macro decides on


@dataclass(frozen=True)
class Table:
    """Networks of a space, and numbers that are known of each.

    Attributes:
        space: The space.
        archs: The networks, in the order of the rows.
        columns: Numbers by name, (rows,) each; NaN where one is missing.
        left_out: How many rows were left out when files were joined, by the reason.
    """

    space: Space
    archs: tuple[Arch, ...]
    columns: Mapping[str, Array]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, space: str, *joins: Path) -> Table:
        """Read a file, and join others.

        Args:
            path: The table.
            space: A name of ``FORMS``.
            joins: Further columns of the same networks.

        Raises:
            DataError: A file cannot be read as a table, has a network in several rows, or no row
                in common with what it is joined to.
            UnknownName: The space has no form here.
        """
        if space not in FORMS:
            raise UnknownName("space with a table", space, FORMS)
        lines = _lines(path)
        left_out = {}
        for join in joins if lines else ():
            before = len(lines)
            lines = _joined(lines, _lines(join), join)
            if len(lines) < before:
                left_out[f"no row in {join.name}"] = before - len(lines)
        if not lines or "arch" not in lines[0]:
            raise DataError(f"{path}: a table has a row for each network and a column 'arch'")
        form = FORMS[space]
        try:
            archs = tuple(form.read(form.space, line["arch"]) for line in lines)
        except SpaceError as error:
            raise DataError(f"{path}: {error}") from None
        if len(set(archs)) < len(archs):
            counts = Counter(archs)
            again = next(i for i, arch in enumerate(archs) if counts[arch] > 1)
            raise DataError(
                f"{path}: {len(archs) - len(counts)} rows are of networks that have one already, "
                f"such as {lines[again]['arch']!r}: keep one row for each"
            )
        names = [name for name in lines[0] if name != "arch"]
        columns = {name: np.array([_number(line.get(name)) for line in lines]) for name in names}
        known = {name: v for name, v in columns.items() if np.isfinite(v).any()}
        return cls(form.space, archs, known, left_out)

    def column(self, name: str) -> Array:
        """Its numbers, (rows,).

        Raises:
            UnknownName: The table has no such column of numbers.
        """
        if name not in self.columns:
            raise UnknownName("column", name, self.columns)
        return self.columns[name]

    def only(self, kept: NDArray[np.bool_]) -> Table:
        """The rows that are kept."""
        archs = tuple(arch for arch, keep in zip(self.archs, kept, strict=True) if keep)
        columns = {name: values[kept] for name, values in self.columns.items()}
        return Table(self.space, archs, columns, self.left_out)


def _macro() -> Space:
    """The decisions of NAS-Bench-Macro; nothing is built, the table has the answers."""
    options = {str(i): Identity() for i in range(3)}
    layers = (OneOf(f"layer{i}", options) for i in range(_LAYERS))
    return Space("nasbenchmacro", Seq(*layers), doc="the 6,561 networks of NAS-Bench-Macro")


def _macro_arch(space: Space, text: str) -> Arch:
    if len(text) != _LAYERS or not set(text) <= set("012"):
        raise SpaceError(f"a network of NAS-Bench-Macro is {_LAYERS} digits 0 to 2, got {text!r}")
    return space.arch({f"layer{i}": option for i, option in enumerate(text)})


@functools.lru_cache(maxsize=16_384)  # all of them: searches with other seeds look at the same
def _cell(arch: Arch) -> Graph:
    """A network with one cell: what its decisions make of it, at a tenth of the time."""
    return graph(_ONE_CELL, arch, (3, 32, 32), 10)


_ONE_CELL = nasbench201(cells=1, stages=1)


@dataclass(frozen=True)
class Form:
    """How a table is read.

    Attributes:
        space: What its networks are members of.
        read: The network that a text in the column ``arch`` stands for.
        graph: What a network is made of; None where only its decisions are known.
    """

    space: Space
    read: Callable[[Space, str], Arch]
    graph: Callable[[Arch], Graph] | None = None


FORMS: Mapping[str, Form] = {
    "nasbench201": Form(nasbench201(), arch_of_string, _cell),
    "nasbenchmacro": Form(_macro(), _macro_arch),
}
"""The forms of tables, by the name of their space."""


def _lines(path: Path) -> list[dict[str, str]]:
    try:
        if ".json" in path.suffixes:
            return _networks(path)
        with _opened(path) as file:
            text = file.read()
        between = max(",;\t", key=text.partition("\n")[0].count)
        rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=between)
        return [{k: v or "" for k, v in row.items() if k} for row in rows]
    except (OSError, ValueError, EOFError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{path}: cannot be read as a table ({reason})") from None


def _opened(path: Path) -> TextIO:
    """A text, which may be packed, and may begin with the mark of a spreadsheet."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", newline="", encoding="utf-8-sig")
    return path.open(newline="", encoding="utf-8-sig")


def _networks(path: Path) -> list[dict[str, str]]:
    """The networks of a JSON object, its keys, and their numbers; a list becomes columns."""
    with _opened(path) as file:
        read = json.load(file, object_pairs_hook=_once)
    if not isinstance(read, dict):
        raise DataError(f"{path}: the JSON of a table is an object with networks as keys")
    lines = []
    for arch, facts in read.items():
        if not isinstance(facts, dict):
            raise DataError(
                f'{path}: what is known of {arch!r} is an object such as {{"accuracy": 91.5}}, '
                f"got {json.dumps(facts)[:40]}"
            )
        line = {"arch": arch}
        for name, value in facts.items():
            if isinstance(value, list):
                line |= {f"{name}_{i}": str(one) for i, one in enumerate(value)}
            else:
                line[name] = str(value)
        lines.append(line)
    return lines


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of some pairs, no name of which stands there twice."""
    counts = Counter(name for name, _ in pairs)
    if len(counts) < len(pairs):
        raise ValueError(f"{counts.most_common(1)[0][0]!r} stands there twice")
    return dict(pairs)


def _joined(
    lines: Sequence[dict[str, str]], others: Sequence[dict[str, str]], path: Path
) -> list[dict[str, str]]:
    """The lines that both have, by the column ``arch``, else the first that both have."""
    both = [name for name in next(iter(lines), ()) if others and name in others[0]]
    key = "arch" if "arch" in both else next(iter(both), None)
    if key is None:
        raise DataError(f"{path}: has no column in common with the table it is joined to")
    found = {other[key]: other for other in others}
    if len(found) < len(others):
        twice = Counter(other[key] for other in others).most_common(1)[0][0]
        raise DataError(
            f"{path}: is joined by the column {key!r}, where {twice!r} stands several times: keep "
            "one row for each"
        )
    joined = [{**found[line[key]], **line} for line in lines if line[key] in found]
    if not joined:
        raise DataError(
            f"{path}: is joined by the column {key!r}, and has no row in common with the table: "
            f"{others[0][key]!r} here, {lines[0][key]!r} there"
        )
    return joined


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")
