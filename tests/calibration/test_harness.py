"""The harness for a microcontroller: compiled strictly, run here and on an emulated core."""

from __future__ import annotations

import re
import subprocess
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from integer_networks import compiled

from brickwork.calibration.firmware import pattern, result_of
from brickwork.calibration.log import read_times
from brickwork.export.c.emulator import CORES, why_no_emulator
from brickwork.export.c.host import STRICT
from brickwork.export.c.processes import found

emulated = pytest.mark.skipif(bool(why_no_emulator()), reason=why_no_emulator() or "-")

PORT = """#include "harness.h"
void write_text(const char *text);
void calibrate_putchar(char c)
{
    char text[2] = {c, 0};
    write_text(text);
}
int main(void)
{
    return calibrate_run();
}
"""
QUICK = ("-DCALIBRATE_ROUNDS=2", "-DCALIBRATE_CALLS=1")


def run(*command: str | Path) -> str:
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def smallest(kit: Path, count: int) -> list[Path]:
    """The sources of a program with the first networks only: all of them take long to compile."""
    table = kit / "c" / "networks.h"
    first = re.search(r"#if CALIBRATE_PART == 1\n.*?#endif", table.read_text(), re.DOTALL)
    names = re.findall(r"NETWORK\((n\d\d),", first[0])[:count]
    rows = [row for row in first[0].splitlines() if "NETWORK(n" in row][:count]
    text = first[0][: first[0].index("    NETWORK(n")]
    text += "\n".join([*rows[:-1], rows[-1].removesuffix(" \\")])
    table.write_text(f"#define CALIBRATE_PARTS 1\n#define CALIBRATE_PART 1\n{text}\n#endif\n")
    return [kit / "c" / f"{name}.c" for name in names]


def on_host(kit: Path, tmp_path: Path, sources: list[Path], *flags: str) -> str:
    compiler = found(("cc", "gcc", "clang"), "gcc", "nothing")
    program = tmp_path / "program"
    everything = [kit / "c" / "harness.c", *sources, "-o", program]
    run(compiler, *STRICT, "-O1", "-DCALIBRATE_HOST", *QUICK, *flags, *everything)
    done = subprocess.run([str(program)], capture_output=True, text=True, timeout=60)
    return done.stdout


@compiled
def test_it_runs_here(kit, manifest, tmp_path):
    text = on_host(kit, tmp_path, smallest(kit, 4), "-fsanitize=undefined,address")
    assert "#" not in text.replace("# part 1 of 1, timer clock_gettime", "").replace("# end", "")
    path = tmp_path / "log"
    path.write_text(f"hello\n{text}")
    times = read_times(path, manifest)
    assert [time.network.name for time in times] == [time.file[:3] for time in times]
    assert len(times) == 4
    assert times[0].runtime.startswith("Brickwork C99, compiler")
    assert times[0].mhz is None


@compiled
def test_every_part_holds_networks_that_are_there(kit, manifest):
    table = (kit / "c" / "networks.h").read_text()
    parts = max(one.part for one in manifest.networks)
    assert f"#define CALIBRATE_PARTS {parts}\n" in table
    sections = re.findall(r"#if CALIBRATE_PART == (\d+)\n(.*?)#endif", table, re.DOTALL)
    seen = {
        name: int(part) for part, text in sections for name in re.findall(r"NETWORK\((n\d\d)", text)
    }
    assert seen == {one.name: one.part for one in manifest.networks}
    for part, text in sections:
        size = int(re.search(r"ARENA_BYTES (\d+)", text)[1])
        own = [one.arena_bytes for one in manifest.networks if one.part == int(part)]
        assert size == max(own)


@compiled
def test_wrong_integers_are_told(kit, tmp_path):
    sources = smallest(kit, 2)
    table = kit / "c" / "networks.h"
    table.write_text(re.sub(r"0x[0-9a-f]{8}U", "0x00000000U", table.read_text(), count=1))
    text = on_host(kit, tmp_path, sources)
    assert "# c/n00.c: gives other integers than it should" in text
    assert "\nc/n00.c" not in text
    assert len(re.findall(r"^c/n\d\d\.c,", text, re.MULTILINE)) == 1


