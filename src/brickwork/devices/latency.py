"""Latency before a network exists: linear in its work, with an interval that is its own.

A target's TOML holds a coefficient for each kind of work (``devices.work``), and how well the
measurements determine it. ``benchmarks/fit_latency.py`` fits those of the library to published
measurements, ``brickwork fit`` those of a user.

The half width of a relative 80 % interval is that of two independent parts: what the model cannot
explain, the same for all networks, and what is not known of the coefficients. The latter weighs
them as the network does: where most of the time goes into a kind of work that was hardly measured,
the interval is wide.
"""

from __future__ import annotations

import math
from typing import Protocol

from brickwork.devices.target import LatencyModel, Target
from brickwork.devices.work import Work, work_of
from brickwork.errors import TargetError
from brickwork.quantity import How, Quantity
from brickwork.space import Graph

__all__ = ["CostModel", "PredictedLatency", "latency_of"]

_BORROWED = 0.02  # the share of a prediction that borrowed coefficients may have
_UNMEASURED = 0.5  # the relative error where no measurement says better


class CostModel(Protocol):
    """What a network costs on a target, known before it exists."""

    metric: str

    def cost(self, graph: Graph, target: Target) -> Quantity:
        """The cost, with its unit, spread and source."""
        ...


class PredictedLatency:
    """Latency from the linear model of the target."""

    metric = "latency_ms"

    def cost(self, graph: Graph, target: Target) -> Quantity:
        """Predicted milliseconds for one sample; see ``latency_of``."""
        return latency_of(work_of(graph), target)


def latency_of(work: Work, target: Target) -> Quantity:
    """Predicted milliseconds for a network that does such work.

    The label is ``estimated`` instead of ``predicted``, and the source says why, for a network
    outside of what the model was fitted on.

    Raises:
        TargetError: The target has no latency model.
    """
    model = target.latency
    if model is None:
        measured = "it is measured on this machine" if target.measurable else "add [latency]"
        raise TargetError(f"target {target.name!r} has no latency model: {measured}")
    times = model.coefficients * work.amounts
    value = float(times.sum())
    likened = model.coefficients * work.likened
    borrowed = float((likened + (times - likened) * model.borrowed).sum()) / value
    error = model.relative_error(times / value)
    macs = work.macs
    inside = model.macs[0] <= macs <= model.macs[1] and work.axes in (1, 3)
    if inside and borrowed <= _BORROWED:
        return Quantity(value, "ms", How.PREDICTED, value * error, model.source)
    error, reason = _outside(model, error, work.axes, macs, borrowed)
    return Quantity(value, "ms", How.ESTIMATED, value * error, f"{reason}; {model.source}")


def _outside(
    model: LatencyModel, error: float, axes: int, macs: int, borrowed: float
) -> tuple[float, str]:
    """The relative error of a network outside of the fit, and why it lies there.

    The error grows by itself for every factor of two between a network and the smallest or largest
    of the fit. For kinds of op that were not measured no figure is known: half of the value.
    """
    smallest, largest = model.macs
    reasons = []
    if not smallest <= macs <= largest:
        away = max(smallest / max(macs, 1), macs / largest)
        error = min(error * (1 + math.log2(away)), max(error, _UNMEASURED))
        reasons.append(f"{macs:,} MACs, fitted on {smallest:,.0f} to {largest:,.0f}")
    if axes not in (1, 3):
        error = max(error, _UNMEASURED)
        reasons.append(f"{axes - 1} spatial axes, fitted on 2")
    if borrowed > _BORROWED:
        error = max(error, _UNMEASURED)
        reasons.append(f"{borrowed:.0%} of it for kinds of op that were not measured there")
    return error, f"outside of what was fitted ({', '.join(reasons)})"
