"""Suggested architectures first; then the default search, which is told what became of them.

Gradient-based strategies decode a handful of architectures from a supernet. Their supernet is no
evidence of how good these are, so they are trained on their own, and what they come to is where
the search begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from brickwork.oneshot.preparing import Suggestion
from brickwork.space import Arch
from brickwork.strategies.auto import Auto
from brickwork.strategies.base import Problem
from brickwork.trial import Proposal, Trial

__all__ = ["Suggested"]


class Suggested:
    """Whole trainings of what is suggested, in order, then the default search.

    Args:
        problem: What is searched.
        seed: The same seed gives the same proposals to the same answers and suggestions.
        low: Fidelity of a first look of the default search.
        suggestions: The best first. Those that are no members of the space, or are known to break
            a limit, are passed over.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        low: float = 0.25,
        suggestions: Sequence[Suggestion] = (),
    ) -> None:
        self._problem = problem
        self._inner = Auto(problem, seed, low=low)
        self._next: deque[Arch] = deque()
        self._whole: set[str] = set()  # asked or told at fidelity 1
        self.suggest(one.arch for one in suggestions)

    def explain(self) -> str:
        """One sentence: what is done, and why."""
        return f"what the preparation suggests is trained first; {self._inner.explain()}"

    def suggest(self, archs: Iterable[Arch]) -> None:
        """More architectures to be trained before the search goes on."""
        space = self._problem.space
        self._next += (
            arch
            for arch in archs
            if space.why_invalid(arch) is None and self._problem.forecast(arch)[1] == 0.0
        )

    def ask(self, n: int) -> list[Proposal]:
        proposals: list[Proposal] = []
        while len(proposals) < n and self._next:
            proposal = Proposal(self._next.popleft())
            if proposal.arch.id not in self._whole:
                self._inner.expect(proposal)
                proposals.append(proposal)
        while len(proposals) < n and (more := self._inner.ask(1)):
            proposals += more
        self._whole |= {one.arch.id for one in proposals if one.fidelity >= 1}
        return proposals

    def tell(self, trial: Trial) -> None:
        if trial.proposal.fidelity >= 1:
            self._whole.add(trial.proposal.arch.id)
        self._inner.tell(trial)
