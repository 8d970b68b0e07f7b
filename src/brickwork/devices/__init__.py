"""What is known of a device and of what a network costs on it, without torch."""

from brickwork.devices.counts import counted, flash_bytes, macs, parameters
from brickwork.devices.energy import Energy, energy, known_costs
from brickwork.devices.latency import CostModel, PredictedLatency, latency_of
from brickwork.devices.measure import measure_onnx
from brickwork.devices.memory import memory_profile, peak_sram
from brickwork.devices.target import LatencyModel, Target, load_target, target_names

__all__ = [
    "CostModel",
    "Energy",
    "LatencyModel",
    "PredictedLatency",
    "Target",
    "counted",
    "energy",
    "flash_bytes",
    "known_costs",
    "latency_of",
    "load_target",
    "macs",
    "measure_onnx",
    "memory_profile",
    "parameters",
    "peak_sram",
    "target_names",
]
