"""A device as data: its memory, its clock, its engine, and the source of every number.

A target is a TOML file. Those that come with Brickwork lie in ``devices/library``; any other file
is loaded by its path. Every table that holds a number says in ``source`` where it comes from.
Not named, ``narrow_mac`` is ``conv_mac``; ``activation`` and ``copy`` are ``elementwise``:

.. code-block:: toml

    name = "board"                 # how it is asked for
    title = "My board (Cortex-M7)" # how it is called
    family = "mcu"                 # mcu, phone, board or cpu
    precision = "int8"             # int8 or float32: what runs there
    engine = "X-CUBE-AI 8.1"       # the runtime that the numbers below belong to

    [sram_bytes]                   # likewise [flash_bytes]; needed for the family mcu
    value = 327680
    source = "datasheet, table 2"

    [clock_mhz]                    # needed where the latency is in cycles
    value = 216
    source = "datasheet, page 1"

    [active_power_mw]              # energy is unknown without it
    value = 120
    spread = 10                    # half the width of an 80 % interval
    source = "measured with ..."

    [latency]                      # no prediction without it
    unit = "cycles"                # cycles or ns
    error = 0.1                    # half the width of a relative 80 % interval
    macs = [1e6, 2e8]              # the smallest and the largest network that was measured
    fitted = ["conv_mac", "op"]    # coefficients that the measurements determine
    source = "fit of ..."

    [latency.coefficients]         # see devices/work.py; those not named are 0, or as below
    conv_mac = 1.1
    op = 2000
    source = "fit of ..."

    [latency.covariance]           # how well they are known; without it the error is all there is
    conv_mac = [0.004]             # of relative errors, in squared half widths of 80 % intervals
    op = [-0.001, 0.09]            # with those above it, and with itself
    source = "fit of ..."
"""

from __future__ import annotations

import functools
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import TargetError, UnknownName
from brickwork.objective import Limit

__all__ = ["COEFFICIENTS", "LatencyModel", "Target", "load_target", "target_names"]

FAMILIES = ("mcu", "phone", "board", "cpu")
PRECISIONS = ("int8", "float32")
UNITS = ("cycles", "ns")

COEFFICIENTS = (
    "conv_mac",
    "narrow_mac",
    "pointwise_mac",
    "depthwise_mac",
    "linear_mac",
    "output",
    "pool",
    "elementwise",
    "activation",
    "copy",
    "spill",
    "op",
    "network",
)
"""What a latency model may have a coefficient for; ``devices.work`` says what each counts."""

_LIKE = {"narrow_mac": "conv_mac", "activation": "elementwise", "copy": "elementwise"}
"""What stands in for a coefficient that a file does not name."""

