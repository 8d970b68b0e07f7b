"""Samplers of Optuna as strategies (the extra ``optuna``; https://optuna.org).

Akiba et al.: "Optuna: A Next-generation Hyperparameter Optimization Framework", 2019. What a
sampler lacks is added: what it asked for before, and what is known to break a limit, is told to it
as such and costs no training.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from brickwork.errors import BrickworkError
from brickwork.quantity import metric
from brickwork.space import Arch, Option
from brickwork.strategies.base import OneByOne, Problem
from brickwork.trial import Trial

__all__ = ["OptunaNsga2", "OptunaTpe"]

_TRIES = 8  # proposals of the sampler that are old or break a limit, in a row
_FLOOR = 1e-12


class OptunaTpe(OneByOne):
    """Tree-structured Parzen estimators of Optuna (Bergstra et al., 2011; Watanabe, 2023).

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals to the same answers.

    Raises:
        BrickworkError: Optuna is not installed.
    """

    sampler = "TPESampler"
    """Its name in ``optuna.samplers``."""

    def __init__(self, problem: Problem, seed: int) -> None:
        try:
            import optuna
        except ImportError:
            raise BrickworkError(
                "this strategy needs optuna: install it with pip install 'brickwork[optuna]'"
            ) from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        super().__init__(problem, seed)
        self._failed = optuna.trial.TrialState.FAIL
        self._create = optuna.trial.create_trial
        minimize = optuna.study.StudyDirection.MINIMIZE
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is deprecated or experimental
            made = getattr(optuna.samplers, self.sampler)(seed=seed)
        self._study = optuna.create_study(
            directions=[minimize] * len(problem.objectives), sampler=made
        )
        self._open: dict[str, Any] = {}

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        arch = trial.proposal.arch
        values = self._values(trial)
        own = self._open.pop(arch.id, None)
        if own is not None:
            self._study.tell(own, values, state=None if values else self._failed)
        elif values is not None:
            self._study.add_trial(
                self._create(
                    params=dict(arch.choices),
                    distributions={name: self._among(name) for name, _ in arch.choices},
                    values=values,
                )
            )

    def _next(self, rng: np.random.Generator) -> Arch | None:
        for _ in range(_TRIES):
            asked = self._study.ask()
            chosen: dict[str, Option] = {}
            for decision in self._problem.space.decisions():
                if decision.active(chosen):
                    option: Any = asked.suggest_categorical(decision.name, decision.options)
                    chosen[decision.name] = option
            arch = self._problem.space.arch(chosen)
            if arch not in self._asked and self._problem.forecast(arch)[1] == 0.0:
                self._asked.note(arch)
                self._open[arch.id] = asked
                return arch
            self._study.tell(asked, state=self._failed)
        return self._asked.fresh(rng)

    def _values(self, trial: Trial) -> list[float] | None:
        """What the sampler is told: the logarithm of each cost and error; None without a score."""
        if not trial.scored or not all(map(math.isfinite, self._problem.losses(trial.metrics))):
            return None
        if self._problem.violation(trial.metrics) > 0:
            return None
        values = []
        for objective in self._problem.objectives:
            value = trial.metrics[objective.metric].value
            worse = 1.0 - value if metric(objective.metric).right_part else value
            values.append(math.log(max(worse, _FLOOR)))
        return values

    def _among(self, name: str) -> Any:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self._problem.space.decision(name).options)


class OptunaNsga2(OptunaTpe):
    """NSGA-II of Optuna (Deb et al., 2002)."""

    sampler = "NSGAIISampler"
