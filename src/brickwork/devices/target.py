"""A device as data: its memory, its clock, its engine, and the source of every number.

A target is a TOML file. Those that come with Brickwork lie in ``devices/library``; any other file
is loaded by its path. Every table that holds a number says in ``source`` where it comes from:

.. code-block:: toml

    name = "board"                 # how it is asked for
    title = "My board (Cortex-M7)" # how it is called
    family = "mcu"                 # mcu, npu, phone, board or cpu
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

    [latency.coefficients]         # see devices/latency.py; those not named are 0
    conv_mac = 1.1
    op = 2000
    source = "fit of ..."

An NPU of the Ethos-U family has, instead of a latency model, what its compiler is told:

.. code-block:: toml

    [npu]
    accelerator = "ethos-u55-128"
    system_config = "Ethos_U55_High_End_Embedded"
    memory_mode = "Shared_Sram"
    config = "Arm/vela.ini"        # the file of the compiler, or one of your own, with both
    source = "Vela's own ..."
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

from brickwork.errors import TargetError, UnknownName
from brickwork.objective import Limit

__all__ = ["COEFFICIENTS", "LatencyModel", "Npu", "Target", "load_target", "target_names"]

FAMILIES = ("mcu", "npu", "phone", "board", "cpu")
PRECISIONS = ("int8", "float32")
UNITS = ("cycles", "ns")

COEFFICIENTS = (
    "conv_mac",
    "pointwise_mac",
    "depthwise_mac",
    "linear_mac",
    "output",
    "pool",
    "elementwise",
    "op",
    "network",
)
"""What a latency model may have a coefficient for; ``devices.latency`` says what each counts."""

_KEYS = {
    "name", "title", "family", "precision", "engine", "measurable",
    "sram_bytes", "flash_bytes", "clock_mhz", "active_power_mw", "latency", "npu",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class LatencyModel:
    """A latency that is linear in the work of each kind.

    Attributes:
        coefficients: Milliseconds for one unit of each of ``COEFFICIENTS``, in that order.
        error: Half the width of an 80 % interval, relative to the prediction.
        macs: The smallest and the largest network that it was fitted on.
        fitted: The coefficients that measurements of this engine determine; the others are
            borrowed, and a network that needs them is estimated, not predicted.
        source: Engine, clock and what it was fitted on, for a person.
    """

    coefficients: tuple[float, ...]
    error: float
    macs: tuple[float, float]
    fitted: frozenset[str]
    source: str


@dataclass(frozen=True, slots=True)
class Npu:
    """An NPU as its compiler is told of it.

    Attributes:
        accelerator: Its configuration, such as ``"ethos-u55-128"``.
        system_config: Clock and memories around it, a section of ``config``.
        memory_mode: What lies in which memory, a section of ``config``.
        config: The compiler's file with both.
        source: What they stand for, for a person.
    """

    accelerator: str
    system_config: str
    memory_mode: str
    config: str
    source: str


@dataclass(frozen=True, slots=True)
class Target:
    """A device and the engine that runs networks on it.

    Attributes:
        name: How it is asked for.
        title: What a person calls it.
        family: ``"mcu"``, ``"npu"``, ``"phone"``, ``"board"`` or ``"cpu"``.
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
        npu: The NPU, if its compiler tells the costs.
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
    npu: Npu | None = None
    sources: tuple[tuple[str, str], ...] = ()

    def limits(self) -> tuple[Limit, ...]:
        """What no network on this device can exceed: memory and operations of a microcontroller."""
        if self.family != "mcu":
            return ()
        sizes = (
            ("peak_sram_bytes", self.sram_bytes),
            ("flash_bytes", self.flash_bytes),
            ("flash_total_bytes", self.flash_bytes),
            ("unsupported_ops", 0),
        )
        return tuple(Limit(name, True, float(size)) for name, size in sizes if size is not None)

    @property
    def has_arena(self) -> bool:
        """Whether all memory that its runtime writes is one arena, as in TensorFlow Lite Micro."""
        return self.engine.startswith("TensorFlow Lite Micro")

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
            npu=self.npu() if "npu" in self.data else None,
            sources=tuple(self.sources.items()),
        )

    def latency(self, engine: str, clock: float | None) -> LatencyModel:
        table = self.table("latency", {"unit", "error", "macs", "fitted", "coefficients", "source"})
        unit = self.one_of("unit", UNITS, table, "latency.")
        if unit == "cycles" and clock is None:
            raise self.error("clock_mhz", "is missing: latency.unit is cycles")
        clock_text = "" if clock is None else f" at {clock:g} MHz"
        milliseconds = 1e-6 if unit == "ns" else 1e-3 / (clock or math.nan)
        given = self.table("coefficients", {*COEFFICIENTS, "source"}, table, "latency.")
        values = [
            self.amount(f"latency.coefficients.{name}", given.get(name, 0.0), at_least=0.0)
            for name in COEFFICIENTS
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
            coefficients=tuple(milliseconds * value for value in values),
            error=self.amount("latency.error", table.get("error")),
            macs=(smallest, largest),
            fitted=frozenset(fitted),
            source=f"linear model of {engine}{clock_text}: {self.sources['latency']}",
        )

    def npu(self) -> Npu:
        keys = ("accelerator", "system_config", "memory_mode", "config")
        table = {"config": "Arm/vela.ini", **self.table("npu", {*keys, "source"})}
        for key in keys:
            if not isinstance(table.get(key), str) or not table[key].strip():
                raise self.error(f"npu.{key}", f"must be a text, got {table.get(key)!r}")
        accelerator, system_config, memory_mode, config = [table[key] for key in keys]
        return Npu(accelerator, system_config, memory_mode, config, self.sources["npu"])

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

    def flag(self, key: str) -> bool:
        value = self.data.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, f"must be true or false, got {value!r}")
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
