"""A network in C on emulated Cortex-M cores: the same bits, and how many instructions it takes.

QEMU runs one instruction in a nanosecond of its own time (``-icount shift=0``), so counts are the
same on every computer and in every run. Instructions are not cycles: a core may need several for
one, or do two in one, and waits for its memory. Counts are those of the first sample; they hardly
depend on it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brickwork.errors import ExportError, UnknownName
from brickwork.export.c.host import STRICT, samples_of
from brickwork.export.c.processes import found, ran
from brickwork.export.c.writer import CFiles
from brickwork.quantity import How, Quantity

__all__ = ["CORES", "Core", "Emulation", "emulate", "why_no_emulator"]


@dataclass(frozen=True, slots=True)
class Core:
    """An emulated core.

    Attributes:
        machine: The machine of QEMU that has it.
        memory: The linker script of its memory.
        flags: Of the compiler.
    """

    machine: str
    memory: str
    flags: tuple[str, ...]


CORES: Mapping[str, Core] = {
    "cortex-m3": Core("mps2-an385", "mps2.ld", ("-mcpu=cortex-m3",)),
    "cortex-m4": Core(
        "mps2-an386", "mps2.ld", ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")
    ),
    "cortex-m7": Core(
        "mps2-an500", "mps2.ld", ("-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard")
    ),
    "cortex-m33": Core("mps2-an505", "an505.ld", ("-mcpu=cortex-m33",)),
    "cortex-m55": Core("mps3-an547", "an547.ld", ("-mcpu=cortex-m55", "-mfloat-abi=hard")),
}
"""The cores that can be emulated, by what a data sheet calls them."""

_LOST = "C files cannot be tried on emulated microcontrollers"
_SPECS = "nano.specs"  # of a small C library
_LOOP_ROUNDS = 400_000
_LOOP_INSTRUCTIONS = 2 * _LOOP_ROUNDS
_WRAPPED = 2**32 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Emulation:
    """What a core made of a network.

    Attributes:
        core: Its name.
        outputs: ``(samples, *output)``, channels last, int8.
        ticks: Of SysTick, for each layer.
        tick_instructions: How many instructions a tick is, found on the emulated core.
        flash_bytes: Code and constants of the network, without start-up code and golden inputs.
    """

    core: str
    outputs: NDArray[np.int8]
    ticks: tuple[int, ...]
    tick_instructions: float
    flash_bytes: int

    @property
    def layers(self) -> tuple[Quantity, ...]:
        """The instructions of each layer; exact to a tick."""
        return tuple([self._quantity(ticks, 1) for ticks in self.ticks])

    @property
    def total(self) -> Quantity:
        """The instructions of all layers."""
        return self._quantity(sum(self.ticks), len(self.ticks))

    def _quantity(self, ticks: int, parts: int) -> Quantity:
        source = f"simulated instructions, not cycles: {self.core} in QEMU, GCC -O2"
        spread = self.tick_instructions * parts
        return Quantity(ticks * self.tick_instructions, "1", How.SIMULATED, spread, source)


def why_no_emulator() -> str:
    """What is missing and what is lost, a sentence; empty if cores can be emulated."""
    try:
        _compiler()
        _emulator()
    except ExportError as error:
        return str(error)
    return ""


def emulate(
    files: CFiles,
    q: NDArray[np.int8],
    cores: Iterable[str] = tuple(CORES),
    timeout_s: float = 60.0,
) -> dict[str, Emulation]:
    """Run a network on emulated cores.

    Args:
        files: The network in C.
        q: Golden inputs ``(samples, *input)``, channels last; they lie in the flash of the core.
        cores: Any of ``CORES``.
        timeout_s: Seconds that compiling may take on each, and running.

    Raises:
        UnknownName: A core is not known.
        ExportError: A program is missing or fails, the network does not fit into the memory of the
            emulated machine, or it takes too long.
    """
    inputs = samples_of(files, q)
    done = {}
    for name in cores:
        if name not in CORES:
            raise UnknownName("core", name, CORES)
        with tempfile.TemporaryDirectory(prefix="brickwork-") as folder:
            done[name] = _Board(files, name, Path(folder), timeout_s).run(inputs)
    return done


@dataclass(frozen=True, slots=True)
class _Board:
    """A network on one core; attributes as in ``emulate``."""

    files: CFiles
    core: str
    folder: Path
    timeout_s: float

    def run(self, inputs: NDArray[np.int8]) -> Emulation:
        program, size = self._built(inputs)
        machine = CORES[self.core].machine
        command: list[str | Path] = [_emulator(), "-M", machine, "-icount", "shift=0"]
        command += ["-display", "none", "-monitor", "none", "-serial", "null"]
        command += ["-chardev", "stdio,id=text", "-semihosting-config"]
        command += ["enable=on,target=native,chardev=text", "-kernel", program]
        text = ran(command, self.timeout_s, f"{self.files.name}.c on an emulated {self.core}")
        return self._read(text.decode(errors="replace"), len(inputs), size)

    def _built(self, inputs: NDArray[np.int8]) -> tuple[Path, int]:
        """The program, and the bytes of the network's own code and constants."""
        name = self.files.name
        sources = {
            f"{name}.h": self.files.header,
            f"{name}.c": self.files.source,
            "network.h": _names(name, self.files, inputs),
        }
        for file in ("start.c", "count.c", "sections.ld", CORES[self.core].memory):
            sources[f"firmware_{file}" if file.endswith(".c") else file] = _firmware(file)
        for file, text in sources.items():
            (self.folder / file).write_text(text)
        compiler = _compiler()
        target = ["-O2", "-mthumb", *CORES[self.core].flags]
        module, program = self.folder / "network.o", self.folder / "firmware.elf"
        what = f"compiling {name}.c for a {self.core}"
        flags = [*STRICT, *target, "-ffunction-sections", "-fdata-sections"]
        command: list[str | Path] = [
            compiler,
            *flags,
            "-c",
            self.folder / f"{name}.c",
            "-o",
            module,
        ]
        ran(command, self.timeout_s, what)
        command = [
            compiler,
            *target,
            "-std=gnu99",
            f"--specs={_SPECS}",
            "-nostartfiles",
            "-Wl,--gc-sections",
        ]
        command += [f"-L{self.folder}", "-T", self.folder / CORES[self.core].memory]
        command += [self.folder / f"firmware_{part}.c" for part in ("start", "count")]
        ran([*command, module, "-o", program], self.timeout_s, what)
        return program, _flash_bytes(ran([compiler.replace("gcc", "size"), module], 10.0, what))

    def _read(self, text: str, samples: int, size: int) -> Emulation:
        """The lines that the firmware writes."""
        lines: dict[str, list[list[str]]] = {}
        for line in text.splitlines():
            key, *words = line.split() or [""]
            lines.setdefault(key, []).append(words)
        try:
            loop = int(lines["loop"][0][0])
            ticks = tuple([int(word) for word in lines["layers"][0]])
            data = [bytes.fromhex(words[0]) for words in lines["output"]]
            outputs = np.frombuffer(b"".join(data), np.int8).reshape(samples, *self.files.output)
        except (KeyError, IndexError, ValueError):
            start = " ".join(text.split())[:200]
            raise ExportError(f"the emulated {self.core} did not finish: {start!r}") from None
        if _WRAPPED in ticks:
            layer = self.files.layers[ticks.index(_WRAPPED)]
            raise ExportError(f"{layer} takes more instructions than can be counted")
        return Emulation(self.core, outputs, ticks, _LOOP_INSTRUCTIONS / loop, size)


