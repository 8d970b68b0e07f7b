"""Three kinds of whistles in a folder of wav files, told apart by a network for a microcontroller.

python examples/sounds.py FOLDER [BUDGET]
"""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np

import brickwork as bw

RATE = 8000


def whistle(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Half a second or so, rising, falling or even, somewhere between 500 and 1500 Hz, in noise."""
    at = np.arange(int(RATE * rng.uniform(0.35, 0.6))) / RATE
    bend = {"rising": 1500.0, "falling": -1500.0, "even": 0.0}[kind]
    start = rng.uniform(500, 1500) + (900 if kind == "falling" else 0)
    tone = np.sin(2 * np.pi * (start * at + bend * at**2 / 2))
    sound = rng.uniform(0.05, 0.5) * (tone + 0.3 * rng.standard_normal(len(at)))
    return np.round(20000 * sound).clip(-32768, 32767).astype(np.int16)


def record(folder: Path, count: int = 40) -> Path:
    """A folder of wav files for each kind."""
    rng = np.random.default_rng(0)
    for kind in ("even", "falling", "rising"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            with wave.open(str(folder / kind / f"{number}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE)
                file.writeframes(whistle(kind, rng).tobytes())
    return folder


def main(folder: str, budget: str = "2m") -> None:
    data = record(Path(folder) / "whistles")
    study = bw.search(data, target="nrf5340", budget=budget, study=Path(folder) / "study")
    print(study.front)
    model = study.front.best("accuracy")
    frames, mels = model.graph().input[1:]
    print(f"{model.id}: {model.metrics['accuracy']} from {frames} frames of {mels} log-mel values")


if __name__ == "__main__":
    main(*sys.argv[1:])
