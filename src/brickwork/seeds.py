"""What several seeds of one network say together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from brickwork.final import HALF
from brickwork.quantity import How, Quantity, metric

__all__ = ["averaged"]


def averaged(
    scores: Sequence[Mapping[str, Any]], first: str
) -> tuple[dict[str, Quantity], tuple[float, ...]]:
    """Mean of each quality over the seeds, and the first quality of each seed, where it is known.

    Not known is, for one, the R² of samples whose numbers are all the same. The spread of a mean is
    what other seeds and another test split would make of it.
    """
    means: dict[str, Quantity] = {}
    for name in scores[0]:
        values = np.array([Quantity.from_json(score[name]).value for score in scores])
        spread = scores[0][name]["spread"]
        if len(values) > 1:
            among = float(HALF * values.std(ddof=1) / np.sqrt(len(values)))
            spread = math.hypot(among, float(np.mean([s[name]["spread"] or 0.0 for s in scores])))
        source = f"float network on the test split, mean of {len(values)} seeds"
        how = How.UNKNOWN if np.isnan(values).any() else How.MEASURED
        spread = spread if how is How.MEASURED else None
        means[name] = Quantity(float(values.mean()), metric(name).unit, how, spread, source)
    firsts = [score[first]["value"] for score in scores if first in score]
    return means, tuple(float(value) for value in firsts if value is not None)
