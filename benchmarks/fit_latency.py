"""Fit the latency models of the device library to published measurements.

    python benchmarks/fit_latency.py            # prints how well networks that are left out are met
    python benchmarks/fit_latency.py --write    # and writes [latency] of the targets in the library

What is fitted, and how, stands in ``brickwork.devices.fitting``; which rows of which table belong
to which engine in ``latency_data.py``. All of a target but its ``[latency]`` is written by hand.

The error is that of *leaving a network out*: with all its measurements, on every board and with
every version, and with its variants, because two sizes of image on one network are no two networks.
The part of rows in an interval is counted with the scale of intervals that the other networks give.

Some engines were measured on networks whose layers are not published, beside X-CUBE-AI on the same
networks and the same board: they have its coefficients times the mean ratio, and an interval wider
by the spread of the ratios (``RATIOS``).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from latency_data import (
    family,
    help_rows,
    levels,
    mlperf,
    model_zoo,
    small_mobilenet,
    table,
    tflm,
    x_cube_ai,
)

import brickwork.devices
from brickwork.devices.fitting import (
    COVERED,
    ENGINE,
    NOISE,
    Fit,
    Held,
    Level,
    Quality,
    Row,
    fit,
    left_out,
    quality,
)
from brickwork.devices.writing import latency_table, toml_text

LIBRARY = Path(brickwork.devices.__file__).parent / "library"
THIS = "benchmarks/fit_latency.py"


@dataclass(frozen=True)
class Engine:
    """What is fitted together.

    Attributes:
        rows: Makes its rows.
        measured: What was measured, for a person.
        targets: Names of targets, and what each has in common with rows.
        unit: Of the times.
        folds: Networks are left out in so many groups; else one by one.
        noise: The relative error of a measurement that no coefficient accounts for.
        alike: Whether what is measured on one core is known of the others, too: versions are the
            same, and so are networks on several of them.
        prunes: Whether its newest version, which the targets have, leaves out channels of zeros.
        like: The engine and levels whose coefficients these are near to; else the usual ones.
    """

    rows: Callable[[], list[Row]]
    measured: str
    targets: dict[str, tuple[Level, ...]]
    unit: str = "cycles"
    folds: int | None = None
    noise: float = NOISE
    like: tuple[str, tuple[Level, ...]] | None = None
    alike: bool = True
    prunes: bool = False


def plumerai() -> list[Row]:
    rows = []
    for core, board in (("M7", "F746"), ("M7", "H7A3"), ("M4", "L4R5"), ("M4", "CY8C")):
        rows += mlperf(core, board, "Plumerai", "2023.05", pruned=True, apart=True)
    rows += mlperf("M33", "U575", "Plumerai", "2023.05", pruned=True, apart=True)
    for core, board in (("M7", "F746"), ("M4", "L4R5"), ("M4", "CY8C"), ("M33", "B_U585I")):
        for version in ("v0.7", "v1.0"):
            rows += mlperf(core, board, "Plumerai", version, apart=True)
    return rows


HALE = {"F746": "M7", "H7A3": "M7", "L4R5": "M4", "CY8C": "M4", "U575": "M33", "G0B1": "M0+"}


def hale() -> list[Row]:
    boards = HALE.items()
    return [row for board, core in boards for row in mlperf(core, board, "Bosch", apart=True)]


def micro_tvm_cmsis() -> list[Row]:
    boards = (("M4", "L4R5"), ("M33", "NRF5340"))
    return [row for core, board in boards for row in mlperf(core, board, "microTVM", label="CMSIS")]


def onnc() -> list[Row]:
    found = mlperf("M4", "L4R5ZI-MBED", "ONNC", pruned=True, label="MBED")
    found += mlperf("M4", "L4R5ZI-ZEPHYR", "ONNC", pruned=True, label="ZEPHYR")
    return found + mlperf("M4", "M467", "ONNC", pruned=True, label="M467")


ANOTHER = Level("another part", 0.03, 0.05)
"""A part whose core was measured on others: an F746 takes .95 to 1.05 of the cycles of an H7A3."""

CORTEX_A = ("TensorFlow Lite, Cortex-A7", levels("A7"))
FOUR = "the four networks of MLPerf Tiny"
ENGINES = {
    "X-CUBE-AI": Engine(
        x_cube_ai,
        "ST model zoo on STM32H747 and U585, MLPerf Tiny v0.7 to v1.2 on STM32H7A3, L4R5 and U575",
        {
            "stm32f746": (*levels("M7", "8.1"), ANOTHER),
            "stm32h743": (*levels("M7", "8.1"), ANOTHER),
            "stm32h747-cubeai": levels("M7", "8.1"),
            "stm32h7a3-cubeai": levels("M7", "9.0"),
            "stm32l4r5": levels("M4", "9.0"),
            "stm32u575-cubeai": levels("M33", "9.0"),
            "stm32u585-cubeai": levels("M33", "8.1"),
        },
        prunes=True,
    ),
    "TensorFlow Lite Micro": Engine(
        tflm,
        "NATS-Bench-MCU (ankilab) on nRF5340, MLPerf Tiny v0.5 reference on STM32L4R5",
        {"nrf5340": levels("M33"), "stm32l4r5-tflm": levels("M4")},
        alike=False,
        noise=0.01,  # NATS-Bench-MCU's three boards differ by less
    ),
    "TensorFlow Lite, Cortex-A7": Engine(
        partial(model_zoo, "STM32MP157F-DK2"),
        "ST model zoo on STM32MP157F-DK2, two cores",
        {"stm32mp157-tflite": levels("A7")},
    ),
    "Plumerai": Engine(
        plumerai,
        f"{FOUR}, v0.7 to v1.1",
        {
            "stm32f746-plumerai": levels("M7", "2023.05", board="F746"),
            "stm32h7a3-plumerai": levels("M7", "2023.05", board="H7A3"),
            "stm32l4r5-plumerai": levels("M4", "2023.05", board="L4R5"),
            "psoc62-plumerai": levels("M4", "2023.05", board="CY8C"),
            "stm32u575-plumerai": levels("M33", "2023.05", board="U575"),
        },
        prunes=True,
    ),
    "Bosch HALE": Engine(
        hale,
        f"{FOUR}, v1.1 and v1.2",
        {
            "stm32f746-hale": levels("M7", board="F746"),
            "stm32h7a3-hale": levels("M7", board="H7A3"),
            "stm32l4r5-hale": levels("M4", board="L4R5"),
            "psoc62-hale": levels("M4", board="CY8C"),
            "stm32u575-hale": levels("M33", board="U575"),
            "stm32g0b1-hale": levels("M0+", board="G0B1"),
        },
    ),
    "microTVM with CMSIS-NN": Engine(
        micro_tvm_cmsis,
        f"{FOUR}, v1.0 and v1.1",
        {
            "stm32l4r5-microtvm-cmsisnn": levels("M4", "CMSIS"),
            "nrf5340-microtvm-cmsisnn": levels("M33", "CMSIS"),
        },
    ),
    "microTVM": Engine(
        partial(mlperf, "M4", "L4R5", "microTVM", label="NATIVE"),
        f"{FOUR}, v1.0 and v1.1",
        {"stm32l4r5-microtvm": levels("M4", "NATIVE")},
    ),
    "ONNC": Engine(
        onnc,
        f"{FOUR}, v1.1",
        {
            "stm32l4r5-onnc": levels("M4", "MBED"),
            "numaker-m467-onnc": levels("M4", "M467"),
        },
        prunes=True,
    ),
    "Renesas, Cortex-M33": Engine(
        partial(mlperf, "M33", "EK-RA6M4", ""), f"{FOUR}, v0.7", {"ra6m4-renesas": levels("M33")}
    ),
    "Renesas, Cortex-M85": Engine(
        partial(mlperf, "M85", "EK-RA8D1", ""), f"{FOUR}, v1.2", {"ra8d1-renesas": levels("M85")}
    ),
    "TensorFlow Lite Micro with MVP": Engine(
        partial(mlperf, "M33", "XG24", "TensorFlow Lite for Micro", "v1.0"),
        f"{FOUR}, v1.0",
        {"xg24-tflm-mvp": levels("M33", "v1.0")},
    ),
    "Raspberry Pi 4": Engine(
        partial(help_rows, "raspi4"),
        "cells of NAS-Bench-201 on 'raspi4' of HELP (Lee et al., 2021), values below 0.5 ms and "
        "cells with 'none' left out",
        {"raspberrypi4": (ENGINE,)},
        *("ns", 10, 0.1, CORTEX_A),
    ),
    "Pixel 2": Engine(
        partial(help_rows, "pixel2"),
        "cells of NAS-Bench-201 on 'pixel2' of HELP (Lee et al., 2021; whole milliseconds), cells "
        "with 'none' left out",
        {"pixel": (ENGINE,)},
        *("ns", 10, 0.1, CORTEX_A),
    ),
}

RATIOS = {
    "stm32h743-tflm": "TF-Lite Micro",
    "stm32h743-tflm-cmsisnn": "CMSIS-NN",
    "stm32h743-tinyengine": "TinyEngine",
}
"""Targets, and their engine in ``mcunet_tinyengine.csv``."""


def described(found: Quality) -> str:
    return (
        f"{found.rows} measurements of {found.networks} networks; left out, they are met with a "
        f"mean error of {found.mean_error:.1%}, {found.within_10:.0%} within 10 %, and "
        f"{found.coverage:.0%} lie in their 80 % interval"
    )


def line(label: str, held: Sequence[Held]) -> None:
    found = quality(held)
    print(
        f"{label:<44} {found.rows:>4} {found.networks:>4}   {found.mean_error:>6.1%}"
        f" {found.within_10:>6.0%}  {found.rank_correlation:>5.3f}   {found.coverage:>5.0%}"
    )


def report(name: str, held: Sequence[Held]) -> None:
    """A line for the engine, and one for each of its cores."""
    line(name, held)
    cores = sorted({level.name for one in held for level in one.row.levels if "core" in level.name})
    for core in cores if len(cores) > 1 else ():
        line(f"  {core}", [o for o in held if any(level.name == core for level in o.row.levels)])


def stm32(held: Sequence[Held]) -> None:
    """The rows of ``stm32_measured.csv`` alone, in total and by board."""
    total = []
    for board in ("STM32H747I-DISCO", "B-U585I-IOT02A", "STM32MP157F-DK2"):
        own = {(row.network, row.time) for row in model_zoo(board)}
        rows = [one for one in held if (one.row.network, one.row.time) in own]
        line(f"  stm32_measured.csv, {board}", rows)
        total += rows
    line("stm32_measured.csv", total)


def write(target: str, latency: dict[str, object]) -> None:
    """Write ``[latency]`` of a target, the last table of its file."""
    path = LIBRARY / f"{target}.toml"
    head = path.read_text(encoding="utf-8").split("[latency]")[0].rstrip("\n")
    path.write_text(f"{head}\n\n{toml_text({'latency': latency})}", encoding="utf-8")


Fitted = tuple[Fit, list[Row], list[Held]]


def same_core(rows: Sequence[Row], own: Sequence[Level]) -> list[Row]:
    cores = {level.name for level in own if level.name.startswith("core")}
    return [row for row in rows if cores <= {level.name for level in row.levels}]


def fit_engine(name: str, engine: Engine, found: dict[str, Fitted], writing: bool) -> Fitted:
    rows = engine.rows()
    prior = None
    if engine.like and engine.like[0] in found:
        prior = found[engine.like[0]][0].coefficients(engine.like[1])
    make = partial(fit, noise=engine.noise, prior=prior)
    made, held = make(rows), left_out(rows, make, engine.folds)
    report(name, held)
    for target, own in engine.targets.items() if writing else ():
        source = f"{engine.measured}: {described(quality(held))}"
        by, unit = f"{THIS}, {name!r}", engine.unit
        near = rows if engine.alike else same_core(rows, own)
        table = latency_table(made, own, rows, held, unit=unit, source=source, fit_by=by, near=near)
        least = own_error(made, rows, own)
        table["error"] = float(f"{max(float(str(table['error'])), least):.3g}")
        write(target, {"prunes": True} | table if engine.prunes else table)
    return made, rows, held


def own_error(made: Fit, rows: Sequence[Row], own: Sequence[Level]) -> float:
    """How far the networks measured on the target itself are off, though it was fitted to them.

    The largest error of few, as a part of the time that is to be covered; of many what 80 % of them
    are within.
    """
    names = {level.name for level in own}
    mine = [row for row in rows if names <= {level.name for level in row.levels}]
    if not mine:
        return 0.0
    off = np.sort([abs(np.log(row.time / made.predicted(row)[0])) for row in mine])
    place = min(len(off) - 1, int(np.ceil(COVERED * (len(off) + 1))) - 1)
    return float(np.ceil(1000 * np.expm1(off[place])) / 1000)


def fit_ratio(target: str, runtime: str, base: Fitted, writing: bool) -> None:
    """An engine that was measured beside X-CUBE-AI 7.3 on the same networks and board."""
    made, rows, held = base
    times: dict[str, dict[str, float]] = {}
    for row in table("devices/mcunet_tinyengine.csv"):
        if row["latency_ms"]:
            times.setdefault(row["model"], {})[row["runtime"]] = float(row["latency_ms"])
    pairs = {m: t for m, t in times.items() if {runtime, "X-CUBE-AI 7.3.0"} <= set(t)}
    logs = {m: np.log(t[runtime] / t["X-CUBE-AI 7.3.0"]) for m, t in pairs.items()}
    mean = float(np.mean(list(logs.values())))
    off = np.abs([log - mean for log in logs.values()]) * len(logs) / (len(logs) - 1)  # left out
    spread = float(np.quantile(off, min(1.0, COVERED * (len(off) + 1) / len(off))))
    own = (*levels("M7", "7.3"), ANOTHER)
    ratio = float(np.exp(mean))
    small = float(made.coefficients(own) @ np.array(small_mobilenet())) / 480e3
    print(
        f"{target:<30} {ratio:6.3f} times X-CUBE-AI 7.3, 80 % within {spread:.1%} ({len(logs)} "
        f"networks); mbv2-w0.3-r64: {small * ratio:.1f} ms (published "
        f"{times['mbv2-w0.3-r64'][runtime]:g})"
    )
    if not writing:
        return
    source = (
        f"{ratio:.3f} times the model of X-CUBE-AI 7.3, the mean ratio of {len(logs)} networks "
        f"that mit-han-lab/tinyengine measured with both on an STM32H743 (80 % of them within "
        f"{spread:.1%} of it); X-CUBE-AI: {described(quality(held))}"
    )
    by = f"{THIS}, RATIOS"
    latency = latency_table(made, own, rows, held, unit="cycles", source=source, fit_by=by)
    latency["error"] = float(f"{np.hypot(latency['error'], spread):.3g}")
    coefficients = latency["coefficients"]
    for name, value in coefficients.items():
        if name != "source":
            coefficients[name] = float(f"{value * ratio:.4g}")
    write(target, latency)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the targets of the library")
    parser.add_argument("--only", help="an engine, such as 'X-CUBE-AI'")
    arguments = parser.parse_args()
    print(f"{'left out':<44} rows nets  error  in 10 %  rank  in 80 % interval")
    found: dict[str, Fitted] = {}
    for name, engine in ENGINES.items():
        if arguments.only in (None, name):
            found[name] = fit_engine(name, engine, found, arguments.write)
    if {"X-CUBE-AI", "TensorFlow Lite, Cortex-A7"} <= set(found):
        stm32(found["X-CUBE-AI"][2] + found["TensorFlow Lite, Cortex-A7"][2])
        four = [one for f in found.values() for one in f[2] if one.row.network in FOUR_NETWORKS]
        line("the four networks of MLPerf Tiny, all engines", four)
    if "X-CUBE-AI" in found:
        for target, runtime in RATIOS.items():
            fit_ratio(target, runtime, found["X-CUBE-AI"], arguments.write)


FOUR_NETWORKS = {family(f"mlperf-{task}") for task in ("ad", "ic", "kws", "vww")}


if __name__ == "__main__":
    main()
