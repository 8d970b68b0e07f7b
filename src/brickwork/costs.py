"""What a network costs on a target, for ``brickwork cost``."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from brickwork.devices import known_costs
from brickwork.devices.files import is_model_file, read_model
from brickwork.devices.target import Target, load_target
from brickwork.errors import BrickworkError, ModelFileError, SpaceError, UnknownName
from brickwork.names import SPACES, load, make_space
from brickwork.objective import broken
from brickwork.quantity import Quantity
from brickwork.space import Arch, Graph, Shape, Space, graph
from brickwork.spaces.references import PUBLISHED
from brickwork.trial import rng_for

__all__ = ["cost_of"]

_USUAL = 1000  # outputs, as ImageNet has classes


def cost_of(name: str, target: str, input: str = "", outputs: int | None = None) -> dict[str, Any]:
    """Costs of a reference, an architecture or a model in a file, or of a space's extremes.

    Args:
        name: A name of the catalogue, a ``.tflite`` or ``.onnx`` file of any origin, or a JSON file
            (or JSON text) with an architecture.
        target: Name or file of the target.
        input: Shape as text, ``"3,224,224"``; by default what a reference was published with, or
            what a space is usually for.
        outputs: Number of outputs; likewise, or 1000.

    Raises:
        BrickworkError: A name, the shape or the architecture cannot be used.
    """
    device = load_target(target)
    if is_model_file(name):
        if input or outputs is not None:
            raise BrickworkError(f"{name} has a shape of its own: leave out --input and --outputs")
        return _file(name, device)
    arch = _arch_in(name)
    space_name = name if arch is None else arch.space
    usual_input, usual_outputs = PUBLISHED.get(space_name) or (_default_input(space_name), _USUAL)
    shape = _shape(input) if input else usual_input
    count = usual_outputs if outputs is None else outputs
    space = make_space(space_name, shape)
    head = {"name": space_name, "target": device.name, "input": list(shape), "outputs": count}
    if arch is not None:
        reason = space.why_invalid(arch)
        if reason:
            raise SpaceError(f"{name}: {reason}")
        return {**head, **_member(space, arch, shape, count, device)}
    if space.size() == 1:
        return {**head, **_member(space, space.arch(), shape, count, device)}
    smallest, largest = space.extremes()
    members = {
        "smallest": _member(space, smallest, shape, count, device),
        "largest": _member(space, largest, shape, count, device),
    }
    return {**head, "members": members, **members["smallest"]}


def _member(space: Space, arch: Arch, shape: Shape, outputs: int, device: Target) -> dict[str, Any]:
    whole = graph(space, arch, shape, outputs)
    metrics = dict(known_costs(whole, device))
    if device.measurable:
        metrics |= _measured(whole, device)
    cause = broken(metrics, device.limits())
    return {
        "arch": arch.to_json(),
        "metrics": {key: quantity.to_json() for key, quantity in metrics.items()},
        "fits": not cause,
        "broken": cause,
    }


def _file(name: str, device: Target) -> dict[str, Any]:
    """What a model file costs, and what it says of itself."""
    from brickwork.devices.files.costs import file_costs

    model = read_model(name)
    try:
        metrics, notes = file_costs(model, device)
    except ModelFileError as error:
        raise ModelFileError(f"{name}: {error}") from None
    cause = broken(metrics, device.limits())
    return {
        "name": name,
        "target": device.name,
        "format": model.format,
        "bytes": len(model.content),
        "input": [{"shape": list(shape), **asdict(held)} for shape, held in model.inputs],
        "output": [{"shape": list(shape), **asdict(held)} for shape, held in model.outputs],
        "weights": model.weights,
        "activations": model.activations,
        "layers": dict(Counter(layer.kind for layer in model.program.layers)),
        "metrics": {key: quantity.to_json() for key, quantity in metrics.items()},
        "notes": notes,
        "fits": not cause,
        "broken": cause,
    }


def _measured(whole: Graph, device: Target) -> dict[str, Quantity]:
    from brickwork.devices.energy import energy
    from brickwork.devices.measure import measure_onnx
    from brickwork.export.onnx import random_weights, write_onnx

    latency = measure_onnx(
        write_onnx(whole, random_weights(whole, rng_for(0, "cost"))), whole.input
    )
    return {"latency_ms": latency, "energy_mj": energy(latency, device)}


def _arch_in(name: str) -> Arch | None:
    """The architecture in a file or in JSON text; None when it is a name of the catalogue."""
    if name in SPACES:
        return None
    path = Path(name)
    try:
        if name.lstrip().startswith("{"):
            text = name
        elif path.is_file():
            text = path.read_text(encoding="utf-8")
        else:
            raise UnknownName("space or architecture file", name, SPACES)
        data = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BrickworkError(f"{name} is not JSON: {error}") from None
    if isinstance(data, dict) and "arch" in data:
        data = data["arch"]
    return Arch.from_json(data)


def _default_input(name: str) -> Shape:
    make = load(SPACES, "space", name)
    found: Shape = inspect.signature(make).parameters["input"].default
    return found


def _shape(text: str) -> Shape:
    try:
        shape = tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise BrickworkError(
            f"cannot read the shape {text!r}: write channels and sizes, such as --input 3,224,224, "
            "or the length of a row"
        )
    return shape
