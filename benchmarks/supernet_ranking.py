"""How well shared weights rank networks: supernet against standalone, beside what is possible.

    python benchmarks/supernet_ranking.py digits --seeds 0 1 2
    python benchmarks/supernet_ranking.py $BRICKWORK_DATA/images/mnist.npz --samples 4000
    python benchmarks/supernet_ranking.py ... --rules sandwich --shared-epochs 40 --tune 0 1

Members of the mobile space are trained alone with two seeds; Kendall's tau between the two is what
any estimate can reach. Beside it: tau of the supernet's scores with the mean of both, overall and
inside bands of MACs, for each rule of training, and of parameters and MACs alone. All scores are
accuracies on the validation split. With ``--tune E`` each member trains on for E epochs, alone,
from the weights of the supernet, before it is scored. "With MACs" is the mean of the ranks by the
score and by MACs, which a search knows as well.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from brickwork.config import Context, Run, task_for
from brickwork.estimators.train import Sample
from brickwork.kendall import tau as kendall
from brickwork.nets import Supernet, build
from brickwork.oneshot.paths import Fair, Paths, Progressive, Sandwich, Uniform
from brickwork.oneshot.trainer import calibrate, train_supernet
from brickwork.space import Arch
from brickwork.tasks.training import Recipe, evaluate, predict, prepare_process, train
from brickwork.trial import rng_for

RULES = {"uniform": Uniform, "fair": Fair, "sandwich": Sandwich, "progressive": Progressive}
BAND = 0.2


def setup(data: str, samples: int) -> tuple[Context, Any]:
    run = Run.of(data=data, target="stm32f746")
    task: Any = task_for(run)
    context = Context.of(run, task)
    size = task.splits["train"].size
    if samples and samples < size:
        task = Sample(task, samples / size, rng_for(0, "benchmark"))
    return context, task


def members(context: Context, count: int) -> list[Arch]:
    rng = rng_for(0, "ranking")
    return [context.space.sample(rng) for _ in range(count)]


def alone(job: tuple[str, int, dict[str, Any], int, int]) -> tuple[float, float]:
    """Accuracy of a network that was trained alone, and CPU seconds."""
    data, samples, arch_json, seed, epochs = job
    prepare_process()
    context, task = setup(data, samples)
    arch = Arch.from_json(arch_json)
    begun = time.process_time()
    module = build(context.graph(arch), torch.Generator().manual_seed(seed))
    train(module, task, settings(context), epochs=epochs, seed=seed)
    score = evaluate(module, task, "val")["accuracy"].value
    return score, time.process_time() - begun


Shared = tuple[str, int, str, int, int, list[dict[str, Any]], list[int]]


def shared(job: Shared) -> tuple[list[list[float]], list[float]]:
    """Accuracies of members with the weights of one supernet, for each length of training on;
    CPU seconds of the supernet, and of all members for each such length.
    """
    data, samples, rule, seed, epochs, archs, tuning = job
    prepare_process()
    context, task = setup(data, samples)
    begun = time.process_time()
    random = torch.Generator().manual_seed(seed)
    net = Supernet(context.space, task.input, task.outputs, task.normalize, random)
    paths: Paths = RULES[rule](context.space)
    train_supernet(net, task, paths, settings(context), epochs=epochs, seed=seed)
    taken = [time.process_time() - begun]
    seen = torch.from_numpy(np.ascontiguousarray(task.arrays("train")[0][:1024]))
    x, y = task.arrays("val")
    found = []
    for more in tuning:
        begun = time.process_time()
        scores = []
        for data_ in archs:
            module = net.extract(Arch.from_json(data_))
            if more:
                train(module, task, settings(context), epochs=more, seed=seed)
            else:
                calibrate(module, seen)
            scores.append(task.metrics(predict(module, x), y)["accuracy"].value)
        taken.append(time.process_time() - begun)
        found.append(scores)
    return found, taken


def settings(context: Context) -> Recipe:
    return Recipe.of({**context.space.recipe(context.space.extremes()[0]), "lr": 0.02})


def tau(a: Sequence[float], b: Sequence[float]) -> float:
    return kendall(np.column_stack((a, b)))


def in_bands(a: Sequence[float], b: Sequence[float], macs: Sequence[float]) -> float:
    """Kendall's tau over the pairs whose MACs differ by at most a fifth."""
    agree = disagree = 0
    for i in range(len(a)):
        for j in range(i):
            if abs(macs[i] - macs[j]) <= BAND * max(macs[i], macs[j]):
                sign = np.sign(a[i] - a[j]) * np.sign(b[i] - b[j])
                agree += sign > 0
                disagree += sign < 0
    return (agree - disagree) / max(1, agree + disagree)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--samples", type=int, default=0)
    parser.add_argument("--members", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=30, help="of each standalone training")
    parser.add_argument("--shared-epochs", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rules", nargs="+", default=list(RULES))
    parser.add_argument(
        "--tune", type=int, nargs="+", default=[0], help="epochs alone from shared weights"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="standalone scores are kept in this file")
    args = parser.parse_args()
    context, _ = setup(args.data, args.samples)
    archs = members(context, args.members)
    texts = [arch.to_json() for arch in archs]
    macs = [context.known(arch)["macs"].value for arch in archs]
    sizes = [context.known(arch)["parameters"].value for arch in archs]
    with ProcessPoolExecutor(args.workers) as pool:
        if args.cache and args.cache.is_file():
            own = json.loads(args.cache.read_text())
        else:
            jobs = [(args.data, args.samples, t, s, args.epochs) for s in (101, 102) for t in texts]
            own = list(pool.map(alone, jobs))
            if args.cache:
                args.cache.write_text(json.dumps(own))
        alone_scores = [score for score, _ in own]
        first, second = alone_scores[: len(texts)], alone_scores[len(texts) :]
        truth = [(a + b) / 2 for a, b in zip(first, second, strict=True)]
        seconds = statistics.mean(taken for _, taken in own)
        show("standalone, seed against seed", [tau(first, second)], [in_bands(first, second, macs)])
        print(f"{'':34} ({seconds:.1f} CPU s a network)")
        show("parameters", [tau(sizes, truth)], [in_bands(sizes, truth, macs)])
        show("MACs", [tau(macs, truth)], [in_bands(macs, truth, macs)])
        for rule in args.rules:
            found = list(
                pool.map(
                    shared,
                    [
                        (args.data, args.samples, rule, s, args.shared_epochs, texts, args.tune)
                        for s in args.seeds
                    ],
                )
            )
            print(f"{'':34} ({statistics.mean(t[0] for _, t in found):.1f} CPU s a supernet)")
            for i, more in enumerate(args.tune):
                name = f"supernet, {rule}" + (f", {more} epochs alone" if more else "")
                scores = [s[i] for s, _ in found]
                show(
                    name,
                    [tau(s, truth) for s in scores],
                    [in_bands(s, truth, macs) for s in scores],
                )
                if len(scores) > 1:
                    mean = np.mean(scores, axis=0).tolist()
                    show(f"{name}, all seeds", [tau(mean, truth)], [in_bands(mean, truth, macs)])
                sized = [(ranks(one) + ranks(macs)).tolist() for one in scores]
                show(
                    f"{name}, with MACs",
                    [tau(one, truth) for one in sized],
                    [in_bands(one, truth, macs) for one in sized],
                )
                each = statistics.mean(t[1 + i] for _, t in found) / len(texts)
                print(
                    f"{'':34} ({each:.1f} CPU s a network, accuracy {np.mean(scores):.3f} beside "
                    f"{statistics.mean(truth):.3f})"
                )


def ranks(values: Sequence[float]) -> Any:
    """Places in the order of the values."""
    return np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(float)


def show(name: str, overall: Sequence[float], banded: Sequence[float]) -> None:
    def text(values: Sequence[float]) -> str:
        spread = f" +- {statistics.stdev(values):.2f}" if len(values) > 1 else ""
        return f"{statistics.mean(values):5.2f}{spread}"

    print(f"{name:34} tau {text(overall):14} within +-20 % MACs {text(banded)}", flush=True)


if __name__ == "__main__":
    main()
