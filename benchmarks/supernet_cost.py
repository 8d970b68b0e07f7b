"""What weight sharing costs: a member run in the supernet beside the same network built alone.

    python benchmarks/supernet_cost.py

CPU time of a forward pass and of a training step (batch 64, one thread), and the memory that
PyTorch allocates in a forward pass, as ratios supernet / alone. Both are timed in turns in one
process, over random members of the mobile space; the median of the ratios of each turn.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("KINETO_LOG_LEVEL", "99")

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from brickwork.nets import Supernet
from brickwork.space import Arch
from brickwork.spaces.mobile import mobile
from brickwork.trial import rng_for

BATCH = 64
TURNS = 15


def cpu_s(call: Callable[[], object], times: int) -> float:
    begun = time.process_time()
    for _ in range(times):
        call()
    return time.process_time() - begun


def allocated(call: Callable[[], object]) -> int:
    """Bytes that a call allocates, freed again or not."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        call()
    return sum(max(0, event.self_cpu_memory_usage) for event in found.events())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=10)
    members = parser.parse_args().members
    torch.set_num_threads(1)
    print("input      forward  (80 % of members)  training step  memory of a forward pass")
    for input in ((1, 8, 8), (1, 28, 28), (3, 32, 32)):
        space, rng = mobile(input), rng_for(0, "members", str(input))
        net, x = Supernet(space, input, 10), torch.rand(BATCH, *input)
        found = [compared(net, space.sample(rng), x) for _ in range(members)]
        forward, step, memory = zip(*found, strict=True)
        low, *_, high = statistics.quantiles(forward, n=10)
        shape = "x".join(map(str, input))
        print(
            f"{shape:10} {statistics.median(forward):6.3f}   {low:.3f} to {high:.3f}       "
            f"{statistics.median(step):6.3f}         {statistics.median(memory):6.3f}"
        )


def compared(net: Supernet, arch: Arch, x: Tensor) -> tuple[float, float, float]:
    """Supernet / alone: time of a forward pass and of a training step, memory of the former."""
    alone = net.extract(arch)
    calls = [lambda: net(x, arch), lambda: alone(x)]
    with torch.no_grad():
        net.eval()
        alone.eval()
        shared, own = (allocated(call) for call in calls)
        forward = ratio(calls)
    net.train()
    alone.train()
    step = ratio([lambda call=call: call().square().mean().backward() for call in calls])
    return forward, step, shared / own


def ratio(calls: list[Callable[[], object]]) -> float:
    """CPU time of the first call over that of the second, the median of several turns."""
    for call in calls:
        cpu_s(call, 3)
    turns = []
    for turn in range(TURNS):
        order = calls if turn % 2 else calls[::-1]
        taken = {id(call): cpu_s(call, 5) for call in order}
        turns.append(taken[id(calls[0])] / taken[id(calls[1])])
    return statistics.median(turns)


if __name__ == "__main__":
    main()