def _compiler() -> str:
    """The compiler for the cores, with a C library.

    Raises:
        ExportError: One of them is missing.
    """
    packages = "gcc-arm-none-eabi libnewlib-arm-none-eabi"
    compiler = found(["arm-none-eabi-gcc"], packages, _LOST)
    library = ran([compiler, f"-print-file-name={_SPECS}"], 10.0, "looking for a C library")
    if not Path(library.decode().strip()).is_absolute():  # what is not there is only named
        raise ExportError(
            f"arm-none-eabi-gcc has no C library: {_LOST} (on Debian: apt install "
            "libnewlib-arm-none-eabi)"
        )
    return compiler


def _emulator() -> str:
    """The emulator.

    Raises:
        ExportError: It is missing.
    """
    return found(["qemu-system-arm"], "qemu-system-arm", _LOST)


def _names(name: str, files: CFiles, inputs: NDArray[np.int8]) -> str:
    """The header by which the firmware knows a network."""
    rows = ",\n".join(
        "{" + ",".join(map(str, row)) + "}" for row in inputs.reshape(len(inputs), -1)
    )
    functions = [f"#define network_{part} {name}_{part}" for part in ("input", "output", "layer")]
    defines: Sequence[tuple[str, int]] = (
        ("SAMPLES", len(inputs)),
        ("INPUT_SIZE", prod(files.input)),
        ("OUTPUT_SIZE", prod(files.output)),
        ("LAYERS", len(files.layers)),
        ("LOOP_ROUNDS", _LOOP_ROUNDS),
    )
    return "\n".join(
        [
            f'#include "{name}.h"',
            *functions,
            *[f"#define {key} {value}" for key, value in defines],
            f"static const int8_t golden[SAMPLES][INPUT_SIZE] = {{\n{rows}\n}};",
            "",
        ]
    )


def _firmware(file: str) -> str:
    folder = resources.files("brickwork.export.c") / "firmware"
    return (folder / file).read_text(encoding="ascii")


def _flash_bytes(table: bytes) -> int:
    """Code and constants, and what is copied to memory at the start, from what ``size`` prints."""
    text, data, *_ = table.decode().splitlines()[1].split()
    return int(text) + int(data)
