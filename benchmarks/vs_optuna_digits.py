"""Brickwork against a hand-written Optuna search on the embedded digits, at equal CPU seconds.

    pip install -c constraints.txt -e '.[bench]'
    python benchmarks/vs_optuna_digits.py --seeds 0 1 2 3 4 --budget 60s --out vs_optuna_digits.json

For each seed Brickwork runs first (search, retraining, test, export, verification: all of it
within the budget, in wall-clock seconds). The CPU seconds that this took, children included, are
what each Optuna search then gets: NSGA-II, and TPE. All have the same splits and one thread a
process. Run it on a machine that has nothing else to do: CPU seconds grow when cores are shared.

The Optuna side is what a practitioner writes: a plain PyTorch network of three depthwise-separable
stages, its widths, kernels, expansions and recipe as ``trial.suggest_*``, accuracy against
parameters as objectives, a short training for each trial, and every member of the front retrained
with the full number of epochs on training and validation split. It searches until what is left is
just enough to retrain its front. It borrows Brickwork's augmentation, and one thing that Optuna's
defaults get wrong at this size: its NSGA-II has a population of 10, not 50.

The figure is the hypervolume of (test error, log10 parameters) below the reference point of 10 %
error and 20,000 parameters; more is better. For Brickwork the error is the mean over its retraining
seeds; beside it stands the hypervolume of its exported files.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REFERENCE = (0.10, math.log10(20_000))
SIDES = ("brickwork", "nsga2", "tpe")
BATCH = 128
SUBREAPER = 36  # prctl's PR_SET_CHILD_SUBREAPER


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--budget", default="60s", help="wall-clock budget of Brickwork")
    parser.add_argument("--workers", type=int, default=2, help="processes of Brickwork")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--cpu", type=float, help="CPU seconds of the Optuna sides, if not equal")
    parser.add_argument("--search-epochs", type=int, default=10, help="epochs of an Optuna trial")
    parser.add_argument("--final-epochs", type=int, default=100, help="epochs of its retraining")
    parser.add_argument("--out", type=Path, help="where to write the result as JSON")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # what runs in a process of its own
    options = parser.parse_args()
    if options.one:
        job = json.loads(options.one)
        run = _brickwork if job["side"] == "brickwork" else _optuna
        Path(job["out"]).write_text(json.dumps(run(job)))
        return
    if "brickwork" not in options.sides and options.cpu is None:
        parser.error("give --cpu, or let Brickwork run to say how much is equal")
    _compare(options)


def _compare(options: argparse.Namespace) -> None:
    rows = []
    for seed in options.seeds:
        cpu = options.cpu
        for side in SIDES:
            if side not in options.sides:
                continue
            job = {
                "side": side,
                "seed": seed,
                "budget": options.budget,
                "workers": options.workers,
                "cpu_s": cpu,
                "search_epochs": options.search_epochs,
                "final_epochs": options.final_epochs,
            }
            row = in_a_process(__file__, job)
            row["hypervolume"] = hypervolume_of(row["points"])
            if "files" in row:
                row["hypervolume_of_files"] = hypervolume_of(row["files"])
            if side == "brickwork" and cpu is None:
                cpu = row["cpu_s"]
            rows.append(row)
            _show(row)
    summary = summary_of(rows)
    for side, figures in summary.items():
        print(
            f"{side:10} hypervolume {figures['mean']:.4f} ± {figures['sd']:.4f} (mean and sd of "
            f"{figures['seeds']} seeds), {figures['cpu_s']:.0f} CPU s"
        )
    if options.out:
        result = {
            "command": " ".join(["python", *sys.argv]),
            "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "reference": {"test_error": REFERENCE[0], "log10_parameters": REFERENCE[1]},
            "summary": summary,
            "runs": rows,
        }
        options.out.write_text(json.dumps(result, indent=1) + "\n")


def in_a_process(script: str, job: dict[str, Any]) -> dict[str, Any]:
    """Run one side by itself; its row, with CPU seconds of the process and all that it started.

    Args:
        script: A benchmark that does the job which it is given as ``--one``.
        job: What to do; has ``side`` and ``seed``, and gets a ``folder`` and a file for the row.
    """
    # Workers that outlive their parent are handed to this process, so that their time is counted.
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as folder:
        job = {**job, "folder": folder, "out": f"{folder}/row.json"}
        before, began = _cpu_of_children(), time.monotonic()
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        subprocess.run(
            [sys.executable, script, "--one", json.dumps(job)], env=environment, check=True
        )
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()
        row: dict[str, Any] = json.loads(Path(job["out"]).read_text())
    row |= {"side": job["side"], "seed": job["seed"]}
    row |= {"cpu_s": _cpu_of_children() - before, "wall_s": time.monotonic() - began}
    return row


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def hypervolume_of(points: list[list[float]]) -> float:
    from brickwork.objective import hypervolume

    return hypervolume([[error, math.log10(size)] for size, error in points], REFERENCE)


def _show(row: dict[str, Any]) -> None:
    points = ", ".join(f"{size:,.0f}: {1 - error:.4f}" for size, error in sorted(row["points"]))
    files = f" (files {row['hypervolume_of_files']:.4f})" if "files" in row else ""
    print(
        f"seed {row['seed']} {row['side']:10} hypervolume {row['hypervolume']:.4f}{files}, "
        f"{row['cpu_s']:.0f} CPU s, {row['wall_s']:.0f} s, {row['trials']} trials\n    {points}",
        flush=True,
    )


def summary_of(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    found = {}
    for side in dict.fromkeys(row["side"] for row in rows):
        mine = [row for row in rows if row["side"] == side]
        volumes = [row["hypervolume"] for row in mine]
        found[side] = {
            "mean": statistics.mean(volumes),
            "sd": statistics.stdev(volumes) if len(volumes) > 1 else math.nan,
            "seeds": len(volumes),
            "cpu_s": statistics.mean(row["cpu_s"] for row in mine),
        }
    return found


# --- Brickwork ------------------------------------------------------------------------------------


def _brickwork(job: dict[str, Any]) -> dict[str, Any]:
    import brickwork

    study = brickwork.search(
        "digits",
        target="stm32f746",
        budget=job["budget"],
        seed=job["seed"],
        study=f"{job['folder']}/study",
        workers=job["workers"],
        objectives=("accuracy", "parameters"),
    )
    front = [(m.metrics["parameters"].value, m) for m in study.front]
    return {
        "points": [[size, 1 - model.final["accuracy"].value] for size, model in front],
        "files": [[size, 1 - model.metrics["accuracy"].value] for size, model in front],
        "trials": sum(trial.scored for trial in study.trials()),
    }


# --- Optuna, as a practitioner writes it ----------------------------------------------------------


def _optuna(job: dict[str, Any]) -> dict[str, Any]:
    import optuna
    import torch

    from brickwork.tasks.image import load_images

    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    task = load_images("digits", job["seed"])
    train, val, test = (task.arrays(split) for split in ("train", "val", "test"))
    whole = tuple(
        torch.cat([torch.from_numpy(a), torch.from_numpy(b)])
        for a, b in zip(train, val, strict=True)
    )
    parts = [tuple(map(torch.from_numpy, part)) for part in (train, val, test)]
    longer = job["final_epochs"] / job["search_epochs"] * len(whole[1]) / len(parts[0][1])

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        began = time.process_time()
        net = _network(trial, len(task.classes), task.input[0])
        size = sum(p.numel() for p in net.parameters())
        _train(net, trial.params, task, parts[0], job["search_epochs"], job["seed"])
        accuracy = _accuracy(net, parts[1])
        trial.set_user_attr("seconds", time.process_time() - began)
        return accuracy, math.log10(size)

    def stop_in_time(study: optuna.Study, _: optuna.trial.FrozenTrial) -> None:
        """What is left must suffice to retrain the front; importing is part of what was used."""
        retraining = sum(t.user_attrs["seconds"] * longer for t in study.best_trials)
        if time.process_time() + retraining >= job["cpu_s"]:
            study.stop()

    sampler: optuna.samplers.BaseSampler
    if job["side"] == "nsga2":
        sampler = optuna.samplers.NSGAIISampler(population_size=10, seed=job["seed"])
    else:
        sampler = optuna.samplers.TPESampler(seed=job["seed"])
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    study.optimize(objective, callbacks=[stop_in_time])

    points = []
    for best in study.best_trials:
        net = _network(best, len(task.classes), task.input[0])
        _train(net, best.params, task, whole, job["final_epochs"], job["seed"])
        size = sum(p.numel() for p in net.parameters())
        points.append([size, 1 - _accuracy(net, parts[2])])
    return {"points": points, "trials": len(study.trials)}


def _network(trial: Any, outputs: int, channels: int) -> Any:
    """Three stages of depthwise-separable convolutions; raw pixels 0..16 go in."""
    import torch
    from torch import nn

    torch.manual_seed(trial.number)

    def norm(width: int) -> list[nn.Module]:
        return [nn.BatchNorm2d(width), nn.ReLU()]

    width = trial.suggest_int("stem", 4, 12)
    layers: list[nn.Module] = [nn.BatchNorm2d(channels, affine=False)]
    layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), *norm(width)]
    for stage in range(3):
        out = trial.suggest_int(f"width{stage}", 4, 32, log=True)
        kernel = trial.suggest_categorical(f"kernel{stage}", [3, 5])
        expand = trial.suggest_int(f"expand{stage}", 1, 3)
        stride = 2 if stage > 0 else 1
        inner = width * expand
        if expand > 1:
            layers += [nn.Conv2d(width, inner, 1, bias=False), *norm(inner)]
        layers.append(
            nn.Conv2d(inner, inner, kernel, stride, kernel // 2, groups=inner, bias=False)
        )
        layers += [*norm(inner), nn.Conv2d(inner, out, 1, bias=False), *norm(out)]
        width = out
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, outputs)]
    trial.suggest_float("lr", 1e-3, 5e-2, log=True)
    trial.suggest_float("weight_decay", 1e-4, 1e-1, log=True)
    trial.suggest_categorical("smoothing", [0.0, 0.05, 0.1])
    trial.suggest_categorical("augment", [0.0, 0.25, 0.5, 1.0])
    return nn.Sequential(*layers)


def _train(net: Any, recipe: dict[str, Any], task: Any, data: Any, epochs: int, seed: int) -> None:
    """AdamW with one cycle; ``BATCH`` samples a step."""
    import torch
    from torch import nn

    x, y = data
    generator = torch.Generator().manual_seed(seed)
    steps = epochs * (len(y) // BATCH)
    optimizer = torch.optim.AdamW(
        net.parameters(), recipe["lr"], weight_decay=recipe["weight_decay"]
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe["lr"], total_steps=steps)
    net.train()
    for _ in range(epochs):
        order = torch.randperm(len(y), generator=generator)
        for start in range(0, len(y) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            batch = x[rows].float()
            if recipe["augment"] > 0:
                batch, _ = task.augment(batch, y[rows], recipe["augment"], generator)
            loss = nn.functional.cross_entropy(
                net(batch), y[rows], label_smoothing=recipe["smoothing"]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def _accuracy(net: Any, data: Any) -> float:
    import torch

    net.eval()
    with torch.no_grad():
        return float((net(data[0].float()).argmax(1) == data[1]).float().mean())


if __name__ == "__main__":
    main()
