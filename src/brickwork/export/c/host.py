"""A network in C run on this machine; warnings are errors, and undefined behaviour can be one."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import ExportError
from brickwork.export.c.processes import found, ran
from brickwork.export.c.writer import CFiles
from brickwork.export.formats import COMPILERS

__all__ = ["SANITIZED", "STRICT", "compile_c", "run_c", "samples_of"]

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
SANITIZED = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all")
"""What the compiler adds for a run in which undefined behaviour is an error."""

_MAIN = """#include <stdio.h>
#include "{name}.h"

int main(void)
{{
    while (fread({name}_input(), 1, {upper}_INPUT_SIZE, stdin) == {upper}_INPUT_SIZE) {{
        fwrite({name}_run({name}_input()), 1, {upper}_OUTPUT_SIZE, stdout);
    }}
    return 0;
}}
"""


def run_c(
    files: CFiles,
    q: NDArray[np.int8],
    flags: Sequence[str] = ("-O2",),
    timeout_s: float = 120.0,
) -> NDArray[np.int8]:
    """The int8 outputs for int8 inputs, from a program that is compiled for it.

    Args:
        files: The network in C.
        q: ``(samples, *input)``, channels last.
        flags: Of the compiler, besides ``STRICT``.
        timeout_s: Seconds that compiling may take, and running.

    Returns:
        ``(samples, *output)``, channels last.

    Raises:
        ExportError: There is no compiler, it complains, or the program fails or takes too long.
    """
    inputs = samples_of(files, q)
    with tempfile.TemporaryDirectory(prefix="brickwork-") as folder:
        main = _MAIN.format(name=files.name, upper=files.name.upper())
        program = compile_c(files, main, Path(folder), flags, timeout_s)
        output = ran([program], timeout_s, f"{files.name}.c on this machine", inputs.tobytes())
    if len(output) != len(q) * prod(files.output):
        raise ExportError(f"{files.name}.c gave {len(output)} numbers for {len(q)} samples")
    return np.frombuffer(output, np.int8).reshape(len(q), *files.output)


def compile_c(
    files: CFiles, main: str, folder: Path, flags: Sequence[str], timeout_s: float = 120.0
) -> Path:
    """Compile a network with a main program for this machine.

    Args:
        files: The network in C.
        main: The text of the program.
        folder: Where to; must be there.
        flags: Of the compiler, besides ``STRICT``.
        timeout_s: Seconds that it may take.

    Raises:
        ExportError: There is no compiler, or it complains.
    """
    compiler = found(COMPILERS, "gcc", "C files cannot be run on this machine")
    (folder / f"{files.name}.h").write_text(files.header)
    sources = {folder / f"{files.name}.c": files.source, folder / f"{files.name}_main.c": main}
    for path, text in sources.items():
        path.write_text(text)
    program = folder / f"{files.name}_program"
    ran(
        [compiler, *STRICT, *flags, "-o", program, *sources],
        timeout_s,
        f"compiling {files.name}.c",
    )
    return program


def samples_of(files: CFiles, q: NDArray[Any]) -> NDArray[np.int8]:
    """The samples themselves.

    Raises:
        ValueError: They are not those of the network.
    """
    if q.dtype != np.int8 or q.shape[1:] != files.input:
        raise ValueError(
            f"samples are {q.dtype} of shape {q.shape}, the network wants int8 of "
            f"(samples, {', '.join(map(str, files.input))})"
        )
    return np.ascontiguousarray(q)
