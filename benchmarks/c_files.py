"""What networks in C cost: time to write, compile and run them here, and instructions on cores.

DS-CNN, ResNet-8 and a member of the mobile space, with random weights: CPU seconds of the compiler
and of this process, static memory, flash on each core, and simulated instructions for a
multiply-accumulate. Outputs are compared with the reference arithmetic on the way.

    python benchmarks/c_files.py
"""

from __future__ import annotations

import argparse
import resource
import sys

import numpy as np

from brickwork.export.c import write_c
from brickwork.export.c.emulator import CORES, emulate, why_no_emulator
from brickwork.export.c.host import run_c
from brickwork.export.integer.quantizing import quantize_integer
from brickwork.export.integer.reference import run
from brickwork.export.onnx import random_weights
from brickwork.space import Graph, Normalize, graph
from brickwork.spaces.mobile import mobile
from brickwork.spaces.references import PUBLISHED, dscnn, resnet8
from brickwork.trial import rng_for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", nargs="*", default=list(CORES), choices=list(CORES))
    cores = parser.parse_args().cores
    if cores and (reason := why_no_emulator()):
        sys.exit(reason)
    for name, whole in networks().items():
        x = rng_for(0, "samples").uniform(0, 255, (16, *whole.input)).astype(np.float32)
        network = quantize_integer(whole, random_weights(whole, rng_for(0, "weights")), x)
        q = network.input.quantized(x, network.scales[0])
        macs = sum(network.program.macs(layer) for layer in network.program.layers)
        before = cpu()
        files = write_c(network, name)
        written = cpu()
        here = run_c(files, q)
        print(
            f"{name}: {macs:,} MACs, arena {files.arena_bytes:,} B (bound {files.bound_bytes:,}), "
            f"constants {files.constant_bytes:,} B; CPU {written - before:.2f} s to write, "
            f"{cpu() - written:.2f} s to compile and run on {len(q)} samples"
        )
        expected = run(network, q)
        agree = [np.array_equal(here, expected)]
        for core, found in emulate(files, q[:1], cores, timeout_s=300.0).items():
            agree.append(np.array_equal(found.outputs, expected[:1]))
            count = found.total.value
            print(
                f"  {core:11} {count:13,.0f} simulated instructions, {count / macs:.2f} a MAC, "
                f"flash {found.flash_bytes:,} B"
            )
        print(f"  equal bits: {all(agree)}")


def networks() -> dict[str, Graph]:
    found = {}
    for make in (dscnn, resnet8):
        space = make()
        found[make.__name__] = graph(space, space.arch(), *PUBLISHED[make.__name__])
    space = mobile((3, 32, 32))
    arch = space.sample(rng_for(1, "a"))
    found["mobile"] = graph(space, arch, (3, 32, 32), 10, Normalize((100.0,), (60.0,)))
    return found


def cpu() -> float:
    """CPU seconds of this process and of those it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main()
