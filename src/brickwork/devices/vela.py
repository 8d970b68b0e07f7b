"""Arm Ethos-U: what Vela, the compiler of these NPUs, makes of a file and estimates for it.

Vela runs as a process of its own, and two of its outputs are read: a row of figures, and the
compiled file, in which each operation that is left is one for the CPU. Its cycles come from a model
of the NPU and its memories, not from a chip, and what falls back to the CPU is not in them.
"""

from __future__ import annotations

import csv
import importlib.util
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from brickwork.devices.files.model import ModelFile
from brickwork.devices.files.tflite import read_tflite
from brickwork.devices.target import Npu
from brickwork.errors import MissingExtra, ModelFileError
from brickwork.quantity import How, Quantity

__all__ = ["Compiled", "compiled"]

_TIMEOUT_S = 300.0
_ON_NPU = "CUSTOM(ethos-u)"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A file compiled for an NPU.

    Attributes:
        content: The compiled file.
        cycles: Cycles of the NPU for a call.
        clock_hz: Its clock.
        fallbacks: Kinds of operation that run on the CPU, and how many of each.
        reasons: Why the NPU cannot run them, by kind, as Vela says it.
        costs: Latency, peak SRAM and flash.
        notes: What a person should know besides.
    """

    content: bytes
    cycles: int
    clock_hz: float
    fallbacks: Mapping[str, int]
    reasons: Mapping[str, str]
    costs: dict[str, Quantity]
    notes: list[str]


def compiled(model: ModelFile, npu: Npu, timeout_s: float = _TIMEOUT_S) -> Compiled:
    """What Vela makes of a ``.tflite`` file.

    Raises:
        ModelFileError: The file works on floats, none of it can run on the NPU, or Vela fails.
        MissingExtra: Vela is not installed.
    """
    if importlib.util.find_spec("ethosu") is None:
        raise MissingExtra("mcu", "compiling for an Ethos-U")
    if not model.integer:
        raise ModelFileError(
            f"{npu.accelerator} runs int8 and int16 files, this one works on {model.activations}: "
            "quantise it first"
        )
    with tempfile.TemporaryDirectory(prefix="brickwork-") as folder:
        said = _run(model.content, npu, Path(folder), timeout_s)
        row, content = _outputs(Path(folder))
    kinds = Counter(layer.kind for layer in read_tflite(content).program.layers)
    if not kinds.pop(_ON_NPU, 0):
        raise ModelFileError(f"no operation of the file can run on {npu.accelerator}")
    reasons = {
        kind: " ".join(reason.split())
        for kind, reason in re.findall(r"operator: (\w+), ofm: [^\n]*\nReason: ([^\n]*)", said)
    }
    return _read(row, content, npu, dict(kinds), reasons)


def _run(content: bytes, npu: Npu, folder: Path, timeout_s: float) -> str:
    """Run Vela in a folder; what it prints."""
    path = folder / "model.tflite"
    path.write_bytes(content)
    command = [
        *(sys.executable, "-m", "ethosu.vela", str(path), "--output-dir", str(folder)),
        *("--accelerator-config", npu.accelerator, "--config", npu.config),
        *("--system-config", npu.system_config, "--memory-mode", npu.memory_mode),
    ]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=timeout_s
        )
    except subprocess.TimeoutExpired:
        raise ModelFileError(f"Vela took over {timeout_s:g} s for {npu.accelerator}") from None
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        reason = lines[-1][:300] if lines else f"it ended with exit code {done.returncode}"
        raise ModelFileError(f"Vela cannot compile it for {npu.accelerator}: {reason}")
    return done.stdout + done.stderr


def _outputs(folder: Path) -> tuple[dict[str, str], bytes]:
    """The row of figures and the compiled file."""
    tables = sorted(folder.glob("*_summary_*.csv"))
    files = sorted(folder.glob("*_vela.tflite"))
    if not tables or not files:
        raise ModelFileError("Vela has written no result")
    with tables[0].open(newline="", encoding="utf-8") as table:
        return next(csv.DictReader(table)), files[0].read_bytes()


def _read(
    row: Mapping[str, str],
    content: bytes,
    npu: Npu,
    fallbacks: Mapping[str, int],
    reasons: Mapping[str, str],
) -> Compiled:
    try:
        cycles, clock = int(float(row["cycles_total"])), float(row["core_clock"])
        sram = 1024 * float(row["sram_memory_used"])
        dram = 1024 * float(row["dram_memory_used"])
    except (KeyError, ValueError) as error:
        raise ModelFileError(f"Vela's figures cannot be read: {error!r}") from None
    vela = (
        f"Vela {metadata.version('ethos-u-vela')} for {npu.accelerator} "
        f"({npu.system_config}, {npu.memory_mode})"
    )
    left = ", ".join(f"{count} {kind}" for kind, count in sorted(fallbacks.items()))
    how, without, notes = How.SIMULATED, "", []
    if left:
        why = "; ".join(f"{kind}: {reasons[kind]}" for kind in sorted(fallbacks) if kind in reasons)
        notes.append(f"on the CPU, and not in the latency: {left}" + (f" ({why})" if why else ""))
        how, without = How.ESTIMATED, f"; without what the CPU runs: {left}"
    if dram:
        notes.append(f"besides SRAM it uses {dram:,.0f} B of DRAM")
    time = f"{vela}: {cycles:,} cycles at {clock / 1e6:g} MHz{without}; {npu.source}"
    peak = f"{vela}: SRAM used, without what the CPU's runtime needs"
    stored = f"{vela}: the compiled file, weights compressed, without the runtime"
    costs = {
        "flash_bytes": Quantity(float(len(content)), "B", How.SIMULATED, None, stored),
        "peak_sram_bytes": Quantity(sram, "B", How.SIMULATED, None, peak),
        "latency_ms": Quantity(1000 * cycles / clock, "ms", how, None, time),
    }
    return Compiled(content, cycles, clock, fallbacks, reasons, costs, notes)
