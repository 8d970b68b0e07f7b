"""How well a target that was calibrated on this machine predicts networks that it has not seen.

    python benchmarks/calibrate_here.py [--networks 32] [--held-out 36] [--folder FOLDER]
    python benchmarks/calibrate_here.py --design

Benchmark networks are written, measured in ONNX Runtime and installed as a target, all in a
temporary folder; then members of the mobile space are measured and compared with its predictions.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from brickwork.calibration import calibrate
from brickwork.calibration.design import choose, information
from brickwork.calibration.pool import candidates, fits
from brickwork.devices import latency_of, load_target, measure_onnx
from brickwork.devices.installed import FOLDER
from brickwork.devices.work import work_of
from brickwork.export.onnx import random_weights, write_onnx
from brickwork.space import graph
from brickwork.spaces.mobile import mobile
from brickwork.trial import rng_for

INPUT, OUTPUTS = (3, 32, 32), 10
ROUNDS = {"rounds": 10, "calls": 50, "warm_up": 30, "cap_s": 2.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=32)
    parser.add_argument("--held-out", type=int, default=36)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keep the networks and their times here")
    parser.add_argument("--design", action="store_true", help="only what the choice is worth")
    asked = parser.parse_args()
    if asked.design:
        design(asked.seed)
        return
    with tempfile.TemporaryDirectory() as work:
        os.environ[FOLDER] = f"{work}/targets"
        began = time.perf_counter()
        found = calibrate(
            asked.folder or Path(work) / "networks",
            networks=asked.networks,
            seed=asked.seed,
            here=True,
            name="here",
        )
        left = found["left_out"]
        print(f"calibrated in {time.perf_counter() - began:.0f} s; {load_target('here').title}")
        print(
            f"left out of {left['networks']}: mean error {left['mean_error']:.1%}, within 10 % "
            f"{left['within_10']:.0%}, in the 80 % interval {left['coverage']:.0%}"
        )
        held_out(asked.held_out, asked.seed)


def design(seed: int) -> None:
    """The logarithm of the determinant of a choice, beside that of random networks."""
    pool = [one for one in candidates(INPUT, seed) if fits(one, None)]
    amounts, rng = np.array([one.work.amounts for one in pool]), rng_for(seed, "random")
    for count in (16, 24, 32):
        chosen = information(amounts[choose(amounts, count, lambda _: True)])
        random = [
            information(amounts[rng.choice(len(pool), count, replace=False)]) for _ in range(50)
        ]
        print(f"{count} of {len(pool)}: {chosen:.1f}, random ones {np.mean(random):.1f}")


def held_out(count: int, seed: int) -> None:
    """Measure members of the mobile space, and compare."""
    target, space = load_target("here"), mobile(INPUT)
    rng = rng_for(seed, "held out")
    predicted, measured, half_widths = [], [], []
    for number in range(count):
        whole = graph(space, space.sample(rng), INPUT, OUTPUTS)
        model = write_onnx(whole, random_weights(whole, rng_for(seed, "weights", number)))
        measured.append(measure_onnx(model, INPUT, **ROUNDS).value)
        found = latency_of(work_of(whole), target)
        predicted.append(found.value)
        half_widths.append(found.spread)
    one, other, half = np.array(predicted), np.array(measured), np.array(half_widths)
    errors = np.abs(one / other - 1)
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    print(f"{count} members of mobile, {other.min():.3f} to {other.max():.3f} ms:")
    print(f"  mean error {errors.mean():.1%}, median {np.median(errors):.1%}")
    print(f"  within 10 % {np.mean(errors <= 0.1):.0%}")
    print(f"  rank correlation {np.corrcoef(*ranks)[0, 1]:.3f}")
    print(f"  in their 80 % interval {np.mean(np.abs(one - other) <= half):.0%}")
    print(f"  half width of it, median {np.median(half / one):.0%}")


if __name__ == "__main__":
    main()
