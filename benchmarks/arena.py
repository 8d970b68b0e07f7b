"""The predicted arena of TensorFlow Lite Micro, and the size of a file, beside the real ones.

    python benchmarks/arena.py [--count 200] [--seed 0]

Random architectures of the catalogue, with random weights, are written as int8 files; the real
arena is what the interpreter of the wheel ``tflite-micro`` accounts for. Prints how far the
predictions are off, and what a least-squares fit to half of the networks would have as coefficients
(those of ``devices/arena.py`` and ``devices/file_size.py`` are from such a fit, with other seeds).
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections import Counter
from typing import Any

import numpy as np

from brickwork.devices.arena import arena, head_bytes
from brickwork.devices.file_size import file_bytes
from brickwork.devices.lowering import lower, why_not
from brickwork.devices.program import CONVOLUTIONS, Program, stored_tensors
from brickwork.devices.tflm import Arena, measured_arenas
from brickwork.export.integer.quantizing import quantize_integer
from brickwork.export.onnx import random_weights
from brickwork.export.tflite import write_tflite_int8
from brickwork.names import SPACES, load
from brickwork.space import Graph, Normalize, Shape, graph
from brickwork.trial import rng_for

INPUTS: dict[str, Shape] = {
    "mobile": (1, 28, 28),
    "residual": (3, 32, 32),
    "nasbench201": (3, 32, 32),
    "darts": (3, 32, 32),
    "dag": (3, 32, 32),
    "hierarchy": (3, 32, 32),
    "speech": (1, 49, 10),
    "series": (3, 140),
    "mlp": (30,),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    names, programs, files = [], [], []
    for name, whole in members(options.count, options.seed):
        rng = rng_for(options.seed, "weights", len(names))
        x = rng.normal(size=(4, *whole.input)).astype(np.float32)
        network = quantize_integer(whole, random_weights(whole, rng), x)
        names.append(name)
        programs.append(lower(whole))
        files.append(write_tflite_int8(network))
    real = measured_arenas(files)
    kept = [i for i, found in enumerate(real) if isinstance(found, Arena)]
    print(f"{len(kept)} of {len(files)} networks: {dict(Counter(names))}")
    totals = np.array([real[i].total for i in kept], float)
    report("arena", np.array([arena(programs[i]).value for i in kept]), totals)
    heads = [head_bytes(programs[i]) == real[i].head for i in kept]
    print(f"activations laid out to the byte as the planner does: {sum(heads)} of {len(heads)}")
    sizes = np.array([len(file) for file in files], float)
    report("file", np.array([file_bytes(program).value for program in programs]), sizes)
    fit([programs[i] for i in kept], np.array([real[i].tail for i in kept], float))


def members(count: int, seed: int) -> list[tuple[str, Graph]]:
    """Random members of all spaces of the catalogue that have integer operations."""
    found: list[tuple[str, Graph]] = []
    spaces: dict[str, Any] = {name: load(SPACES, "space", name)(INPUTS[name]) for name in INPUTS}
    rng = rng_for(seed, "members")
    while len(found) < count:
        name = list(spaces)[len(found) % len(spaces)]
        normalize = Normalize((0.3,), (1.7,))
        whole = graph(spaces[name], spaces[name].sample(rng), INPUTS[name], 10, normalize)
        if not why_not(whole):
            found.append((name, whole))
    return found


def report(what: str, predicted: Any, real: Any) -> None:
    error = 100 * (predicted / real - 1)
    low, high = np.percentile(np.abs(error), (50, 95))
    print(
        f"{what}: off by {low:.2f} % (median), {high:.2f} % (95 % of networks), "
        f"{error.min():+.2f} % to {error.max():+.2f} %"
    )


def fit(programs: list[Program], tails: Any) -> None:
    """Coefficients of the tail, fitted to every second network and judged by the others."""
    kinds = sorted({layer.kind for program in programs for layer in program.layers})
    rows = []
    for program in programs:
        count = Counter(layer.kind for layer in program.layers)
        wide = [layer for layer in program.layers if layer.kind in CONVOLUTIONS]
        channels = sum(program.shapes[layer.output][-1] for layer in wide)
        rows.append([1, stored_tensors(program), channels, *[count[kind] for kind in kinds]])
    x = np.array(rows, float)
    found = np.linalg.lstsq(x[::2], tails[::2], rcond=None)[0]
    off = np.abs(x[1::2] @ found - tails[1::2])
    named = zip(["always", "tensor", "channel", *kinds], found, strict=True)
    print("tail:", ", ".join(f"{name} {value:.1f}" for name, value in named))
    print(f"off by {off.max():.0f} bytes at most on the networks left out")


if __name__ == "__main__":
    main()
