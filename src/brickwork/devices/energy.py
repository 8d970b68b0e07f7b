"""Energy = active power x time, as trustworthy as the weaker of the two."""

from __future__ import annotations

import math

from brickwork.devices.arena import arena
from brickwork.devices.counts import counted
from brickwork.devices.file_size import file_bytes
from brickwork.devices.fusion import fused
from brickwork.devices.lacking import unsupported
from brickwork.devices.latency import PredictedLatency
from brickwork.devices.lowering import lower
from brickwork.devices.runtime import with_runtime
from brickwork.devices.target import Target
from brickwork.quantity import How, Quantity, weakest
from brickwork.space import Graph

__all__ = ["Energy", "energy", "known_costs"]

_LATENCY = PredictedLatency()


class Energy:
    """Energy from the predicted latency of the target."""

    metric = "energy_mj"

    def cost(self, graph: Graph, target: Target) -> Quantity:
        """Millijoules for one sample.

        Raises:
            TargetError: The target has no latency model.
        """
        return energy(_LATENCY.cost(graph, target), target)


def energy(latency: Quantity, target: Target) -> Quantity:
    """Millijoules of a run that takes so long on the target; unknown where its power is.

    Milliseconds times watts are millijoules. The two relative errors are independent, so they add
    in quadrature.
    """
    power = target.power_w
    if power is None:
        reason = target.power_source or f"no measured active power for {target.name}"
        return Quantity.unknown("mJ", reason)
    value = power * latency.value
    spread = None
    if latency.spread is not None and target.power_spread_w is not None:
        spread = math.hypot(power * latency.spread, latency.value * target.power_spread_w)
    source = f"{target.power_source} x latency ({latency.how})"
    return Quantity(value, "mJ", weakest(How.MEASURED, latency.how), spread, source)


def known_costs(graph: Graph, target: Target) -> dict[str, Quantity]:
    """All costs that are known without training or measuring.

    Counted: ``parameters``, ``macs``, ``flash_bytes``, ``peak_sram_bytes``. Where the target has a
    latency model also ``latency_ms`` and ``energy_mj`` (unknown where its power is). On a
    microcontroller ``unsupported_ops``, where its runtime lacks any, and ``flash_total_bytes``,
    where it is known what the runtime takes; in TensorFlow Lite Micro the flash is that of the file
    and the peak that of the arena.
    """
    costs = counted(graph, target)
    if target.family == "mcu":
        lacking = unsupported(graph)
        if lacking is not None:
            costs["unsupported_ops"] = lacking
        elif target.has_arena:
            program = lower(graph)
            costs["flash_bytes"] = file_bytes(program)
            costs["peak_sram_bytes"] = arena(program)
        layers = sum(len(fused(part).steps) for part in graph.parts)
        total = with_runtime(costs["flash_bytes"], layers, target)
        if total is not None:
            costs["flash_total_bytes"] = total
    if target.latency is not None:
        latency = _LATENCY.cost(graph, target)
        costs["latency_ms"] = latency
        costs["energy_mj"] = energy(latency, target)
    return costs
