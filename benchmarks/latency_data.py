"""Published measurements of latency as rows for ``brickwork.devices.fitting``.

Reads ``devices/`` and ``benchmarks/`` of the shared data (``BRICKWORK_DATA``, or ``../shared/data``
beside the repository). Rows of one network, and of variants of it (another resolution or number of
colours, the same network by another name), are left out together: ``FAMILIES``.

A trap in the data: most channels in the deep layers of the visual-wake-words reference of MLPerf
Tiny are dead (all weights 0 in ``vww_96_int8.tflite``: 109 of 128 in some layers). X-CUBE-AI from
8.1 on, Plumerai's 2023.05 and ONNC leave them out, which is why they run that network, and no
other, 1.7 times as fast as it should be. For these only the live channels are counted.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from brickwork.devices.fitting import ENGINE, Level, Row
from brickwork.devices.lowering import lower
from brickwork.devices.merging import merged
from brickwork.devices.program import Layer
from brickwork.devices.work import work_of, work_of_layers, work_of_program
from brickwork.errors import ExportError
from brickwork.space import (
    Activation,
    Conv,
    Depthwise,
    GlobalPool,
    Linear,
    Norm,
    Seq,
    Shape,
    Space,
    graph,
)
from brickwork.spaces.cell import arch_of_string, nasbench201
from brickwork.spaces.references import PUBLISHED, dscnn, mobilenetv2, resnet8

Amounts = tuple[float, ...]
DATA = Path(os.environ.get("BRICKWORK_DATA", Path(__file__).parents[2] / "shared" / "data"))


def table(name: str) -> Iterator[dict[str, str]]:
    path = DATA / name
    with gzip.open(path, "rt") if name.endswith(".gz") else path.open() as file:
        yield from csv.DictReader(file)


SIMD = Level("engine", 0.5, 2.0)
"""Of engines for microcontrollers that multiply integers by words, for which ``PRIOR`` was made."""


def levels(
    core: str, version: str = "", engine: Level = ENGINE, board: str = ""
) -> tuple[Level, ...]:
    """What rows of one engine share: the engine, its core, its version there, and the board."""
    found = [engine, Level(f"core {core}", 0.15, 1.0)]
    if version:
        found += [Level(f"version {version}", 0.05, 0.3), Level(f"{core} {version}", 0.03, 0.3)]
    if board:
        found.append(Level(f"board {board}", 0.03, 0.2))
    return tuple(found)


# Networks ---------------------------------------------------------------------------------------


def amounts(space: Space, input: Shape, outputs: int) -> Amounts:
    return tuple(work_of(graph(space, space.arch(), input, outputs)).amounts)


def autoencoder() -> Space:
    """The anomaly detector of MLPerf Tiny: fully connected, 640-128-128-128-128-8 and back."""
    widths = (128, 128, 128, 128, 8, 128, 128, 128, 128)
    hidden = [brick for width in widths for brick in (Linear(width), Norm(), Activation())]
    return Space("autoencoder", Seq(*hidden, Linear(640)))


LIVE = (8, 16, 32, 32, 64, 60, 107, 57, 30, 19, 19, 27, 32, 22)
"""Channels of the visual-wake-words reference that have a weight other than 0, by layer."""

WHOLE = (8, 16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256)


def visual_wake_words(widths: Sequence[int]) -> Space:
    """MobileNetV1 0.25 on 96x96 pixels, with so many channels in each layer."""
    bricks: list[Any] = [Conv(widths[0], 3, 2), Norm(), Activation()]
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
    for width, stride in zip(widths[1:], strides, strict=True):
        bricks += [Depthwise(3, stride), Norm(), Activation()]
        bricks += [Conv(width, 1), Norm(), Activation()]
    return Space("vww", Seq(*bricks, GlobalPool(), Linear()))


@cache
def mlperf_networks(pruned: bool) -> dict[str, Amounts]:
    widths = LIVE if pruned else WHOLE
    return {
        "ad": amounts(autoencoder(), (640,), 640),
        "ic": amounts(resnet8(), *PUBLISHED["resnet8"]),
        "kws": amounts(dscnn(), *PUBLISHED["dscnn"]),
        "vww": amounts(visual_wake_words(widths), (3, 96, 96), 2),
    }


def small_mobilenet() -> Amounts:
    """``mbv2-w0.3-r64`` of mit-han-lab/tinyengine."""
    return amounts(mobilenetv2(0.3), (3, 64, 64), 1000)


_BOOKKEEPING = {"SHAPE", "STRIDED_SLICE", "PACK", "TILE"}  # they move no activation


def amounts_of_listed(operators: Sequence[dict[str, Any]]) -> Amounts:
    """The work of a network of ``stm32_model_layers.json``."""
    shapes: list[Shape] = []
    layers = []
    for listed in operators:
        kind, into = listed["op"], [tuple(shape[1:]) for shape in listed["input_shapes"][:1]]
        if kind in _BOOKKEEPING:
            continue
        out = tuple(listed["output_shapes"][0][1:])
        if kind in ("ADD", "MUL", "CONCATENATION"):
            into = [tuple(shape[1:]) for shape in listed["input_shapes"] if len(shape) > 1]
        into = into or [out]
        settings: dict[str, Any] = {}
        if kind.endswith("CONV_2D"):
            settings["kernel"] = tuple(listed["input_shapes"][1][1:3])
        elif kind.endswith("POOL_2D"):
            settings["kernel"] = (listed["filterHeight"], listed["filterWidth"])
        elif kind == "FULLY_CONNECTED":
            into = [(listed["input_shapes"][1][1],)]
        inputs = tuple(range(len(shapes), len(shapes) + len(into)))
        shapes += [*into, out]
        layers.append(Layer(kind, -1, inputs, len(shapes) - 1, **settings))
    return tuple(work_of_layers(layers, shapes).amounts)


# STM32 ------------------------------------------------------------------------------------------

FAMILIES = {
    "mobilenetv1": ("mobilenet_v1_0.25", "vww"),
    "ssd": ("ssd_mobilenet",),
    "squeezenet10": ("squeezenet_v1.0",),
    "squeezenet11": ("squeezenet_v1.1",),
    "mobilenetv2": ("mobilenet_v2",),
    "resnet8": ("resnet_v1_8", "mlperf-ic"),
    "resnet32": ("resnet_v1_32",),
    "miniresnetv2-1": ("miniresnetv2_1",),
    "miniresnetv2-2": ("miniresnetv2_2",),
    "miniresnet": ("miniresnet_",),
}
"""Parts of names of networks that are variants of one."""


def family(name: str) -> str:
    """What a network is left out with: all variants of it."""
    return next((f for f, parts in FAMILIES.items() if any(p in name for p in parts)), name)


CORES = {"STM32H747I-DISCO": "M7", "B-U585I-IOT02A": "M33", "STM32MP157F-DK2": "A7"}


def model_zoo(*boards: str, engine: Level = ENGINE) -> list[Row]:
    """Rows of ST's model zoo; without a version it is X-CUBE-AI 8.1."""
    layers = json.loads((DATA / "devices/stm32_model_layers.json").read_text())
    found = []
    for row in table("devices/stm32_measured.csv"):
        if row["board"] in boards:
            core = CORES[row["board"]]
            version = "" if core == "A7" else row["cubeai_version"][:3] or "8.1"
            cycles = float(row["latency_ms"]) * float(row["mhz"]) * 1e3
            work = amounts_of_listed(layers[row["local_file"]]["operators"])
            found.append(
                Row(family(row["local_file"]), cycles, work, levels(core, version, engine))
            )
    return found


