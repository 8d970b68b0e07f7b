"""How close the plans of the C writer's arena come to what no plan can be below.

Every space of the catalogue that can be lowered, with random architectures: the bytes alive at
once in the order that is executed (bound), the plan, and the excess; beside them what the order of
the file of TensorFlow Lite needs, without what is fused and written in place.

    python benchmarks/arena_plan.py --members 5
"""

from __future__ import annotations

import argparse
import sys
import time
from math import prod
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from catalogue import CATALOGUE

from brickwork.devices.lowering import lower, why_not
from brickwork.devices.planner import plan_arena
from brickwork.export.c.placing import place
from brickwork.export.integer.network import Input, IntegerNetwork, Scale, Step
from brickwork.space import graph
from brickwork.trial import rng_for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=5, help="architectures of each space")
    parser.add_argument("--alignment", type=int, default=1)
    members, alignment = (args := parser.parse_args()).members, args.alignment
    print(f"{'space':24} {'file':>9} {'bound':>9} {'plan':>9} {'excess':>7} {'seconds':>8}")
    excesses, plain, seconds = [], [], []
    for entry in CATALOGUE:
        for member in range(members):
            arch = entry.space.sample(rng_for(member, "arena", entry.id))
            whole = graph(entry.space, arch, entry.input, entry.outputs)
            if why_not(whole):
                break
            program = lower(whole)
            sizes = [prod(shape) for shape in program.shapes]
            scales = tuple([Scale(1.0, 0)] * len(sizes))
            steps = tuple([Step(layer) for layer in program.layers])
            network = IntegerNetwork(program, scales, steps, Input(False))
            begun = time.perf_counter()
            arena = place(network, alignment).arena
            seconds.append(time.perf_counter() - begun)
            file = plan_arena(sizes, program.lifetimes(), alignment)
            plain.append(file.total / file.bound - 1)
            excesses.append(arena.total / arena.bound - 1)
            print(
                f"{entry.id:24} {file.bound:9} {arena.bound:9} {arena.total:9} "
                f"{excesses[-1]:7.2%} {seconds[-1]:8.3f}"
            )
    for label, found in (("C", excesses), ("file's order and layers", plain)):
        print(
            f"{label}: {len(found)} networks, {sum(e == 0 for e in found)} at the bound; excess "
            f"worst {max(found):.2%}, mean {sum(found) / len(found):.3%}"
        )
    print(f"seconds: worst {max(seconds):.2f}, mean {sum(seconds) / len(seconds):.3f}")


if __name__ == "__main__":
    main()