_KEYS = {
    "name", "title", "family", "precision", "engine", "measurable",
    "sram_bytes", "flash_bytes", "clock_mhz", "active_power_mw", "latency",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class LatencyModel:
    """A latency that is linear in the work of each kind.

    Attributes:
        coefficients: Milliseconds for one unit of each of ``COEFFICIENTS``, in that order.
        error: Half the width of an 80 % interval, relative to the prediction, where the
            coefficients are known exactly.
        macs: The smallest and the largest network that it was fitted on.
        borrowed: 1 for each coefficient that no measurement of this engine determines, else 0: a
            network that needs it is estimated, not predicted.
        source: Engine, clock and what it was fitted on, for a person.
        spread: ``(coefficients, coefficients)``: times its transpose the covariance of the
            relative errors of the coefficients, in squared half widths of 80 % intervals.
        prunes: Whether the engine leaves out channels of zeros; see ``devices.pruning``.
    """

    coefficients: NDArray[np.float64]
    error: float
    macs: tuple[float, float]
    borrowed: NDArray[np.float64]
    source: str
    spread: NDArray[np.float64]
    prunes: bool = False

    def relative_error(self, shares: NDArray[np.float64]) -> float:
        """Half the width of a relative 80 % interval.

        Args:
            shares: The part that each coefficient has in the time of the network.
        """
        known = shares @ self.spread
        return math.sqrt(self.error**2 + float(known @ known))


@dataclass(frozen=True, slots=True)
class Target:
    """A device and the engine that runs networks on it.

    Attributes:
        name: How it is asked for.
        title: What a person calls it.
        family: ``"mcu"``, ``"phone"``, ``"board"`` or ``"cpu"``.
        precision: ``"int8"`` or ``"float32"``: what runs there.
        engine: The runtime that its numbers belong to.
        measurable: Whether latency is measured on this machine instead of predicted.
        sram_bytes: Memory for activations (and all else that is written), in bytes.
        flash_bytes: Memory for the model (and the program), in bytes.
        clock_mhz: Clock of the core.
        power_w: Power while a network runs, in watts.
        power_spread_w: Half the width of its 80 % interval.
        power_source: The power in words, with its source; why it is not known otherwise.
        latency: The latency model, if there is one.
        sources: Where each number comes from, by key.
    """

    name: str
    title: str
    family: str
    precision: str
    engine: str
    measurable: bool = False
    sram_bytes: int | None = None
    flash_bytes: int | None = None
    clock_mhz: float | None = None
    power_w: float | None = None
    power_spread_w: float | None = None
    power_source: str = ""
    latency: LatencyModel | None = None
    sources: tuple[tuple[str, str], ...] = ()

    def limits(self) -> tuple[Limit, ...]:
        """What no network on this device can exceed: the memory of a microcontroller."""
        if self.family != "mcu":
            return ()
        sizes = (("peak_sram_bytes", self.sram_bytes), ("flash_bytes", self.flash_bytes))
        return tuple(Limit(name, True, float(size)) for name, size in sizes if size is not None)

    def source(self, key: str) -> str:
        """Where a number comes from; empty where there is none of that key."""
        return dict(self.sources).get(key, "")


def target_names() -> list[str]:
    """The targets that come with Brickwork."""
    files = resources.files("brickwork.devices").joinpath("library").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load_target(name_or_path: str | os.PathLike[str]) -> Target:
    """A target of the library by its name, or any other by the path of its TOML file.

    Raises:
        UnknownName: The library has no target of that name.
        TargetError: The file is missing or not a target; the message names file and key.
    """
    text = os.fspath(name_or_path)
    if text in target_names():
        return _of_library(text)
    if not text.endswith(".toml") and os.sep not in text:
        raise UnknownName("target", text, target_names())
    try:
        content = Path(text).read_bytes()
    except FileNotFoundError:
        known = ", ".join(target_names())
        raise TargetError(
            f"{text}: no such file; give the path of a TOML file or one of {known}"
        ) from None
    except OSError as error:
        raise TargetError(f"{text}: cannot be read: {error.strerror}") from None
    return _parsed(text, content)


@functools.cache
def _of_library(name: str) -> Target:
    file = resources.files("brickwork.devices").joinpath("library", f"{name}.toml")
    return _parsed(file.name, file.read_bytes())


def _parsed(file: str, content: bytes) -> Target:
    try:
        data = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TargetError(f"{file}: not a TOML file: {error}") from None
    return _Reader(file, data).target()


class _Reader:
    """Checks one file; every message names the file and the key."""

    def __init__(self, file: str, data: Mapping[str, Any]) -> None:
        self.file = file
        self.data = data
        self.sources: dict[str, str] = {}

    def target(self) -> Target:
        self.known_keys("", self.data, _KEYS)
        family = self.one_of("family", FAMILIES)
        engine = self.text("engine")
        clock = self.number("clock_mhz")
        power = self.number("active_power_mw")
        spread = self.number("active_power_mw", "spread", at_least=0.0)
        for key in ("sram_bytes", "flash_bytes") if family == "mcu" else ():
            if key not in self.data:
                raise self.error(key, "is missing: a microcontroller has a limit here")
        return Target(
            name=self.text("name"),
            title=self.text("title"),
            family=family,
            precision=self.one_of("precision", PRECISIONS),
            engine=engine,
            measurable=self.flag("measurable"),
            sram_bytes=self.size("sram_bytes"),
            flash_bytes=self.size("flash_bytes"),
            clock_mhz=clock,
            power_w=None if power is None else power / 1000,
            power_spread_w=None if spread is None else spread / 1000,
            latency=self.latency(engine, clock) if "latency" in self.data else None,
            power_source=self.power_source(power, spread),
            sources=tuple(self.sources.items()),
        )

    def latency(self, engine: str, clock: float | None) -> LatencyModel:
        keys = {"unit", "error", "macs", "fitted", "prunes", "coefficients", "covariance", "source"}
        table = self.table("latency", keys)
        unit = self.one_of("unit", UNITS, table, "latency.")
        if unit == "cycles" and clock is None:
            raise self.error("clock_mhz", "is missing: latency.unit is cycles")
        clock_text = "" if clock is None else f" at {clock:g} MHz"
        milliseconds = 1e-6 if unit == "ns" else 1e-3 / (clock or math.nan)
        given = self.table("coefficients", {*COEFFICIENTS, "source"}, table, "latency.")
        named = [name if name in given else _LIKE.get(name, name) for name in COEFFICIENTS]
        values = [
            self.amount(f"latency.coefficients.{name}", given.get(name, 0.0), at_least=0.0)
            for name in named
        ]
        if not any(values):
            raise self.error("latency.coefficients", "names no coefficient above 0")
        span = table.get("macs")
        if not isinstance(span, list) or len(span) != 2:
            raise self.error("latency.macs", f"must be [smallest, largest], got {span!r}")
        smallest, largest = (self.amount("latency.macs", value) for value in span)
        fitted = table.get("fitted")
        if not isinstance(fitted, list) or not set(fitted) <= set(COEFFICIENTS):
            raise self.error(
                "latency.fitted", f"must be a list of {', '.join(COEFFICIENTS)}, got {fitted!r}"
            )
        return LatencyModel(
            coefficients=milliseconds * np.asarray(values),
            error=self.amount("latency.error", table.get("error")),
            macs=(smallest, largest),
            borrowed=np.asarray([float(name not in fitted) for name in named]),
            source=f"linear model of {engine}{clock_text}: {self.sources['latency']}",
            spread=self.spread(table),
            prunes=self.flag("prunes", table, "latency."),
        )

    def spread(self, latency: Mapping[str, Any]) -> NDArray[np.float64]:
        """A square root of the covariance of the coefficients; zero where none is given."""
        whole = np.zeros((len(COEFFICIENTS), len(COEFFICIENTS)))
        if "covariance" not in latency:
            return whole
        path = "latency.covariance"
        table = self.table("covariance", {*COEFFICIENTS, "source"}, latency, "latency.")
        names = [name for name in table if name != "source"]
        places = [COEFFICIENTS.index(name) for name in names]
        for i, name in enumerate(names):
            row = table[name]
            if not isinstance(row, list) or len(row) != i + 1:
                raise self.error(f"{path}.{name}", f"must be a list of {i + 1} numbers")
            for j, value in enumerate(row):
                number = self.amount(f"{path}.{name}", value, at_least=-math.inf)
                whole[places[i], places[j]] = whole[places[j], places[i]] = number
        values, vectors = np.linalg.eigh(whole)
        if values[0] < -1e-3 * max(values[-1], 1e-9):
            raise self.error(path, "is not the covariance of anything: it has a negative direction")
        root: NDArray[np.float64] = vectors * np.sqrt(np.maximum(values, 0.0))
        return root

    def power_source(self, power: float | None, spread: float | None) -> str:
        if power is None:
            return f"no measured active power for {self.data['name']}"
        uncertain = "" if spread is None else f" ± {spread:g}"
        return f"active power {power:g}{uncertain} mW ({self.sources['active_power_mw']})"

    def table(
        self, key: str, allowed: set[str], within: Mapping[str, Any] | None = None, at: str = ""
    ) -> Mapping[str, Any]:
        """A table with its source, which is remembered."""
        table = (self.data if within is None else within).get(key)
        path = at + key
        if not isinstance(table, Mapping):
            raise self.error(path, f"must be a table with a source, got {table!r}")
        self.known_keys(f"{path}.", table, allowed)
        source = table.get("source")
        if not isinstance(source, str) or not source.strip():
            raise self.error(f"{path}.source", "is missing: say where the numbers come from")
        self.sources[path] = source
        return table

    def number(self, key: str, part: str = "value", at_least: float | None = None) -> float | None:
        """A number of a ``value``, ``spread``, ``source`` table; None without the table or part."""
        if key not in self.data:
            return None
        table = self.table(key, {"value", "spread", "source"})
        if part == "spread" and part not in table:
            return None
        return self.amount(f"{key}.{part}", table.get(part), at_least)

    def size(self, key: str) -> int | None:
        value = self.number(key)
        if value is not None and value != int(value):
            raise self.error(f"{key}.value", f"must be a whole number of bytes, got {value!r}")
        return None if value is None else int(value)

    def amount(self, path: str, value: object, at_least: float | None = None) -> float:
        """A finite number above 0, or from ``at_least`` on."""
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise self.error(path, f"must be a number, got {value!r}")
        if value < at_least if at_least is not None else value <= 0:
            bound = "positive" if at_least is None else f"at least {at_least:g}"
            raise self.error(path, f"must be {bound}, got {value!r}")
        return float(value)

    def text(self, key: str) -> str:
        value = self.data.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, f"must be a text, got {value!r}")
        return value

    def flag(self, key: str, within: Mapping[str, Any] | None = None, at: str = "") -> bool:
        value = (self.data if within is None else within).get(key, False)
        if not isinstance(value, bool):
            raise self.error(at + key, f"must be true or false, got {value!r}")
        return value

    def one_of(
        self,
        key: str,
        options: tuple[str, ...],
        within: Mapping[str, Any] | None = None,
        at: str = "",
    ) -> str:
        value = (self.data if within is None else within).get(key)
        if not isinstance(value, str) or value not in options:
            raise self.error(at + key, f"must be one of {', '.join(options)}, got {value!r}")
        return value

    def known_keys(self, at: str, table: Mapping[str, Any], allowed: set[str]) -> None:
        for key in table:
            if key not in allowed:
                raise self.error(
                    at + key, f"is not known here; known are {', '.join(sorted(allowed))}"
                )

    def error(self, path: str, problem: str) -> TargetError:
        return TargetError(f"{self.file}: {path} {problem}")
