"""The work of a program, and its latency, in the units of a target's latency model.

``latency.py`` does the same for graphs; the kinds of work are those that it lists.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from math import prod

from brickwork.devices.program import Layer, Program
from brickwork.devices.target import COEFFICIENTS, LatencyModel
from brickwork.quantity import How, Quantity

__all__ = ["program_latency", "program_work"]

_MACS = {
    "BATCH_MATMUL": "linear_mac",
    "CONV_2D": "conv_mac",
    "CONV_3D": "conv_mac",
    "CONV_3D_TRANSPOSE": "conv_mac",
    "DEPTHWISE_CONV_2D": "depthwise_mac",
    "FULLY_CONNECTED": "linear_mac",
    "TRANSPOSE_CONV": "conv_mac",
}
_POOLS = {"AVERAGE_POOL_2D", "AveragePool", "L2_POOL_2D", "MAX_POOL_2D", "MaxPool"}
_REDUCTIONS = {"MEAN", "REDUCE_MAX", "REDUCE_MIN", "SUM"}
_ALIASES = {"EXPAND_DIMS", "RESHAPE", "SQUEEZE"}  # other shapes of the same bytes
_LIKENED = {"BATCH_MATMUL", "CONV_3D", "CONV_3D_TRANSPOSE", "TRANSPOSE_CONV"}  # never measured
_BORROWED = 0.02  # the share of a prediction that borrowed coefficients may have
_UNMEASURED = 0.5  # the relative error where no measurement says better


def program_work(program: Program, kinds: Collection[str] | None = None) -> dict[str, float]:
    """The work of a program by the name of its coefficient.

    Args:
        program: The program.
        kinds: Kinds of layer that count; None for all.
    """
    total = dict.fromkeys(COEFFICIENTS, 0.0)
    for layer in program.layers:
        if layer.kind not in _ALIASES and (kinds is None or layer.kind in kinds):
            _add(total, program, layer)
    return total | {"network": 1.0 if kinds is None else 0.0}


def _add(total: dict[str, float], program: Program, layer: Layer) -> None:
    out = prod(program.shapes[layer.output])
    total["op"] += 1
    if layer.kind in _MACS:
        pixel = layer.kind in ("CONV_2D", "CONV_3D") and prod(layer.kernel) == layer.groups == 1
        total["pointwise_mac" if pixel else _MACS[layer.kind]] += program.macs(layer)
        total["output"] += out
    elif layer.kind in _POOLS:
        total["pool"] += out * prod(layer.kernel)
    elif layer.kind in _REDUCTIONS:
        total["pool"] += sum(map(prod, program.shapes_into(layer)))
    else:
        total["elementwise"] += out


def program_latency(
    program: Program, model: LatencyModel, axes: int, unknown: Collection[str] = ()
) -> Quantity:
    """Milliseconds of a program, predicted; estimated outside of what was fitted.

    Args:
        program: The program.
        model: The latency model of a target.
        axes: Axes of what goes in, channels included.
        unknown: Kinds of layer whose work is not known; with them it is an estimate.
    """
    work, likened = program_work(program), program_work(program, _LIKENED)
    known = borrowed = 0.0
    for name, coefficient in zip(COEFFICIENTS, model.coefficients, strict=True):
        own = work[name] - likened[name] if name in model.fitted else 0.0
        known += coefficient * own
        borrowed += coefficient * (work[name] - own)
    value = known + borrowed
    error, reasons = _outside(model, axes, sum(map(program.macs, program.layers)))
    if borrowed > _BORROWED * value:
        reasons.append(f"{borrowed / value:.0%} of it for kinds of op that were not measured there")
    if unknown:
        reasons.append(f"the work of {', '.join(unknown)} is not known")
    if not reasons:
        return Quantity(value, "ms", How.PREDICTED, value * error, model.source)
    if len(reasons) > 1 or "MACs" not in reasons[0]:
        error = max(error, _UNMEASURED)
    source = f"outside of what was fitted ({', '.join(reasons)}); {model.source}"
    return Quantity(value, "ms", How.ESTIMATED, value * error, source)


def _outside(model: LatencyModel, axes: int, macs: int) -> tuple[float, list[str]]:
    """The relative error of a network for its size, and why it lies outside of the fit."""
    smallest, largest = model.macs
    error, reasons = model.error, []
    if not smallest <= macs <= largest:
        away = max(smallest / max(macs, 1), macs / largest)
        error = min(model.error * (1 + math.log2(away)), max(model.error, _UNMEASURED))
        reasons.append(f"{macs:,} MACs, fitted on {smallest:,.0f} to {largest:,.0f}")
    if axes not in (1, 3):
        reasons.append(f"{axes - 1} spatial axes, fitted on 2")
    return error, reasons
