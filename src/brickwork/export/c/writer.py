"""A quantised network as one C99 file and its header.

Nothing is allocated, nothing is included but ``stdint.h`` and ``string.h``; activations lie in one
static arena. Only the kernels that the network needs are written. Their integers are those of
TensorFlow Lite Micro's reference kernels, bit for bit.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.export.c.calls import KERNELS, Call, call_of
from brickwork.export.c.header import header_of
from brickwork.export.c.jobs import Job
from brickwork.export.c.naming import checked_name, comment, plain
from brickwork.export.c.placing import Placed, place
from brickwork.export.c.quantizer import quantizer
from brickwork.export.c.summary import table
from brickwork.export.integer.network import IntegerNetwork
from brickwork.space import Shape

__all__ = ["CFiles", "write_c"]

_WIDTH = 96
_TYPES = {"int8": "int8_t", "int32": "int32_t"}
_SHORT = 2**15 - 1


@dataclass(frozen=True, slots=True)
class CFiles:
    """A network in C.

    Attributes:
        name: What its names begin with; the files are ``NAME.c`` and ``NAME.h``.
        source: The C file.
        header: The header.
        input: Shape of the input, channels last.
        output: Shape of the output, channels last.
        layers: What each layer is called, in the order of execution.
        arena_bytes: Static memory for activations, the input included.
        bound_bytes: What no plan of this order of layers could be below.
        constant_bytes: Weights, biases, factors and tables.
    """

    name: str
    source: str
    header: str
    input: Shape
    output: Shape
    layers: tuple[str, ...]
    arena_bytes: int
    bound_bytes: int
    constant_bytes: int


def write_c(
    network: IntegerNetwork,
    name: str = "model",
    title: str = "",
    alignment: int = 1,
    arena: str = "",
) -> CFiles:
    """The network in C.

    Args:
        network: What is written.
        name: What all public names begin with.
        title: A line about the network, for its reader.
        alignment: Of every tensor in the arena, in bytes. The kernels need none; those of a
            vendor's library may.
        arena: The name of an ``int8_t`` array elsewhere in the program that is the memory of its
            layers, so that networks that never run at once share it; else it has memory of its own.

    Raises:
        ExportError: A name is no name in C, or the network computes nothing.
        ValueError: The alignment is not positive.
    """
    checked_name(name)
    if arena:
        checked_name(arena)
    placed = place(network, alignment)
    calls = [call_of(placed, job, f"layer_{index}") for index, job in enumerate(placed.jobs)]
    text = plain(title) if title else "A neural network in 8-bit integers."
    shapes = network.program.shapes
    return CFiles(
        name=name,
        source="\n".join(_source(placed, calls, name, text, arena)) + "\n",
        header=header_of(placed, name, text),
        input=shapes[0],
        output=shapes[network.program.output],
        layers=tuple([_label(placed, job) for job in placed.jobs]),
        arena_bytes=placed.arena.total,
        bound_bytes=placed.arena.bound,
        constant_bytes=sum(call.constant_bytes for call in calls),
    )


def _source(
    placed: Placed, calls: Sequence[Call], name: str, title: str, arena: str
) -> Iterator[str]:
    upper = name.upper()
    yield from comment(
        title,
        "Written by Brickwork. C99, no other files but the header, no allocation. The layers run "
        'in this order; "bytes" are constants, "arena" says where in the static memory a layer '
        "reads and writes.",
        table(placed, calls),
        "Real numbers are scale * (q - zero). The arithmetic is that of TensorFlow Lite Micro's "
        "reference kernels, bit for bit.",
    )
    yield from ("", f'#include "{name}.h"', "", "#include <string.h>", "")
    yield from comment("The memory of all layers; tensors that are not alive at once share bytes.")
    if arena:
        yield f"extern int8_t {arena}[]; /* at least {upper}_ARENA_BYTES */"
        yield f"#define arena {arena}"
    else:
        yield f"static int8_t arena[{upper}_ARENA_BYTES];"
    yield ""
    yield from _kernels(calls)
    for index, call in enumerate(calls):
        job = placed.jobs[index]
        yield f"/* Layer {index}: {plain(_label(placed, job))} */"
        for array, values in call.arrays.items():
            yield from _array(array, values)
        if call.settings:
            yield from _record(f"layer_{index}_settings", call)
        yield f"static void layer_{index}(void)"
        yield from ("{", *(f"    {line}" for line in call.statements), "}", "")
    yield from _entries(placed, name)
    yield from quantizer(placed.network, name)


def _label(placed: Placed, job: Job) -> str:
    """What a layer is called."""
    names = placed.network.names
    return names[job.place] if names else job.layer.kind.lower()


def _kernels(calls: Sequence[Call]) -> Iterator[str]:
    """The text of what is needed, each piece once, in the order of definition."""
    used = dict.fromkeys(call.kernel for call in calls)
    needed = dict.fromkeys(part for kernel in used for part in KERNELS[kernel])
    down = not any(shift > 0 for call in calls for shift in _shifts(call))
    parts = ["scaled_down" if down and part == "scaled" else part for part in needed]
    parts += used
    if any("extent " in _kernel(part) for part in parts):
        small = all(value <= _SHORT for call in calls for value in _extents(call))
        kind = "int16_t" if small else "int32_t"
        yield from (f"typedef {kind} extent; /* holds every size of an image or a window */", "")
    for part in parts:
        yield _kernel(part)


def _shifts(call: Call) -> Iterator[int]:
    """The exponents of a call's factors."""
    for field, value in call.settings.items():
        if field.startswith("shift") and isinstance(value, int):
            yield value
    for name, array in call.arrays.items():
        if name.endswith("_shifts"):
            yield from array.tolist()


