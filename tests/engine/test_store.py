"""A study on disk keeps its promises."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from toy import OBJECTIVES, SPACE

from brickwork.engine.store import FILE, Store
from brickwork.errors import StudyBusy, StudyCorrupt, StudyError, StudyMismatch, StudyVersion
from brickwork.objective import front
from brickwork.quantity import How, Quantity
from brickwork.trial import Proposal, State, Trial, rng_for

RUN = {"data": "digits", "seed": 0, "budget_s": 60.0}


def trial(number: int, state: State = State.DONE) -> Trial:
    arch = SPACE.sample(rng_for(0, number))
    metrics = {
        "accuracy": Quantity(0.9, "fraction", How.MEASURED, 0.01, "val"),
        "parameters": Quantity(float(number), "1", How.COUNTED),
    }
    return Trial(number, Proposal(arch, 0.25), state, metrics, seconds=1.0, finished_s=number)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    with Store.create(tmp_path / "s", RUN) as store:
        store.propose([trial(0, State.WAITING), trial(1, State.WAITING)])
        store.finish(trial(1), [-0.9, 1.0], b"weights")
        store.record("note", {"text": "é"})
    with Store.open(tmp_path / "s") as store:
        assert store.run == RUN
        assert [t.state for t in store.trials()] == [State.WAITING, State.DONE]
        assert store.trials()[1] == trial(1) == store.trial(1)
        assert store.checkpoint(1) == b"weights"
        assert store.checkpoint(0) is None
        assert list(store.events("note")) == [{"text": "é"}]
        assert store.elapsed_s() == 1.0
        numbers, fidelities, losses = store.scores()
        assert numbers.tolist() == [1]
        assert fidelities.tolist() == [0.25]
        assert losses.tolist() == [[-0.9, 1.0]]


def test_a_second_writer_is_refused_and_readers_are_not(tmp_path: Path) -> None:
    with Store.create(tmp_path / "s", RUN):
        with pytest.raises(StudyBusy, match="busy"):
            Store.create(tmp_path / "s", RUN)
        Store.open(tmp_path / "s").close()
    Store.create(tmp_path / "s", RUN).close()


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from brickwork.engine.store import Store\n"
        f"store = Store.create({str(tmp_path / 's')!r}, {RUN!r})\n"
        "print('held', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with process:
        stdout = process.stdout
        if stdout is None or stdout.readline().strip() != "held":
            pytest.fail("the other process did not get the lock")
        with pytest.raises(StudyBusy):
            Store.create(tmp_path / "s", RUN)
        process.kill()
    Store.create(tmp_path / "s", RUN).close()


@pytest.mark.parametrize(
    ("change", "free", "fits"),
    [
        ({}, (), True),
        ({"budget_s": 120.0}, ("budget_s",), True),
        ({"seed": 1}, ("budget_s",), False),
    ],
)
def test_only_what_is_free_may_change(
    tmp_path: Path, change: dict[str, float], free: tuple[str, ...], fits: bool
) -> None:
    Store.create(tmp_path / "s", RUN).close()
    if fits:
        with Store.create(tmp_path / "s", {**RUN, **change}, free) as store:
            assert store.run == {**RUN, **change}
    else:
        with pytest.raises(StudyMismatch, match="seed was 0, now 1"):
            Store.create(tmp_path / "s", {**RUN, **change}, free)


def test_folders_that_are_no_study(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="holds no study"):
        Store.open(tmp_path)
    (tmp_path / "mine.txt").write_text("do not touch")
    with pytest.raises(StudyMismatch, match="not empty"):
        Store.create(tmp_path, RUN)
    with pytest.raises(StudyError, match="is a file"):
        Store.create(tmp_path / "mine.txt", RUN)
    with pytest.raises(StudyError, match="cannot make"):
        Store.create(tmp_path / "mine.txt" / "below", RUN)
    assert (tmp_path / "mine.txt").read_text() == "do not touch"


def test_a_newer_version_is_named(tmp_path: Path) -> None:
    Store.create(tmp_path / "s", RUN).close()
    db = sqlite3.connect(tmp_path / "s" / FILE)
    with db:
        db.execute("update meta set value = '99' where key = 'schema'")
    db.close()
    with pytest.raises(StudyVersion, match="schema 99"):
        Store.open(tmp_path / "s")
    with pytest.raises(StudyVersion, match="schema 99"):
        Store.create(tmp_path / "s", RUN)


@pytest.mark.parametrize("damage", ["not a database at all" * 400, ""])
def test_a_corrupt_store_is_named_and_left_alone(tmp_path: Path, damage: str) -> None:
    Store.create(tmp_path / "s", RUN).close()
    path = tmp_path / "s" / FILE
    for rest in path.parent.glob(f"{FILE}-*"):
        rest.unlink()
    path.write_text(damage)
    with pytest.raises(StudyError):
        Store.open(tmp_path / "s")
    if damage:
        with pytest.raises(StudyCorrupt, match="corrupt"):
            Store.create(tmp_path / "s", RUN)
        assert path.read_text() == damage


def test_a_half_written_event_is_corrupt_not_a_crash(tmp_path: Path) -> None:
    Store.create(tmp_path / "s", RUN).close()
    db = sqlite3.connect(tmp_path / "s" / FILE)
    with db:
        db.execute("insert into events (at, kind, data) values (0, 'finished', '{\"number\": 1')")
    db.close()
    with Store.open(tmp_path / "s") as store, pytest.raises(StudyCorrupt):
        store.trials()


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    with Store.create(tmp_path / "s", RUN) as store:
        store.finish(trial(0), [0.0, 0.0])
        store._db.execute("pragma max_page_count = 16")

        def fill() -> None:
            for number in range(1, 200):
                store.finish(trial(number), [0.0, 0.0], b"x" * 4096)

        with pytest.raises(StudyError, match="disk is full"):
            fill()
    with Store.open(tmp_path / "s") as store:
        assert store.trials()[0] == trial(0)


def test_a_front_of_ten_thousand_is_read_without_parsing_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    losses = rng.random((10_000, len(OBJECTIVES)))
    text = json.dumps(trial(0).to_json())
    with Store.create(tmp_path / "s", RUN) as store:
        with store._db:
            store._db.executemany(
                "insert into events (at, kind, number, data) values (0, 'finished', ?, ?)",
                [(n, text) for n in range(len(losses))],
            )
            store._db.executemany(
                "insert into scores values (?, 1.0, ?)",
                [(n, row.tobytes()) for n, row in enumerate(losses)],
            )
        began = time.process_time()
        numbers, _, read = store.scores()
        keep = front(read)
        spent = time.process_time() - began
    assert np.array_equal(read[np.argsort(numbers)], losses)
    assert 0 < keep.sum() < 100
    assert spent < 1.0  # the figure itself is in benchmarks/
