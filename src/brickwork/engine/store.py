"""A study on disk: one SQLite file of appended events, folded to state.

Promises:
    Nothing is lost. An event is on the disk (write-ahead log, ``synchronous=FULL``) before the
        call that recorded it returns; a process that is killed loses at most what it had not yet
        recorded.
    Nothing is changed. Events are only ever appended; the state of a study is their fold. The
        table ``scores`` repeats a part of them, so that a front can be read without parsing
        ten thousand of them; it is written in the same transaction.
    One writer. A second process that opens the study for writing gets ``StudyBusy``; the lock
        dies with its process.
    Readers are welcome at any time.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import StudyBusy, StudyCorrupt, StudyError, StudyMismatch, StudyVersion
from brickwork.trial import Trial

__all__ = ["FILE", "SCHEMA", "Store"]

FILE = "study.db"
SCHEMA = 1

_TABLES = """
create table if not exists meta (key text primary key, value text not null);
create table if not exists events (
    id integer primary key, at real not null, kind text not null, number integer, data text not null
);
create index if not exists events_kind on events (kind, number);
create table if not exists scores (
    number integer primary key, fidelity real not null, losses blob not null
);
create table if not exists checkpoints (number integer primary key, data blob not null);
"""


class Store:
    """The events of one study.

    Use ``Store.create`` or ``Store.open``; close it, or use it as a context manager.
    """

    def __init__(
        self, folder: Path, connection: sqlite3.Connection, lock: sqlite3.Connection | None
    ) -> None:
        self.folder = folder
        self._db = connection
        self._lock = lock

    @classmethod
    def create(cls, folder: Path, run: Mapping[str, Any], free: Sequence[str] = ()) -> Store:
        """Open a study for writing; make it if it is not there.

        Args:
            folder: The study's folder.
            run: What the study is: JSON that must equal what the folder holds already.
            free: Keys of ``run`` that may differ (budgets).

        Raises:
            StudyBusy: Another process has it open for writing.
            StudyMismatch: The folder holds another run, or something that is no study.
            StudyCorrupt, StudyVersion, StudyError: As the names say.
        """
        folder = Path(folder)
        path = folder / FILE
        if folder.exists() and not folder.is_dir():
            raise StudyError(f"{folder} is a file: give a folder for the study")
        if folder.is_dir() and not path.exists() and any(folder.iterdir()):
            raise StudyMismatch(f"{folder} is not empty and holds no study: give another folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StudyError(f"cannot make the study folder {folder}: {error.strerror}") from error
        lock = _locked(folder)
        try:
            store = cls(folder, _connected(path), lock)
            with store._trouble():
                store._db.executescript(_TABLES)
                store._agree(run, free)
        except BaseException:
            lock.close()
            raise
        return store

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open a study for reading.

        Raises:
            StudyError: There is no study.
            StudyCorrupt, StudyVersion: As the names say.
        """
        folder = Path(folder)
        path = folder / FILE
        if not path.is_file():
            raise StudyError(f"{folder} holds no study: there is no {FILE} in it")
        store = cls(folder, _connected(path), None)
        with store._trouble():
            store._check_version()
        return store

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def run(self) -> dict[str, Any]:
        """What the study is, as it was given to ``create``."""
        run: dict[str, Any] = json.loads(self._meta("run") or "{}")
        return run

    def record(self, kind: str, data: Mapping[str, Any], number: int | None = None) -> None:
        """Append an event; it is on the disk when this returns."""
        with self._trouble(), self._db:
            self._append(kind, data, number)

    def events(self, kind: str) -> Iterator[dict[str, Any]]:
        """The data of all events of a kind, in the order in which they were recorded."""
        with self._trouble():
            rows = self._db.execute("select data from events where kind = ? order by id", (kind,))
            for (data,) in rows:
                yield json.loads(data)

    def propose(self, trials: Sequence[Trial]) -> None:
        """Record proposals that are to be worked on."""
        with self._trouble(), self._db:
            for trial in trials:
                self._append("proposed", trial.to_json(), trial.number)

    def finish(
        self, trial: Trial, losses: Sequence[float] | None = None, checkpoint: bytes | None = None
    ) -> None:
        """Record how a trial ended.

        Args:
            trial: The trial in its final state.
            losses: Its objectives, to be minimised; for trials that have a score.
            checkpoint: What a later trial may continue from.
        """
        with self._trouble(), self._db:
            self._append("finished", trial.to_json(), trial.number)
            if losses is not None:
                self._db.execute(
                    "insert or replace into scores values (?, ?, ?)",
                    (trial.number, trial.proposal.fidelity, np.asarray(losses, "<f8").tobytes()),
                )
            if checkpoint is not None:
                self._db.execute(
                    "insert or replace into checkpoints values (?, ?)", (trial.number, checkpoint)
                )

    def trials(self) -> list[Trial]:
        """All trials by number: as they ended, or waiting."""
        latest: dict[int, Trial] = {}
        for kind in ("proposed", "finished"):
            for data in self.events(kind):
                latest[data["number"]] = Trial.from_json(data)
        return [latest[number] for number in sorted(latest)]

    def trial(self, number: int) -> Trial:
        """One trial.

        Raises:
            StudyError: There is none of this number.
        """
        with self._trouble():
            row = self._db.execute(
                "select data from events where number = ? and kind in ('proposed', 'finished') "
                "order by id desc limit 1",
                (number,),
            ).fetchone()
        if row is None:
            raise StudyError(f"{self.folder} has no trial {number}")
        return Trial.from_json(json.loads(row[0]))

    def scores(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Numbers (n,), fidelities (n,) and losses (n, objectives) of all scored trials."""
        with self._trouble():
            rows = self._db.execute("select number, fidelity, losses from scores").fetchall()
        if not rows:
            return np.empty(0, np.int64), np.empty(0), np.empty((0, 0))
        numbers, fidelities, blobs = zip(*rows, strict=True)
        losses = np.frombuffer(b"".join(blobs), "<f8").reshape(len(rows), -1)
        return np.asarray(numbers, np.int64), np.asarray(fidelities), losses

    def repeated(self) -> list[Trial]:
        """All trials that have ended of networks that were trained with several seeds."""
        query = "select data from events where kind = 'finished' and instr(data, ?)"
        with self._trouble():  # texts are as ``_append`` writes them: most need no parsing
            rows = self._db.execute(f"{query} = 0", ('"repetition":0,',)).fetchall()
            others = [Trial.from_json(json.loads(data)) for (data,) in rows]
            again = [trial for trial in others if trial.proposal.repetition]
            archs = {trial.proposal.arch.id: trial.proposal.arch for trial in again}
            texts = [json.dumps(a.to_json(), separators=(",", ":")) for a in archs.values()]
            found = [self._db.execute(f"{query} > 0", (text,)).fetchall() for text in texts]
        wanted = {(t.proposal.arch.id, t.proposal.fidelity) for t in again}
        every = [Trial.from_json(json.loads(data)) for rows in found for (data,) in rows]
        return [t for t in every if (t.proposal.arch.id, t.proposal.fidelity) in wanted]

    def checkpoint(self, number: int) -> bytes | None:
        """What a trial left to continue from."""
        with self._trouble():
            row = self._db.execute(
                "select data from checkpoints where number = ?", (number,)
            ).fetchone()
        return None if row is None else bytes(row[0])

    def elapsed_s(self) -> float:
        """Seconds of search so far, over all sessions."""
        with self._trouble():
            row = self._db.execute(
                "select max(json_extract(data, '$.finished_s')) from events where kind = 'finished'"
            ).fetchone()
        spent = max((event["elapsed_s"] for event in self.events("clock")), default=0.0)
        return max(float(row[0] or 0.0), float(spent))

    def _append(self, kind: str, data: Mapping[str, Any], number: int | None) -> None:
        self._db.execute(
            "insert into events (at, kind, number, data) values (?, ?, ?, ?)",
            (time.time(), kind, number, json.dumps(data, separators=(",", ":"))),
        )

    def _meta(self, key: str) -> str | None:
        with self._trouble():
            row = self._db.execute("select value from meta where key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def _check_version(self) -> None:
        version = self._meta("schema")
        if version is None:
            raise StudyCorrupt(f"{self.folder / FILE} is no study: it has no schema version")
        if int(version) > SCHEMA:
            raise StudyVersion(
                f"{self.folder} was written by a newer Brickwork (schema {version}, this one "
                f"reads up to {SCHEMA}): upgrade with pip install -U brickwork"
            )

    def _agree(self, run: Mapping[str, Any], free: Sequence[str]) -> None:
        """Write what the study is, or check that it is the same one."""
        text = json.dumps(run, sort_keys=True)
        if self._meta("run") is None:
            with self._db:
                rows = [("schema", str(SCHEMA)), ("run", text)]
                self._db.executemany("insert or replace into meta values (?, ?)", rows)
            return
        self._check_version()
        before, now = self.run, json.loads(text)
        differ = sorted(
            key for key in {*before, *now} - set(free) if before.get(key) != now.get(key)
        )
        if differ:
            key = differ[0]
            raise StudyMismatch(
                f"{self.folder} holds another run: {key} was {before.get(key)!r}, now "
                f"{now.get(key)!r}; give another --study, or resume it with its own settings"
            )
        if before != now:
            with self._db:
                self._db.execute("update meta set value = ? where key = 'run'", (text,))

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        """SQLite's errors as errors of the study, in a sentence."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise _explained(self.folder / FILE, error) from error
        except json.JSONDecodeError as error:
            raise StudyCorrupt(f"{self.folder / FILE} is corrupt: {error}") from error


def _explained(path: Path, error: sqlite3.DatabaseError) -> StudyError:
    text = str(error)
    if "full" in text:
        return StudyError(f"cannot write {path}: the disk is full; free some space and run again")
    if "readonly" in text or "read-only" in text:
        return StudyError(f"cannot write {path}: it is read-only; choose another --study folder")
    if "unable to open" in text:
        return StudyError(f"cannot open {path}: no access, or a read-only or full disk")
    if "locked" in text:
        return StudyBusy(f"{path.parent} is busy: another process works in it")
    if isinstance(error, sqlite3.OperationalError) and "I/O" in text:
        return StudyError(f"cannot read or write {path}: {text}")
    return StudyCorrupt(
        f"{path} is corrupt ({text}): restore it from a copy, or start in another folder"
    )


def _connected(path: Path) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(path, timeout=10.0)
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
        check = db.execute("pragma quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        raise _explained(path, error) from error
    if check[0] != "ok":
        raise StudyCorrupt(f"{path} is corrupt ({check[0]}): restore it from a copy")
    return db


def _locked(folder: Path) -> sqlite3.Connection:
    """Hold the study's lock: an open exclusive transaction, which ends with its process."""
    path = folder / "lock.db"
    try:
        lock = sqlite3.connect(path, timeout=0.2, isolation_level=None)
        lock.execute("begin exclusive")
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            raise StudyBusy(
                f"{folder} is busy: another process works in it; wait, or give another --study"
            ) from error
        raise _explained(path, error) from error
    return lock
