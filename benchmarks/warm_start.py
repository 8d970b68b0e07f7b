"""Does final training gain from starting with weights of a supernet?

    python benchmarks/warm_start.py --seeds 0 1 2

For each seed a supernet of the mobile space is trained on digits by the sandwich rule, and members
of at most 30,000 parameters,
spread along their cost, are trained on the training split from fresh weights (cold), from what
``Supernet.extract`` gives (warm), and those at a third of the learning rate (gentle); with all
epochs of a full training and with a third of them. The figure is the accuracy on the validation
split. Warm training has the supernet's time for nothing: in a search it is there already.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from brickwork.config import Context, Run, task_for
from brickwork.nets import build
from brickwork.oneshot.pool import drawn, plain, spread
from brickwork.oneshot.trainer import shared_recipe, train_supernet
from brickwork.sharing import make_supernet, rule_of
from brickwork.tasks.training import evaluate, prepare_process, train
from brickwork.trial import rng_for

LIMITS: dict[str, Any] = {"target": "stm32f746", "limits": ("parameters<=30000",)}
PARTS = (1.0, 1 / 3)
GENTLE = 3.0  # a learning rate is divided by this


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--shared-epochs", type=int, default=40, help="of the supernet")
    options = parser.parse_args()
    prepare_process()
    rows = [row for seed in options.seeds for row in of_seed(options, seed)]
    for part in PARTS:
        found = [row for row in rows if row["part"] == part]
        cold = statistics.mean(row["cold"] for row in found)
        print(f"{part:.2f} of the epochs: cold {100 * cold:.2f} %")
        for kind in KINDS[1:]:
            gains = [100 * (row[kind] - row["cold"]) for row in found]
            error = statistics.stdev(gains) / len(gains) ** 0.5
            print(
                f"    {kind} {statistics.mean(gains):+.2f} ± {error:.2f} points (standard error of "
                f"{len(gains)} pairs; {sum(g > 0 for g in gains)} better, "
                f"{sum(g < 0 for g in gains)} worse)"
            )


KINDS = ("cold", "warm", "gentle")


def of_seed(options: argparse.Namespace, seed: int) -> list[dict[str, Any]]:
    run = Run.of(data="digits", strategy="sandwich", seed=seed, **LIMITS)
    context = Context.of(run, task_for(run))
    task, estimator = context.task, context.estimator
    begun = time.process_time()
    net = make_supernet(context)
    recipe = shared_recipe(context.space)
    epochs = options.shared_epochs
    train_supernet(net, task, rule_of(context), recipe, epochs=epochs, seed=seed)
    print(f"seed {seed}: supernet {time.process_time() - begun:.0f} CPU s", flush=True)
    rows = []
    for arch in spread(drawn(context.problem, rng_for(seed, "warm"), 300), options.members):
        arch = plain(context.space, arch)
        whole = context.graph(arch)
        full = estimator.full(whole, task.splits["train"].size)
        size = context.known(arch)["parameters"].value
        for part in PARTS:
            found: dict[str, Any] = {"part": part}
            for kind in KINDS:
                random = torch.Generator().manual_seed(seed)
                module = build(whole, random) if kind == "cold" else net.extract(arch)
                epochs, how = max(3, round(part * full)), estimator.recipe(arch, part)
                how = replace(how, lr=how.lr / GENTLE) if kind == "gentle" else how
                train(module, task, how, epochs=epochs, seed=seed)
                found[kind] = float(np.round(evaluate(module, task, "val")["accuracy"].value, 4))
            rows.append(found)
            print(
                f"seed {seed}, {size:.0f} parameters, {epochs} epochs: "
                + ", ".join(f"{kind} {100 * found[kind]:.2f} %" for kind in KINDS),
                flush=True,
            )
    return rows


if __name__ == "__main__":
    main()
