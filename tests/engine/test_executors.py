"""A job that fails, in whatever way, costs itself and nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy import SPACE

from brickwork.engine.executors import Executor, Inline, Processes, Setup, usable_cores
from brickwork.trial import rng_for


def job(number: int, fault: str = "") -> dict[str, object]:
    arch = SPACE.sample(rng_for(0, number))
    return {"arch": arch.to_json(), "fidelity": 1.0, "fault": fault}


@pytest.fixture(scope="module")
def pool() -> Iterator[Processes]:
    made = Processes(Setup("toy:make", {"faults": True}, memory_bytes=4 << 30), 2, 3.0)
    yield made
    made.close()


def collect(executor: Executor, count: int) -> dict[int, str]:
    """Causes by number; an empty cause is a result."""
    found: dict[int, str] = {}
    deadline = time.monotonic() + 60
    while len(found) < count and time.monotonic() < deadline:
        for outcome in executor.wait(1.0):
            assert (outcome.result is None) == bool(outcome.cause)
            found[outcome.number] = outcome.cause
    return found


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("killed", "killed"),
        ("memory", "out of memory"),
        ("slow", "longer than 3 s"),
        ("error", "ValueError: the reason"),
        ("threads", "RuntimeError: 1"),
    ],
)
def test_one_bad_job_among_good_ones(pool: Processes, fault: str, cause: str) -> None:
    for number in range(5):
        pool.submit(number, job(number, fault if number == 2 else ""))
    found = collect(pool, 5)
    assert cause in found.pop(2)
    assert found == dict.fromkeys((0, 1, 3, 4), "")


def test_cancelled_jobs_are_not_reported(pool: Processes) -> None:
    for number in range(4):
        pool.submit(number, job(number, "slow"))
    time.sleep(0.3)
    pool.cancel()
    assert pool.wait(0.2) == []
    pool.submit(9, job(9))
    assert collect(pool, 1) == {9: ""}


def test_what_was_not_begun_is_taken_back(pool: Processes) -> None:
    for number in range(4):
        pool.submit(number, job(number, "slow" if number < 2 else ""))
    time.sleep(0.5)
    assert pool.withdraw() == [2, 3]
    found = collect(pool, 2)
    assert set(found) == {0, 1}  # those that ran did so to their end
    assert pool.wait(0.2) == []
    pool.submit(9, job(9))
    assert collect(pool, 1) == {9: ""}


def test_inline_gives_the_same_results() -> None:
    executor = Inline(Setup("toy:make", {"faults": True}))
    executor.submit(0, job(0))
    executor.submit(1, job(1, "error"))
    assert collect(executor, 2) == {0: "", 1: "ValueError: the reason"}
    assert executor.wait(0.1) == []
    executor.submit(2, job(2))
    assert executor.withdraw() == [2]
    assert executor.wait(0.1) == []


def test_usable_cores_is_a_count() -> None:
    assert usable_cores() >= 1


SCRIPT = """
print("begun", flush=True)
import sys
sys.path.insert(0, sys.argv[1])
from test_executors import collect, job
from brickwork.engine.executors import Processes, Setup
pool = Processes(Setup("toy:make", {}), 2, 20.0)
for number in range(4):
    pool.submit(number, job(number))
print(collect(pool, 4))
pool.close()
"""


@pytest.mark.parametrize("piped", [True, False])
def test_a_search_may_stand_at_the_top_of_a_script(piped: bool, tmp_path: Path) -> None:
    """Workers do not begin it again; it need not even be a file."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-" if piped else str(script), str(Path(__file__).parent)],
        input=SCRIPT if piped else None,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    begun, ended = done.stdout.splitlines()
    assert begun == "begun"
    assert ast.literal_eval(ended) == {0: "", 1: "", 2: "", 3: ""}
