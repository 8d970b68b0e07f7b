"""What a network takes in flash with the runtime that executes it."""

from __future__ import annotations

import functools
import math
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from brickwork.devices.target import Target
from brickwork.quantity import How, Quantity

if TYPE_CHECKING:
    from brickwork.devices.files.model import ModelFile

__all__ = ["Runtime", "file_flash", "runtime_of", "with_runtime"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a runtime adds in flash.

    Attributes:
        engines: The engines of targets that it is, by the beginning of their names.
        stores: ``"file"`` if a model's file lies in flash as it is, ``"weights"`` if only they do.
        base_bytes: Bytes of the runtime for any model.
        layer_bytes: Bytes more for each layer.
        spread_bytes: Half the width of an 80 % interval.
        source: Where the numbers come from.
    """

    engines: tuple[str, ...]
    stores: str
    base_bytes: int
    layer_bytes: int
    spread_bytes: int
    source: str


def runtime_of(engine: str) -> Runtime | None:
    """The runtime of a target's engine; None where no figure has a source."""
    return next((known for known in _runtimes() if engine.startswith(known.engines)), None)


def file_flash(model: ModelFile, target: Target) -> dict[str, Quantity]:
    """Bytes of flash for a model file on a target: what is stored of it, and with the runtime."""
    size = len(model.content)
    if target.family != "mcu":
        return {"flash_bytes": Quantity(float(size), "B", How.COUNTED, None, "the file")}
    runtime = runtime_of(target.engine)
    whole = model.format == "tflite" and (runtime is None or runtime.stores == "file")
    stored = size if whole else model.weight_bytes
    what = "the file" if whole else "weights and biases of the file"
    found = {"flash_bytes": Quantity(float(stored), "B", How.COUNTED, None, what)}
    total = with_runtime(found["flash_bytes"], len(model.program.layers), target)
    return found if total is None else found | {"flash_total_bytes": total}


def with_runtime(stored: Quantity, layers: int, target: Target) -> Quantity | None:
    """Bytes of flash with the runtime of a target; None where it is not known what that takes.

    Args:
        stored: What is stored of the model.
        layers: How many operations are executed.
        target: Whose engine runs it.
    """
    runtime = runtime_of(target.engine)
    if runtime is None:
        return None
    added = runtime.base_bytes + runtime.layer_bytes * layers
    source = (
        f"model: {stored.text()} ({stored.how}); {target.engine}: {added:,} B, {runtime.source}"
    )
    spread = math.hypot(runtime.spread_bytes, stored.spread or 0.0)
    return Quantity(stored.value + added, "B", How.ESTIMATED, spread, source)


@functools.cache
def _runtimes() -> tuple[Runtime, ...]:
    file = resources.files("brickwork.devices").joinpath("runtimes.toml")
    rows = tomllib.loads(file.read_text(encoding="utf-8"))["runtime"]
    return tuple([Runtime(**{**row, "engines": tuple(row["engines"])}) for row in rows])
