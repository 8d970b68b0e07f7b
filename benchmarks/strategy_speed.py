"""What it costs to decide what to try next: CPU time and memory of every strategy.

    python benchmarks/strategy_speed.py [--trials 10000] [--peers] [--out FILE]

A search with two objectives (accuracy, parameters) on the mobile space for 28x28 images, with the
limits of a microcontroller, an accuracy that is a formula, and the real analytic costs. The time
of "ask + tell" holds all that the strategy asks for (analytic costs of candidates), but not the
work of the search around it. Set OMP_NUM_THREADS=1, as a search does: the time of idle threads
counts. With ``--peers`` Optuna's samplers (if installed) do the same in 1,000 trials.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import multiprocessing
import platform
import resource
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from brickwork.devices import known_costs
from brickwork.devices.target import load_target
from brickwork.names import STRATEGIES, load
from brickwork.objective import Objective, front
from brickwork.quantity import How, Quantity
from brickwork.space import Arch, Graph, graph
from brickwork.spaces.mobile import mobile
from brickwork.strategies.base import Problem, Strategy
from brickwork.trial import Proposal, State, Trial, rng_for

INPUT, OUTPUTS = (1, 28, 28), 10
SPACE = mobile(INPUT)
TARGET = load_target("stm32f746")
EFFECTS = {  # of each option of each decision on the error
    (d.name, option): float(rng_for(0, "effect", d.name, str(option)).normal(0.0, 0.15))
    for d in SPACE.decisions()
    for option in d.options
}


def accuracy(arch: Arch, parameters: float) -> float:
    """Better when larger, with an effect of every decision."""
    effect = sum(EFFECTS[choice] for choice in arch.choices) / math.sqrt(len(arch.choices))
    return 1.0 - min(0.9, 0.02 + math.exp(effect - 0.4 * math.log(parameters)))


@functools.lru_cache(maxsize=256)  # as in a search: the latest are looked at more than once
def graph_of(arch: Arch) -> Graph:
    return graph(SPACE, arch, INPUT, OUTPUTS)


def costs(arch: Arch) -> Mapping[str, Quantity]:
    return known_costs(graph_of(arch), TARGET)


def run(make: Callable[[Problem, int], Strategy], trials: int) -> dict[str, float]:
    """One search; milliseconds a trial, and what else there is to say."""
    calls = 0

    def known(arch: Arch) -> Mapping[str, Quantity]:
        nonlocal calls
        calls += 1
        return costs(arch)

    objectives = (Objective("accuracy"), Objective("parameters"))
    strategy = make(Problem(SPACE, objectives, TARGET.limits(), known, graph_of, 4), 0)
    table = np.empty((trials, 2))
    outside = 0.0  # what the search does beside the strategy
    early = halfway = math.nan
    start = time.process_time()
    for number in range(trials):
        proposal = strategy.ask(1)[0]
        before = time.process_time()
        trial = scored(number, proposal)
        outside += time.process_time() - before
        strategy.tell(trial)
        table[number] = [1.0 - trial.metrics["accuracy"].value, trial.metrics["parameters"].value]
        if number + 1 == 200:
            early = time.process_time() - start - outside
        if number + 1 == trials // 2:
            halfway = _memory_mb()
    whole = time.process_time() - start - outside
    growth = _memory_mb() - halfway
    start = time.process_time()
    size = int(front(table).sum())
    return {
        "ask_tell_ms": 1e3 * whole / trials,
        "first_200_ms": 1e3 * early / 200,
        "costs_asked_a_trial": calls / trials,
        "cost_ms": 1e3 * outside / trials,
        "memory_mb": halfway,
        "growth_mb": growth,  # over the second half
        "front": size,
        "front_ms": 1e3 * (time.process_time() - start),
    }


def alone(name: str, trials: int) -> dict[str, float]:
    """The search with a strategy, in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(run, load(STRATEGIES, "strategy", name), trials).result()


def scored(number: int, proposal: Proposal) -> Trial:
    """The trial that a proposal becomes."""
    known = costs(proposal.arch)
    value = accuracy(proposal.arch, known["parameters"].value)
    metrics = {**known, "accuracy": Quantity(value, "fraction", How.MEASURED)}
    return Trial(number, proposal, State.DONE, metrics)


def peer(make: Callable[[Any], Any], trials: int) -> dict[str, float]:
    """The same search with a sampler of Optuna, all decisions suggested always."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=make(optuna))
    spent = 0.0
    for _ in range(trials):
        start = time.process_time()
        trial = study.ask()
        values = {
            d.name: d.options[trial.suggest_categorical(d.name, list(range(len(d.options))))]
            for d in SPACE.decisions()
        }
        spent += time.process_time() - start
        arch = SPACE.arch(values)
        parameters = costs(arch)["parameters"].value
        start = time.process_time()
        study.tell(trial, [1.0 - accuracy(arch, parameters), math.log(parameters)])
        spent += time.process_time() - start
    return {"ask_tell_ms": 1e3 * spent / trials}


def _memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--peers", action="store_true", help="Optuna's samplers, 1,000 trials")
    parser.add_argument("--out", type=Path, help="where to write the result as JSON")
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": platform.machine(), "trials": options.trials}
    for name in options.strategies:
        result[name] = alone(name, options.trials)
        print(name, {key: round(value, 3) for key, value in result[name].items()}, flush=True)
    if options.peers:
        samplers: dict[str, Callable[[Any], Any]] = {
            "optuna-nsga2": lambda optuna: optuna.samplers.NSGAIISampler(seed=0),
            "optuna-tpe": lambda optuna: optuna.samplers.TPESampler(seed=0),
        }
        for name, make in samplers.items():
            result[name] = peer(make, 1000)
            print(name, "(1,000 trials)", result[name], flush=True)
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