def mlperf(
    core: str,
    board: str,
    engine: str,
    version: str = "",
    *,
    label: str = "",
    pruned: bool = False,
    common: Level = ENGINE,
    apart: bool = False,
) -> list[Row]:
    """Rows of MLPerf Tiny, a network each: the median over the rounds.

    Args:
        core: Its name.
        board: Part of the name of the system.
        engine: How the name of the framework begins.
        version: Part of the name of the framework, or of the round.
        label: What else the name of the system holds.
        pruned: Whether the engine leaves out channels of zeros.
        common: What all rows of the engine share.
        apart: Whether boards with one core have effects of their own.
    """
    times = defaultdict(list)
    for row in table("devices/mlperf_tiny_results.csv"):
        system = row["system"].upper()
        if (
            board in system
            and label in system
            and row["framework"].startswith(engine)
            and version in f"{row['framework']} {row['round']}"
            and row["latency_ms"]
            and row["quant"].startswith("int8")
            and not any(s in system for s in ("FLOAT", "MIN_RAM", "MAX_PERF"))
        ):
            times[row["task"]].append(float(row["latency_ms"]) * float(row["mhz"]) * 1e3)
    networks = mlperf_networks(pruned)
    return [
        Row(
            family(f"mlperf-{task}"),
            float(np.median(found)),
            networks[task],
            levels(core, version or label, common, board if apart else ""),
        )
        for task, found in sorted(times.items())
    ]


def x_cube_ai() -> list[Row]:
    """X-CUBE-AI on Cortex-M4, M7 and M33."""
    rows = model_zoo("STM32H747I-DISCO", "B-U585I-IOT02A", engine=SIMD)
    for board, core in (("H7A3", "M7"), ("L4R5", "M4"), ("U575", "M33")):
        for version in ("7.1", "7.3", "8.0", "8.1", "9.0"):
            pruned = version >= "8.1"
            rows += mlperf(core, board, "X-CUBE-AI", version, pruned=pruned, common=SIMD)
    return rows


# NAS-Bench-201 ----------------------------------------------------------------------------------


@cache
def _space() -> Space:
    return nasbench201()


def nas_bench_201(cell: str) -> Amounts | None:
    """The work of a network of NAS-Bench-201 (C=16, N=5); None if nothing reaches its output."""
    space = _space()
    whole = graph(space, arch_of_string(space, cell), (3, 32, 32), 10)
    try:
        return tuple(work_of_program(merged(lower(whole))).amounts)
    except ExportError:
        return None  # a cell that gives nothing has no counterpart


def tflm() -> list[Row]:
    """TensorFlow Lite Micro with its reference kernels: 53 cells on an M33, four networks on an M4.

    Cells whose networks do the same work are twins, and left out together.
    """
    rows = mlperf("M4", "L4R5", "TensorFlow Lite for Microcontrollers v2.3.1")
    for row in table("devices/nrf5340_nasbench201_measured.csv"):
        work = nas_bench_201(row["arch"])
        if work is not None:
            cycles = float(row["latency_ms"]) * float(row["mhz"]) * 1e3
            rows.append(Row(f"cell {work}", cycles, work, levels("M33")))
    return rows


def help_rows(device: str, every: int = 15) -> list[Row]:
    """Every so manyth cell on a device of HELP, in nanoseconds."""
    latency = {}
    for row in table("benchmarks/nasbench201_latency_ms.csv.gz"):
        latency[row["arch_index"]] = float(row[device])
    found = []
    for i, row in enumerate(table("benchmarks/nasbench201_cifar10.csv.gz")):
        time = latency.get(row["arch_index"], 0.0)
        if i % every or "none" in row["arch"] or time < 0.5:
            continue
        work = nas_bench_201(row["arch"])
        if work is not None:
            found.append(Row(f"cell {work}", time * 1e6, work))
    return found
