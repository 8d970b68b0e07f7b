"""The folder of benchmark networks: chosen, written in three formats, with what runs them."""

from __future__ import annotations

import functools
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickwork.calibration.design import choose
from brickwork.calibration.firmware import ARENA, Written, parts_of, pattern, result_of, table
from brickwork.calibration.manifest import (
    MANIFEST,
    KitFile,
    Manifest,
    Network,
    checksum,
    read_manifest,
)
from brickwork.calibration.pool import OUTPUTS, Candidate, candidates, fits, witnesses
from brickwork.devices import Target, load_target, parameters
from brickwork.devices.target import COEFFICIENTS
from brickwork.errors import DataError
from brickwork.space import Shape
from brickwork.trial import rng_for

__all__ = ["FEWEST", "NETWORKS", "Asked", "totals", "write_folder"]

NETWORKS = 32
"""How many networks are usual: more than twice as many as there are kinds of work."""

FEWEST = len(COEFFICIENTS) + 1
"""With fewer a fit has to guess."""

_CALIBRATION = 16  # samples from which ranges of integers are taken
_BOARD = {"run_on_board.py": "run_on_board.py", "README.md": "README.md"}
_FIRMWARE = {"c/harness.c": "harness.c", "c/harness.h": "harness.h"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What networks are wanted.

    Attributes:
        target: Name or file of the target whose memory they fit; empty for any board.
        input: Shape of the samples that will be searched.
        networks: How many.
        seed: Chooses networks and weights.
    """

    target: str = ""
    input: Shape = (3, 32, 32)
    networks: int = NETWORKS
    seed: int = 0


def write_folder(folder: Path, asked: Asked) -> Manifest:
    """Write benchmark networks, all of them or nothing; a folder that has them stays as it is.

    Raises:
        DataError: The folder holds something else or cannot be written, or too few networks are
            wanted or fit the target.
        TargetError: The target cannot be used.
    """
    if asked.networks < FEWEST:
        raise DataError(
            f"--networks {asked.networks} are too few to tell {len(COEFFICIENTS)} kinds of work "
            f"apart: at least {FEWEST}"
        )
    target = load_target(asked.target) if asked.target else None
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            return _there(folder, asked)
        networks, files = _contents(asked, target)
        own = {path for one in networks for path in one.files}
        others = _facts({path: content for path, content in files.items() if path not in own})
        manifest = Manifest(asked.target, asked.input, asked.seed, networks, others, _by())
        text = json.dumps(manifest.to_json(), indent=1) + "\n"
        _written(folder, {**files, MANIFEST: text.encode()})
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from None
    return manifest


def _there(folder: Path, asked: Asked) -> Manifest:
    """The networks of a folder that is not empty."""
    if not (folder / MANIFEST).is_file():
        raise DataError(f"{folder} is not empty and holds no benchmark networks: name another")
    found = read_manifest(folder)
    if (found.target, found.input, len(found.networks)) != (
        *(asked.target, asked.input, asked.networks),
    ):
        what = f"{len(found.networks)} networks for {found.target or 'any board'}"
        raise DataError(
            f"{folder} holds {what} and samples of {'x'.join(map(str, found.input))}: "
            "ask for the same, or name another folder"
        )
    return found


def _contents(asked: Asked, target: Target | None) -> tuple[tuple[Network, ...], dict[str, bytes]]:
    """The networks, and every file."""
    chosen, known = _chosen(asked, target)
    files: dict[str, bytes] = {}
    written = []
    for number, one in enumerate(chosen):
        name = f"n{number:02d}"
        made, found = _files_of(name, one, asked.seed)
        files |= found
        written.append(made)
    parts = parts_of([one.files for one in written], target)
    files["c/networks.h"] = table(written, parts).encode()
    for path, source in {**_BOARD, **_FIRMWARE}.items():
        place = resources.files("brickwork.calibration.board") / source
        files[path] = place.read_bytes()
    networks = [
        _network(one, own, part, one.graph.hash in known, files)
        for one, own, part in zip(chosen, written, parts, strict=True)
    ]
    return tuple(networks), files


def _chosen(asked: Asked, target: Target | None) -> tuple[list[Candidate], set[str]]:
    """The networks, from the smallest to the largest, and the hashes of those that are witnesses.

    Half of them are witnesses: they say how well a search's networks are predicted. The others are
    what tells most beside them, the smallest and the largest for the input asked for among them,
    since a model holds for sizes in between.
    """
    others = candidates(asked.input, asked.seed)
    half = witnesses(asked.input, asked.networks // 2, target, asked.seed)
    known = {one.graph.hash for one in half}
    pool = half + [one for one in others if one.graph.hash not in known]
    pool.sort(key=lambda one: one.work.macs)
    amounts = np.array([one.work.amounts for one in pool])

    @functools.cache
    def allowed(one: int) -> bool:
        return pool[one].graph.hash in known or fits(pool[one], target)

    own = [i for i in range(len(pool)) if pool[i].graph.input == asked.input]
    ends = [next(filter(allowed, own), None), next(filter(allowed, reversed(own)), None)]
    given = [i for i in range(len(pool)) if pool[i].graph.hash in known]
    first = dict.fromkeys(given + [end for end in ends if end is not None])
    found = choose(amounts, asked.networks, allowed, tuple(first))
    if len(found) < asked.networks:
        where = asked.target or "a board"
        raise DataError(
            f"only {len(found)} benchmark networks fit {where}, {asked.networks} are wanted: "
            "take a smaller --input, or fewer --networks"
        )
    return [pool[i] for i in sorted(found)], known


def _files_of(name: str, one: Candidate, seed: int) -> tuple[Written, dict[str, bytes]]:
    """A network in every format, with weights that follow from the seed."""
    from brickwork.export.c import write_c
    from brickwork.export.integer.quantizing import quantize_integer
    from brickwork.export.integer.reference import run
    from brickwork.export.onnx import random_weights, write_onnx
    from brickwork.export.tflite import write_tflite_int8

    weights = random_weights(one.graph, rng_for(seed, "weights", name))
    samples = _samples(one.graph.input, seed)
    integer = quantize_integer(one.graph, weights, samples)
    title = f"Benchmark network {name}: a member of the space {one.space}."
    c = write_c(integer, name, title, arena=ARENA)
    shape = integer.program.shapes[0]
    output = run(integer, pattern(int(np.prod(shape))).reshape(1, *shape))
    return Written(c, result_of(output)), {
        f"tflite/{name}.int8.tflite": write_tflite_int8(integer, title),
        f"onnx/{name}.onnx": write_onnx(one.graph, weights),
        f"c/{name}.c": c.source.encode(),
        f"c/{name}.h": c.header.encode(),
    }


def _samples(shape: Shape, seed: int) -> NDArray[np.float32]:
    rng = rng_for(seed, "samples")
    return rng.standard_normal((_CALIBRATION, *shape), dtype=np.float32)


def _network(
    one: Candidate, own: Written, part: int, witness: bool, files: dict[str, bytes]
) -> Network:
    name = own.files.name
    paths = [path for path in files if Path(path).name.split(".")[0] == name]
    return Network(
        name=name,
        space=one.space,
        settings=dict(one.settings),
        arch=one.arch.to_json(),
        input=one.graph.input,
        outputs=OUTPUTS,
        macs=one.work.macs,
        parameters=parameters(one.graph),
        work=one.work.named(),
        arena_bytes=own.files.arena_bytes,
        part=part,
        witness=witness,
        files=_facts({path: files[path] for path in paths}),
    )


def _facts(files: dict[str, bytes]) -> dict[str, KitFile]:
    return {path: KitFile(checksum(content), len(content)) for path, content in files.items()}


def _by() -> str:
    from brickwork.export.onnx import producer_version

    return f"brickwork {producer_version()}"


def _written(folder: Path, files: dict[str, bytes]) -> None:
    """Write a folder under another name first; one that is there gets its manifest last."""
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for path, content in files.items():
            place = made / path
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(content)
        made.chmod(0o755)
        if not folder.exists():
            os.replace(made, folder)
            return
        for part in sorted(made.iterdir(), key=lambda one: one.name == MANIFEST):
            os.replace(part, folder / part.name)  # the folder may be where somebody works
        made.rmdir()
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def totals(networks: Sequence[Network]) -> dict[str, Any]:
    """What a set of networks holds, in a few numbers."""
    macs = [one.macs for one in networks]
    return {
        "networks": len(networks),
        "macs": [min(macs), max(macs)],
        "arena_bytes": max(one.arena_bytes for one in networks),
        "parts": max(one.part for one in networks),
    }
