"""Strategies and peers by name, on a table, over seeds: what ``brickwork bench`` does."""

from __future__ import annotations

import functools
import inspect
import json
import tempfile
import time
from collections import Counter
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
from brickwork.names import PREPARING, STRATEGIES, load, make_strategy, parted, strategy_or_raise
from brickwork.strategies.base import Strategy
from brickwork.versions import package_versions
from brickwork.writing import write_whole

__all__ = [
    "TABULAR",
    "Asked",
    "bench",
    "check_place",
    "fidelities",
    "protocol",
    "remarks",
    "strategy",
    "write",
]

TABULAR = tuple(name for name in STRATEGIES if name not in PREPARING)
"""Strategies that need no network to train, only answers."""

_PACKAGES = {"optuna": "optuna", "syne": "syne-tune"}  # of peers, by a part of their names


@dataclass(frozen=True)
class Asked:
    """What is run on which table.

    Attributes:
        table, joins: Files.
        space: How the table writes its networks.
        signal, test: Columns of accuracies: what a search sees, and what judges it.
        again: Columns of the signal with further seeds.
        features: Columns that are known beforehand and may be learned from.
        time: Column of the seconds that a whole training takes.
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
    time: str = ""

    @functools.cached_property
    def setting(self) -> Setting:
        """The table as a search sees it."""
        table = Table.read(self.table, self.space, *self.joins)
        columns = self.costs, self.limits, self.low, self.again, self.features, self.time
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
        Name and summary (see ``protocol.summary``; with what a strategy says of itself as
        ``explain``), as each has ended.

    Raises:
        BrickworkError: There is no name, or one is not known, given twice, cannot be run on a
            table, or is not installed; the table cannot be read or has not what is asked for. This
            is said at once, before anything runs.
    """
    if not (names or peers):
        raise BrickworkError(f"name a strategy to run: one of {', '.join(TABULAR)}")
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
    twice = next((name for name, n in Counter((*names, *peers)).items() if n > 1), None)
    if twice is not None:
        raise BrickworkError(f"{twice} is asked for twice: name it once")
    jobs = [(asked, name, name in peers) for name in (*names, *peers)]
    return _each(jobs, seeds, processes or usable_cores())


def _each(
    jobs: Sequence[tuple[Asked, str, bool]], seeds: int, processes: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        try:
            futures = [[pool.submit(_one, *job, seed) for seed in range(seeds)] for job in jobs]
            for (_, name, _), runs in zip(jobs, futures, strict=True):
                done = [future.result() for future in runs]
                found = summary(
                    [scores for scores, _, _ in done], sum(s for _, s, _ in done) / seeds
                )
                told = done[0][2]
                yield name, found | ({"explain": told} if told else {})
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


def _one(asked: Asked, name: str, is_peer: bool, seed: int) -> tuple[dict[int, Any], float, str]:
    """The scores of a run, at each mark, its CPU seconds, and what the strategy says it does."""
    setting, score = _ready(asked)
    begun = time.process_time()
    if is_peer:
        made = peer(name, setting.problem, seed)
    else:
        made = strategy(name, setting, seed)
    told = run(made, setting, asked.evals, asked.workers)
    if not told:
        raise BrickworkError(f"the strategy {name} proposed no network")
    spent = time.process_time() - begun
    explain = getattr(made, "explain", lambda: "")
    return score.along(told, asked.marks), spent, setting.by_column(str(explain()))


@functools.lru_cache(1)
def _ready(asked: Asked) -> tuple[Setting, Score]:
    """The table, read once in a process."""
    return asked.setting, Score(asked.setting)


def remarks(asked: Asked, names: Sequence[str], peers: Sequence[str] = ()) -> list[str]:
    """What whoever asked might not expect, a line for each.

    Rows that are left out, networks that the table lacks, names that stand for the same.

    Raises:
        BrickworkError: See ``bench``.
    """
    found = []
    left_out = asked.setting.left_out
    if left_out:
        whole = sum(left_out.values()) + len(asked.setting.table.archs)
        why = "; ".join(f"{reason} ({count:,})" for reason, count in left_out.items())
        found.append(f"{sum(left_out.values()):,} of {whole:,} rows are left out: {why}")
    table = asked.setting.table
    lacking = table.space.size() - len(table.archs)
    if lacking and peers:
        found.append(
            f"{lacking:,} of the {table.space.size():,} networks of {table.space.name} cannot be "
            f"looked up: what {', '.join(peers)} ask of these counts, and is lost"
        )
    if none := _ready(asked)[1].undefined:
        found.append(
            f"no {' and '.join(none)}: no network is better than the 90th percentile on every axis"
        )
    if not asked.setting.low:
        same = [
            f"{name} runs as {inner or 'random search'}"
            for name in names
            for outer, inner in (parted(name),)
            if "rungs" in inspect.signature(load(STRATEGIES, "strategy", outer)).parameters
        ]
        if same:
            found.append(f"without --low nothing is trained in part: {', '.join(same)}")
    return found


def protocol(
    asked: Asked, names: Sequence[str], peers: Sequence[str], seeds: int
) -> dict[str, Any]:
    """How a benchmark was run, as JSON; file names without folders."""
    searches = [*names, *peers]
    packages = [one for part, one in _PACKAGES.items() if any(part in name for name in searches)]
    return {
        "searches": searches,
        "tables": [path.name for path in (asked.table, *asked.joins)],
        **described(asked.setting, seeds, asked.marks, asked.workers),
        "remarks": remarks(asked, names, peers),
        "versions": package_versions(("brickwork", *packages)),
    }


def check_place(path: Path) -> None:
    """Whether a result can be written, before anything runs.

    Raises:
        BrickworkError: It cannot be, or its curves would take its place.
    """
    if path.is_dir():
        raise BrickworkError(f"{path}: is a folder: name a file in it, such as {path / 'out.json'}")
    picture = path.with_suffix(".svg")
    if path.suffix.lower() == ".svg":
        raise BrickworkError(
            f"{path}: the curves are written there, beside the JSON: name the JSON "
            f"{path.with_suffix('.json').name}"
        )
    if picture.is_dir():
        raise BrickworkError(f"{picture}: is a folder, and the curves are written there")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        where = error.filename or path.parent
        raise BrickworkError(f"{path}: cannot be written ({where}: {error.strerror})") from None


def write(
    path: Path, protocol: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]
) -> tuple[Path, Path]:
    """Write what was found so far as JSON, and its curves beside it; returns both paths.

    Args:
        path: Of the JSON; a file that is there is replaced at once.
        protocol: How it was found.
        found: By the name of the search what ``bench`` yields.

    Raises:
        BrickworkError: The files cannot be written.
    """
    picture = path.with_suffix(".svg")
    volume = "hypervolume of the {}, over that of the table"
    single = "best signal, accuracy in percent", "its test accuracy, in percent"
    titles = (volume.format("signal"), volume.format("test")) if protocol["costs"] else single
    text = json.dumps({"protocol": protocol, "strategies": dict(found)}, indent=1, allow_nan=False)
    drawn = draw(found, dict(zip(("signal", "test"), titles, strict=True)), list(PEERS))
    try:
        write_whole(path, text + "\n")
        write_whole(picture, drawn + "\n")
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
