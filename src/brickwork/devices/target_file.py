"""Reading a target's TOML: every key is checked, and every message names the file and the key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.devices.target import COEFFICIENTS, LatencyModel, Npu, Target
from brickwork.errors import TargetError

__all__ = ["TargetFile"]

FAMILIES = ("mcu", "npu", "phone", "board", "cpu")
PRECISIONS = ("int8", "float32")
UNITS = ("cycles", "ns")

_LIKE = {"narrow_mac": "conv_mac", "activation": "elementwise", "copy": "elementwise"}
"""What stands in for a coefficient that a file does not name."""

_KEYS = {
    "name", "title", "family", "precision", "engine", "measurable",
    "sram_bytes", "flash_bytes", "clock_mhz", "active_power_mw", "latency", "npu",
}  # fmt: skip


class TargetFile:
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

    def npu(self) -> Npu:
        keys = ("accelerator", "system_config", "memory_mode", "config")
        table = {"config": "Arm/vela.ini", **self.table("npu", {*keys, "source"})}
        for key in keys:
            if not isinstance(table.get(key), str) or not table[key].strip():
                raise self.error(f"npu.{key}", f"must be a text, got {table.get(key)!r}")
        accelerator, system_config, memory_mode, config = [table[key] for key in keys]
        return Npu(accelerator, system_config, memory_mode, config, self.sources["npu"])

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
