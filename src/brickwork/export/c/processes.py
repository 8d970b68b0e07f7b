"""Compilers and emulators: found or named, run with a time limit, their complaints in a line."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from brickwork.errors import ExportError

__all__ = ["found", "ran"]

_TELLING = re.compile(r"(?<!collect2: )error|overflowed", re.IGNORECASE)


def found(programs: Sequence[str], package: str, lost: str) -> str:
    """The path of the first of some programs that is there.

    Args:
        programs: Their names.
        package: The Debian packages that bring one.
        lost: What cannot be done without it.

    Raises:
        ExportError: None of them is there.
    """
    for program in programs:
        if path := shutil.which(program):
            return path
    raise ExportError(
        f"{' or '.join(programs)} is not installed: {lost} (on Debian: apt install {package})"
    )


def ran(
    command: Sequence[str | Path], timeout_s: float, what: str, given: bytes | None = None
) -> bytes:
    """What a program writes to its standard output.

    Args:
        command: The program and its arguments.
        timeout_s: Seconds that it may take.
        what: What it does, for the error.
        given: Its standard input.

    Raises:
        ExportError: It fails, or takes too long.
    """
    try:
        done = subprocess.run(
            [str(part) for part in command],
            input=given if given is not None else b"",
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ExportError(f"{what} took over {timeout_s:g} s") from None
    except OSError as error:
        raise ExportError(f"{what} failed: {error.strerror or error}") from error
    if done.returncode:
        raise ExportError(f"{what} failed with exit code {done.returncode}: {_reason(done)}")
    return done.stdout


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    """The line of a complaint that says most."""
    text = (done.stderr + b"\n" + done.stdout).decode(errors="replace")
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return [*telling, *lines, "it says nothing"][0][:300]
