"""Fit the latency models of the device library to published measurements.

    python benchmarks/fit_latency.py

Reads ``devices/`` and ``benchmarks/`` of the shared data (``BRICKWORK_DATA``, or ``../shared/data``
beside the repository) and prints, for each target, the coefficients for its TOML, the error on
networks that were left out of the fit, and the share of these predicted within 10 %.

The model is ``devices.latency``: time = sum of coefficient x work. Boards that share a kind of
kernel are fitted together: one set of coefficients, times one factor for each core and version of
the engine, by turns until both stand still. Each step is a non-negative least-squares fit of the
relative error, with a weak pull (``PULL``) towards ``PRIOR``: without it a coefficient that the
networks cannot tell from another becomes 0, and a search would find layers that cost nothing.

The error is that of *leaving a network out*: with all its measurements, on every board and with
every version, because two versions of an engine on one network are no two networks.

A trap in the data: most channels in the deep layers of the visual-wake-words reference of MLPerf
Tiny are dead (all weights 0 in ``vww_96_int8.tflite``: 109 of 128 in some layers). X-CUBE-AI from
8.1 on and Plumerai's 2023.05 leave them out, which is why they suddenly ran that network, and no
other, 1.7 times as fast. For these versions only the live channels are counted.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from brickwork.devices.latency import add_work, work_of
from brickwork.devices.target import COEFFICIENTS
from brickwork.space import (
    Add,
    Conv,
    Depthwise,
    GlobalPool,
    Linear,
    Op,
    Pool,
    Shape,
    Space,
    graph,
)
from brickwork.spaces.references import dscnn, mobilenetv2, resnet8

PRIOR = {
    "conv_mac": 1.0,
    "pointwise_mac": 1.0,
    "depthwise_mac": 3.0,
    "linear_mac": 1.0,
    "output": 15.0,
    "pool": 5.0,
    "elementwise": 15.0,
    "op": 2000.0,
    "network": 5000.0,
}
"""Cycles for each unit of work on a small core, by order of magnitude; only the ratios matter."""

Executed = tuple[Op, Sequence[Shape], Shape]  # an op, the shapes of its inputs, of its output

PULL = 0.3  # 0.05 to 0.3 leave the error of left-out networks where it is, within 0.006
ENOUGH = 25  # networks: more than that weigh no more against the prior
DATA = Path(os.environ.get("BRICKWORK_DATA", Path(__file__).parents[2] / "shared" / "data"))


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        network: What was run; rows of one network are left out together.
        group: What has a factor of its own: core and engine.
        time: Cycles, or nanoseconds.
        work: In the order of ``COEFFICIENTS``.
    """

    network: str
    group: str
    time: float
    work: tuple[float, ...]


@dataclass(frozen=True)
class Fit:
    """One coefficient for each of ``COEFFICIENTS``, and a factor for each group of rows."""

    coefficients: NDArray[np.float64]
    factors: dict[str, float]

    def time(self, work: Sequence[float], group: str) -> float:
        return float(self.coefficients @ np.asarray(work)) * self.factors[group]


def fit(rows: Sequence[Row], pull: float = PULL) -> Fit:
    """One set of coefficients for all rows, and one factor for each group."""
    work = np.array([row.work for row in rows])
    time = np.array([row.time for row in rows])
    prior = np.array([PRIOR[name] for name in COEFFICIENTS])
    groups = np.array([row.group for row in rows])
    factor = np.full(len(rows), exp(np.mean(np.log(time / (work @ prior)))))
    times = Counter(row.network for row in rows)
    weight = np.array([times[row.network] ** -0.5 for row in rows])
    weight *= min(1.0, (ENOUGH / len(times)) ** 0.5)
    for _ in range(50):
        relative = work * prior * (factor / time)[:, None]
        matrix = np.vstack([relative * weight[:, None], pull * np.eye(len(prior))])
        scaled, _ = nnls(matrix, np.concatenate([weight, np.full(len(prior), pull)]))
        coefficients = scaled * prior
        for group in set(groups):
            inside = groups == group
            ratio = time[inside] / (work[inside] @ coefficients)
            factor[inside] = exp(np.mean(np.log(ratio)))
    return Fit(coefficients, {row.group: float(f) for row, f in zip(rows, factor, strict=True)})


def left_out(rows: Sequence[Row], folds: int | None = None) -> list[tuple[Row, float]]:
    """Each row with the relative error of a fit that has not seen its network."""
    networks = sorted({row.network for row in rows})
    fold_of = {name: i if folds is None else i % folds for i, name in enumerate(networks)}
    found = []
    for fold in sorted(set(fold_of.values())):
        seen = [row for row in rows if fold_of[row.network] != fold]
        made = fit(seen)
        found += [
            (row, made.time(row.work, row.group) / row.time - 1)
            for row in rows
            if fold_of[row.network] == fold and row.group in made.factors
        ]
    return found