@compiled
def test_another_counter_can_be_given(kit, tmp_path):
    port = tmp_path / "port.c"
    port.write_text(
        "#include <stdio.h>\n" + '#include "harness.h"\n'
        "unsigned counted(void);\nunsigned counted(void)\n{\n    static unsigned now;\n"
        "    return now += 1000000;\n}\n"
        "void calibrate_putchar(char c)\n{\n    putchar(c);\n}\n"
        "int main(void)\n{\n    return calibrate_run();\n}\n"
    )
    compiler = found(("cc", "gcc", "clang"), "gcc", "nothing")
    program = tmp_path / "program"
    flags = ["-include", tmp_path / "counter.h", f"-I{kit / 'c'}", "-DCALIBRATE_HZ=500000000u"]
    (tmp_path / "counter.h").write_text(
        "unsigned counted(void);\n#define CALIBRATE_CYCLES() counted()\n"
        '#define CALIBRATE_MACHINE "a \\"RISC-V\\""\n'
    )
    sources = [kit / "c" / "harness.c", port, *smallest(kit, 1)]
    run(compiler, *STRICT, *QUICK, *flags, *sources, "-o", program)
    lines = run(program).splitlines()
    # each reading counts a million, which is what reading costs: a cycle for each layer is left
    layers = int(re.search(r"N00_LAYERS (\d+)", (kit / "c" / "n00.h").read_text())[1])
    assert lines[2].split(",")[2:4] == [f"{layers * 2 / 1e6:.6f}", "0.000000"]
    assert lines[2].endswith(",\"a 'RISC-V'\",500.000000")


@emulated
@pytest.mark.parametrize("core", ["cortex-m4"])
def test_it_runs_on_an_emulated_core(kit, manifest, tmp_path, core):
    """What it counts there are simulated instructions; it says so where it is asked to."""
    firmware = resources.files("brickwork.export.c") / "firmware"
    for name in ("start.c", "sections.ld", CORES[core].memory):
        (tmp_path / name).write_text((firmware / name).read_text())
    (tmp_path / "port.c").write_text(PORT)
    program = tmp_path / "firmware.elf"
    target = ["-O2", "-mthumb", *CORES[core].flags, "-std=gnu99", "-Wall", "-Wextra", "-Werror"]
    link = ["--specs=nano.specs", "-nostartfiles", "-Wl,--gc-sections", f"-L{tmp_path}"]
    names = [
        "-DCALIBRATE_HZ=25000000",
        '-DCALIBRATE_RUNTIME="simulated instructions, not cycles"',
        f'-DCALIBRATE_MACHINE="{core} in QEMU"',
    ]
    sources = [tmp_path / "start.c", tmp_path / "port.c", kit / "c" / "harness.c"]
    sources += smallest(kit, 3)
    run(
        *("arm-none-eabi-gcc", *target, *QUICK, *names, f"-I{kit / 'c'}", *link),
        *("-T", tmp_path / CORES[core].memory, *sources, "-o", program),
    )
    text = run(
        *("qemu-system-arm", "-M", CORES[core].machine, "-icount", "shift=0", "-display", "none"),
        *("-monitor", "none", "-serial", "null", "-chardev", "stdio,id=text"),
        *("-semihosting-config", "enable=on,target=native,chardev=text", "-kernel", program),
    )
    assert "timer SysTick" in text  # the emulator has no counter of cycles
    path = tmp_path / "log"
    path.write_text(text)
    times = read_times(path, manifest)
    assert len(times) == 3
    assert {t.runtime for t in times} == {"simulated instructions, not cycles"}
    assert {t.machine for t in times} == {f"{core} in QEMU"}
    assert times[0].mhz == 25
    sizes = [time.network.macs for time in times]
    assert sizes == sorted(sizes)
    assert times[0].latency_ms < times[-1].latency_ms


@emulated
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m7", "cortex-m33"])
def test_it_compiles_for_other_cores(kit, tmp_path, core):
    flags = [*STRICT, "-O2", "-mthumb", f"-mcpu={core}", "-c", "-o", tmp_path / "harness.o"]
    run("arm-none-eabi-gcc", *flags, kit / "c" / "harness.c")


def test_the_input_is_that_of_the_harness():
    assert pattern(5).tolist() == [11 - 125, 48 - 125, 85 - 125, 122 - 125, 159 - 125]
    assert len(set(pattern(251).tolist())) == 251
    # the published value of FNV-1a for "a"
    assert result_of(np.frombuffer(b"a", np.int8)) == 0xE40C292C
