"""Search a network for a table, and ask it about a row as it is written.

python examples/tables.py STUDY [BUDGET]
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import torch

import brickwork as bw
from brickwork.tasks.table import load_table
from brickwork.tasks.table.prepare import prepare

JOBS = ("clerk", "cook", "farmer", "smith")


def write(file: Path, rows: int, seed: int) -> str:
    """People, some of whom are rich; what is not known is empty."""
    rng = np.random.default_rng(seed)
    with file.open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(["age", "job", "gain", "rich"])
        for _ in range(rows):
            age, job, gain = rng.uniform(18, 80), JOBS[rng.integers(4)], np.exp(rng.normal(5, 2))
            rich = age + 25 * (job == "smith") + 6 * np.log(gain) + rng.normal(0, 8) > 85
            known = rng.random() > 0.05
            table.writerow(
                [f"{age:.0f}" if known else "", job, f"{gain:.0f}", "yes" if rich else "no"]
            )
    return str(file)


def main(folder: str, budget: str = "1m") -> None:
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    data, test = write(place / "people.csv", 600, 0), write(place / "more.csv", 200, 1)
    study = bw.search(data, label="rich", test=test, budget=budget, study=place / "study")
    print(study.front)

    model = study.front[0]
    task = load_table(data, label="rich", test=test)
    row = {"age": "61", "job": "smith", "gain": "900"}
    # prepare.py is one of task.files, which need no Brickwork.
    x = prepare([row], json.loads(task.files["prepare.json"]))
    with torch.inference_mode():
        answer = task.classes[int(model.module()(torch.from_numpy(x)).argmax())]
    print(f"{model.id}: {row} -> rich: {answer}")


if __name__ == "__main__":
    main(*sys.argv[1:])
