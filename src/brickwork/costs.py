"""What a network costs on a target, for ``brickwork cost``."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from brickwork.devices import known_costs
from brickwork.devices.files import is_model_file, read_model
from brickwork.devices.target import Target, load_target
from brickwork.errors import BrickworkError, ModelFileError, SpaceError, UnknownName
from brickwork.made_for import MadeFor
from brickwork.names import SPACES
from brickwork.objective import broken
from brickwork.own import is_own
from brickwork.quantity import Quantity
from brickwork.space import Arch, Graph, Shape
from brickwork.trial import rng_for

__all__ = ["cost_of", "network_in", "shape_of"]


def cost_of(name: str, target: str, input: str = "", outputs: int | None = None) -> dict[str, Any]:
    """Costs of a reference, an architecture or a model in a file, or of a space's extremes.

    Args:
        name: A name of the catalogue, a space in a file of the user, a ``.tflite`` or ``.onnx``
            file of any origin, or a JSON file (or JSON text) with an architecture.
        target: Name or file of the target.
        input: Shape as text, ``"3,224,224"``; by default what stands beside the architecture, what
            a reference was published with, or what a space is usually for.
        outputs: Number of outputs; likewise, or 1000.

    Raises:
        BrickworkError: A name, the shape or the architecture cannot be used.
    """
    device = load_target(target)
    if is_model_file(name):
        if input or outputs is not None:
            raise BrickworkError(f"{name} has a shape of its own: leave out --input and --outputs")
        return _file(name, device)
    made, arch = network_in(name)
    made = made.but(shape_of(input) if input else None, outputs)
    space = made.space
    head = {
        "name": made.name,
        "target": device.name,
        "input": list(made.input),
        "outputs": made.outputs,
    }
    if arch is not None or space.size() == 1:
        try:
            return {**head, **_member(made, arch or space.arch(), device)}
        except SpaceError as error:
            size = ",".join(map(str, made.input))
            raise SpaceError(
                f"{error} (with --input {size} --outputs {made.outputs}: say what it is made for)"
            ) from None
    smallest, largest = space.extremes()
    members = {
        "smallest": _member(made, smallest, device),
        "largest": _member(made, largest, device),
    }
    return {**head, "members": members, **members["smallest"]}


def _member(made: MadeFor, arch: Arch, device: Target) -> dict[str, Any]:
    whole = made.graph(arch)
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


def network_in(name: str) -> tuple[MadeFor, Arch | None]:
    """A space and what it is made for, and its member; None where a space itself is named.

    Args:
        name: A name of the catalogue, ``FILE.py:NAME``, or a JSON file or text with an
            architecture, beside which ``made_for`` may stand, as in the ``arch.json`` of a model.

    Raises:
        BrickworkError: It is none of them.
    """
    if name in SPACES or is_own(name):
        return MadeFor.usual(name), None
    path, is_text = Path(name), name.lstrip().startswith("{")
    where = "the architecture" if is_text else name
    if not is_text and not path.is_file():
        raise UnknownName("space or architecture file", name, SPACES)
    try:
        data = json.loads(name if is_text else path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BrickworkError(f"{where} is not JSON: {error}") from None
    beside = data if isinstance(data, dict) else {}
    arch = Arch.from_json(beside.get("arch", data))
    if "made_for" in beside:
        return MadeFor.from_json(beside["made_for"]), arch
    return MadeFor.usual(arch.space), arch


def shape_of(text: str) -> Shape:
    """A shape as a person writes it: ``3,224,224`` or ``3x224x224``."""
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
