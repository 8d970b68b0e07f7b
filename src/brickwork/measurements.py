"""Measurements of latency in a CSV, as rows that a latency model can be fitted to.

A column names the network (``NETWORKS``): a name of the catalogue, an architecture as JSON or the
path of a file with one, a cell of NAS-Bench-201, or a file of a network. ``latency_ms`` holds the
time; power or energy and the clock may stand beside it. What else a network needs to be known may
be columns too: ``input``, ``outputs``, and for a cell ``channels`` and ``cells``.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from brickwork.costs import network_in, shape_of
from brickwork.devices.files import read_model
from brickwork.devices.fitting import Row
from brickwork.devices.lowering import lower, why_not
from brickwork.devices.merging import merged
from brickwork.devices.work import Work, work_of, work_of_program
from brickwork.errors import BrickworkError, DataError
from brickwork.space import Graph, Shape, graph
from brickwork.spaces.cell import arch_of_string, nasbench201

__all__ = ["NETWORKS", "Measured", "read_measurements"]

NETWORKS = ("network", "arch", "file", "local_file", "model")
"""Columns that may name the network; the first that is there does."""

_LATENCY = ("latency_ms",)
_CLOCK = ("clock_mhz", "mhz")
_POWER = ("power_mw", "power_mW")
_ENERGY = ("energy_mj", "energy_mJ")
_FILES = (".tflite", ".onnx")


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurements of a CSV.

    Attributes:
        rows: One for each line, with the time in milliseconds; lines whose networks do the same
            work, or that have the same entry in a column ``family``, are of one network.
        clock_mhz: The clock, where one is given and it is the same in all lines.
        power_mw: Power of each line that has it, or energy over time.
    """

    rows: tuple[Row, ...]
    clock_mhz: float | None
    power_mw: tuple[float, ...]


def read_measurements(path: Path) -> Measured:
    """The measurements of a CSV.

    Args:
        path: The file.

    Raises:
        DataError: It is no such CSV; the message names the line and the column.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = csv.DictReader(file)
            columns = [name or "" for name in lines.fieldnames or ()]
            table = [(lines.line_num, line) for line in lines]
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is not a CSV of text: {error}") from None
    named = next((name for name in NETWORKS if name in columns), None)
    if named is None:
        raise _missing(path, "names the network", NETWORKS, columns)
    if not set(_LATENCY) & set(columns):
        raise _missing(path, "holds the time", _LATENCY, columns)
    found = [_Line(path, number, line, named) for number, line in table]
    timed = [line for line in found if any(line.cells.values())]
    rows = [line.row() for line in timed]
    clocks = {line.number(_CLOCK) for line in timed}
    if len(clocks) > 1:
        raise DataError(f"{path}: clocks differ ({_listed(clocks)}): fit one clock at a time")
    power = [line.power() for line in timed]
    return Measured(
        tuple(rows), next(iter(clocks), None), tuple(value for value in power if value is not None)
    )


def _missing(path: Path, what: str, names: tuple[str, ...], columns: list[str]) -> DataError:
    wanted = " or ".join(map(repr, names))
    return DataError(f"{path}: no column {what} ({wanted}); it has {', '.join(columns) or 'none'}")


def _listed(values: set[float | None]) -> str:
    return ", ".join("none" if value is None else f"{value:g} MHz" for value in values)


class _Line:
    """One line of the CSV; every message names file, line and column."""

    def __init__(
        self, path: Path, number: int, cells: Mapping[str | None, str | None], named: str
    ) -> None:
        self.path = path
        self.line = number
        # Cells beyond the last column stand under None, as a list.
        self.cells = {k: v.strip() for k, v in cells.items() if k and isinstance(v, str)}
        self.name = self.cells.get(named, "")
        self.column = named

    def row(self) -> Row:
        if not self.name:
            raise self.error(self.column, "is empty")
        time = self.number(_LATENCY)
        if time is None:
            raise self.error(_LATENCY[0], "is empty: leave out what was not measured")
        try:
            work = self.work()
        except BrickworkError as error:
            raise self.error(self.column, str(error)) from None
        amounts = tuple(work.amounts.tolist())
        family = self.cells.get("family") or "/".join(f"{value:.3g}" for value in amounts)
        return Row(family, time, amounts)

    def work(self) -> Work:
        """The work of the network that the line names."""
        if self.name.startswith("|"):
            return _as_converted(self.cell())
        if self.name.lower().endswith(_FILES):
            path = Path(self.name)
            model = read_model(path if path.is_absolute() else self.beside(path))
            return replace(work_of_program(model.program), axes=model.axes)
        is_text = self.name.startswith("{")
        beside = self.name if is_text else str(self.beside(Path(self.name)))
        made, arch = network_in(beside if is_text or Path(beside).is_file() else self.name)
        made = made.but(*self.setting(made.input, made.outputs))
        if arch is None and made.space.size() > 1:
            raise DataError(f"{made.name!r} is a space of many networks: name one architecture")
        return work_of(made.graph(arch or made.space.arch()))

    def beside(self, path: Path) -> Path:
        """A path is that of a file beside the CSV, unless it is there from here."""
        return path if path.is_file() else self.path.parent / path

    def cell(self) -> Graph:
        """A network of NAS-Bench-201: the cell, and its setting from columns or from 'C=16 N=5'."""
        text = self.cells.get("model", "")
        setting = {}
        for name, letter, usual in (("channels", "C", 16), ("cells", "N", 5)):
            match = re.search(rf"\b{letter}=(\d+)\b", text)
            given = self.number((name,))
            setting[name] = int(given or (match and match[1]) or usual)
        shape, outputs = self.setting((3, 32, 32), 10)
        space = nasbench201(shape, **setting)
        return graph(space, arch_of_string(space, self.name), shape, outputs)

    def setting(self, shape: Shape, outputs: int) -> tuple[Shape, int]:
        """Input and outputs: what columns say, or the usual ones."""
        if text := self.cells.get("input", ""):
            shape = shape_of(text)
            if len(shape) == 3 and shape[-1] < shape[0]:  # channels last, as a converter has it
                shape = (shape[-1], *shape[:-1])
        return shape, int(self.number(("outputs",)) or outputs)

    def power(self) -> float | None:
        """Milliwatts: as given, or energy over time."""
        power, energy = self.number(_POWER), self.number(_ENERGY)
        time = self.number(_LATENCY)
        return power if energy is None or not time else 1000 * energy / time

    def number(self, names: tuple[str, ...]) -> float | None:
        """A positive number; None where no such column has one in this line."""
        name = next((name for name in names if self.cells.get(name)), None)
        if name is None:
            return None
        try:
            value = float(self.cells[name])
        except ValueError:
            raise self.error(name, f"must be a number, got {self.cells[name]!r}") from None
        if not math.isfinite(value) or value <= 0:
            raise self.error(name, f"must be a number above 0, got {self.cells[name]!r}")
        return value

    def error(self, column: str, problem: str) -> DataError:
        return DataError(f"{self.path}: line {self.line}, {column}: {problem}")


def _as_converted(whole: Graph) -> Work:
    """The work of a graph that TensorFlow has converted; as it is where it could not."""
    return work_of(whole) if why_not(whole) else work_of_program(merged(lower(whole)))
