"""What a reader of a C file wants to know first: the layers, and what the integers mean."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from brickwork.export.c.calls import Call
from brickwork.export.c.jobs import Job
from brickwork.export.c.placing import Placed
from brickwork.export.integer.network import Input, Scale
from brickwork.space import Shape

__all__ = ["dimensions", "meaning", "number", "raw_meaning", "table"]


def table(placed: Placed, calls: Sequence[Call]) -> str:
    """The layers in the order of execution, with totals."""
    program = placed.network.program
    rows = [("layer", "kind", "window", "input", "output", "MACs", "bytes", "arena")]
    macs = 0
    for index, (job, call) in enumerate(zip(placed.jobs, calls, strict=True)):
        macs += program.macs(job.layer)
        places = [str(placed.offsets[i]) for i in job.inputs]
        rows.append(
            (
                str(index),
                job.layer.kind.lower() + (f" {_after(job)}" if _after(job) else ""),
                _window(job),
                " + ".join([dimensions(shape) for shape in job.shapes]),
                dimensions(program.shapes[job.output]),
                str(program.macs(job.layer) or ""),
                str(call.constant_bytes or ""),
                f"{' + '.join(places)} -> {placed.offsets[job.output]}",
            )
        )
    total = sum(call.constant_bytes for call in calls)
    rows.append(("", "", "", "", "", str(macs), str(total), f"{placed.arena.total} bytes"))
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    right = {0, 5, 6}
    return "\n".join(
        "  ".join(
            [
                cell.rjust(width) if k in right else cell.ljust(width)
                for k, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
        ).rstrip()
        for row in rows
    )


def dimensions(shape: Shape) -> str:
    """A shape for a reader."""
    return "x".join(map(str, shape))


def number(value: float) -> str:
    """A real number, short, that is the same again as a float32."""
    text = np.format_float_positional(np.float32(value), unique=True, trim="0")
    return text if len(text) < 16 else f"{np.float32(value)}"


def meaning(scale: Scale) -> str:
    """What the integers of a tensor mean, as a formula."""
    zero = f"q - {scale.zero}" if scale.zero > 0 else f"q + {-scale.zero}" if scale.zero else "q"
    return f"{number(scale.scale)} * ({zero})" if scale.zero else f"{number(scale.scale)} * q"


def raw_meaning(way: Input, scale: Scale) -> str:
    """How raw samples become integers."""
    if way.bytes:
        return "q = byte - 128; the network normalises by itself"
    if set(way.mean) == {0.0} and set(way.std) == {1.0}:
        return f"q = round(raw / {number(scale.scale)}) + {scale.zero}, from -128 to 127"
    return (
        f"q = round((raw - mean) / deviation / {number(scale.scale)}) + {scale.zero}, from -128 to "
        "127"
    )


def _after(job: Job) -> str:
    return "" if job.layer.activation == "none" else job.layer.activation


def _window(job: Job) -> str:
    layer = job.layer
    if layer.kernel == (1, 1) and layer.stride == (1, 1):
        return f"{layer.groups} groups" if layer.groups > 1 else ""
    text = dimensions(layer.kernel)
    if prod(layer.stride) > 1:
        text += f" / {dimensions(layer.stride)}"
    if prod(layer.dilation) > 1:
        text += f" dilated {dimensions(layer.dilation)}"
    return text + (f" {layer.groups} groups" if layer.groups > 1 else "")
