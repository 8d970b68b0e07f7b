"""Before a search: supernets are trained or architectures suggested, on each worker, in its time.

What comes of it lies in the study's folder, ``N.safetensors`` or ``N.json`` for worker N, and is
read, not made again, when a study goes on. The time it took counts, over all sessions.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from brickwork.config import Context
from brickwork.engine.executors import Executor, Outcome
from brickwork.engine.store import Store
from brickwork.errors import StudyCorrupt
from brickwork.names import PREPARING, SUGGESTERS, SUPERNETS, load
from brickwork.oneshot.gated import comparable
from brickwork.oneshot.preparing import Allowance, Suggestions, keep

__all__ = ["SHARED", "Preparation", "Suggest", "allowance", "needed", "prepare", "suggestions"]

SHARED = "shared"
"""Where in a study's folder the supernets and suggestions lie."""

Suggest = Callable[[Context, Allowance], Suggestions]
"""What an entry of ``SUGGESTERS`` is. It runs in a worker.

Raises:
    BrickworkError: There are none, and why; the search then goes on without.
"""

_MOST = 0.5  # of the search: a preparation that takes longer is taken as it is
_NOTED_S = 5.0  # what is lost at most of the time spent, when all is killed


def needed(context: Context) -> bool:
    """Whether the run's strategy prepares anything: a space of few networks is not worth it."""
    return context.run.strategy in PREPARING and comparable(context.space)


def allowance(job: Mapping[str, Any], folder: Path) -> Allowance:
    """What a job of this phase gives to a preparation; its time begins now.

    Args:
        job: As ``Preparation`` makes it.
        folder: Where supernets and suggestions lie.
    """
    end = time.monotonic() + job["seconds"]
    return Allowance(job["number"], job["search_s"], end, _checkpoint(folder, job["number"]))


def prepare(context: Context, given: Allowance) -> dict[str, Any]:
    """The preparation of one worker; ``weights`` or ``suggestions``, and facts for the record."""
    if context.run.strategy in SUPERNETS:
        from brickwork import sharing  # it loads torch

        return sharing.prepare(context, given)
    suggest: Suggest = load(SUGGESTERS, "strategy", context.run.strategy)
    return {"suggestions": suggest(context, given).to_json()}


def suggestions(folder: Path) -> Suggestions:
    """What was suggested by all workers of a study.

    Args:
        folder: Of the study.

    Raises:
        StudyCorrupt: A file cannot be read.
    """
    found = []
    for path in sorted((folder / SHARED).glob("*.json"), key=lambda path: int(path.stem)):
        try:
            found.append(Suggestions.from_json(json.loads(path.read_text(encoding="utf-8"))))
        except (ValueError, KeyError, TypeError) as error:
            raise StudyCorrupt(f"{path} is corrupt ({error}): start in another folder") from error
    return Suggestions.merged(found)


class Preparation:
    """Carries out the phase before the search.

    Args:
        context: The objects of the run.
        store: The study.
        executor: Does the work.
        folder: The study's folder.
        step: Called with (done, total) when a worker has ended.
    """

    def __init__(
        self,
        context: Context,
        store: Store,
        executor: Executor,
        folder: Path,
        step: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        self.context = context
        self.store = store
        self.executor = executor
        self.folder = folder / SHARED
        self.step = step

    def carry_out(self, search_s: float) -> float:
        """Do what is left to do; one that fails is recorded, and the search goes on without.

        Args:
            search_s: Wall-clock seconds of the search that this is a part of.

        Returns:
            Seconds that it took, over all sessions.
        """
        workers = self.context.run.workers
        waiting = set(range(workers)) - {e["number"] for e in self.store.events("prepared")}
        if not waiting:
            return self.spent()
        self.folder.mkdir(exist_ok=True)
        self.step(workers - len(waiting), workers)
        left = max(0.0, _MOST * search_s - self.spent())
        for number in sorted(waiting):
            job = {"kind": "prepare", "number": number, "search_s": search_s, "seconds": left}
            self.executor.submit(number, job)
        noted = time.monotonic()
        try:
            while waiting:
                for outcome in self.executor.wait(0.5):
                    self._ended(outcome)
                    waiting.discard(outcome.number)
                    self.step(workers - len(waiting), workers)
                if time.monotonic() - noted > _NOTED_S:
                    noted = self._note(noted)
        finally:
            self._note(noted)
        return self.spent()

    def spent(self) -> float:
        """Seconds so far."""
        events = self.store.events("spent")
        return math.fsum(e["seconds"] for e in events if e["phase"] == "preparation")

    def _note(self, since: float) -> float:
        """Record the time from ``since`` to now; returns now."""
        now = time.monotonic()
        self.store.record("spent", {"phase": "preparation", "seconds": now - since})
        return now

    def _ended(self, outcome: Outcome) -> None:
        result = outcome.result or {}
        if "weights" in result:
            keep(self.folder / f"{outcome.number}.safetensors", result["weights"])
        if "suggestions" in result:
            text = json.dumps(result["suggestions"], allow_nan=False)
            keep(self.folder / f"{outcome.number}.json", text.encode())
        facts = {name: result.get(name) for name in ("epochs", "ended", "seconds")}
        self.store.record("prepared", {"number": outcome.number, "cause": outcome.cause, **facts})
        _checkpoint(self.folder, outcome.number).unlink(missing_ok=True)


def _checkpoint(folder: Path, number: int) -> Path:
    return folder / f"{number}.checkpoint"
