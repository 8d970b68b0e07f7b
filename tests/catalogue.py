"""Every space of the catalogue, found by looking: a new one is tested without being named here."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import NamedTuple

from brickwork import spaces
from brickwork.space import Shape, Space
from brickwork.spaces.references import PUBLISHED

__all__ = ["CATALOGUE", "MASKS", "Entry"]

# What a space that adapts to its input is tried on: one to three axes, tiny to large.
SHAPES: tuple[Shape, ...] = (
    (1, 8, 8),
    (1, 28, 28),
    (3, 32, 32),
    (3, 224, 224),
    (1, 32),
    (1, 16, 16, 16),
)

# What a space for one kind of sample is tried on; the last is small enough for a supernet.
OWN: dict[str, tuple[Shape, ...]] = {
    "speech": ((1, 49, 10), (1, 98, 40), (1, 6, 4)),
    "series": ((1, 1000), (3, 128), (1, 32)),
    "transformer": ((64,), (4,)),
    "textcnn": ((64,), (4,)),
    "mlp": ((16,),),
    "unet": ((1, 48, 64, 48), (3, 32, 48), (1, 8, 8, 8), (1, 8, 8)),
}
MASKS = ("unet",)  # spaces whose networks say a class for each position


class Entry(NamedTuple):
    """A space of the catalogue, for a shape of input and a number of outputs."""

    id: str
    space: Space
    input: Shape
    outputs: int

    @property
    def output(self) -> Shape:
        """Shape of an answer."""
        positions = self.input[1:] if self.space.name in MASKS else ()
        return (self.outputs, *positions)

    @property
    def larger(self) -> Shape:
        """The shape of a larger sample: by what is halved, where answers have its size."""
        step = 8 if self.space.name in MASKS else 1
        channels, *spatial = self.input
        return (channels, *(n + step for n in spatial))


def _entries() -> list[Entry]:
    found = []
    for info in pkgutil.iter_modules(spaces.__path__):
        module = importlib.import_module(f"brickwork.spaces.{info.name}")
        for name in module.__all__:
            make = getattr(module, name)
            if not inspect.isfunction(make) or inspect.get_annotations(make)["return"] != "Space":
                continue
            if name in PUBLISHED:
                input, outputs = PUBLISHED[name]
                found.append(Entry(name, make(), input, outputs))
            else:
                for shape in OWN.get(name, SHAPES):
                    label = "x".join(map(str, shape))
                    found.append(Entry(f"{name}-{label}", make(shape), shape, 10))
    return found


CATALOGUE = _entries()
