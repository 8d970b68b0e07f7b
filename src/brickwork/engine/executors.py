"""Where jobs run: in this process, or in worker processes of which each may die for itself.

A job is JSON and so is its result, but for ``bytes`` values (checkpoints, weights). The function
that does the work is named, not passed: ``"module:function"``, called once per process with the
set-up and returning a callable ``job -> result``.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import queue
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import ModuleType
from typing import Any, Protocol

from brickwork.errors import BrickworkError

__all__ = [
    "THREADS",
    "Executor",
    "Inline",
    "Job",
    "Outcome",
    "Processes",
    "Setup",
    "attempted",
    "usable_cores",
]

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables that say how many threads a library of mathematics may use; read when it is loaded."""

Job = Mapping[str, Any]
Work = Callable[[Job], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Attributes:
        number: The number it was submitted under.
        result: What the work returned; None when it failed.
        cause: Why it failed, in a sentence; empty otherwise.
    """

    number: int
    result: Mapping[str, Any] | None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Setup:
    """How a process gets ready to work.

    Attributes:
        entry: ``"module:function"``; called with ``arguments``, returns the work.
        arguments: JSON.
        preload: Modules that the fork server imports before it forks.
        memory_bytes: Limit of each worker's data; beyond it an allocation fails (0: none).
    """

    entry: str
    arguments: Mapping[str, Any]
    preload: tuple[str, ...] = ()
    memory_bytes: int = 0

    def work(self) -> Work:
        module, _, name = self.entry.partition(":")
        made: Work = getattr(importlib.import_module(module), name)(**self.arguments)
        return made


class Executor(Protocol):
    """Runs jobs; a job that fails costs itself and nothing else."""

    workers: int

    def submit(self, number: int, job: Job) -> None: ...

    def wait(self, timeout_s: float) -> list[Outcome]:
        """What has ended; waits for the first up to ``timeout_s`` seconds."""

    def withdraw(self) -> list[int]:
        """Take back the jobs that no worker has begun; their numbers."""

    def cancel(self) -> None:
        """End the jobs that run or wait; their outcomes are not reported."""

    def close(self) -> None: ...


class Inline:
    """Jobs run in this process, one by one, when they are waited for."""

    def __init__(self, setup: Setup) -> None:
        self.workers = 1
        self._work = setup.work()
        self._queue: list[tuple[int, Job]] = []

    def submit(self, number: int, job: Job) -> None:
        self._queue.append((number, job))

    def wait(self, timeout_s: float) -> list[Outcome]:
        if not self._queue:
            return []
        number, job = self._queue.pop(0)
        return [attempted(number, self._work, job)]

    def withdraw(self) -> list[int]:
        numbers = [number for number, _ in self._queue]
        self._queue.clear()
        return numbers

    def cancel(self) -> None:
        self._queue.clear()

    def close(self) -> None:
        self.cancel()


class _Process(ForkServerProcess):
    """A worker that does not begin with the user's script, as all it needs lies in modules.

    So a search may stand anywhere in a script, in a notebook, or in what is piped into Python.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802  # its name in the library
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return ForkServerProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = script


class _Context(ForkServerContext):
    Process = _Process


class Processes:
    """Jobs run in worker processes (pebble), one thread each.

    A worker that is killed, runs out of memory or over its time fails its own job; the pool
    replaces it. Workers are forked from a server that has the heavy modules loaded.

    Args:
        setup: How a worker gets ready.
        workers: How many.
        timeout_s: The longest a job may take.
    """

    def __init__(self, setup: Setup, workers: int, timeout_s: float) -> None:
        from pebble import ProcessPool

        self.workers = workers
        self.timeout_s = timeout_s
        self._ended: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._running: dict[int, Any] = {}
        context = _Context()
        context.set_forkserver_preload(list(setup.preload))
        for name in THREADS:  # read by the libraries when the fork server loads them
            os.environ[name] = "1"
        self._pool: Any = ProcessPool(
            max_workers=workers, context=context, initializer=_prepare, initargs=(setup,)
        )

    def submit(self, number: int, job: Job) -> None:
        future = self._pool.schedule(_work, args=(number, job), timeout=self.timeout_s)
        self._running[number] = future
        future.add_done_callback(lambda done: self._note(number, done))

    def wait(self, timeout_s: float) -> list[Outcome]:
        ended: list[Outcome] = []
        try:
            ended.append(self._ended.get(timeout=max(0.0, timeout_s)))
            while True:
                ended.append(self._ended.get_nowait())
        except queue.Empty:
            return ended

    def withdraw(self) -> list[int]:
        jobs = list(self._running.items())  # a copy: the pool's thread takes out what has ended
        return [number for number, job in jobs if not job.running() and job.cancel()]

    def cancel(self) -> None:
        for future in list(self._running.values()):
            future.cancel()
        deadline = time.monotonic() + 10.0
        while self._running and time.monotonic() < deadline:
            self.wait(0.05)
        self.wait(0.0)

    def close(self) -> None:
        self._pool.stop()
        self._pool.join(timeout=10.0)

    def _note(self, number: int, future: Any) -> None:
        """Called in the pool's thread when a job has ended, however it has."""
        self._running.pop(number, None)
        try:
            outcome = future.result()
        except CancelledError:
            return
        except TimeoutError:
            outcome = Outcome(number, None, f"took longer than {self.timeout_s:.0f} s")
        except MemoryError:
            outcome = Outcome(number, None, "out of memory")
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this job's cause
            outcome = Outcome(number, None, _explained(error))
        self._ended.put(outcome)


_ready: list[Work] = []


def _prepare(setup: Setup) -> None:
    """Runs in each worker before its first job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if setup.memory_bytes:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (setup.memory_bytes, hard))
    _ready[:] = [setup.work()]


def _end_with_parent() -> None:
    """End this worker when the parent is gone, were it killed in the middle of our job."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _work(number: int, job: Job) -> Outcome:
    return attempted(number, _ready[0], job)


def attempted(number: int, work: Work, job: Job) -> Outcome:
    """The outcome of a job: an exception becomes its cause."""
    try:
        return Outcome(number, work(job))
    except MemoryError:
        return Outcome(number, None, "out of memory")
    except BrickworkError as error:
        return Outcome(number, None, str(error))
    except Exception as error:  # noqa: BLE001  # recorded on the trial and shown
        return Outcome(number, None, _explained(error))


def _explained(error: Exception) -> str:
    text = str(error).strip().splitlines()
    first = text[0] if text else ""
    code = getattr(error, "exitcode", None)
    if code is not None:
        return f"the worker died (exit code {code}{', killed' if code == -9 else ''})"
    if "allocate memory" in first or "out of memory" in first:
        return "out of memory"
    return f"{type(error).__name__}: {first}"


def usable_cores() -> int:
    """Cores this process may use: its affinity, and the quota of its control group."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        cores = os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        if quota != "max":
            cores = min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):  # no control groups here: the affinity is all there is to know
        return cores
    return cores
