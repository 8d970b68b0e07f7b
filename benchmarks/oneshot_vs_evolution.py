"""Does sharing weights find a better front than training alone, at equal CPU seconds?

    python benchmarks/oneshot_vs_evolution.py --seeds 0 1 2 3 4 --budget 2m --out digits.json
    python benchmarks/oneshot_vs_evolution.py --mnist --seeds 0 1 2 --budget 10m

For each seed one search for each strategy, all with the same budget: search, preparation included,
then retraining, test, export. The first side gives the CPU seconds that the others are to have: one
that differs from them by more than a tenth is run again, once, with a budget in proportion. With
``--mnist`` the data are the first 4,000 training images of MNIST and its whole test split.

The figure is the hypervolume of (test error, log10 parameters) below the reference point of 10 %
error and 20,000 parameters, the error being the mean over the seeds of retraining; beside it stand
that of the exported files and what the report says of the gate. Run it on a machine that has
nothing else to do: CPU seconds grow when cores are shared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
from vs_optuna_digits import REFERENCE, hypervolume_of, in_a_process, summary_of

SIDES = ("auto", "evolution", "sandwich", "one-shot")
SAMPLES = 4000
TOLERANCE = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--budget", default="2m", help="wall-clock budget of each search")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sides", nargs="+", default=list(SIDES), help="strategies")
    parser.add_argument("--mnist", action="store_true", help=f"{SAMPLES} images of MNIST")
    parser.add_argument("--out", type=Path, help="where to write the result as JSON")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # what runs in a process of its own
    options = parser.parse_args()
    if options.one:
        job = json.loads(options.one)
        Path(job["out"]).write_text(json.dumps(searched(job)))
        return
    rows = [row for seed in options.seeds for row in of_seed(options, seed)]
    summary = summary_of(rows)
    for side, found in summary.items():
        print(
            f"{side:10} hypervolume {found['mean']:.4f} ± {found['sd']:.4f} (mean and sd of "
            f"{found['seeds']} seeds), {found['cpu_s']:.0f} CPU s"
        )
    if options.out:
        result = {
            "command": " ".join(["python", *sys.argv]),
            "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
            "reference": {"test_error": REFERENCE[0], "log10_parameters": REFERENCE[1]},
            "summary": summary,
            "runs": rows,
        }
        options.out.write_text(json.dumps(result, indent=1) + "\n")


def of_seed(options: argparse.Namespace, seed: int) -> list[dict[str, Any]]:
    """A row for each strategy."""
    from brickwork.objective import parse_duration

    rows: list[dict[str, Any]] = []
    for side in options.sides:
        budget = parse_duration(options.budget)
        job = {
            "side": side,
            "seed": seed,
            "budget": budget,
            "workers": options.workers,
            "mnist": options.mnist,
        }
        row = in_a_process(__file__, job)
        wanted = rows[0]["cpu_s"] if rows else row["cpu_s"]
        if abs(row["cpu_s"] / wanted - 1) > TOLERANCE:
            row = in_a_process(__file__, job | {"budget": budget * wanted / row["cpu_s"]})
        row["hypervolume"] = hypervolume_of(row["points"])
        row["hypervolume_of_files"] = hypervolume_of(row["files"])
        rows.append(row)
        points = ", ".join(f"{size:,.0f}: {1 - error:.4f}" for size, error in sorted(row["points"]))
        print(
            f"seed {seed} {side:10} hypervolume {row['hypervolume']:.4f} (files "
            f"{row['hypervolume_of_files']:.4f}), {row['cpu_s']:.0f} CPU s, {row['wall_s']:.0f} s, "
            f"{row['trials']} trials\n    {points}",
            *row["said"],
            sep="\n    ",
            flush=True,
        )
    return rows


def searched(job: dict[str, Any]) -> dict[str, Any]:
    """One search: its models, and what is said of its preparation."""
    import brickwork
    from brickwork.verdict import verdict

    study = brickwork.search(
        mnist(Path(job["folder"])) if job["mnist"] else "digits",
        target="stm32f746",
        strategy=job["side"],
        budget=job["budget"],
        seed=job["seed"],
        study=f"{job['folder']}/study",
        workers=job["workers"],
        objectives=("accuracy", "parameters"),
    )
    front = [(model.metrics["parameters"].value, model) for model in study.front]
    return {
        "points": [[size, 1 - model.final["accuracy"].value] for size, model in front],
        "files": [[size, 1 - model.metrics["accuracy"].value] for size, model in front],
        "trials": sum(trial.scored for trial in study.trials()),
        "said": [text for text in verdict(study) if "trainings of" in text],
    }


def mnist(folder: Path) -> str:
    """A file with a part of MNIST."""
    data = os.environ.get("BRICKWORK_DATA", "../shared/data")
    with np.load(Path(data) / "images" / "mnist.npz", allow_pickle=False) as arrays:
        part = {name: arrays[name] for name in arrays.files}
    for name in part:
        if "train" in name:
            part[name] = part[name][:SAMPLES]
    path = folder / "mnist4k.npz"
    np.savez(path, **part)
    return str(path)


if __name__ == "__main__":
    main()
