"""What rounding to eight bits costs: trained networks in float and as an int8 file.

    python benchmarks/int8_loss.py digits $BRICKWORK_DATA/images/mnist.npz
    python benchmarks/int8_loss.py CIFAR_FOLDER --samples 4000 --epochs 12

Members of the mobile space, spread along their parameters, are trained on the training split, then
rounded as a search rounds its models: ranges are chosen on validation samples, and a network that
loses more than half a point there is trained on with rounding. Scores are accuracies on the test
split, of the float network, of the integers (which TensorFlow Lite Micro gives to the bit) and of
the int8 ONNX file, some of whose weights have seven bits. Nothing is chosen on the test split.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
from typing import Any

import numpy as np
import torch

from brickwork.config import Context, Run, task_for
from brickwork.estimators.train import Sample
from brickwork.export.integer.quantizing import Judge, quantize_integer
from brickwork.export.integer.reference import logits
from brickwork.export.onnx import write_onnx_int8
from brickwork.export.runtimes import run_onnx, run_torch
from brickwork.nets import build, weights_of
from brickwork.space import Arch
from brickwork.tasks.training import Recipe, prepare_process, train
from brickwork.trial import rng_for


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", nargs="+")
    parser.add_argument("--members", type=int, default=6)
    parser.add_argument("--samples", type=int, default=4000, help="of the training split, at most")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--most", type=int, default=40_000, help="parameters of the largest")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    prepare_process()
    losses = []
    for data in options.data:
        found = losses_on(data, options)
        losses += found
        print(f"{data}: median loss {statistics.median(found):.2f} points, worst {max(found):.2f}")
    print(f"all: median {statistics.median(losses):.2f} points, worst {max(losses):.2f}")


def losses_on(data: str, options: argparse.Namespace) -> list[float]:
    """Points that each network loses."""
    whole: Any = task_for(Run.of(data=data, target="stm32l4r5"))
    context = Context.of(Run.of(data=data, target="stm32l4r5"), whole)
    size = whole.splits["train"].size
    share = options.samples / size
    task = whole if share >= 1 else Sample(whole, share, rng_for(options.seed, "benchmark"))
    x, y = [np.asarray(part) for part in whole.arrays("test")]
    found = []
    for arch in spread(context, options):
        graph = context.graph(arch)
        recipe = Recipe.of({**context.space.recipe(arch), "lr": 0.02})
        module = build(graph, torch.Generator().manual_seed(options.seed))
        train(module, task, recipe, epochs=options.epochs, seed=options.seed)
        weights = dict(weights_of(module))
        exact = accuracy(whole, run_torch(graph, weights, x), y)
        begun = time.process_time()
        network = quantize_integer(graph, weights, seen(whole, 256), judge(whole, graph, weights))
        taken = time.process_time() - begun
        rounded = accuracy(whole, logits(network, x), y)
        file = accuracy(whole, run_onnx(write_onnx_int8(network, graph), x), y)
        parameters = context.known(arch)["parameters"].value
        print(
            f"  {parameters:8,.0f} parameters  float {exact:6.2f} %  int8 {rounded:6.2f} %  "
            f"{exact - rounded:+.2f}  ONNX {file:6.2f} %  {exact - file:+.2f}"
            f"  ranges hold {network.notes['range']:g}"
            f"{', trained on' if network.notes.get('tuned') else ''}  ({taken:.1f} CPU s)",
            flush=True,
        )
        found.append(exact - rounded)
    return found


def judge(task: Any, graph: Any, weights: dict[str, Any]) -> Judge:
    """As a search judges rounded networks."""
    x, y = [np.asarray(part[:512]) for part in task.arrays("val")]
    exact = run_torch(graph, weights, x)
    size = float(np.square(exact).mean())

    def score_of(out: Any) -> float:
        return accuracy(task, out, y) / 100 - 1e-3 * min(1, np.square(out - exact).mean() / size)

    return Judge(
        lambda network: score_of(logits(network, x)),
        score_of(exact),
        seen(task, 2048),
        lambda raw: run_torch(graph, weights, raw),
    )


def accuracy(task: Any, out: Any, y: Any) -> float:
    return 100 * float(task.metrics(out, y)["accuracy"].value)


def seen(task: Any, count: int) -> Any:
    x, _ = task.arrays("train")
    rows = np.sort(rng_for(0, "calibration").permutation(len(x))[:count])
    return np.asarray(x[rows])


def spread(context: Context, options: argparse.Namespace) -> list[Arch]:
    """Members spread along the logarithm of their parameters."""
    rng = rng_for(options.seed, "members")
    pool = [context.space.sample(rng) for _ in range(300)]
    sizes = {arch.id: context.known(arch)["parameters"].value for arch in pool}
    pool = sorted((a for a in pool if sizes[a.id] <= options.most), key=lambda a: sizes[a.id])
    logs = np.log([sizes[arch.id] for arch in pool])
    wanted = np.linspace(logs[0], logs[-1], options.members)
    return [pool[int(np.abs(logs - value).argmin())] for value in wanted]


if __name__ == "__main__":
    main()
