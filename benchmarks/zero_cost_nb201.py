"""How well scores of untrained networks rank the cells of NAS-Bench-201 (CIFAR-10).

    python benchmarks/zero_cost_nb201.py [--seeds 0 1 2] [--cells 1000]
    python benchmarks/zero_cost_nb201.py --choose cifar10_val_12 [--cells 500]
    python benchmarks/zero_cost_nb201.py --write SCORES.csv [--scores naswot jacob_cov synflow]

Random cells, each with fresh weights, and one batch of 64 real images, all from the seed. Spearman
correlation with the benchmark's accuracy after 200 epochs on the test split: over all cells, and as
the mean over bands of equal MACs (up to +-5 %) with at least 20 cells. A cell without a score is
ranked last.

The networks have 8 channels in the first of three stages and one cell in each stage, where the
benchmark has 16 and five: `--channels 16 --repeats 5` for those, which take five to six times as
long.

Half of the cells, by a fixed permutation, are for choosing: `--choose` scores cells of that half
only, against a column of the table (accuracy on the validation split after 12 epochs, or on the
test split after 200), and prints the best sets of scores. The others are for judging, and nothing
was chosen by them.

`--write` makes a table of the scores of all cells instead, for `brickwork bench --join`; a cell
without a score has an empty place.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import math
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr
from torch import Tensor

from brickwork.errors import TrainingError
from brickwork.estimators.proxies import PROXIES
from brickwork.estimators.ranking import DEFAULT, ranked
from brickwork.nets import build
from brickwork.space import Normalize, graph
from brickwork.spaces import cell
from brickwork.trial import rng_for

DATA = Path(os.environ.get("BRICKWORK_DATA", Path(__file__).parents[2] / "shared" / "data"))
TABLE = DATA / "benchmarks" / "nasbench201_cifar10.csv.gz"
IMAGES = DATA / "images" / "cifar10_jpeg_train12000_test4000.zip"
BATCH = 64
BAND = 0.05
FEWEST = 20
SETS = (DEFAULT, ("flops", "naswot", "jacob_cov"), ("flops", "depth", "naswot"), tuple(PROXIES))

Scores = dict[str, NDArray[np.float64]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=1, help="cells in each stage")
    parser.add_argument("--choose", choices=("cifar10_val_12", "cifar10_test_200"))
    parser.add_argument("--write", type=Path, help="a table of the scores of all cells")
    parser.add_argument(
        "--scores", nargs="+", choices=PROXIES, default=["naswot", "jacob_cov", "synflow"]
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.write is not None:
        write(options.write, options.scores, options.seeds[0], options.channels, options.repeats)
        return
    choose = options.choose is not None
    column = options.choose or "cifar10_test_200"
    sets = every_set() if choose else [*((name,) for name in PROXIES), *SETS]
    found: dict[tuple[str, ...], list[tuple[float, float]]] = {names: [] for names in sets}
    seconds: dict[str, float] = {}
    for seed in options.seeds:
        rows = drawn(choose, options.cells, seed)
        scores = scored(rows, seed, options.channels, options.repeats, seconds)
        truth = np.array([float(row[column]) for row in rows])
        bands = banded(np.exp(scores["flops"]))
        missing = {name: int(np.isnan(values).sum()) for name, values in scores.items()}
        without = ", ".join(f"{name} {n}" for name, n in missing.items() if n)
        print(f"seed {seed}: {sum(map(len, bands))} cells in {len(bands)} bands", end="; ")
        print(f"without a score: {without or 'none'}", flush=True)
        for names in sets:
            found[names].append(agreement({name: scores[name] for name in names}, truth, bands))
    count = options.cells * len(options.seeds)
    report(found, {name: 1000 * value / count for name, value in seconds.items()}, choose)


def every_set() -> list[tuple[str, ...]]:
    """All sets of scores."""
    return [names for size in range(1, len(PROXIES) + 1) for names in combinations(PROXIES, size)]


def table() -> list[Mapping[str, str]]:
    """All rows of the benchmark."""
    with gzip.open(TABLE, "rt") as file:
        return list(csv.DictReader(file))


def drawn(choose: bool, cells: int, seed: int) -> list[Mapping[str, str]]:
    """Random rows of the table, of the half for choosing or of the half for judging."""
    rows = table()
    order = rng_for(0, "halves").permutation(len(rows))
    half = order[: len(rows) // 2] if choose else order[len(rows) // 2 :]
    return [rows[i] for i in rng_for(seed, "cells").choice(half, cells, replace=False)]


def images(seed: int) -> tuple[Tensor, Tensor]:
    """A batch of random images of the training split, 0 to 255, and their classes."""
    with zipfile.ZipFile(IMAGES) as archive:
        names = sorted(name for name in archive.namelist() if name.startswith("train/"))
        names = [name for name in names if name.endswith(".jpg")]
        chosen = rng_for(seed, "images").choice(names, BATCH, replace=False)
        pixels = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in chosen]
    classes = sorted({name.split("/")[1] for name in names})
    y = torch.tensor([classes.index(name.split("/")[1]) for name in chosen])
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float(), y


def scored(
    rows: Sequence[Mapping[str, str]],
    seed: int,
    channels: int,
    repeats: int,
    seconds: dict[str, float],
    names: Sequence[str] = tuple(PROXIES),
) -> Scores:
    """Scores of cells, NaN where there is none; adds their CPU time to ``seconds``."""
    space = cell.nasbench201(channels=channels, cells=repeats)
    x, y = images(seed)
    normalize = Normalize(*(tuple(f(x, (0, 2, 3)).tolist()) for f in (torch.mean, torch.std)))
    scores: Scores = {name: np.full(len(rows), math.nan) for name in names}
    for place, row in enumerate(rows):
        whole = graph(space, cell.arch_of_string(space, row["arch"]), (3, 32, 32), 10, normalize)
        random = torch.Generator().manual_seed(int(rng_for(seed, row["arch"]).integers(2**31)))
        begun = time.process_time()
        module = build(whole, random)
        seconds["build"] = seconds.get("build", 0.0) + time.process_time() - begun
        for name in names:
            begun = time.process_time()
            with suppress(TrainingError):  # NaN stays, and is counted in the output
                scores[name][place] = PROXIES[name](module, whole, x, y, random)
            seconds[name] = seconds.get(name, 0.0) + time.process_time() - begun
    return scores


def write(path: Path, names: Sequence[str], seed: int, channels: int, repeats: int) -> None:
    """A table of the scores of all cells; those that are one network are scored once."""
    rows, seconds = table(), dict[str, float]()
    space = cell.nasbench201(channels=channels, cells=repeats)
    graphs = (graph(space, cell.arch_of_string(space, r["arch"]), (3, 32, 32), 10) for r in rows)
    _, first, which = np.unique([g.hash for g in graphs], return_index=True, return_inverse=True)
    found = scored([rows[i] for i in first], seed, channels, repeats, seconds, names)
    scores = {name: values[which] for name, values in found.items()}
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["arch", *names])
        for i, row in enumerate(rows):
            values = (float(scores[name][i]) for name in names)
            lines.writerow([row["arch"], *("" if math.isnan(v) else f"{v:.6g}" for v in values)])
    missing = {name: int(np.isnan(values).sum()) for name, values in scores.items()}
    print(f"{path}: {len(rows)} cells, {len(first)} networks", end=", ")
    print(f"cells without a score {missing}; {sum(seconds.values()):.0f} CPU s")


def banded(macs: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Cells of about equal MACs: bands side by side, from the smallest on, with enough cells."""
    width = math.log((1 + BAND) / (1 - BAND))
    place = np.floor(np.log(macs / macs.min()) / width)
    bands = [np.flatnonzero(place == one) for one in np.unique(place)]
    return [band for band in bands if len(band) >= FEWEST]


