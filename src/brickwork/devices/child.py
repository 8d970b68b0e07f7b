"""A process of its own for native code that reads files of strangers.

A runtime may abort on a damaged file, or never return. In a child that costs one file; what it
writes to file descriptor 2 is kept, because there it says why. One child serves many jobs.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any, Self

from brickwork.errors import ModelFileError

__all__ = ["Child", "serve"]

_START = "from brickwork.devices.child import serve; serve({!r})"
_NOISE = 20_000  # bytes of what is written that are kept
_END_S = 5.0  # seconds that a process may take to end
_REFUSALS = (RuntimeError, ValueError, TypeError, LookupError, OSError, struct.error)
"""What runtimes raise for a file that they do not like; anything else ends the process."""


class Child:
    """A process that calls one function for each job.

    Args:
        name: What it is, for messages: "TensorFlow Lite Micro".
        function: ``"module:function"``; it takes a job and gives a reply, both JSON.
        timeout_s: Seconds that a job may take, the start of Python included.
    """

    def __init__(self, name: str, function: str, timeout_s: float) -> None:
        self.name = name
        self.function = function
        self.timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._noise, path = tempfile.mkstemp(prefix="brickwork-")
        os.unlink(path)  # it lives as long as it is open

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        os.close(self._noise)

    def ask(self, job: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """The reply to a job, and what was written to file descriptor 2 meanwhile.

        Raises:
            ModelFileError: The function failed, the process ended or took too long; the next job
                gets a new one.
        """
        if self._process is None or self._process.poll() is not None:
            self._start()
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise ModelFileError(f"{self.name} could not be started")
        os.lseek(self._noise, 0, os.SEEK_SET)  # the child shares the place
        os.ftruncate(self._noise, 0)
        try:
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], self.timeout_s)
            line = process.stdout.readline() if ready else b""
        except BrokenPipeError:
            ready, line = [process.stdout], b""
        noise = self._written()
        if not line:
            if ready:  # its output has ended: so does it
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_END_S)
            self.close()
            how = _end(process.returncode) if ready else f"took over {self.timeout_s:g} s"
            raise ModelFileError(f"{self.name} cannot run it: it {how}{_last(noise)}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise ModelFileError(f"{self.name} cannot run it: {_last(noise)[2:] or reply['error']}")
        return reply, noise

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def _start(self) -> None:
        self.close()
        paths = [path for path in sys.path if path]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START.format(self.function)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._noise,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        )

    def _written(self) -> str:
        return os.pread(self._noise, _NOISE, 0).decode("utf-8", "replace")


def serve(function: str) -> None:
    """Answer jobs, a line of JSON each, until the input ends; what a child runs."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # native code may print: that is no reply
    module, _, name = function.partition(":")
    call = getattr(importlib.import_module(module), name)
    for line in sys.stdin:
        try:
            reply = call(json.loads(line))
        except _REFUSALS as error:  # the parent raises it
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        sys.stderr.flush()
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _end(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"crashed with signal {-code} ({signal.strsignal(-code)})"


def _last(noise: str) -> str:
    """The last two lines that native code wrote, or else the error that Python ended with."""
    native, _, python = noise.partition("Traceback (most recent call last)")
    lines = [" ".join(line.split()) for line in native.splitlines() if line.strip()][-2:]
    lines = lines or [" ".join(line.split()) for line in python.splitlines() if line.strip()][-1:]
    return ": " + "; ".join(lines)[:300] if lines else ""
