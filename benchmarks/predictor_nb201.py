"""How well a predictor ranks NAS-Bench-201 from few trials: decisions alone, and graphs beside.

    python benchmarks/predictor_nb201.py --table .../nasbench201_cifar10.csv.gz
        [--join SCORES.csv --features naswot,jacob_cov,synflow]

Random cells are shown with their validation accuracy after 12 epochs. The figure is the Spearman
correlation of what is predicted with the accuracy of other cells, all of them and the better half,
mean over draws. Scores of untrained networks come from `zero_cost_nb201.py --write`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from brickwork.bench.setting import Setting
from brickwork.bench.table import Table
from brickwork.predictor import Axis, Encoder, Predictor
from brickwork.trial import rng_for

OTHERS = 1500


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--signal", default="cifar10_val_12")
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 20, 40, 80, 160])
    parser.add_argument("--draws", type=int, default=12)
    parser.add_argument("--join", type=Path, nargs="*", default=[])
    parser.add_argument("--features", default="")
    options = parser.parse_args()
    table = Table.read(options.table, "nasbench201", *options.join)
    features = [name for name in options.features.split(",") if name]
    setting = Setting.of(table, options.signal, options.signal, features=features)
    problem, archs = setting.problem, setting.table.archs
    target = np.array([Axis("accuracy").target(v) for v in setting.accuracy(options.signal)])
    better = np.flatnonzero(target < np.median(target))
    encoders = {
        "decisions": Encoder(problem.space),
        "decisions and graphs": Encoder(problem.space, graph=problem.graph),
    }
    if features:
        scores = problem.scores.values()
        encoders["and scores"] = Encoder(problem.space, (), problem.graph, scores)
    for n in options.trials:
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in encoders}
        for draw in range(options.draws):
            rng = rng_for(draw, "predictor", n)
            shown = rng.choice(len(archs), n, replace=False)
            others = rng.choice(len(archs), OTHERS, replace=False)
            good = rng.choice(better, OTHERS, replace=False)
            for name, encoder in encoders.items():
                x, every, half = (
                    np.array([encoder.encode(archs[i], {}) for i in rows.tolist()])
                    for rows in (shown, others, good)
                )
                predictor = Predictor(encoder)
                predictor.fit(x, target[shown], among=every)
                found[name].append(
                    (
                        spearmanr(predictor.predict(every)[0], target[others])[0],
                        spearmanr(predictor.predict(half)[0], target[good])[0],
                    )
                )
        for name, pairs in found.items():
            overall, above = np.mean(pairs, axis=0)
            print(f"{n:4} trials, {name:22} all cells {overall:.2f}, the better half {above:.2f}")


if __name__ == "__main__":
    main()
