"""What it costs to decide what to try next: CPU time and memory of every strategy.

    python benchmarks/strategy_speed.py [--trials 10000] [--peers] [--out FILE]

A search with two objectives (accuracy, parameters) on the mobile space for 28x28 images, with limits
of a microcontroller, an accuracy that is a formula, and the real analytic costs. "ask + tell" is
CPU time of the strategy by itself; the costs that it asks for are listed beside it. With ``--peers``
Optuna's samplers (if installed) do the same with the same decisions, in fewer trials.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from brickwork.config import STRATEGIES, load
from brickwork.devices import known_costs
from brickwork.devices.target import load_target
from brickwork.objective import Objective, front
from brickwork.quantity import How, Quantity
from brickwork.space import Arch, graph
from brickwork.spaces.mobile import mobile
from brickwork.strategies.base import Problem, Strategy
from brickwork.trial import State, Trial, rng_for

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


def costs(arch: Arch) -> Mapping[str, Quantity]:
    return known_costs(graph(SPACE, arch, INPUT, OUTPUTS), TARGET)


class Clock:
    """The costs of architectures, and the CPU seconds that they took."""

    def __init__(self) -> None:
        self.calls = 0
        self.seconds = 0.0

    def __call__(self, arch: Arch) -> Mapping[str, Quantity]:
        start = time.process_time()
        known = costs(arch)
        self.seconds += time.process_time() - start
        self.calls += 1
        return known


def run(make: Callable[[Problem, int], Strategy], trials: int) -> dict[str, float]:
    """One search; milliseconds a trial, and what else there is to say."""
    clock = Clock()
    objectives = (Objective("accuracy"), Objective("parameters"))
    problem = Problem(SPACE, objectives, TARGET.limits(), clock)
    strategy = make(problem, 0)
    spent = longest = outside = 0.0
    table = np.zeros((trials, 2))
    memory = [_memory_mb()]
    for number in range(trials):
        known_before, start = clock.seconds, time.process_time()
        proposal = strategy.ask(1)[0]
        took = time.process_time() - start
        known = costs(proposal.arch)
        value = accuracy(proposal.arch, known["parameters"].value)
        metrics = {**known, "accuracy": Quantity(value, "fraction", How.MEASURED)}
        trial = Trial(number, proposal, State.DONE, metrics)
        start = time.process_time()
        strategy.tell(trial)
        took += time.process_time() - start
        spent += took
        outside += clock.seconds - known_before
        if 0 < number < 200:
            longest = max(longest, took)
        table[number] = 1.0 - value, math.log(known["parameters"].value)
        if number + 1 in (trials // 5, trials):
            memory.append(_memory_mb())
    start = time.process_time()
    size = int(front(table).sum())
    return {
        "ask_tell_ms": 1e3 * spent / trials,
        "of_which_costs_ms": 1e3 * outside / trials,
        "costs_a_trial": clock.calls / trials,
        "longest_of_first_200_ms": 1e3 * longest,
        "memory_growth_mb": memory[2] - memory[1],
        "front": size,
        "front_ms": 1e3 * (time.process_time() - start),
    }


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
        result[name] = run(load(STRATEGIES, "strategy", name), options.trials)
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
