"""CPU time from trained weights to verified integer files: int8 TFLite in its runtimes, C here.

    python benchmarks/convert_verify.py [--samples 200]

For networks of the catalogue with random weights: rounding (its loss judged on 512 samples, other
ranges of activations tried where it is too large), the TFLite file, its bits in TensorFlow Lite
Micro and what LiteRT's reference kernels give, the C files, compiled and run. Child processes (the
compiler, the compiled program) count.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from brickwork.export.c import write_c
from brickwork.export.integer.quantizing import Judge, quantize_integer
from brickwork.export.integer.reference import logits
from brickwork.export.onnx import random_weights
from brickwork.export.runtimes import run_torch
from brickwork.export.tflite import write_tflite_int8
from brickwork.export.verify_integers import check_bits
from brickwork.space import Graph, Normalize, graph
from brickwork.spaces.mobile import mobile
from brickwork.spaces.references import dscnn, resnet8
from brickwork.tasks.training import prepare_process
from brickwork.trial import rng_for


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=200)
    options = parser.parse_args()
    prepare_process()
    for name, whole in networks().items():
        rng = rng_for(0, "data")
        x = rng.integers(0, 256, (options.samples, *whole.input)).astype(np.uint8)
        weights = random_weights(whole, rng)
        found: dict[str, float] = {}
        with tempfile.TemporaryDirectory() as folder:
            steps(whole, weights, x, Path(folder), found)
        parts = ", ".join(f"{key} {value:.2f}" for key, value in found.items())
        print(f"{name:12} {sum(found.values()):.2f} CPU s  ({parts})", flush=True)


def networks() -> dict[str, Graph]:
    space, rng = mobile((1, 28, 28)), rng_for(1, "members")
    normalize = Normalize((33.3,), (78.6,))
    found = {
        f"mobile {i}": graph(space, space.sample(rng), (1, 28, 28), 10, normalize) for i in range(4)
    }
    found["ResNet-8"] = graph(resnet8(), resnet8().arch(), (3, 32, 32), 10, normalize)
    found["DS-CNN"] = graph(dscnn(), dscnn().arch(), (1, 49, 10), 12, normalize)
    return found


def steps(
    whole: Graph, weights: dict[str, Any], x: Any, folder: Path, found: dict[str, float]
) -> None:
    """All steps, and the CPU seconds of each."""
    judged = np.resize(x, (512, *whole.input))
    exact = run_torch(whole, weights, judged)

    def judge(network: Any) -> float:
        return float((logits(network, judged).argmax(1) == exact.argmax(1)).mean())

    network = timed(found, "round", lambda: quantize_integer(whole, weights, x, Judge(judge, 1.0)))
    tflite, source = folder / "model.int8.tflite", folder / "model.c"
    timed(found, "TFLite", lambda: tflite.write_bytes(write_tflite_int8(network)))
    timed(found, "TFLM and LiteRT", lambda: check_bits(tflite, network, x))
    files = timed(found, "C", lambda: write_c(network))
    source.write_text(files.source)
    source.with_suffix(".h").write_text(files.header)
    timed(found, "compile and run", lambda: check_bits(source, network, x))


def timed(found: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    begun = spent()
    result = work()
    found[name] = spent() - begun
    return result


def spent() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in both)


if __name__ == "__main__":
    main()
