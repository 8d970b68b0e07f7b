"""Numbers as a person reads them: with their unit, their spread, their limit and their kind."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brickwork.objective import Limit
from brickwork.quantity import METRICS, How, Quantity

__all__ = ["HOW_KNOWN", "Number", "bound_text", "bounds", "compact", "duration", "minus", "number"]

MINUS = "\u2212"
_LONG, _HEAD = 75, 50  # letters of a source that is cut in two, and of its first part
_ZEROS = re.compile(r"\.0+(?= )")

HOW_KNOWN: Mapping[How, str] = {
    How.COUNTED: "exact: counted on the graph of the network or on the file",
    How.MEASURED: "observed on the real thing: the exported file, the real runtime",
    How.SIMULATED: "observed on a simulator of the device",
    How.PREDICTED: "from a model of the device whose error is stated",
    How.ESTIMATED: "from a rule of thumb whose error is not known",
    How.UNKNOWN: "how it is known was not recorded",
}


@dataclass(frozen=True, slots=True)
class Number:
    """A quantity, ready to be set in type.

    Attributes:
        label: What it is, such as ``"peak SRAM"``.
        text: The value with its unit.
        spread: Half the width of its 80 % interval, with a sign; empty where exact or not known.
        of: The limit it has to keep; empty where there is none.
        how: How it is known.
        source: Where it comes from.
        value: The bare value, to sort by.
    """

    label: str
    text: str
    spread: str
    of: str
    how: str
    source: str
    value: float

    @property
    def head(self) -> str:
        """The beginning of the source: as much as two lines hold."""
        return self.source if len(self.source) <= _LONG else self.source[: self._cut]

    @property
    def rest(self) -> str:
        """What follows the head; empty where the source is short."""
        return "" if len(self.source) <= _LONG else self.source[self._cut :].strip()

    @property
    def _cut(self) -> int:
        return max(self.source.rfind(" ", 0, _HEAD), 0) or _HEAD


def number(name: str, quantity: Quantity, limits: Mapping[str, Limit] | None = None) -> Number:
    """Set a quantity in type.

    Args:
        name: The name of its metric, or what to call it.
        quantity: The quantity.
        limits: The limits to keep, by the name of their metric.
    """
    limit = (limits or {}).get(name)
    of = ""
    if limit is not None:
        of = f"of {bound_text(limit)}" if limit.upper else f"at least {bound_text(limit)}"
    return Number(
        label=_capital(METRICS[name].label) if name in METRICS else name,
        text=quantity.text(),
        spread=_spread(quantity),
        of=of,
        how=str(quantity.how),
        source=quantity.source,
        value=quantity.value,
    )


def bounds(limits: Sequence[str], target: Mapping[str, Any]) -> dict[str, Limit]:
    """The limits by metric: those that were asked for, and what memory the device has."""
    found: dict[str, Limit] = {}
    for name, key in (("peak_sram_bytes", "sram_bytes"), ("flash_bytes", "flash_bytes")):
        if target.get(key):
            found[name] = Limit(name, True, float(target[key]))
    found.update({limit.metric: limit for limit in map(Limit.parse, limits)})
    return found


def bound_text(limit: Limit) -> str:
    """The bound of a limit without zeros that say nothing: ``"320 KiB"``, ``"20 ms"``."""
    shown = Quantity(limit.bound, METRICS[limit.metric].unit, How.COUNTED).text()
    return _ZEROS.sub("", shown)


def _spread(quantity: Quantity) -> str:
    if not quantity.spread:
        return ""
    if quantity.unit == "fraction":
        return f"± {100 * quantity.spread:.2f}"
    if quantity.unit in ("1", "B"):
        return f"± {Quantity(quantity.spread, quantity.unit, quantity.how).text()}"
    digits = max(0, 1 - math.floor(math.log10(abs(quantity.spread))))  # two that count
    return f"± {quantity.spread:,.{digits}f}"


def _capital(label: str) -> str:
    return label[:1].upper() + label[1:]


def compact(value: float) -> str:
    """A count in at most five characters or so: ``"602"``, ``"5.8k"``, ``"1.2M"``."""
    for factor, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor * 0.9995:
            return f"{value / factor:.3g}{suffix}"
    return f"{value:.3g}"


def minus(shown: str) -> str:
    """The number with a minus sign in place of its hyphen."""
    return shown.replace("-", MINUS)


def duration(seconds: float) -> str:
    """A time span: ``"0.4 s"``, ``"31 s"``, ``"4 min 10 s"``, ``"2 h 05 min"``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min" + (f" {whole % 60:02d} s" if whole % 60 else "")
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
