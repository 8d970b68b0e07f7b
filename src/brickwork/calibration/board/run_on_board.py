#!/usr/bin/env python3
"""Time the networks of this folder on this computer: ``python3 run_on_board.py``.

Needs Python 3.9 and NumPy, and one of ONNX Runtime, LiteRT (ai-edge-litert), tflite-runtime and
TensorFlow. A network runs on one thread: 30 calls to warm up, then 10 rounds of up to 50 calls.
Other work can only make a call slower, so the fastest of each round counts, and of the rounds their
median.

Each line is written as soon as it is known, so the script may be stopped and run again.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import csv
import hashlib
import importlib
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["main"]

COLUMNS = ["file", "checksum", "latency_ms", "spread_ms", "runtime", "machine", "mhz"]
ROUNDS, CALLS, WARM_UP = 10, 50, 30
CHECKED = 16  # digits of a checksum

Call = Callable[[], object]


def main() -> int:
    """Measure what is not measured yet; the exit code is 0 where all is."""
    parser = argparse.ArgumentParser(description="Time the networks of this folder.")
    parser.add_argument("--runtime", choices=sorted(RUNTIMES), help="default: the first there is")
    parser.add_argument("--out", type=Path, help="default: measurements.csv beside this script")
    parser.add_argument("--seconds", type=float, default=5.0, help="at most for each network")
    asked = parser.parse_args()
    folder = Path(__file__).resolve().parent
    out = asked.out or folder / "measurements.csv"
    try:
        networks = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["networks"]
        suffix, runtime, load = _found_runtime(asked.runtime)
        machine = _this_machine()
        done = _measured_files(out, runtime, machine)
        _warn_of_clock()
        files = [(name, facts) for one in networks for name, facts in one["files"].items()]
        files = [(name, facts) for name, facts in files if name.endswith(suffix)]
        for number, (name, facts) in enumerate(files, start=1):
            check = facts["sha256"][:CHECKED]
            if (name, check) in done:
                continue
            content = (folder / name).read_bytes()
            if hashlib.sha256(content).hexdigest() != facts["sha256"]:
                raise SystemExit(name + " was changed: copy the folder again")
            middle, spread = _measure(load(content), asked.seconds)
            times = [f"{1000 * middle:.6g}", f"{1000 * spread:.3g}"]
            _add_line(out, [name, check, *times, runtime, machine, ""])
            _say(f"{number} of {len(files)}: {name}, {times[0]} ms")
    except KeyboardInterrupt:
        _say("stopped: run it again to go on")
        return 130
    except OSError as error:
        _say(f"{error.filename or out}: {error.strerror or error}")
        return 2
    _say(f"written: {out}")
    return 0


def _say(text: str) -> None:
    """A line for the person who waits."""
    sys.stderr.write(text + "\n")


def _measure(call: Call, seconds: float) -> tuple[float, float]:
    """Seconds of a call: the median of each round's fastest; half of the range of most rounds."""
    began = time.perf_counter()
    warmed = 0
    while warmed < WARM_UP and (not warmed or time.perf_counter() - began < seconds / 4):
        call()
        warmed += 1
    each = max((time.perf_counter() - began) / warmed, 1e-9)
    calls = min(CALLS, max(3, int(seconds / each / ROUNDS)))
    fastest = [min(_timed(call) for _ in range(calls)) for _ in range(ROUNDS)]
    low, high = np.quantile(fastest, (0.1, 0.9))
    return float(np.median(fastest)), float(high - low) / 2


def _timed(call: Call) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _pixels(shape: Any, kind: Any) -> Any:
    """Numbers that go in: always the same; their values do not matter."""
    values = np.random.default_rng(0).uniform(0.0, 255.0, tuple(int(size) for size in shape))
    return (values - 128 if np.dtype(kind) == np.int8 else values).astype(kind)


