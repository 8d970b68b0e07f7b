"""How much of a search's wall time is not training, when a trial takes one second.

    python benchmarks/loop_overhead.py [--seconds 60] [--workers 2]

Real strategy, graphs, costs, store and worker processes; a trial sleeps for a second instead of
training, so that what is left over is the loop's. The start of the workers is counted apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from brickwork.config import Context, Run, task_for
from brickwork.engine.executors import Processes, Setup
from brickwork.engine.loop import Loop
from brickwork.engine.store import Store
from brickwork.quantity import How, Quantity
from brickwork.trial import State

TRIAL_S = 1.0


def make() -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The work: a second of sleep, and a score that depends on the architecture."""

    def work(job: Mapping[str, Any]) -> dict[str, Any]:
        time.sleep(TRIAL_S)
        score = 0.9 + 0.1 * (zlib.crc32(repr(job["arch"]).encode()) % 1000) / 1000
        found = {"accuracy": Quantity(score, "fraction", How.MEASURED, 0.01).to_json()}
        return {"metrics": found, "seconds": TRIAL_S, "checkpoint": None}

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    run = Run.of(
        data="digits", target="stm32f746", objectives=("accuracy", "parameters"),
        workers=options.workers,
    )  # fmt: skip
    context = Context.of(run, task_for(run))
    pool = Processes(Setup("loop_overhead:make", {}), options.workers, 60.0)
    for number in range(options.workers):  # the workers start
        pool.submit(-1 - number, {"arch": {}})
    started = 0
    while started < options.workers:
        started += len(pool.wait(1.0))
    with tempfile.TemporaryDirectory() as folder, Store.create(Path(folder) / "s", {}) as store:
        loop = Loop(
            context.strategy(), context.describe, pool, store, context.objectives, context.limits
        )
        cpu, wall = time.process_time(), time.perf_counter()
        progress = loop.run(options.seconds)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    pool.close()
    trained = progress.counts[State.DONE]
    busy = trained * TRIAL_S / options.workers
    print(f"{trained} trials of {TRIAL_S:g} s on {options.workers} workers in {wall:.1f} s")
    print(f"outside training: {100 * (1 - busy / wall):.1f} % of wall time")
    print(f"CPU of the loop: {1e3 * cpu / max(1, trained):.1f} ms a trial")


if __name__ == "__main__":
    main()
