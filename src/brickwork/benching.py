"""Strategies and peers by name, on a table, over seeds: what ``brickwork bench`` does."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from brickwork.bench.curves import draw
from brickwork.bench.harness import run
from brickwork.bench.peers import PEERS, peer
from brickwork.bench.protocol import MARKS, Score, described, summary
from brickwork.bench.setting import Setting
from brickwork.bench.table import Table
from brickwork.engine.executors import usable_cores
from brickwork.errors import BrickworkError, UnknownName
from brickwork.names import PREPARING, STRATEGIES, make_strategy, strategy_or_raise
from brickwork.strategies.base import Strategy

__all__ = ["TABULAR", "Asked", "bench", "fidelities", "strategy", "write"]

TABULAR = tuple(name for name in STRATEGIES if name not in PREPARING)
"""Strategies that need no network to train, only answers."""


@dataclass(frozen=True)
class Asked:
    """What is run on which table.

    Attributes:
        table, joins: Files.
        space: How the table writes its networks.
        signal, test: Columns of accuracies: what a search sees, and what judges it.
        again: Columns of the signal with further seeds.
        features: Columns that are known beforehand and may be learned from.
        costs: Columns of costs.
        limits: On the costs, such as ``"pixel2<=10"``.
        low: Fidelities below 1 and their columns.
        evals: Compute of a search, in whole trainings.
        workers: Simulated workers.
    """

    table: Path
    space: str
    signal: str
    test: str
    joins: tuple[Path, ...] = ()
    costs: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    low: Mapping[float, str] = field(default_factory=dict, hash=False)
    evals: int = 200
    workers: int = 1
    again: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    @functools.cached_property
    def setting(self) -> Setting:
        """The table as a search sees it."""
        table = Table.read(self.table, self.space, *self.joins)
        columns = self.costs, self.limits, self.low, self.again, self.features
        return Setting.of(table, self.signal, self.test, *columns)

    @property
    def marks(self) -> list[int]:
        """Evaluations after which a search is judged; the last is the end."""
        return sorted({*(mark for mark in MARKS if mark < self.evals), self.evals})


def bench(
    asked: Asked,
    names: Sequence[str],
    peers: Sequence[str] = (),
    seeds: int = 20,
    processes: int | None = None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run searches on a table.

    Args:
        asked: The table and how it is searched.
        names: Strategies, of ``TABULAR``.
        peers: Optimizers of other projects, of ``PEERS``.
        seeds: How many runs of each.
        processes: Runs at a time; by default one for each usable core.

    Yields:
        Name and summary (see ``protocol.summary``), as each has ended.

    Raises:
        BrickworkError: A name is not known, cannot be run on a table, or is not installed; the
            table cannot be read or has not what is asked for.
    """
    for name in names:
        if name in PREPARING:
            raise BrickworkError(
                f"strategy {name!r} trains networks of its own, which a table does not have; "
                f"there are {', '.join(TABULAR)}"
            )
        strategy_or_raise(name)
    problem = asked.setting.problem  # what is wrong with the table is said here, not in a worker
    for name in peers:
        if name not in PEERS:
            raise UnknownName("peer", name, PEERS)
        if name in names:
            raise BrickworkError(f"{name} is asked for as a strategy and as a peer: name it once")
        peer(name, problem, 0)  # whether it is installed
    jobs = [(asked, name, name in peers) for name in (*names, *peers)]
    with ProcessPoolExecutor(processes or usable_cores(), get_context("spawn")) as pool:
        try:
            futures = [[pool.submit(_one, *job, seed) for seed in range(seeds)] for job in jobs]
            for (_, name, _), runs in zip(jobs, futures, strict=True):
                done = [future.result() for future in runs]
                scores, cpu = [scores for scores, _ in done], [cpu for _, cpu in done]
                yield name, summary(scores, sum(cpu) / len(cpu))
        finally:
            pool.shutdown(cancel_futures=True)  # what was not begun, should this end early


def strategy(name: str, setting: Setting, seed: int) -> Strategy:
    """A strategy for a table, with the fidelities that it has.

    Args:
        name: Of ``TABULAR``, or one around another.
        setting: The table.
        seed: Decides everything.
    """
    low = sorted(setting.low)
    return make_strategy(name, setting.problem, seed, low=low[0] if low else 1.0, rungs=(*low, 1.0))


def _one(asked: Asked, name: str, is_peer: bool, seed: int) -> tuple[dict[int, Any], float]:
    """The scores of a run, at each mark, and its CPU seconds."""
    setting, score = _ready(asked)
    begun = time.process_time()
    if is_peer:
        made = peer(name, setting.problem, seed)
    else:
        made = strategy(name, setting, seed)
    told = run(made, setting, asked.evals, asked.workers)
    spent = time.process_time() - begun
    return score.along(told, asked.marks), spent


@functools.lru_cache(1)
def _ready(asked: Asked) -> tuple[Setting, Score]:
    """The table, read once in a process."""
    return asked.setting, Score(asked.setting)


def write(
    path: Path, asked: Asked, seeds: int, found: Mapping[str, Mapping[str, Any]]
) -> tuple[Path, Path]:
    """Write what was found as JSON, and its curves beside it; returns both paths.

    Raises:
        BrickworkError: The files cannot be written.
    """
    protocol = described(asked.setting, seeds, asked.marks, asked.workers)
    picture = path.with_suffix(".svg")
    what = "hypervolume of the signal, over that of the table"
    title = what if asked.costs else "best signal, accuracy in percent"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"protocol": protocol, "strategies": dict(found)}, indent=1)
        path.write_text(text + "\n", encoding="utf-8")
        picture.write_text(draw(found, "signal", title, list(PEERS)) + "\n", encoding="utf-8")
    except OSError as error:
        raise BrickworkError(f"{path}: cannot be written ({error.strerror})") from None
    return path, picture


def fidelities(texts: Iterable[str]) -> dict[float, str]:
    """Columns of low fidelities by their part of a training, from ``PART=COLUMN``.

    Raises:
        BrickworkError: A text has another form, or its part does not lie between 0 and 1.
    """
    found = {}
    for text in texts:
        part, _, column = text.partition("=")
        try:
            found[float(part)] = column
        except ValueError:
            raise BrickworkError(f"--low {text!r}: write PART=COLUMN, such as 0.06=VAL") from None
        if not 0 < float(part) < 1:
            raise BrickworkError(f"--low {text!r}: a low fidelity lies between 0 and 1")
    return found