def _extents(call: Call) -> list[int]:
    """Sizes that are kept as an extent."""
    if "extent " not in _kernel(call.kernel) + "".join(map(_kernel, KERNELS[call.kernel])):
        return []
    return [value for value in call.settings.values() if isinstance(value, int)]


@functools.cache
def _kernel(name: str) -> str:
    folder = resources.files("brickwork.export.c") / "kernels"
    return (folder / f"{name}.c").read_text(encoding="ascii")


def _array(name: str, values: NDArray[Any]) -> Iterator[str]:
    """A constant array, in lines of even width."""
    flat = [str(value) for value in np.ravel(values).tolist()]
    yield f"static const {_TYPES[values.dtype.name]} {name}[{len(flat)}] = {{"
    yield from _rows(flat)
    yield "};"


def _rows(cells: Sequence[str]) -> Iterator[str]:
    line = "   "
    for cell in cells:
        if len(line) + len(cell) + 2 > _WIDTH:
            yield line
            line = "   "
        line += f" {cell},"
    yield line


def _record(name: str, call: Call) -> Iterator[str]:
    """The settings of a call."""
    yield f"static const {call.record} {name} = {{"
    cells = []
    for field, value in call.settings.items():
        text = f"{{{', '.join(map(str, value))}}}" if isinstance(value, tuple) else str(value)
        cells.append(f".{field} = {text}")
    yield from _rows(cells)
    yield "};"


def _entries(placed: Placed, name: str) -> Iterator[str]:
    """The public functions."""
    upper, count = name.upper(), len(placed.jobs)
    yield "static void (*const layers[])(void) = {"
    yield from _rows([f"layer_{index}" for index in range(count)])
    yield "};"
    yield f"""
int8_t *{name}_input(void)
{{
    return arena + {placed.offsets[0]};
}}

const int8_t *{name}_output(void)
{{
    return arena + {placed.offsets[placed.output]};
}}

void {name}_layer(int layer)
{{
    layers[layer]();
}}

const int8_t *{name}_run(const int8_t *input)
{{
    if (input != {name}_input()) {{
        memmove({name}_input(), input, {upper}_INPUT_SIZE);
    }}
    for (int layer = 0; layer < {upper}_LAYERS; ++layer) {{
        {name}_layer(layer);
    }}
    return {name}_output();
}}
"""