# Networks ---------------------------------------------------------------------------------------


def summed(ops: Sequence[Executed]) -> tuple[float, ...]:
    total = [0.0] * len(COEFFICIENTS)
    for op, inputs, out in ops:
        add_work(total, op, tuple(inputs), out)
    total[COEFFICIENTS.index("network")] = 1.0
    return tuple(total)


def of_reference(space: Space, input: Shape, outputs: int) -> tuple[float, ...]:
    return tuple(work_of(graph(space, space.arch(), input, outputs)).values())


def autoencoder() -> tuple[float, ...]:
    """The anomaly detector of MLPerf Tiny: fully connected, 640-128-128-128-128-8 and back."""
    widths = [640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640]
    return summed([(Linear(b), [(a,)], (b,)) for a, b in pairwise(widths)])


LIVE = (8, 16, 32, 32, 64, 60, 107, 57, 30, 19, 19, 27, 32, 22)
"""Channels of the visual-wake-words reference that have a weight other than 0, by layer."""

WHOLE = (8, 16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256)


def visual_wake_words(widths: Sequence[int]) -> tuple[float, ...]:
    """MobileNetV1 0.25 on 96x96 pixels, with so many channels in each layer."""
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
    side, ops = 48, []
    ops.append((Conv(widths[0], 3, 2), [(3, 96, 96)], (widths[0], side, side)))
    for (before, after), stride in zip(pairwise(widths), strides, strict=True):
        whole = (before, side, side)
        side //= stride
        ops.append((Depthwise(3, stride), [whole], (before, side, side)))
        ops.append((Conv(after, 1), [(before, side, side)], (after, side, side)))
    last = (widths[-1], side, side)
    ops += [(GlobalPool(), [last], last[:1]), (Linear(2), [last[:1]], (2,))]
    return summed(ops)


def of_layers(layers: Sequence[dict]) -> tuple[float, ...]:
    """A TFLite network given as layers with channels-last shapes."""
    ops: list[Executed] = []
    for layer in layers:
        kind, shapes = layer["op"], layer["input_shapes"]
        if kind in ("RESHAPE", "SHAPE", "STRIDED_SLICE", "PACK", "TILE"):
            continue  # moves no activation
        out = channels_first(layer["output_shapes"][0])
        inputs = [channels_first(shapes[0])] if shapes else [out]
        if kind == "CONV_2D":
            ops.append((Conv(out[0], tuple(shapes[1][1:3])), inputs, out))
        elif kind == "DEPTHWISE_CONV_2D":
            ops.append((Depthwise(tuple(shapes[1][1:3])), [out], out))
        elif kind == "FULLY_CONNECTED":
            ops.append((Linear(out[0]), [(shapes[1][1],)], out))
        elif kind.endswith("POOL_2D"):
            window = (layer.get("filterHeight", 1), layer.get("filterWidth", 1))
            ops.append((Pool("average", window), inputs, out))
        elif kind == "MEAN":
            ops.append((GlobalPool(), inputs, out))
        else:
            ops.append((Add(), [out], out))  # PAD, QUANTIZE, SOFTMAX, ...: element by element
    return summed(ops)


def channels_first(shape: Sequence[int]) -> Shape:
    """The shape of a sample: batch away, channels to the front."""
    return (shape[-1], *shape[1:-1])


def table(name: str) -> Iterator[dict[str, str]]:
    path = DATA / name
    with gzip.open(path, "rt") if name.endswith(".gz") else path.open() as file:
        yield from csv.DictReader(file)


# STM32 with X-CUBE-AI -----------------------------------------------------------------------------


def model_zoo(board: str, core: str) -> list[Row]:
    """Rows of ST's model zoo; the version of X-CUBE-AI is part of the group."""
    layers = json.loads((DATA / "devices/stm32_model_layers.json").read_text())
    return [
        Row(
            row["local_file"],
            f"{core} {row['cubeai_version'][:3] or '8.1'}",
            float(row["latency_ms"]) * float(row["mhz"]) * 1e3,
            of_layers(layers[row["local_file"]]["operators"]),
        )
        for row in table("devices/stm32_measured.csv")
        if row["board"].startswith(board)
    ]


