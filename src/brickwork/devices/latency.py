"""Latency before a network exists: linear in its work, with a stated error.

Within one engine and one core family the time of a network is close to linear in its
multiply-accumulates by kind of op, plus what it costs to write the outputs and to start the ops.
A target's TOML holds the coefficients; ``benchmarks/fit_latency.py`` fits those of the library to
published measurements. The work that they multiply, per network:

================  =======================================================================
``conv_mac``      MACs of convolutions over a window, and of grouped ones
``pointwise_mac`` MACs of convolutions with a window of one pixel
``depthwise_mac`` MACs of depthwise convolutions
``linear_mac``    MACs of fully connected layers
``output``        output elements of all four
``pool``          input elements that pooling reads, each as often as a window covers it
``elementwise``   output elements of every other executed op: sums, products, concatenations,
                  norms and activations that could not be fused
``op``            executed ops, after fusing
``network``       1
================  =======================================================================
"""

from __future__ import annotations

import functools
from math import prod
from typing import Protocol

from brickwork.devices.fusion import CACHE, fused
from brickwork.devices.target import COEFFICIENTS, LatencyModel, Target
from brickwork.errors import TargetError
from brickwork.quantity import How, Quantity
from brickwork.space import (
    Conv,
    Depthwise,
    Fragment,
    GlobalPool,
    Graph,
    Linear,
    Op,
    Pool,
    Shape,
    per_axis,
)

__all__ = ["CostModel", "PredictedLatency", "work", "work_of"]

_CONV, _POINTWISE, _DEPTHWISE, _LINEAR, _OUTPUT, _POOL, _ELEMENTWISE, _OP, _NETWORK = range(
    len(COEFFICIENTS)
)
_BORROWED = 0.02  # the share of a prediction that borrowed coefficients may have
_BORROWED_ERROR = 0.5  # their relative error: nothing that was measured says better


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
        """Predicted milliseconds for one sample.

        The label is ``estimated`` instead of ``predicted``, and the source says why, for a network
        outside of what the model was fitted on.

        Raises:
            TargetError: The target has no latency model.
        """
        model = target.latency
        if model is None:
            measured = "it is measured on this machine" if target.measurable else "add [latency]"
            raise TargetError(f"target {target.name!r} has no latency model: {measured}")
        known = model.coefficients[_NETWORK]
        borrowed = 0.0
        total_macs = 0
        for part in graph.parts:
            a, b, macs = _priced(part, model)
            known += a
            borrowed += b
            total_macs += macs
        value = known + borrowed
        smallest, largest = model.macs
        inside = smallest <= total_macs <= largest and len(graph.input) in (1, 3)
        if inside and borrowed <= _BORROWED * value:
            return Quantity(value, "ms", How.PREDICTED, value * model.error, _source(target))
        spread = known * model.error + borrowed * max(model.error, _BORROWED_ERROR)
        reason = _outside(graph, target, total_macs, borrowed / value if value else 0.0)
        return Quantity(value, "ms", How.ESTIMATED, spread, f"{reason}; {_source(target)}")


def work(fragment: Fragment) -> tuple[float, ...]:
    """The work of a fragment, in the order of ``COEFFICIENTS``."""
    total = [0.0] * len(COEFFICIENTS)
    for step in fused(fragment).steps:
        node = fragment.nodes[step.node]
        add_work(total, node.op, fragment.shapes_into(node), node.shape)
    return tuple(total)


def add_work(total: list[float], op: Op, inputs: list[Shape], out: Shape) -> None:
    """Add the work of one executed op to a total in the order of ``COEFFICIENTS``."""
    total[_OP] += 1
    if isinstance(op, Conv):
        window = per_axis(op.kernel, len(out) - 1)  # type: ignore[arg-type]  # concrete in a graph
        pointwise = op.groups == 1 and max(window, default=1) == 1
        total[_POINTWISE if pointwise else _CONV] += op.macs(inputs, out)
    elif isinstance(op, Depthwise):
        total[_DEPTHWISE] += op.macs(inputs, out)
    elif isinstance(op, Linear):
        total[_LINEAR] += op.macs(inputs, out)
    elif isinstance(op, Pool):
        window = per_axis(op.kernel, len(out) - 1)  # type: ignore[arg-type]  # concrete in a graph
        total[_POOL] += prod(out) * prod(window)
        return
    elif isinstance(op, GlobalPool):
        total[_POOL] += prod(inputs[0])
        return
    else:
        total[_ELEMENTWISE] += prod(out)
        return
    total[_OUTPUT] += prod(out)


def work_of(graph: Graph) -> dict[str, float]:
    """The work of a network by the name of its coefficient."""
    sums = [sum(column) for column in zip(*map(work, graph.parts), strict=True)]
    found = dict(zip(COEFFICIENTS, sums or [0.0] * len(COEFFICIENTS), strict=True))
    return found | {"network": 1.0}


@functools.lru_cache(maxsize=CACHE)
def _priced(fragment: Fragment, model: LatencyModel) -> tuple[float, float, int]:
    """Milliseconds from fitted and from borrowed coefficients, and the MACs of a fragment."""
    known = borrowed = 0.0
    amounts = work(fragment)
    for name, coefficient, amount in zip(COEFFICIENTS, model.coefficients, amounts, strict=True):
        if name in model.fitted:
            known += coefficient * amount
        else:
            borrowed += coefficient * amount
    macs = amounts[_CONV] + amounts[_POINTWISE] + amounts[_DEPTHWISE] + amounts[_LINEAR]
    return known, borrowed, int(macs)


@functools.lru_cache(maxsize=256)
def _source(target: Target) -> str:
    clock = f" at {target.clock_mhz:g} MHz" if target.clock_mhz else ""
    source = target.latency.source if target.latency else ""
    return f"linear model of {target.engine}{clock}: {source}"


def _outside(graph: Graph, target: Target, macs: int, borrowed: float) -> str:
    """Why a network lies outside of what the model was fitted on."""
    reasons = []
    model = target.latency
    if model is not None and not model.macs[0] <= macs <= model.macs[1]:
        smallest, largest = model.macs
        reasons.append(f"{macs:,} MACs, fitted on {smallest:,.0f} to {largest:,.0f}")
    if len(graph.input) not in (1, 3):
        reasons.append(f"{len(graph.input) - 1}-dimensional input, fitted on images")
    if borrowed > _BORROWED:
        reasons.append(f"{borrowed:.0%} of it from kinds of op that were not measured here")
    return "outside of the fit (" + ", ".join(reasons) + ")"
