"""How well a target that was calibrated on an emulated Cortex-M4 predicts networks it has not seen.

    python benchmarks/calibrate_emulated.py [--core cortex-m4] [--held-out 24]

The whole way of a microcontroller: benchmark networks are written, the harness is compiled with
them and run in QEMU, what it prints is read back and installed. Members of the mobile space are run
with the same harness's arithmetic and compared with the predictions. Times are *simulated
instructions*, not cycles: ticks of 25 MHz, of which each is a fixed number of instructions.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from importlib import resources
from pathlib import Path

import numpy as np

from brickwork.calibration import calibrate
from brickwork.devices import latency_of, load_target
from brickwork.devices.installed import FOLDER
from brickwork.devices.work import work_of
from brickwork.export.c import write_c
from brickwork.export.c.emulator import CORES, emulate
from brickwork.export.integer.quantizing import quantize_integer
from brickwork.export.onnx import random_weights
from brickwork.space import graph
from brickwork.spaces.mobile import mobile
from brickwork.trial import rng_for

INPUT, OUTPUTS, TARGET = (3, 32, 32), 10, "stm32l4r5"
TICKS = 25e6  # of SysTick in a second, in the machines of the Cortex-M3, M4 and M7
PORT = """#include "harness.h"
void write_text(const char *text);
void calibrate_putchar(char c) { char text[2] = {c, 0}; write_text(text); }
int main(void) { return calibrate_run(); }
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--core", choices=("cortex-m3", "cortex-m4", "cortex-m7"), default="cortex-m4"
    )
    parser.add_argument("--networks", type=int, default=32)
    parser.add_argument("--held-out", type=int, default=24)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        os.environ[FOLDER] = f"{work}/targets"
        kit, log = Path(work) / "kit", Path(work) / "board.log"
        made = calibrate(kit, target=TARGET, networks=asked.networks)
        parts = range(1, made["parts"] + 1)
        log.write_text("".join(run(kit, Path(work), asked.core, part) for part in parts))
        left = calibrate(kit, read=log, name="emulated")["left_out"]
        print(f"{asked.networks} networks in {made['parts']} programs on an emulated {asked.core}")
        print(
            f"left out of {left['networks']}: mean error {left['mean_error']:.1%}, within 10 % "
            f"{left['within_10']:.0%}, in the 80 % interval {left['coverage']:.0%}"
        )
        held_out(asked.core, asked.held_out)


def run(kit: Path, work: Path, core: str, part: int) -> str:
    """What the harness prints on an emulated core."""
    firmware = resources.files("brickwork.export.c") / "firmware"
    for name in ("start.c", "sections.ld", CORES[core].memory):
        (work / name).write_text((firmware / name).read_text())
    (work / "port.c").write_text(PORT)
    flags = ["-O2", "-mthumb", *CORES[core].flags, "-std=gnu99", f"-I{kit / 'c'}"]
    flags += ["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "--specs=nano.specs"]
    flags += ["-nostartfiles", f"-L{work}", "-T", str(work / CORES[core].memory)]
    flags += [f"-DCALIBRATE_PART={part}", f"-DCALIBRATE_HZ={TICKS:.0f}", "-DCALIBRATE_ROUNDS=1"]
    flags += ["-DCALIBRATE_CALLS=1", '-DCALIBRATE_RUNTIME="simulated instructions, Brickwork C99"']
    sources = [str(path) for path in (work / "start.c", work / "port.c", *kit.glob("c/*.c"))]
    program = str(work / "firmware.elf")
    subprocess.run(["arm-none-eabi-gcc", *flags, *sources, "-o", program], check=True)
    command = ["qemu-system-arm", "-M", CORES[core].machine, "-icount", "shift=0"]
    command += ["-display", "none", "-monitor", "none", "-serial", "null"]
    command += ["-chardev", "stdio,id=text", "-semihosting-config"]
    command += ["enable=on,target=native,chardev=text", "-kernel", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


def held_out(core: str, count: int) -> None:
    """Run members of the mobile space, and compare."""
    target, space, rng = load_target("emulated"), mobile(INPUT), rng_for(0, "held out")
    predicted, simulated, half_widths = [], [], []
    for number in range(count):
        whole = graph(space, space.sample(rng), INPUT, OUTPUTS)
        samples = rng.standard_normal((8, *INPUT), dtype=np.float32)
        weights = random_weights(whole, rng_for(0, "weights", number))
        network = quantize_integer(whole, weights, samples)
        q = network.input.quantized(samples[:1], network.scales[0])
        ticks = sum(emulate(write_c(network), q, [core])[core].ticks)
        simulated.append(1e3 * ticks / TICKS)
        found = latency_of(work_of(whole), target)
        predicted.append(found.value)
        half_widths.append(found.spread)
    one, other, half = np.array(predicted), np.array(simulated), np.array(half_widths)
    errors = np.abs(one / other - 1)
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    print(f"{count} members of mobile that it has not seen:")
    print(f"  mean error {errors.mean():.1%}, within 10 % {np.mean(errors <= 0.1):.0%}")
    print(f"  rank correlation {np.corrcoef(*ranks)[0, 1]:.3f}")
    print(f"  in their 80 % interval {np.mean(np.abs(one - other) <= half):.0%}")
    print(f"  half width of it, median {np.median(half / one):.0%}")


if __name__ == "__main__":
    main()