def mlperf(
    board: str, core: str, engine: str, version: str = "", pruned: bool = False
) -> list[Row]:
    """Rows of MLPerf Tiny for a board and an engine, one for each network."""
    networks = {
        "ad": autoencoder(),
        "ic": of_reference(resnet8(), (3, 32, 32), 10),
        "kws": of_reference(dscnn(), (1, 49, 10), 12),
        "vww": visual_wake_words(LIVE if pruned else WHOLE),
    }
    times = defaultdict(list)
    for row in table("devices/mlperf_tiny_results.csv"):
        name = f"{row['framework']} {row['round']}"
        if (
            board in row["system"].upper()
            and row["framework"].startswith(engine)
            and version in name
            and row["latency_ms"]
            and row["quant"].startswith("int8")
            and not any(s in row["system"] for s in ("float", "min_ram", "max_perf", "NATIVE"))
        ):
            times[row["task"]].append(float(row["latency_ms"]) * float(row["mhz"]) * 1e3)
    return [
        Row(
            f"mlperf-{task}", f"{core} {version or engine}", float(np.median(found)), networks[task]
        )
        for task, found in sorted(times.items())
    ]


def x_cube_ai() -> list[Row]:
    """All rows of X-CUBE-AI on Cortex-M4, M7 and M33."""
    rows = model_zoo("STM32H747", "M7") + model_zoo("B-U585", "M33")
    for board, core in (("H7A3", "M7"), ("L4R5", "M4"), ("U575", "M33")):
        for version in ("7.3", "8.0", "8.1", "9.0"):
            rows += mlperf(board, core, "X-CUBE-AI", version, pruned=version >= "8.1")
    return rows


def stm32() -> None:
    rows = x_cube_ai()
    made, errors = fit(rows), left_out(rows)
    report("X-CUBE-AI on all cores", errors)
    for core, version, targets in (
        ("M7", "8.1", "stm32f746 stm32h743"),
        ("M4", "9.0", "stm32l4r5"),
    ):
        group = f"{core} {version}"
        report(f"{targets}: {group}", [e for e in errors if e[0].group.startswith(core)])
        print_toml(made.coefficients * made.factors[group], rows)
    print("factors against M7 7.3:")
    print("  ", {g: round(f / made.factors["M7 7.3"], 2) for g, f in sorted(made.factors.items())})
    same_cycles()
    for label, work in (
        ("resnet8", of_reference(resnet8(), (3, 32, 32), 10)),
        ("dscnn", of_reference(dscnn(), (1, 49, 10), 12)),
    ):
        for target, group, mhz in (("stm32f746", "M7 8.1", 216), ("stm32l4r5", "M4 9.0", 120)):
            print(f"{label} on {target}: {made.time(work, group) / mhz / 1e3:.1f} ms")
    small = made.time(of_reference(mobilenetv2(0.3), (3, 64, 64), 1000), "M7 7.3")
    print(f"mbv2-w0.3-r64 on STM32H743, X-CUBE-AI 7.3: {small / 480e3:.1f} ms (published 29)")


def same_cycles() -> None:
    """How far the cycles of an STM32F746 are from those of an STM32H7A3 with the same engine."""
    for engine, version in (("Bosch", "v1.2"), ("Plumerai", "2023.05")):
        f746 = {r.network: r.time for r in mlperf("F746", "M7", engine, version)}
        h7a3 = {r.network: r.time for r in mlperf("H7A3", "M7", engine, version)}
        ratios = {name: round(f746[name] / h7a3[name], 3) for name in f746}
        print(f"cycles of the F746 / cycles of the H7A3, {engine} {version}: {ratios}")


# NAS-Bench-201 ------------------------------------------------------------------------------------

Value = str | tuple  # "x", the cell's input, or (kind, values...)


def nas_bench_201(cell: str) -> tuple[float, ...] | None:
    """The work of a network of NAS-Bench-201 (C=16, N=5), or None if nothing reaches its output.

    Dead branches and twins of parameter-free ops are left out, as the TFLite converter does; an
    activation is an op of its own where its producer has other readers.
    """
    values: list[Value | None] = ["x"]
    for at, node in enumerate(cell.strip("|").split("|+|")):
        terms: list[Value] = []
        for place, edge in enumerate(node.split("|")):
            kind, source = edge.split("~")
            value = values[int(source)]
            if kind == "none" or value is None:
                continue
            if kind == "skip_connect":
                terms.append(value)
            elif kind == "avg_pool_3x3":
                terms.append((kind, value))
            else:
                terms.append((kind, value, at, place))
        total: Value | None = terms[0] if terms else None
        for term in terms[1:]:
            total = ("add", total, term)
        values.append(total)
    if values[-1] is None:
        return None
    readers: dict[Value, set[Value]] = defaultdict(set)
    reached: set[Value] = set()
    visit(values[-1], reached, readers)
    readers[values[-1]].add("out")
    return summed(list(network_201(reached, readers)))


def visit(value: Value, reached: set[Value], readers: dict[Value, set[Value]]) -> None:
    if value in reached or value == "x":
        return
    reached.add(value)
    for source in value[1:3] if value[0] == "add" else value[1:2]:
        readers[source].add(value)
        visit(source, reached, readers)


