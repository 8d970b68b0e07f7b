"""In which cells of NAS-Bench-201 gradient-based search ends, and what those reach (CIFAR-10).

    python benchmarks/gradient_nb201.py [--rules beta-darts darts drnas] [--seeds 0 1 2]

The search sees real images, with fewer of everything: 12,000 images of 16x16 pixels (half of them
for the numbers of the rule), 8 channels in the first of three stages, one cell in each. The cell it
ends in is looked up in the table: accuracy on the test split after 200 epochs of the full network
(the search never sees the table). Beside it: the mean of random cells, the best of as many as there
are seeds, and whether the cell is a collapse, which a search would report instead of using it.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from brickwork.nets import Supernet
from brickwork.oneshot import gradient
from brickwork.oneshot.edges import collapse
from brickwork.oneshot.relax import relax
from brickwork.space import Arch, Space
from brickwork.spaces.cell import nasbench201, string_of
from brickwork.tasks.image import load_images
from brickwork.tasks.training import Recipe, prepare_process
from brickwork.trial import rng_for

DATA = Path(os.environ.get("BRICKWORK_DATA", Path(__file__).parents[2] / "shared" / "data"))
TABLE = DATA / "benchmarks" / "nasbench201_cifar10.csv.gz"
IMAGES = DATA / "images" / "cifar10_jpeg_train12000_test4000.zip"
RULES = {
    "darts": gradient.Darts,
    "darts-2nd": gradient.SecondOrderDarts,
    "pc-darts": gradient.PcDarts,
    "beta-darts": gradient.BetaDarts,
    "gdas": gradient.Gdas,
    "drnas": gradient.DrNas,
    "proxyless": gradient.Proxyless,
}
# Short trainings want faster steps than the papers' SGD; tried with seeds 10 and 11.
RECIPE = Recipe(lr=0.01, weight_decay=0.02, label_smoothing=0.0, augment=0.3, batch=64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rules", nargs="+", choices=RULES, default=["beta-darts", "darts", "drnas"]
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--size", type=int, default=16, help="pixels of a side")
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--cells", type=int, default=1, help="in each stage")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    table = accuracies()
    print(f"mean of all {len(table)} cells: {statistics.mean(table.values()):.2f} %", flush=True)
    jobs = [(rule, seed, vars(options)) for rule in options.rules for seed in options.seeds]
    found: dict[str, list[float]] = {}
    with ProcessPoolExecutor(options.workers) as pool:
        for (rule, seed, _), (cell, why, certain, seconds) in zip(
            jobs, pool.map(searched, jobs), strict=True
        ):
            found.setdefault(rule, []).append(table[cell])
            print(
                f"{rule} seed {seed}: {table[cell]:.2f} %  {cell}  mean probability {certain:.2f}, "
                f"{seconds:.0f} CPU s{'  COLLAPSE: ' + why if why else ''}",
                flush=True,
            )
    for rule, values in found.items():
        spread = f"{min(values):.2f}-{max(values):.2f}"
        print(f"{rule}: mean {statistics.mean(values):.2f} % ({spread}), {len(values)} seeds")
    cells = rng_for(0, "random cells").choice(list(table.values()), (1000, len(options.seeds)))
    print(
        f"random: mean {cells.mean():.2f} %, best of {cells.shape[1]}: {cells.max(1).mean():.2f} %"
    )


def searched(job: tuple[str, int, dict[str, Any]]) -> tuple[str, str, float, float]:
    """The cell that a search ends in, why it is a collapse, how certain it is, CPU seconds."""
    name, seed, options = job
    prepare_process()
    task = images(options["size"], seed)
    begun = time.process_time()
    space = nasbench201(task.input, options["channels"], options["cells"])
    random = torch.Generator().manual_seed(seed)
    net = Supernet(space, task.input, task.outputs, task.normalize, random)
    rule = RULES[name](space, seed)
    relax(net, task, rule, RECIPE, epochs=options["epochs"], seed=seed)
    arch, certain = likeliest(space, rule)
    return string_of(arch), collapse(space, arch), certain, time.process_time() - begun


def likeliest(space: Space, rule: gradient.Relaxation) -> tuple[Arch, float]:
    """The member of the most probable options, and the mean of their probabilities."""
    chances = {n: p.detach().numpy() for n, p in rule.probabilities().items()}
    chosen = {n: space.decision(n).options[int(p.argmax())] for n, p in chances.items()}
    return space.arch(chosen), float(np.mean([p.max() for p in chances.values()]))


def images(size: int, seed: int) -> Any:
    """The training images, half of them as the validation split."""
    with zipfile.ZipFile(IMAGES) as archive:
        names = sorted(n for n in archive.namelist() if n.startswith("train/") and n.endswith("g"))
        pixels = [
            np.asarray(Image.open(io.BytesIO(archive.read(n))).resize((size, size), Image.BOX))
            for n in names
        ]
    y = np.array([name.split("/")[1] for name in names])
    return load_images((np.stack(pixels), y), seed, validation=0.5, test=0.01)


def accuracies() -> dict[str, float]:
    """Accuracy of every cell of the table, in percent."""
    with gzip.open(TABLE, "rt") as file:
        return {row["arch"]: float(row["cifar10_test_200"]) for row in csv.DictReader(file)}


if __name__ == "__main__":
    main()
