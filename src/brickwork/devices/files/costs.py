"""What a model file costs on a target."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

from brickwork.devices.energy import energy
from brickwork.devices.files.measured import latency_here
from brickwork.devices.files.model import ModelFile
from brickwork.devices.latency import latency_of
from brickwork.devices.pruning import pruned
from brickwork.devices.runtime import file_flash
from brickwork.devices.target import Target
from brickwork.devices.tflm import measured_arena
from brickwork.devices.vela import compiled
from brickwork.devices.work import work_of_program
from brickwork.errors import ModelFileError
from brickwork.quantity import How, Quantity

__all__ = ["file_costs", "file_memory"]

_UNMEASURED = 0.5  # the relative error where some of the work is not known


def file_costs(model: ModelFile, target: Target) -> tuple[dict[str, Quantity], list[str]]:
    """Costs of a file by metric, and notes: what a person should know besides.

    Raises:
        ModelFileError: The target's runtime or compiler cannot take the file.
        MissingExtra: It is not installed.
    """
    costs, notes = _counted(model), _notes(model, target)
    if target.npu is not None:
        if model.format != "tflite":
            raise ModelFileError(f"target {target.name!r} takes .tflite files only")
        found = compiled(model, target.npu)
        costs |= found.costs
        notes += found.notes
    else:
        costs |= file_memory(model, target)
        notes += _without_arena(model, target)
        costs["latency_ms"] = _latency(model, target)
    costs["energy_mj"] = energy(costs["latency_ms"], target)
    return costs, notes


def _counted(model: ModelFile) -> dict[str, Quantity]:
    call = "one sample" if model.batch == 1 else f"one call, which takes {model.batch} samples"
    source = (
        f"multiply-accumulates for {call}, those with padding included; biases, sums and "
        "activations not counted"
    )
    how = How.COUNTED
    if model.uncounted:
        source += f"; without those of {', '.join(model.uncounted)}, which are not known"
        how = How.ESTIMATED
    stored = f"numbers of weights and biases that the file holds ({model.weights or 'none'})"
    return {
        "parameters": Quantity(float(model.parameters), "1", How.COUNTED, None, stored),
        "macs": Quantity(float(model.macs), "1", how, None, source),
    }


def _notes(model: ModelFile, target: Target) -> list[str]:
    notes = []
    if target.precision == "int8" and not model.integer:
        notes.append(
            f"the file works on {model.activations}: the figures of {target.title} are for int8"
        )
    if target.family == "mcu" and model.format != "tflite":
        notes.append("a microcontroller runs .tflite files or C: this file stands for one like it")
    return notes


def file_memory(model: ModelFile, target: Target) -> dict[str, Quantity]:
    """Flash and SRAM that a file takes on a target without an NPU, by metric."""
    return {**file_flash(model, target), "peak_sram_bytes": _peak(model, target)}


def _peak(model: ModelFile, target: Target) -> Quantity:
    """The real arena for TensorFlow Lite Micro, else the tensors that are alive at once."""
    without = _without_arena(model, target)
    if target.has_arena and model.format == "tflite" and not without:
        return measured_arena(model.content).quantity
    source = (
        "activations only, without the runtime: largest sum of live tensors in the order of the "
        f"file, no buffer written in place{''.join(f'; {text}' for text in without)}"
    )
    return Quantity(float(model.live_peak), "B", How.COUNTED, None, source)


def _without_arena(model: ModelFile, target: Target) -> list[str]:
    """What is missing where the arena cannot be asked for."""
    asked = target.has_arena and model.format == "tflite"
    if not asked or importlib.util.find_spec("tflite_micro") is not None:
        return []
    return [
        "peak SRAM is that of activations only: the arena of the real interpreter needs "
        "pip install 'brickwork[mcu]'"
    ]


def _latency(model: ModelFile, target: Target) -> Quantity:
    if target.measurable:
        return latency_here(model)
    reason = ""
    if model.uncounted and not model.macs:
        reason = f"the work of {', '.join(model.uncounted)} is not known"
    if target.latency is None or reason:
        reason = reason or f"target {target.name!r} has no latency model"
        return Quantity.unknown("ms", reason)
    program = model.program
    if target.latency.prunes:
        program = pruned(program, dict(model.alive))
    found = latency_of(replace(work_of_program(program), axes=model.axes), target)
    if not model.uncounted:
        return found
    hidden = f"the work of {', '.join(model.uncounted)} is not known; {found.source}"
    spread = max(found.spread or 0.0, _UNMEASURED * found.value)
    return replace(found, how=How.ESTIMATED, spread=spread, source=hidden)
