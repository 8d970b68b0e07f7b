"""The memory that TensorFlow Lite Micro really takes: its own interpreter, asked.

The interpreter plans its arena when it is made. Buffers of activations and scratch lie at its head,
what stays for the life of the model at its tail. It reports both on file descriptor 2, and names
there an operation that it does not know. The wheel is built for a 64-bit host: on a 32-bit core the
structures of the tail, which hold pointers, are smaller.
"""

from __future__ import annotations

import importlib.util
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from brickwork.devices.child import Child
from brickwork.errors import MissingExtra, ModelFileError
from brickwork.quantity import How, Quantity

__all__ = ["Arena", "measured_arena", "measured_arenas", "report"]

_NAME = "TensorFlow Lite Micro"
_ROOM = 256 * 2**20  # bytes offered; only those used are ever touched
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Arena:
    """The memory of an interpreter, in bytes.

    Attributes:
        total: All of it.
        head: Activations and scratch, planned by lifetime.
        tail: What stays: structures of tensors and operations, scales of channels.
        parts: What the tail is used for, as the interpreter calls it.
    """

    total: int
    head: int
    tail: int
    parts: tuple[tuple[str, int], ...]

    @property
    def quantity(self) -> Quantity:
        """The arena as a peak of SRAM."""
        source = (
            f"arena of {_NAME}'s interpreter (wheel tflite-micro {metadata.version('tflite-micro')}"
            f"): {self.head:,} B of activations and scratch, {self.tail:,} B that stay; a 64-bit "
            "host build: a 32-bit core needs less of what stays; stack and program not included"
        )
        return Quantity(float(self.total), "B", How.MEASURED, None, source)


def measured_arena(model: bytes) -> Arena:
    """The arena of a ``.tflite`` file.

    Raises:
        ModelFileError: The interpreter cannot run it; the message names an unknown operation.
        MissingExtra: The interpreter is not installed.
    """
    (found,) = measured_arenas([model])
    if isinstance(found, ModelFileError):
        raise found
    return found


def measured_arenas(
    models: Iterable[bytes], timeout_s: float = _TIMEOUT_S
) -> list[Arena | ModelFileError]:
    """The arenas of many files, for one start of Python; or why there is none.

    Args:
        models: The bytes of each.
        timeout_s: Seconds that one may take.

    Raises:
        MissingExtra: The interpreter is not installed.
    """
    if importlib.util.find_spec("tflite_micro") is None:
        raise MissingExtra("mcu", "the arena of TensorFlow Lite Micro")
    found: list[Arena | ModelFileError] = []
    with (
        Child(_NAME, "brickwork.devices.tflm:report", timeout_s) as child,
        tempfile.TemporaryDirectory(prefix="brickwork-") as folder,
    ):
        path = Path(folder, "model.tflite")
        for model in models:
            path.write_bytes(model)
            try:
                found.append(_parsed(child.ask({"path": str(path)})[1]))
            except ModelFileError as error:
                found.append(error)
    return found


def report(job: dict[str, Any]) -> dict[str, Any]:
    """Have the interpreter write its memory to file descriptor 2; runs in the child."""
    from tflite_micro import runtime

    content = Path(job["path"]).read_bytes()
    runtime.Interpreter.from_bytes(content, arena_size=_ROOM).print_allocations()
    return {}


def _parsed(text: str) -> Arena:
    sizes = {key: int(n) for key, n in re.findall(r"Arena allocation (\w+) (\d+) bytes", text)}
    if not {"total", "head", "tail"} <= set(sizes):
        raise ModelFileError(f"{_NAME} did not tell its memory")
    parts = tuple([(name, int(n)) for name, n in re.findall(r"'([^']+)' used (\d+) bytes", text)])
    return Arena(sizes["total"], sizes["head"], sizes["tail"], parts)