def _load_onnx(runtime: Any, content: bytes) -> Call:
    """A call of a network in ONNX Runtime."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    first = session.get_inputs()[0]
    shape = [size if isinstance(size, int) else 1 for size in first.shape]
    feed = {first.name: _pixels(shape, np.float32)}
    return lambda: session.run(None, feed)


def _load_tflite(interpreter: Any, content: bytes) -> Call:
    """A call of a network in an interpreter of TensorFlow Lite."""
    made = interpreter(model_content=content, num_threads=1)
    made.allocate_tensors()
    for one in made.get_input_details():
        made.set_tensor(one["index"], _pixels(one["shape"], one["dtype"]))
    return made.invoke  # type: ignore[no-any-return]  # of a package without types


def _from_onnxruntime() -> tuple[str, str, Callable[[bytes], Call]]:
    """ONNX Runtime: the files that it runs, its name, and what loads one."""
    runtime = importlib.import_module("onnxruntime")
    return ".onnx", "ONNX Runtime " + runtime.__version__, lambda data: _load_onnx(runtime, data)


def _from_litert() -> tuple[str, str, Callable[[bytes], Call]]:
    """LiteRT, likewise."""
    module = importlib.import_module("ai_edge_litert.interpreter")
    return ".tflite", "LiteRT" + _version("ai-edge-litert"), _interpreting(module.Interpreter)


def _from_tflite() -> tuple[str, str, Callable[[bytes], Call]]:
    """What came before LiteRT, likewise."""
    module = importlib.import_module("tflite_runtime.interpreter")
    return (
        ".tflite",
        "TensorFlow Lite" + _version("tflite-runtime"),
        _interpreting(module.Interpreter),
    )


def _from_tensorflow() -> tuple[str, str, Callable[[bytes], Call]]:
    """The interpreter in TensorFlow, likewise."""
    module = importlib.import_module("tensorflow")
    name = "TensorFlow Lite " + module.__version__
    return ".tflite", name, _interpreting(module.lite.Interpreter)


def _interpreting(interpreter: Any) -> Callable[[bytes], Call]:
    """What loads a file with an interpreter."""
    return lambda content: _load_tflite(interpreter, content)


RUNTIMES = {
    "litert": _from_litert,
    "tflite-runtime": _from_tflite,
    "onnxruntime": _from_onnxruntime,
    "tensorflow": _from_tensorflow,
}


def _found_runtime(name: str | None) -> tuple[str, str, Callable[[bytes], Call]]:
    """The runtime that was asked for, or the first that is there."""
    for one in [name] if name else RUNTIMES:
        try:
            return RUNTIMES[one]()
        except ImportError:
            continue
    if name:
        raise SystemExit(f"{name} is not installed here")
    raise SystemExit(f"none of {', '.join(RUNTIMES)} is installed here")


def _version(package: str) -> str:
    """A blank and the version of a package, as far as it is known."""
    from importlib import metadata

    try:
        return " " + metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _this_machine() -> str:
    """The board, or its processor."""
    try:
        board = Path("/proc/device-tree/model").read_text(errors="replace").strip("\0\n ")
    except OSError:
        board = ""
    if board:
        return board
    names = [
        line.split(":", 1)[1].strip() for line in _cpu_lines() if line.startswith("model name")
    ]
    return names[0] if names else platform.processor() or platform.machine()


def _cpu_lines() -> list[str]:
    """What Linux says of the processor."""
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def _warn_of_clock() -> None:
    """Say so where the clock may change under way."""
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    try:
        governor = path.read_text().strip()
    except OSError:
        return
    if governor != "performance":
        _say(f"note: the clock may change (governor {governor}); 'performance' keeps it still")


def _measured_files(out: Path, runtime: str, machine: str) -> set[tuple[str, str]]:
    """Files that a line of the CSV already has; a last line that is not whole is taken away."""
    if not out.exists():
        _add_line(out, COLUMNS)
        return set()
    text = out.read_text(encoding="utf-8")
    if not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
        out.write_text(text, encoding="utf-8")
    rows = list(_csv_rows(text))
    if not rows:
        _add_line(out, COLUMNS)
    for row in rows[1:]:
        if row[4:6] != [runtime, machine]:
            other = " on ".join(row[4:6])
            raise SystemExit(f"{out} was measured with {other}: give another file with --out")
    return {(row[0], row[1]) for row in rows[1:]}


def _csv_rows(text: str) -> Iterator[list[str]]:
    """The rows of a CSV that are not empty."""
    return (row for row in csv.reader(text.splitlines()) if row)


def _add_line(out: Path, cells: list[str]) -> None:
    """Append a line and see to it that it stays."""
    with out.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerow(cells)
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    raise SystemExit(main())
