"""Suggestions of the strategy ``zero-cost``: many networks are drawn, and none of them is trained.

Each is scored on one batch of training data by the scores that ``estimators.ranking`` joins by
default. They are trained with the middle recipe of the space, so that the gate of the strategy
compares networks and not recipes.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from brickwork.config import Context
from brickwork.errors import TrainingError
from brickwork.estimators.proxies import PROXIES
from brickwork.estimators.ranking import DEFAULT, ranked
from brickwork.nets.build import build
from brickwork.oneshot.pool import drawn, plain
from brickwork.oneshot.preparing import Allowance, Suggestion, Suggestions
from brickwork.space import Arch, Graph
from brickwork.trial import rng_for

__all__ = ["how_many", "suggest"]

_SHARE = 0.1  # of the time of a search, for scoring, on each worker
_MOST = 2000  # networks that are scored, by all workers together
_FEWEST = 16
_ROUNDS = 10  # of draws at most, where few are inside the limits
_BATCH = 64
_OP_S = (
    6e-4  # of a nominal core, to make an operation and to score it; as fitted as those beside it
)
_LOOKS = 10  # at networks, for what scoring one takes


def suggest(context: Context, allowance: Allowance) -> Suggestions:
    """Networks inside the limits, ranked by scores of one batch.

    Their score is the part of a worker's networks that is ranked below them. All workers draw from
    one distribution, so these parts can be compared.
    """
    run, number = context.run, allowance.number
    x, y = _batch(context)
    archs: list[Arch] = []
    scores: dict[str, list[float]] = {name: [] for name in DEFAULT}
    unscored = 0
    for arch, whole in _networks(context, how_many(context, allowance.search_s), number):
        if time.monotonic() > allowance.end and len(archs) >= _FEWEST:
            break
        seed = int(rng_for(run.seed, "zero-cost", arch.id).integers(2**31))
        random = torch.Generator().manual_seed(seed)
        module = build(whole, random)
        try:
            found = [PROXIES[name](module, whole, x, y, random) for name in DEFAULT]
        except TrainingError:  # such as a cell whose output does not depend on its input
            unscored += 1
            continue
        archs.append(arch)
        for name, value in zip(DEFAULT, found, strict=True):
            scores[name].append(value)
    places = sorted(ranked(scores))
    suggestions = [
        Suggestion(archs[p.index], 1.0 - (p.mean_rank - 0.5) / len(archs)) for p in places
    ]
    said = f"{unscored} untrained networks of worker {number} gave no score." if unscored else ""
    return Suggestions(tuple(suggestions), said)


def how_many(context: Context, search_s: float) -> int:
    """How many networks a worker scores, in its part of the time of a search."""
    graphs = [context.graph(arch) for arch in context.members("scoring", _LOOKS)]
    if not graphs:
        return _FEWEST
    each_s = statistics.mean(_OP_S * len(one.nodes) + context.step_s(one) for one in graphs)
    most = _MOST // context.run.workers
    return max(_FEWEST, min(most, round(_SHARE * search_s / each_s)))


def _networks(context: Context, count: int, number: int) -> Iterator[tuple[Arch, Graph]]:
    """So many different networks inside the limits, or as many as are found, in random order."""
    rng = rng_for(context.run.seed, "zero-cost", number)
    seen: set[str] = set()
    for _ in range(_ROUNDS):
        found = drawn(context.problem, rng, count)
        for i in rng.permutation(len(found)).tolist():
            arch = plain(context.space, found[i])
            whole = context.graph(arch)
            if whole.hash not in seen:
                seen.add(whole.hash)
                yield arch, whole
            if len(seen) == count:
                return


def _batch(context: Context) -> tuple[Tensor, Tensor]:
    """Samples and labels, the same for all networks; fewer samples than a sample has numbers."""
    x, y = context.task.arrays("train")
    size = min(_BATCH, math.prod(context.task.input) // 2)
    rows = np.sort(rng_for(context.run.seed, "batch").permutation(len(x))[:size])
    return torch.from_numpy(np.ascontiguousarray(x[rows])).float(), torch.from_numpy(y[rows])
