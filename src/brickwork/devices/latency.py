"""Latency before a network exists: linear in its work, with a stated error.

Within one engine and one core family the time of a network is close to linear in its
multiply-accumulates by kind of op, plus what it costs to write the outputs and to start the ops.
A target's TOML holds the coefficients; ``benchmarks/fit_latency.py`` fits those of the library to
published measurements. The work that they multiply, per network:

================  =======================================================================
``conv_mac``      MACs of convolutions over a window, grouped, or transposed, and of own modules
``pointwise_mac`` MACs of convolutions with a window of one pixel
``depthwise_mac`` MACs of depthwise convolutions
``linear_mac``    MACs of fully connected layers and of attention
``output``        output elements of all of these
``pool``          input elements that pooling reads, each as often as a window covers it
``elementwise``   output elements of every other executed op: sums, products, concatenations,
                  norms and activations that could not be fused
``op``            executed ops, after fusing
``network``       1
================  =======================================================================
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection
from math import prod
from typing import Protocol

from brickwork.devices.counts import op_counts
from brickwork.devices.fusion import CACHE, fused
from brickwork.devices.target import COEFFICIENTS, LatencyModel, Target
from brickwork.errors import TargetError
from brickwork.quantity import How, Quantity
from brickwork.space import (
    Conv,
    Fragment,
    GlobalPool,
    Graph,
    Op,
    Pool,
    Shape,
    per_axis,
)

__all__ = ["CostModel", "PredictedLatency", "add_work", "work", "work_of"]

_CONV, _POINTWISE, _DEPTHWISE, _LINEAR, _OUTPUT, _POOL, _ELEMENTWISE, _OP, _NETWORK = range(
    len(COEFFICIENTS)
)
_WEIGHTED = {
    "conv": _POINTWISE,
    "conv_transpose": _CONV,
    "custom": _CONV,
    "depthwise": _DEPTHWISE,
    "linear": _LINEAR,
    "attend": _LINEAR,
}
_LIKENED = {"attend", "conv_transpose", "custom"}  # priced as what they are like, never measured
_NO_WORK = (0.0,) * len(COEFFICIENTS)
_PIXEL = (1, (1,), (1, 1), (1, 1, 1))  # windows of one pixel
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
        known, borrowed, macs = model.coefficients[_NETWORK], 0.0, 0
        for part in graph.parts:
            a, b, c = _priced(part, model)
            known += a
            borrowed += b
            macs += c
        value = known + borrowed
        inside = model.macs[0] <= macs <= model.macs[1] and len(graph.input) in (1, 3)
        if inside and borrowed <= _BORROWED * value:
            return Quantity(value, "ms", How.PREDICTED, value * model.error, model.source)
        error, reason = _outside(model, len(graph.input), macs, borrowed / value)
        return Quantity(value, "ms", How.ESTIMATED, value * error, f"{reason}; {model.source}")


def work(fragment: Fragment) -> tuple[float, ...]:
    """The work of a fragment, in the order of ``COEFFICIENTS``."""
    return _work(fragment, None)


def _work(fragment: Fragment, kinds: Collection[str] | None) -> tuple[float, ...]:
    """The work of the ops of some kinds; None for all."""
    total = [0.0] * len(COEFFICIENTS)
    for step in fused(fragment).steps:
        node = fragment.nodes[step.node]
        if kinds is None or node.op.kind in kinds:
            add_work(total, node.op, tuple(fragment.shapes_into(node)), node.shape)
    return tuple(total)


def add_work(total: list[float], op: Op, inputs: tuple[Shape, ...], out: Shape) -> None:
    """Add the work of one executed op to a total in the order of ``COEFFICIENTS``."""
    total[_OP] += 1
    kind = op.kind
    if kind in _WEIGHTED:
        place = _WEIGHTED[kind]
        if isinstance(op, Conv) and (op.groups != 1 or op.kernel not in _PIXEL):
            place = _CONV
        total[place] += op_counts(op, inputs, out)[2]
        total[_OUTPUT] += prod(out)
    elif isinstance(op, Pool):
        total[_POOL] += prod(out) * prod(per_axis(op.kernel, len(out) - 1))  # type: ignore[arg-type]  # concrete in a graph
    elif isinstance(op, GlobalPool):
        total[_POOL] += prod(inputs[0])
    else:
        total[_ELEMENTWISE] += prod(out)


def work_of(graph: Graph) -> dict[str, float]:
    """The work of a network by the name of its coefficient."""
    sums = [sum(column) for column in zip(*map(work, graph.parts), strict=True)]
    found = dict(zip(COEFFICIENTS, sums or [0.0] * len(COEFFICIENTS), strict=True))
    return found | {"network": 1.0}


@functools.lru_cache(maxsize=CACHE)
def _priced(fragment: Fragment, model: LatencyModel) -> tuple[float, float, int]:
    """Milliseconds from fitted and from borrowed coefficients, and the MACs of a fragment."""
    known = borrowed = 0.0
    amounts, likened = work(fragment), _NO_WORK
    if any(node.op.kind in _LIKENED for node in fragment.nodes):
        likened = _work(fragment, _LIKENED)
    rows = zip(COEFFICIENTS, model.coefficients, amounts, likened, strict=True)
    for name, coefficient, amount, part in rows:
        own = amount - part if name in model.fitted else 0.0
        known += coefficient * own
        borrowed += coefficient * (amount - own)
    macs = amounts[_CONV] + amounts[_POINTWISE] + amounts[_DEPTHWISE] + amounts[_LINEAR]
    return known, borrowed, int(macs)


def _outside(model: LatencyModel, axes: int, macs: int, borrowed: float) -> tuple[float, str]:
    """The relative error of a network outside of the fit, and why it lies there.

    The error grows by itself for every factor of two between a network and the smallest or largest
    of the fit. For kinds of op that were not measured no figure is known: half of the value.
    """
    smallest, largest = model.macs
    error, reasons = model.error, []
    if not smallest <= macs <= largest:
        away = max(smallest / max(macs, 1), macs / largest)
        error = min(model.error * (1 + math.log2(away)), max(model.error, _UNMEASURED))
        reasons.append(f"{macs:,} MACs, fitted on {smallest:,.0f} to {largest:,.0f}")
    if axes not in (1, 3):
        error = max(error, _UNMEASURED)
        reasons.append(f"{axes - 1} spatial axes, fitted on 2")
    if borrowed > _BORROWED:
        error = max(error, _UNMEASURED)
        reasons.append(f"{borrowed:.0%} of it for kinds of op that were not measured there")
    return error, f"outside of what was fitted ({', '.join(reasons)})"