def network_201(reached: set[Value], readers: dict[Value, set[Value]]) -> Iterator[Executed]:
    activated = sum(
        len(readers[value]) > 1 and any(r[0].startswith("nor_conv") for r in readers[value])
        for value in (*reached, "x")
    )
    yield Conv(16, 3), [(3, 32, 32)], (16, 32, 32)
    for width, side in ((16, 32), (32, 16), (64, 8)):
        here = (width, side, side)
        for _ in range(5):
            for kind, *_rest in reached:
                if kind == "add":
                    yield Add(), [here, here], here
                elif kind == "avg_pool_3x3":
                    yield Pool("average", 3, 1), [here], here
                else:
                    yield Conv(width, int(kind[-1])), [here], here
            for _ in range(activated):
                yield Add(), [here], here
        if width < 64:
            half, wide = side // 2, 2 * width
            after = (wide, half, half)
            yield Add(), [here], here
            yield Conv(wide, 3, 2), [here], after
            yield Conv(wide, 3), [after], after
            yield Pool("average", 2), [here], (width, half, half)
            yield Conv(wide, 1), [(width, half, half)], after
            yield Add(), [after, after], after
    yield Add(), [(64, 8, 8)], (64, 8, 8)
    yield GlobalPool(), [(64, 8, 8)], (64,)
    yield Linear(10), [(64,)], (10,)


def nrf5340() -> None:
    """TensorFlow Lite Micro on a Cortex-M33; depthwise and linear come from it on an M4."""
    found = list(table("devices/nrf5340_nasbench201_measured.csv"))
    rows = []
    for row in found:
        work = nas_bench_201(row["arch"])
        if work is not None:
            time = float(row["latency_ms"]) * float(row["mhz"]) * 1e3
            rows.append(Row(row["arch"], "M33 TFLM", time, work))
    errors = left_out(rows)
    report("nrf5340: TensorFlow Lite Micro, NAS-Bench-201", errors)
    both = rows + mlperf("L4R5", "M4", "TensorFlow Lite", "v0.5")
    made = fit(both)
    print_toml(made.coefficients * made.factors["M33 TFLM"], rows)
    power = np.array([float(row["power_mW"]) for row in found])
    low, high = np.quantile(power, (0.1, 0.9))
    print(f"  power {power.mean():.2f} mW, half of the 10-90 % range {(high - low) / 2:.2f} mW")


def big_core(target: str, column: str) -> None:
    """A phone or board of the HELP data: cells without ``none``, so that no dead code is left."""
    cells = {
        row["arch_index"]: row["arch"] for row in table("benchmarks/nasbench201_cifar10.csv.gz")
    }
    rows = [
        Row(row["arch_index"], "ns", 1e6 * float(row[column]), work)
        for row in table("benchmarks/nasbench201_latency_ms.csv.gz")
        if "none" not in cells[row["arch_index"]]
        and float(row[column]) >= 0.5
        and (work := nas_bench_201(cells[row["arch_index"]])) is not None
    ]
    sample = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))[:1500]]
    report(f"{target}: {column} of HELP", left_out(sample, folds=10))
    small = model_zoo("STM32MP157", "A7")
    made, borrowed = fit(rows), fit([Row(r.network, "A7", r.time, r.work) for r in small])
    report("  (Cortex-A7, TFLite: where depthwise and linear come from)", left_out(small))
    coefficients = made.coefficients.copy()
    pointwise = COEFFICIENTS.index("pointwise_mac")
    for name in ("depthwise_mac", "linear_mac"):
        place = COEFFICIENTS.index(name)
        ratio = borrowed.coefficients[place] / borrowed.coefficients[pointwise]
        coefficients[place] = ratio * coefficients[pointwise]
    print_toml(coefficients * made.factors["ns"], rows)


def report(title: str, errors: Sequence[tuple[Row, float]]) -> None:
    sizes = np.abs([error for _, error in errors])
    networks = len({row.network for row, _ in errors})
    print(
        f"\n{title}\n  left-out network: {len(sizes)} measurements of {networks} networks, "
        f"mean error {sizes.mean():.3f}, 80 % below {np.quantile(sizes, 0.8):.3f}, within 10 %: "
        f"{(sizes <= 0.1).mean():.0%}"
    )


def print_toml(coefficients: NDArray[np.float64], rows: Sequence[Row]) -> None:
    macs = [sum(row.work[:4]) for row in rows]
    print(f"  macs = [{min(macs):.3g}, {max(macs):.3g}]")
    for name, value in zip(COEFFICIENTS, coefficients, strict=True):
        print(f"  {name} = {value:.4g}")


def main() -> None:
    stm32()
    nrf5340()
    big_core("raspberrypi4", "raspi4")
    big_core("pixel", "pixel2")


if __name__ == "__main__":
    main()
