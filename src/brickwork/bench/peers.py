"""Optimizers of other projects, as they come, behind the interface of a strategy.

They are given the same decisions, the values of all objectives (the error and the logarithm of each
cost, to be minimised) and, where there are limits, how far each trial breaks them, in the way that
each of them takes it. What they ask twice counts twice. They are installed by the extra ``bench``.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from brickwork.errors import BrickworkError
from brickwork.quantity import metric
from brickwork.strategies.base import Problem, Strategy
from brickwork.trial import Proposal, Trial

__all__ = ["PEERS", "OptunaPeer", "SynePeer", "peer"]

_BAD = 1e3  # an objective of a network that has no score, where a peer must be given one


class OptunaPeer:
    """A sampler of Optuna (https://optuna.org).

    Args:
        problem: What is searched.
        make: Makes the sampler from the keyword ``constraints_func``.
    """

    def __init__(self, problem: Problem, make: Callable[..., Any]) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._problem = problem
        limited = {"constraints_func": _over} if problem.limits else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is deprecated or experimental
            sampler = make(**limited)
        directions = [optuna.study.StudyDirection.MINIMIZE] * len(problem.objectives)
        self._study = optuna.create_study(directions=directions, sampler=sampler)
        self._fail = optuna.trial.TrialState.FAIL
        self._open: dict[str, list[Any]] = {}

    def ask(self, n: int) -> list[Proposal]:
        proposals = []
        for _ in range(n):
            trial = self._study.ask()
            chosen: dict[str, Any] = {
                decision.name: trial.suggest_categorical(decision.name, decision.options)
                for decision in self._problem.space.decisions()
            }
            arch = self._problem.space.arch(chosen)
            self._open.setdefault(arch.id, []).append(trial)
            proposals.append(Proposal(arch))
        return proposals

    def tell(self, trial: Trial) -> None:
        own = self._open[trial.proposal.arch.id].pop(0)
        values = _values(self._problem, trial)
        own.set_user_attr("over", self._problem.violation(trial.metrics))
        if values is None and not self._problem.limits:
            self._study.tell(own, state=self._fail)
        else:
            self._study.tell(own, values or [_BAD] * len(self._problem.objectives))


def _over(trial: Any) -> tuple[float]:
    return (float(trial.user_attrs.get("over", 0.0)),)


class SynePeer:
    """Multi-objective regularized evolution of Syne Tune (https://github.com/syne-tune/syne-tune).

    Args:
        problem: What is searched.
        seed: Decides everything.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        from syne_tune.config_space import choice
        from syne_tune.optimizer.schedulers.multiobjective import (
            multi_objective_regularized_evolution as evolution,
        )

        self._problem = problem
        decisions = problem.space.decisions()
        space = {decision.name: choice(list(decision.options)) for decision in decisions}
        self._searcher = evolution.MultiObjectiveRegularizedEvolution(space, random_seed=seed)

    def ask(self, n: int) -> list[Proposal]:
        asked = (self._searcher.suggest() for _ in range(n))
        return [Proposal(self._problem.space.arch(config)) for config in asked]

    def tell(self, trial: Trial) -> None:
        values = _values(self._problem, trial) or [_BAD] * len(self._problem.objectives)
        config = dict(trial.proposal.arch.choices)
        self._searcher.on_trial_complete(trial.number, config, values)


def _values(problem: Problem, trial: Trial) -> list[float] | None:
    """What a peer is told: errors as they are, logarithms of costs; None without a score."""
    if not trial.scored:
        return None
    values = []
    for objective in problem.objectives:
        value = trial.metrics[objective.metric].value
        known = metric(objective.metric)
        values.append(1.0 - value if known.quality else math.log(value))
    return values


def _optuna(name: str, **settings: Any) -> Callable[[Problem, int], Strategy]:
    def make(problem: Problem, seed: int) -> Strategy:
        import optuna

        sampler = getattr(optuna.samplers, name)
        return OptunaPeer(problem, lambda **limited: sampler(seed=seed, **settings, **limited))

    return make


PEERS: Mapping[str, Callable[[Problem, int], Strategy]] = {
    "optuna-random": lambda problem, seed: OptunaPeer(problem, lambda **_: _random(seed)),
    "optuna-tpe": _optuna("TPESampler"),
    "optuna-nsga2": _optuna("NSGAIISampler"),
    "optuna-nsga2-20": _optuna("NSGAIISampler", population_size=20),
    "optuna-gp": _optuna("GPSampler"),
    "syne-mo-rea": SynePeer,
}
"""What a search is compared with, by name."""


def _random(seed: int) -> Any:
    import optuna

    return optuna.samplers.RandomSampler(seed=seed)


def peer(name: str, problem: Problem, seed: int) -> Strategy:
    """A peer by name.

    Raises:
        BrickworkError: It is not installed.
    """
    try:
        return PEERS[name](problem, seed)
    except ImportError as error:
        raise BrickworkError(
            f"the peer {name} needs {error.name}: install it with pip install 'brickwork[bench]'"
        ) from None
