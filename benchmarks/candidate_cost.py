"""CPU time of everything that is known of a candidate before it is trained.

    python benchmarks/candidate_cost.py [--target stm32f746] [--candidates 2000]

Sampling, graph, and all counted and predicted costs, in milliseconds of CPU a candidate. "cold":
nothing was computed before in this process; "warm": other candidates of the same space came before.
Every line runs in a process of its own, so that no space warms another.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context

from brickwork.devices import known_costs, load_target
from brickwork.space import Shape, Space, graph
from brickwork.spaces.mobile import mobile
from brickwork.trial import rng_for

SPACES: dict[str, tuple[Callable[[Shape], Space], Shape, int]] = {
    "mobile 1x8x8": (mobile, (1, 8, 8), 10),
    "mobile 1x28x28": (mobile, (1, 28, 28), 10),
    "mobile 3x32x32": (mobile, (3, 32, 32), 10),
    "mobile 3x224x224": (mobile, (3, 224, 224), 1000),
}


def measure(name: str, target_name: str, candidates: int) -> list[str]:
    make, input, outputs = SPACES[name]
    space, target = make(input), load_target(target_name)
    lines = []
    for state in ("cold", "warm"):
        rng = rng_for(0, state)
        marks = [time.process_time()]
        archs = [space.sample(rng) for _ in range(candidates)]
        marks.append(time.process_time())
        graphs = [graph(space, arch, input, outputs) for arch in archs]
        marks.append(time.process_time())
        for whole in graphs:
            known_costs(whole, target)
        marks.append(time.process_time())
        sample, lower, cost = (1000 * (b - a) / candidates for a, b in pairwise(marks))
        total = sample + lower + cost
        lines.append(f"{name:18}{state:6}{sample:8.3f}{lower:8.3f}{cost:8.3f}{total:8.3f}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="stm32f746")
    parser.add_argument("--candidates", type=int, default=2000)
    options = parser.parse_args()
    print(f"ms CPU a candidate, {options.candidates} candidates, target {options.target}")
    print(f"{'space':18}{'cache':6}{'sample':>8}{'graph':>8}{'costs':>8}{'total':>8}")
    context = get_context("spawn")
    for name in SPACES:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            arguments = (name, options.target, options.candidates)
            print("\n".join(pool.submit(measure, *arguments).result()), flush=True)


if __name__ == "__main__":
    main()
