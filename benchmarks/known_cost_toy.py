"""Every strategy on a table of trained networks, beside Optuna's samplers.

    python benchmarks/known_cost_toy.py [--cost pixel2] [--seeds 10] [--evals 100] [--peers]

NAS-Bench-201 on CIFAR-10, all 15,625 cells. What a search sees is the validation accuracy after 12
epochs and the latency on a device; the latency is known beforehand. The score is the hypervolume of
(100 - accuracy, log latency), each axis from the best of the table (0) to its 90th percentile (1),
over that of the whole table; "test" judges the front that was found by the test accuracy after 200
epochs. Every proposal counts as one evaluation. Cells with a latency of 0.5 ms or less (errors of
measurement) are left out of the table.

The data are read from BRICKWORK_DATA, or from ../shared/data beside the project. Peers are given
the same choices and both values of every trial; they need ``pip install optuna``.
"""

from __future__ import annotations

import argparse
import csv
import functools
import gzip
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import SpaceError
from brickwork.names import STRATEGIES, load
from brickwork.objective import Objective, front, hypervolume
from brickwork.quantity import How, Quantity
from brickwork.space import Arch, Identity, OneOf, Seq, Space
from brickwork.strategies.base import Problem, Strategy
from brickwork.trial import State, Trial

ROOT = Path(__file__).parents[1]
MARKS = (10, 20, 30, 50, 75, 100, 150, 200)
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = 6
# Only the decisions matter here: nothing is built, the table has the answers.
SPACE = Space(
    "nasbench201",
    Seq(*(OneOf(f"edge{i}", {name: Identity() for name in OPERATIONS}) for i in range(EDGES))),
)
Cell = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The cells and what is known of them.

    Attributes:
        row: Of each cell.
        signal: Validation accuracy after 12 epochs, in percent, (cells,).
        test: Test accuracy after 200 epochs, in percent, (cells,).
        cost: Latency, ms, (cells,).
    """

    row: Mapping[Cell, int]
    signal: NDArray[np.float64]
    test: NDArray[np.float64]
    cost: NDArray[np.float64]

    @classmethod
    def read(cls, folder: Path, device: str) -> Table:
        cells = _csv(folder / "nasbench201_cifar10.csv.gz")
        latency = {
            line["arch_index"]: float(line[device])
            for line in _csv(folder / "nasbench201_latency_ms.csv.gz")
        }
        kept = [c for c in cells if latency[c["arch_index"]] > 0.5]
        return cls(
            {_cell(c["arch"]): i for i, c in enumerate(kept)},
            np.array([float(c["cifar10_val_12"]) for c in kept]),
            np.array([float(c["cifar10_test_200"]) for c in kept]),
            np.array([latency[c["arch_index"]] for c in kept]),
        )

    def scaled(self, accuracy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Both axes, from the best of the table to its 90th percentile, (cells, 2)."""
        table = np.column_stack([100.0 - accuracy, np.log(self.cost)])
        low, high = table.min(axis=0), np.quantile(table, 0.9, axis=0)
        return np.asarray((table - low) / (high - low))


