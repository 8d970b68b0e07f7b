"""What a network takes in flash with the runtime that executes it."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources

from brickwork.devices.files.model import ModelFile
from brickwork.devices.target import Target
from brickwork.quantity import How, Quantity

__all__ = ["Runtime", "file_flash", "runtime_of"]


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


def file_flash(model: ModelFile, target: Target) -> Quantity:
    """Bytes of flash for a model file on a target: what is stored of it, and the runtime."""
    size = len(model.content)
    if target.family != "mcu":
        return Quantity(float(size), "B", How.COUNTED, None, "the file, without the runtime")
    runtime = runtime_of(target.engine)
    if runtime is None:
        source = f"the file; what {target.engine} adds is not known"
        return Quantity(float(size), "B", How.COUNTED, None, source)
    whole = runtime.stores == "file" and model.format == "tflite"
    stored = size if whole else model.weight_bytes
    layers = len(model.program.layers)
    added = runtime.base_bytes + runtime.layer_bytes * layers
    what = "the file" if whole else "weights and biases"
    source = f"{what}: {stored:,} B (counted); {target.engine}: {added:,} B, {runtime.source}"
    spread = float(runtime.spread_bytes)
    return Quantity(float(stored + added), "B", How.ESTIMATED, spread, source)


@functools.cache
def _runtimes() -> tuple[Runtime, ...]:
    file = resources.files("brickwork.devices").joinpath("runtimes.toml")
    rows = tomllib.loads(file.read_text(encoding="utf-8"))["runtime"]
    return tuple([Runtime(**{**row, "engines": tuple(row["engines"])}) for row in rows])
