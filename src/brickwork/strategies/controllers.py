"""Controllers: a distribution over each decision, moved towards what was rewarded.

- Williams: "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement
  Learning", 1992; Zoph, Le: "Neural Architecture Search with Reinforcement Learning", 2017
  (``Reinforce``).
- Schulman et al.: "Proximal Policy Optimization Algorithms", 2017; Zoph et al.: "Learning
  Transferable Architectures for Scalable Image Recognition", 2018 (``Ppo``).
- Bender et al.: "Can weight sharing outperform random architecture search?", 2020: a policy of
  independent choices does as well as a recurrent one.

Differs from the papers:
- the reward of a network is how large a part of those told lately it is ahead of, by fronts, so
  that it needs no scale and no weights between objectives;
- what breaks limits is punished when it is drawn, before it costs a training.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brickwork.space import Arch, Option
from brickwork.strategies.base import Member, OneByOne, Problem, crowding, ranks
from brickwork.trial import Trial

__all__ = ["Ppo", "Reinforce"]

Array = NDArray[np.float64]

_LATELY = 64  # trials that a new one is compared with
_PUNISHED = 4  # networks beyond the limits from which a proposal learns, at most


class Reinforce(OneByOne):
    """Moves the logarithm of each chosen option's probability by how good the network was.

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals to the same answers.
        rate: Step of the logits for an advantage of one.
        batch: Trials that are learned from at a time.
        entropy: Weight of the entropy of the policy, which keeps it from settling early.
    """

    epochs = 1
    """How often each batch is gone through."""

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        rate: float = 2.0,
        batch: int = 4,
        entropy: float = 0.02,
    ) -> None:
        super().__init__(problem, seed)
        self._rate = rate
        self._batch = batch
        self._entropy = entropy
        decisions = problem.space.decisions()
        self._logits = {one.name: np.zeros(len(one.options)) for one in decisions}
        self._place = {
            (one.name, option): i for one in decisions for i, option in enumerate(one.options)
        }
        self._lately: deque[Member] = deque(maxlen=_LATELY)
        self._fresh: list[tuple[Arch, float]] = []

    def tell(self, trial: Trial) -> None:
        super().tell(trial)
        member = Member.of(self._problem, trial)
        if member is None:
            return
        self._lately.append(member)
        self._fresh.append((member.arch, self._advantage()))
        if len(self._fresh) >= self._batch:
            self._learn(self._fresh)
            self._fresh = []

    def _next(self, rng: np.random.Generator) -> Arch | None:
        broken: list[Arch] = []

        def drawn() -> Arch:
            arch = self._draw(rng)
            if self._problem.limits and self._problem.forecast(arch)[1] > 0:
                broken.append(arch)
            return arch

        arch = self._asked.fresh(rng, drawn)
        if broken:
            self._learn([(one, -0.5) for one in broken[:_PUNISHED]])
        return arch

    def _draw(self, rng: np.random.Generator) -> Arch:
        chosen: dict[str, Option] = {}
        for decision in self._problem.space.decisions():
            if decision.active(chosen):
                odds = _softmax(self._logits[decision.name])
                chosen[decision.name] = decision.options[int(rng.choice(len(odds), p=odds))]
        return self._problem.space.arch(chosen)

    def _advantage(self) -> float:
        """Of the last one told: from -0.5, behind all of those told lately, to 0.5."""
        members = list(self._lately)
        rank = ranks(members)
        lonely = crowding(members, rank)
        order = np.lexsort((-lonely, rank))
        place = int(np.flatnonzero(order == len(members) - 1)[0])
        return 0.5 - place / max(1, len(members) - 1)

    def _learn(self, told: Sequence[tuple[Arch, float]]) -> None:
        for _ in range(self.epochs):
            steps = {name: np.zeros_like(logits) for name, logits in self._logits.items()}
            for arch, advantage in told:
                for name, option in arch.choices:
                    i, odds = self._place[name, option], _softmax(self._logits[name])
                    slope = self._slope(arch, name, float(odds[i]), advantage)
                    steps[name] -= slope * odds / len(told)
                    steps[name][i] += slope / len(told)
            for name, logits in self._logits.items():
                odds = _softmax(logits)
                level = np.log(np.maximum(odds, 1e-12))
                spread = -odds * (level - odds @ level)  # gradient of the entropy
                logits += self._rate * (steps[name] + self._entropy * spread)

    def _slope(self, arch: Arch, name: str, odds: float, advantage: float) -> float:
        """How much a step of the logarithm of an option's probability is worth."""
        return advantage


class Ppo(Reinforce):
    """REINFORCE with several steps on each batch, none of which moves a probability far.

    The ratio to the probability at which an option was learned from first is clipped.
    """

    epochs = 4
    _CLIP = 0.2

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        rate: float = 0.35,
        batch: int = 4,
        entropy: float = 0.02,
    ) -> None:
        super().__init__(problem, seed, rate=rate, batch=batch, entropy=entropy)

    def _learn(self, told: Sequence[tuple[Arch, float]]) -> None:
        self._before = {name: _softmax(logits) for name, logits in self._logits.items()}
        super()._learn(told)

    def _slope(self, arch: Arch, name: str, odds: float, advantage: float) -> float:
        option = dict(arch.choices)[name]
        ratio = odds / float(self._before[name][self._place[name, option]])
        far = ratio > 1 + self._CLIP if advantage > 0 else ratio < 1 - self._CLIP
        return 0.0 if far else ratio * advantage


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())