def agreement(
    scores: Scores, truth: NDArray[np.float64], bands: Sequence[NDArray[np.intp]]
) -> tuple[float, float]:
    """Spearman correlation over all cells, and its mean over bands."""
    inside = [spearman({n: v[band] for n, v in scores.items()}, truth[band]) for band in bands]
    return spearman(scores, truth), float(np.mean(inside))


def spearman(scores: Scores, truth: NDArray[np.float64]) -> float:
    """Of the mean of the ranks with the truth; 0 where all candidates are ranked alike."""
    ranks = [-place.mean_rank for place in ranked(scores)]
    return float(spearmanr(ranks, truth).statistic) if len(set(ranks)) > 1 else 0.0


def report(
    found: Mapping[tuple[str, ...], Sequence[tuple[float, float]]],
    ms: Mapping[str, float],
    choose: bool,
) -> None:
    """Means and ranges over the seeds; the best ten of both kinds where all were tried."""
    lines = {names: np.array(pairs) for names, pairs in found.items()}
    shown = list(lines)
    if choose:
        best = [sorted(lines, key=lambda names: -lines[names][:, i].mean())[:10] for i in (0, 1)]
        shown = list(dict.fromkeys(best[0] + best[1]))
    print(f"{'scores':42}{'all cells':^24}{'inside +-5 % MACs':^24}{'CPU ms':>8}")
    for names in shown:
        columns = "".join(spread(values) for values in lines[names].T)
        label = " ".join(names) if len(names) < len(PROXIES) else "all of them"
        print(f"{label:42}{columns}{sum(ms[name] for name in names):8.1f}")
    print(f"building a network: {ms['build']:.1f} ms CPU")


def spread(values: NDArray[np.float64]) -> str:
    return f"  {values.mean():.3f} ({values.min():.3f} to {values.max():.3f})"


if __name__ == "__main__":
    main()
