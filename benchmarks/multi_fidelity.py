"""Does a search over several fidelities save training, on real data?

    python benchmarks/multi_fidelity.py --seeds 0 1 2 3 4 --cpu 240
    python benchmarks/multi_fidelity.py --mnist --seeds 0 1 2 3 4 --cpu 400

A search that trains every network in full runs until its CPU seconds are spent; the same strategy
over three fidelities (``asha:...``) has as many. Judged are whole trainings only, by the
hypervolume of (validation error, log10 parameters) below 10 % error and 20,000 parameters. The
figure: after which part of the other's CPU seconds the search over several fidelities has reached
the hypervolume at which the other ended. With ``--mnist`` the data are 4,000 images of MNIST.
``--marks`` shows both sides after some CPU seconds, as shorter searches would have ended.

A search asks and tells one network at a time in a process of its own, one thread each; CPU seconds
are those of training and scoring.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import math
import platform
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from oneshot_vs_evolution import mnist
from vs_optuna_digits import hypervolume_of


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--cpu", type=float, default=240.0, help="CPU seconds of each search")
    parser.add_argument(
        "--scale", type=float, default=0.5, help="of a full training, at fidelity 1"
    )
    parser.add_argument(
        "--pairs", nargs="+", default=["evolution:asha:evolution"], help="FULL:SEVERAL"
    )
    parser.add_argument(
        "--marks", type=float, nargs="+", default=[], help="CPU seconds at which to look"
    )
    parser.add_argument("--mnist", action="store_true", help="4,000 images of MNIST")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="where to write the result as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = mnist(Path(folder)) if options.mnist else "digits"
        settings = {"data": data, "cpu": options.cpu, "scale": options.scale}
        pairs = [pair.split(":", 1) for pair in options.pairs]
        jobs = [
            {**settings, "strategy": name, "seed": seed}
            for pair in pairs
            for seed in options.seeds
            for name in pair
        ]
        with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
            curves = list(pool.map(searched, jobs))
    rows = []
    for i, (full, several) in enumerate(pairs):
        start = 2 * i * len(options.seeds)
        found = [
            compared(seed, *curves[start + 2 * k : start + 2 * k + 2], options.marks)
            for k, seed in enumerate(options.seeds)
        ]
        rows.append({"full": full, "several": several, "seeds": found})
        show(full, several, found)
    if options.out:
        result = {
            "command": " ".join(["python", *sys.argv]),
            "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
            "pairs": rows,
        }
        options.out.write_text(json.dumps(result, indent=1) + "\n")


def searched(job: dict[str, Any]) -> list[tuple[float, float, int]]:
    """A search: CPU seconds, hypervolume and trials after each whole training."""
    from brickwork.config import Context, Run, task_for
    from brickwork.tasks.training import prepare_process
    from brickwork.trial import State, Trial

    prepare_process()
    run = Run.of(
        data=job["data"],
        target="stm32f746",
        strategy=job["strategy"],
        objectives=("accuracy", "parameters"),
        seed=job["seed"],
        scale=job["scale"],
    )
    context = Context.of(run, task_for(run))
    strategy, estimator = context.strategy(), context.estimator
    spent, number, points = 0.0, 0, list[list[float]]()
    curve = [(0.0, 0.0, 0)]
    while spent < job["cpu"]:
        for proposal in strategy.ask(1):
            known = context.known(proposal.arch)
            begun = time.process_time()
            found = estimator.estimate(proposal, None)
            seconds = time.process_time() - begun
            spent += seconds
            metrics = {**known, **found.metrics}
            strategy.tell(Trial(number, proposal, State.DONE, metrics, seconds=seconds))
            number += 1
            if proposal.fidelity >= 1:
                error = 1.0 - found.metrics["accuracy"].value
                points.append([known["parameters"].value, error])
                curve.append((spent, hypervolume_of(points), number))
    return curve


def compared(
    seed: int,
    full: list[tuple[float, float, int]],
    several: list[tuple[float, float, int]],
    marks: list[float],
) -> dict[str, Any]:
    """After which part of the other's CPU seconds the same hypervolume is reached."""
    end, best, _ = full[-1]
    reached = next((cpu for cpu, volume, _ in several if volume >= best), math.inf)
    return {
        "seed": seed,
        "full": {"cpu_s": end, "hypervolume": best, "trials": full[-1][2]},
        "several": {
            "cpu_s": several[-1][0],
            "hypervolume": several[-1][1],
            "trials": several[-1][2],
        },
        "part": None if math.isinf(reached) else reached / end,
        "marks": {str(mark): (at(full, mark), at(several, mark)) for mark in marks},
    }


def at(curve: list[tuple[float, float, int]], cpu: float) -> float:
    """The hypervolume after some CPU seconds."""
    return max(volume for spent, volume, _ in curve if spent <= cpu)


def show(full: str, several: str, found: list[dict[str, Any]]) -> None:
    for row in found:
        part = "not reached" if row["part"] is None else f"reached after {row['part']:.2f}"
        print(
            f"seed {row['seed']}: {full} {row['full']['hypervolume']:.4f} "
            f"({row['full']['trials']} trials), {several} {row['several']['hypervolume']:.4f} "
            f"({row['several']['trials']} trials): {part}"
        )
        for mark, (before, after) in row["marks"].items():
            print(f"  after {float(mark):g} CPU s: {full} {before:.4f}, {several} {after:.4f}")
    parts = [row["part"] for row in found if row["part"] is not None]
    for side in ("full", "several"):
        volumes = [row[side]["hypervolume"] for row in found]
        spread = statistics.stdev(volumes) if len(volumes) > 1 else 0.0
        print(f"{side:8} hypervolume {statistics.mean(volumes):.4f} ± {spread:.4f}")
    if parts:
        print(
            f"{several} reaches the end of {full} after {statistics.mean(parts):.2f} of its CPU "
            f"seconds (mean of {len(parts)} of {len(found)} seeds; median "
            f"{statistics.median(parts):.2f})"
        )


if __name__ == "__main__":
    main()
