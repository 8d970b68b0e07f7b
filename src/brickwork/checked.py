"""What comes from a user's own file: what is wrong with it is told in one line."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brickwork.errors import BrickworkError
from brickwork.strategies.base import Problem, Strategy, explained
from brickwork.trial import Proposal, Trial

__all__ = ["Checked", "carefully"]


class Checked:
    """A strategy of a user's file: asks and tells it.

    Args:
        make: Gives the strategy.
        name: Its file, with the class where it was named.
        problem: What is searched.

    Raises:
        BrickworkError: Here and in each method: the strategy failed, or gave what is no proposal.
    """

    def __init__(self, make: Callable[[], Strategy], name: str, problem: Problem) -> None:
        self._name = name
        self._problem = problem
        self._count = 0
        self.strategy = carefully(self._name, "__init__", make)

    def ask(self, n: int) -> list[Proposal]:
        proposals = carefully(self._name, "ask", self.strategy.ask, n)
        if not isinstance(proposals, list | tuple):
            raise BrickworkError(f"{self._name}: ask gave {proposals!r}, expected a list")
        if len(proposals) > n:
            raise BrickworkError(
                f"{self._name}: ask gave {len(proposals)} proposals, {n} asked for"
            )
        for proposal in proposals:
            if wrong := carefully(self._name, "ask", self._wrong, proposal):
                raise BrickworkError(f"{self._name}: ask gave what is no proposal: {wrong}")
        self._count += len(proposals)
        return list(proposals)

    def tell(self, trial: Trial) -> None:
        carefully(self._name, "tell", self.strategy.tell, trial)

    def explain(self) -> str:
        """What the strategy says of itself, or the first line of its documentation, or its name."""
        said = carefully(self._name, "explain", explained, self.strategy)
        return said or f"{type(self.strategy).__name__} of {self._name}"

    def _wrong(self, proposal: Any) -> str | None:
        """Why something is no proposal; None if it is one."""
        if not isinstance(proposal, Proposal):
            return f"{type(proposal).__name__}; expected Proposal(arch)"
        if why := self._problem.space.why_invalid(proposal.arch):
            return why
        if not 0.0 < proposal.fidelity <= 1.0:
            return f"the fidelity {proposal.fidelity!r} is not in (0, 1]"
        origin = proposal.continues
        if origin is not None and origin not in range(self._count):
            return f"it continues trial {origin!r}, which there is not yet"
        return None


def carefully(
    name: str, what: str, function: Callable[..., Any], *arguments: Any, **settings: Any
) -> Any:
    """What a function of a user's file gives.

    Args:
        name: The file, with the class or function where it was named.
        what: What is called, for the message.
        function: It.
        arguments: What it is given.
        settings: Likewise, by name.

    Raises:
        BrickworkError: It failed; one line says where in the file.
    """
    try:
        return function(*arguments, **settings)
    except BrickworkError:
        raise
    except Exception as error:
        raise BrickworkError(
            f"{name}: {what} failed{_line(name, error)}: {type(error).__name__}: {error}"
        ) from error


def _line(name: str, error: Exception) -> str:
    """In which line of the file, the innermost one."""
    file = Path(name.partition(".py")[0] + ".py").resolve()
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == file]
    return f" in line {lines[-1]}" if lines else ""
