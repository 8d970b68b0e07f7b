"""A small table of cells, as files and as a setting."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import pytest

from brickwork.bench.setting import Setting
from brickwork.bench.table import Table
from brickwork.trial import rng_for

COST = {
    "none": 0.0,
    "skip_connect": 0.5,
    "avg_pool_3x3": 1.0,
    "nor_conv_1x1": 1.5,
    "nor_conv_3x3": 3.0,
}


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Accuracies of all 15,625 cells, compressed; latencies on a phone in another file."""
    folder = tmp_path_factory.mktemp("tables")
    noise = rng_for(0, "table").normal(size=(5**6, 2))
    table, costs = ["index,arch,val_12,val_3,test"], ["phone,index,params"]
    for i, ops in enumerate(itertools.product(COST, repeat=6)):
        work = sum(COST[op] for op in ops)
        error = 40.0 / (1.0 + work) + 5.0 + 0.3 * noise[i, 0]
        text = f"|{ops[0]}~0|+|{ops[1]}~0|{ops[2]}~1|+|{ops[3]}~0|{ops[4]}~1|{ops[5]}~2|"
        accuracies = 100 - error, 100 - 1.5 * error, 99 - error + noise[i, 1]
        table.append(f"{i},{text},{','.join(map(str, accuracies))}")
        costs.append(f"{0.3 if i == 5 else 1.0 + work},{i},{0.01 + work / 100}")
    (folder / "table.csv.gz").write_bytes(gzip.compress("\n".join(table).encode()))
    (folder / "costs.csv").write_text("\n".join(costs))
    return folder / "table.csv.gz", folder / "costs.csv"


@pytest.fixture(scope="session")
def table(files: tuple[Path, Path]) -> Table:
    return Table.read(files[0], "nasbench201", files[1])


@pytest.fixture(scope="session")
def setting(table: Table) -> Setting:
    return Setting.of(table, "val_12", "test", ["phone"], low={0.25: "val_3"})