def _csv(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def _cell(text: str) -> Cell:
    """The operations in ``"|a~0|+|b~0|c~1|+|d~0|e~1|f~2|"``, in order."""
    edges = (edge for node in text.split("+") for edge in node.strip("|").split("|"))
    return tuple(edge.split("~")[0] for edge in edges)


class Score:
    """The hypervolumes of what was evaluated so far."""

    def __init__(self, table: Table) -> None:
        self.signal, self.test = table.scaled(table.signal), table.scaled(table.test)
        self.best = (hypervolume(self.signal, (1, 1)), hypervolume(self.test, (1, 1)))

    def __call__(self, rows: list[int]) -> tuple[float, float]:
        seen = np.array(rows)
        chosen = seen[front(self.signal[seen])]
        return (
            hypervolume(self.signal[seen], (1, 1)) / self.best[0],
            hypervolume(self.test[chosen], (1, 1)) / self.best[1],
        )


def ours(make: Callable[..., Strategy], table: Table, seed: int, evals: int) -> list[int | None]:
    """The rows of the table that a strategy asks for; None for a cell that the table lacks."""

    def known(arch: Arch) -> Mapping[str, Quantity]:
        row = table.row.get(tuple(str(option) for _, option in arch.choices))
        if row is None:
            raise SpaceError("this cell was left out of the table")
        return {"latency_ms": Quantity(float(table.cost[row]), "ms", How.PREDICTED)}

    problem = Problem(SPACE, (Objective("accuracy"), Objective("latency_ms")), (), known)
    strategy = make(problem, seed)
    rows: list[int | None] = []
    for number in range(evals):
        proposal = strategy.ask(1)[0]
        row = table.row.get(tuple(str(option) for _, option in proposal.arch.choices))
        rows.append(row)
        if row is None:
            strategy.tell(Trial(number, proposal, State.FAILED, cause="not in the table"))
            continue
        accuracy = Quantity(float(table.signal[row]) / 100, "fraction", How.MEASURED)
        metrics = {**known(proposal.arch), "accuracy": accuracy}
        strategy.tell(Trial(number, proposal, State.DONE, metrics))
    return rows


def optuna_rows(
    make: Callable[[Any, int], Any], table: Table, seed: int, evals: int
) -> list[int | None]:
    """The rows of the table that a sampler of Optuna asks for; one that it lacks is pruned."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=make(optuna, seed))
    rows: list[int | None] = []
    for _ in range(evals):
        trial = study.ask()
        cell = tuple(trial.suggest_categorical(f"edge{i}", OPERATIONS) for i in range(EDGES))
        row = table.row.get(cell)
        rows.append(row)
        if row is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            values = [100.0 - float(table.signal[row]), float(np.log(table.cost[row]))]
            study.tell(trial, values)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cost", nargs="+", default=["pixel2"], help="devices: columns of latency")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--evals", type=int, default=100)
    parser.add_argument("--strategies", nargs="*", default=list(STRATEGIES))
    parser.add_argument("--peers", action="store_true", help="Optuna's TPE and NSGA-II beside them")
    parser.add_argument("--out", type=Path, help="where to write the result as JSON")
    options = parser.parse_args()
    data = Path(os.environ.get("BRICKWORK_DATA", ROOT.parent / "shared" / "data"))
    searches: dict[str, Callable[[Table, int, int], list[int | None]]] = {}
    for name in options.strategies:
        make = load(STRATEGIES, "strategy", name)
        if name == "auto":  # the table has one fidelity
            make = _at_one_fidelity(make)
        searches[name] = functools.partial(ours, make)
    if options.peers:
        peers: dict[str, Callable[[Any, int], Any]] = {
            "optuna-tpe": lambda o, seed: o.samplers.TPESampler(seed=seed),
            "optuna-nsga2": lambda o, seed: o.samplers.NSGAIISampler(seed=seed),
            "optuna-nsga2-20": lambda o, seed: o.samplers.NSGAIISampler(
                population_size=20, seed=seed
            ),
        }
        for name, sampler in peers.items():
            searches[name] = functools.partial(optuna_rows, sampler)
    result: dict[str, Any] = {"seeds": options.seeds, "evaluations": options.evals}
    marks = [mark for mark in MARKS if mark <= options.evals]
    print(f"{'':28}{''.join(f'{mark:>8}' for mark in marks)}   CPU s")
    for device in options.cost:
        table = Table.read(data / "benchmarks", device)
        for name, search in searches.items():
            result[f"{device} {name}"] = _curve(search, table, options.seeds, marks, device, name)
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


def _at_one_fidelity(make: Callable[..., Strategy]) -> Callable[..., Strategy]:
    return lambda problem, seed: make(problem, seed, low=1.0)


def _curve(
    search: Callable[[Table, int, int], list[int | None]],
    table: Table,
    seeds: int,
    marks: list[int],
    device: str,
    name: str,
) -> dict[str, Any]:
    """Mean and standard deviation over the seeds at each mark; printed, too."""
    score, curves = Score(table), []
    start = time.process_time()
    for seed in range(seeds):
        rows = search(table, seed, marks[-1])
        curves.append([score([r for r in rows[:mark] if r is not None]) for mark in marks])
    spent = (time.process_time() - start) / seeds
    found: dict[str, Any] = {"cpu_s": spent}
    for i, kind in enumerate(("signal", "test")):
        values = [[curve[m][i] for curve in curves] for m in range(len(marks))]
        found[kind] = {
            str(mark): {"mean": statistics.mean(v), "sd": statistics.pstdev(v)}
            for mark, v in zip(marks, values, strict=True)
        }
        means = "".join(f"{statistics.mean(v):8.3f}" for v in values)
        print(f"{device:12}{name:16}{means}   {kind} {spent:.2f}", flush=True)
    return found


if __name__ == "__main__":
    main()
