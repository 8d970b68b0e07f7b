"""Invented studies to render: deterministic, and shaped like what a real study hands over.

Run as a script it writes pages to look at:  python tests/report/example.py OUT_FOLDER
"""

from __future__ import annotations

import hashlib
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from brickwork.trial import rng_for

Data = dict[str, Any]


def digits(seed: int = 0, models: int = 9, trials: int = 180, long_names: bool = False) -> Data:
    """A finished study of digits for a microcontroller.

    Args:
        seed: Of the invented numbers.
        models: Models on the front.
        trials: Trials in the study.
        long_names: Whether names are as long as users make them.
    """
    rng = rng_for(seed, "report example")
    front = _front(rng, models, long_names)
    best = front[2 * models // 3]
    gap = sum(m["final"]["accuracy"]["value"] - m["search"]["accuracy"]["value"] for m in front)
    name = "handwritten-digits-collected-in-the-second-half-of-2026-by-the-archive" * long_names
    return {
        "study": "studies/digits-stm32f746",
        "title": f"{name or 'digits'} on STM32F746",
        "created": "2026-11-24T03:05:12+00:00",
        "version": "0.1.0",
        "task": {
            "name": name or "digits",
            "title": name or "digits, 8×8 pixels",
            "input": [1, 8, 8],
            "classes": [str(i) for i in range(10)],
            "splits": {
                split: {"size": size, "sha256": hashlib.sha256(split.encode()).hexdigest()}
                for split, size in (("train", 1077), ("val", 360), ("test", 360))
            },
            "notes": ["Splits drawn by seed 0, stratified by class."],
        },
        "target": {
            "name": "stm32f746",
            "title": "STM32F746, Cortex-M7 at 216 MHz",
            "engine": "TFLM + CMSIS-NN",
            "precision": "int8",
            "sram_bytes": 320 * 1024,
            "flash_bytes": 1024 * 1024,
            "sources": [
                "SRAM and flash: the maker's data sheet, DS10916",
                "cycles per MAC: MLPerf Tiny result logs, v1.0 to v1.2",
            ],
        },
        "objectives": ["accuracy", "parameters"],
        "limits": ["peak_sram_bytes<=327680", "flash_bytes<=1048576", "latency_ms<=20"],
        "seed": 0,
        "strategy": {
            "name": "auto",
            "explain": "analytic warm start, then regularized evolution at two fidelities",
        },
        "space": {"name": "mobile", "size": 3.1e14, "decisions": 24},
        "verdict": [
            f"{models} models form the front.",
            _best(best["metrics"]),
            "At equal budget random search reaches 98.9 %: the search was worth it.",
            f"Scores in the search were {100 * gap / models:.1f} points too low on average and "
            "ranked the models well (tau 0.90).",
        ],
        "best": best["id"],
        "models": front,
        "dropped": [
            {
                "id": "0f3c9a7712de",
                "reason": "model.int8.onnx agrees with the trained network on 91.4 % of the test "
                "images only (at least 98 % is asked)",
                "metrics": {"accuracy": 0.914, "parameters": 3120},
            }
        ],
        "trials": _trials(rng, trials),
        "kinds": {
            "trials": {"latency_ms": "predicted", "energy_mj": "predicted"},
            "controls": {"latency_ms": "predicted", "energy_mj": "predicted"},
            "references": {"latency_ms": "predicted", "energy_mj": "predicted"},
        },
        "references": [
            _reference("ResNet-8", 77_850, 12_500_000, None),
            _reference("DS-CNN", 22_604, 2_700_000, 0.989),
            _reference("MobileNetV2 0.35", 410_000, 21_000_000, None),
            _reference("MobileNetV2", 2_236_682, 94_000_000, None),
        ],
        "gap": {
            "pairs": [
                {
                    "id": model["id"],
                    "search": model["search"]["accuracy"]["value"],
                    "final": model["final"]["accuracy"]["value"],
                }
                for model in front
            ],
            "mean": gap / models,
            "tau": {"value": 0.9, "low": 0.62, "high": 1.0, "n": models},
        },
        "controls": {
            "random": {
                "models": [_control(rng, p) for p in (980, 2_000, 4_300, 9_700)],
                "hypervolume": 0.7131,
                "search_hypervolume": 0.7812,
                "note": "the same seconds of search, the same retraining",
                "trials": 61,
            },
            "size_only": {
                "models": [],
                "hypervolume": 0.7424,
                "search_hypervolume": 0.7812,
                "note": "trained in order of size, nothing learned from the scores",
                "trials": 64,
            },
        },
        "progress": {
            "search": _progress(rng, 60.0, 0.7812, 14.0),
            "random": _progress(rng, 60.0, 0.7131, 26.0),
        },
        "spent": {
            "budget_s": 120.0,
            "search_s": 60.2,
            "final_s": 31.4,
            "export_s": 4.3,
            "cpu_s": 176.0,
            "known": 4_096,
            "trained": 118,
            "infeasible": 57,
            "failed": 3,
            "twins": 2,
            "energy": {
                "value": 0.74,
                "unit": "Wh",
                "how": "estimated",
                "spread": None,
                "source": "CPU seconds x 15 W a core; no counter on this machine",
            },
        },
        "failures": [
            {"number": 31, "cause": "over its time: stopped after 12.0 s"},
            {"number": 77, "cause": "over its time: stopped after 12.1 s"},
            {"number": 102, "cause": "the loss became NaN in epoch 3 (recipe.lr 0.03)"},
        ],
        "reproduce": {
            "command": "brickwork search digits --target stm32f746 --budget 2m --seed 0 "
            "--workers 2 --control",
            "resume": "brickwork resume studies/digits-stm32f746",
            "python": "3.12.4",
            "packages": {
                "torch": "2.13.0",
                "numpy": "2.4.1",
                "scikit-learn": "1.8.0",
                "onnxruntime": "1.24.0",
            },
            "machine": {"CPU": "x86-64, 2 cores used", "Memory": "15.6 GiB"},
        },
    }


def interrupted() -> Data:
    """A study that was stopped in its search: a front, nothing retrained, no control."""
    data = digits()
    for model in data["models"]:
        model["metrics"]["accuracy"] = model["search"]["accuracy"]
        model.update(final=None, artifacts={})
    data.update(
        verdict=["The search was stopped after **38 s**; its best so far is kept, not retrained."],
        gap=None,
        controls=None,
        dropped=[],
        references=[],
        progress={"search": data["progress"]["search"]},
    )
    data["spent"].update(final_s=None, export_s=None, energy=None)
    return data


def impossible() -> Data:
    """A study whose limits nothing can meet: trials refused, no model."""
    data = digits()
    trials = [t for t in data["trials"] if t["state"] == "infeasible"]
    data.update(
        verdict=[
            "No model: **no candidate keeps the limit of 2 KiB of SRAM**.",
            "The nearest needs 3.1 KiB.",
        ],
        limits=["peak_sram_bytes<=2048"],
        models=[],
        dropped=[],
        trials=trials,
        gap=None,
        controls=None,
        progress=None,
    )
    return data


def hostile() -> Data:
    """Names that try to become markup."""
    attack = "</script><img src=x onerror=alert(1)>\"'&<b>"
    data = digits(models=3, trials=40)
    data.update(title=attack, study=attack, verdict=[f"{attack} **{attack}**"])
    data["task"].update(name=attack, title=attack, classes=[attack] * 2, notes=[attack])
    data["task"]["splits"] = {attack: {"size": 3, "sha256": attack}}
    data["target"].update(title=attack, engine=attack, sources=[attack])
    data["strategy"] = {"name": attack, "explain": attack}
    data["space"]["name"] = attack
    for model in data["models"]:
        model["id"] = attack + model["id"]
        model["arch"]["choices"] = {attack: attack}
        model["artifacts"] = {attack: {"path": attack, "sha256": attack, "detail": attack}}
        model["drawing"]["blocks"][0].update(label=attack, detail=attack)
        model["memory"][0] = [attack, 100]
        model["metrics"]["latency_ms"]["source"] = attack
    for reference in data["references"]:
        reference.update(name=attack, note=attack)
    data["failures"] = [{"number": 1, "cause": attack}]
    data["dropped"] = [{"id": attack, "reason": attack, "metrics": {}}]
    data["reproduce"].update(command=attack, machine={attack: attack}, packages={attack: attack})
    data["controls"]["random"]["note"] = attack
    return data


def _best(metrics: Data) -> str:
    value = {name: quantity["value"] for name, quantity in metrics.items()}
    return (
        f"The best compromise reaches **{100 * value['accuracy']:.1f} %** with "
        f"{value['parameters']:,} parameters, {value['peak_sram_bytes'] / 1024:.0f} KiB of "
        f"320 KiB SRAM and about {value['latency_ms']:.0f} ms."
    )


def _quantity(
    value: float, unit: str, how: str, spread: float | None = None, source: str = ""
) -> Data:
    return {"value": value, "unit": unit, "how": how, "spread": spread, "source": source}


def _curve(parameters: float) -> float:
    """The test accuracy that a good network of that size has."""
    return 0.996 - 0.4 * (parameters / 60) ** -1.02


def _id(*names: object) -> str:
    return hashlib.sha256(repr(names).encode()).hexdigest()[:12]


def _front(rng: np.random.Generator, count: int, long_names: bool) -> list[Data]:
    sizes = np.geomspace(602, 12_400, count).round().astype(int)
    return [_model(rng, int(size), i, long_names) for i, size in enumerate(sizes)]


def _model(rng: np.random.Generator, parameters: int, place: int, long_names: bool) -> Data:
    accuracy = _curve(parameters)
    seeds = [float(np.clip(accuracy + d, 0, 1)) for d in rng.normal(0, 0.0022, 3)]
    search = accuracy - 0.008 - 0.05 * (600 / parameters) ** 1.2 + float(rng.normal(0, 0.0015))
    macs = int(41 * parameters)
    blocks, memory = _body(rng, parameters, place, long_names)
    peak = max(size for _, size in memory)
    latency = macs / 26_000
    spread = 1.28 * math.sqrt(accuracy * (1 - accuracy) / 360)
    return {
        "id": _id("model", place, parameters),
        "arch": {"space": "mobile", "choices": _choices(rng, len(blocks))},
        "metrics": {
            "accuracy": _quantity(
                accuracy, "fraction", "measured", spread, "model.int8.onnx on 360 test images"
            ),
            "parameters": _quantity(parameters, "1", "counted", None, "graph"),
            "macs": _quantity(macs, "1", "counted", None, "graph"),
            "flash_bytes": _quantity(
                1.15 * parameters + 3_100, "B", "counted", None, "int8 weights and tables"
            ),
            "peak_sram_bytes": _quantity(
                peak, "B", "counted", None, "tensor lifetimes, best order"
            ),
            "latency_ms": _quantity(
                latency,
                "ms",
                "predicted",
                0.16 * latency,
                "linear model of TFLM + CMSIS-NN at 216 MHz: fitted to 31 measurements of 19 "
                "networks on Cortex-M7; the error is that of 80 % of left-out networks",
            ),
            "energy_mj": _quantity(
                0.3 * latency, "mJ", "predicted", 0.2 * 0.3 * latency, "0.30 W x latency"
            ),
        },
        "search": {
            "accuracy": _quantity(
                search, "fraction", "measured", None, "validation split, shortened training"
            )
        },
        "final": {
            "accuracy": _quantity(
                sum(seeds) / 3, "fraction", "measured", spread, "mean of 3 seeds, test split"
            ),
            "seeds": seeds,
        },
        "artifacts": {
            "model.py": _file(place, "model.py", "equal to the graph: 0.0", 4_100),
            "model.onnx": _file(place, "model.onnx", "max difference 3e-7", 4 * parameters + 9_000),
            "model.int8.onnx": _file(
                place, "model.int8.onnx", "agrees on 99.7 % of 360", parameters + 17_000
            ),
            **{
                name: {**_file(place, name, "", size), "verified": None}
                for name, size in (("card.md", 2_300), ("golden.npz", 1_500), ("arch.json", 7_400))
            },
            "weights.safetensors": {
                **_file(place, "weights.safetensors", "", 4 * parameters),
                "verified": None,
            },
        },
        "drawing": {"blocks": blocks},
        "memory": memory,
    }


def _file(place: int, name: str, detail: str, size: int) -> Data:
    digest = hashlib.sha256(f"{place}{name}".encode()).hexdigest()
    return {
        "path": f"models/{place:02d}/{name}",
        "sha256": digest,
        "verified": True,
        "detail": detail,
        "bytes": size,
    }


def _choices(rng: np.random.Generator, depth: int) -> Data:
    found: Data = {"stem.width": 12, "recipe.lr": 0.01, "recipe.augment": "light"}
    for i in range(depth - 3):
        found[f"stage{i // 2 + 1}.{i % 2}.kernel"] = int(rng.choice([3, 5]))
        found[f"stage{i // 2 + 1}.{i % 2}.expand"] = int(rng.choice([2, 3, 4]))
    return dict(sorted(found.items()))


def _body(
    rng: np.random.Generator, parameters: int, place: int, long_names: bool
) -> tuple[list[Data], list[list[Any]]]:
    """Blocks of a drawing, and live bytes of each op."""
    width = max(4, round(math.sqrt(parameters) / 5))
    depth = 4 + min(place, 5)
    blocks: list[Data] = []
    memory: list[list[Any]] = []
    size, channels = 8, width
    for i in range(depth):
        stride = 2 if i in (2, 4) else 1
        size = max(2, size // stride)
        grown = channels if stride == 1 and i else round(channels * 1.6)
        kernel, expand = int(rng.choice([3, 5])), int(rng.choice([2, 3, 4]))
        name = f"stage{i // 2 + 1}.{i % 2}"
        if long_names:
            name = f"encoder.residual_tower.{name}.inverted_bottleneck_with_squeeze_excite"
        stem = i == 0
        blocks.append(
            {
                "label": "stem" if stem else name,
                "detail": f"conv {kernel}×{kernel} s{stride}"
                if stem
                else f"conv 1×1 → {channels * expand}, depthwise {kernel}×{kernel} s{stride}, "
                f"conv 1×1 → {grown}",
                "shape": [grown, size, size],
                "macs": int(grown * channels * size * size * 9),
                "parameters": int(grown * channels * 3),
                "skip": not stem and stride == 1,
            }
        )
        wide = grown if stem else channels * expand
        ops = ["conv"] if stem else ["expand", "depthwise", "project"]
        for op in ops:
            live = (channels + wide) * size * size * (2.2 if op == "depthwise" else 1.4)
            memory.append([f"{'stem' if stem else name}.{op}", int(live) + 64])
        channels = grown
    blocks += [
        {
            "label": "pool",
            "detail": "global average",
            "shape": [channels],
            "macs": channels * size * size,
            "parameters": 0,
            "skip": False,
        },
        {
            "label": "classifier",
            "detail": "linear",
            "shape": [10],
            "macs": channels * 10,
            "parameters": channels * 10 + 10,
            "skip": False,
        },
    ]
    memory += [["pool", channels * size * size + channels], ["classifier", channels + 10]]
    return blocks, memory


def _costs(parameters: float) -> Data:
    macs = 41 * parameters
    return {
        "parameters": round(parameters),
        "macs": round(macs),
        "flash_bytes": round(1.15 * parameters + 3_100),
        "peak_sram_bytes": round(3_000 + 2.2 * parameters),
        "latency_ms": macs / 26_000,
        "energy_mj": 0.3 * macs / 26_000,
    }


def _trials(rng: np.random.Generator, count: int) -> list[Data]:
    found = []
    for number in range(count):
        parameters = float(np.exp(rng.uniform(math.log(480), math.log(48_000))))
        costs = _costs(parameters * float(rng.uniform(0.9, 1.1)))
        over = costs["latency_ms"] > 20 or costs["peak_sram_bytes"] > 80_000
        state, cause = "done", ""
        if over:
            state = "infeasible"
            cause = f"latency {costs['latency_ms']:.3g} ms is over the limit of 20 ms"
            if costs["peak_sram_bytes"] > 90_000:
                cause = f"peak SRAM {costs['peak_sram_bytes'] / 1024:.1f} KiB is over 320 KiB"
        elif number in (31, 77, 102):
            state, cause = "failed", "over its time"
        else:
            costs["accuracy"] = max(0.3, _curve(parameters) - 0.012 - float(rng.gamma(1.6, 0.012)))
        found.append(
            {
                "number": number,
                "id": _id("trial", number),
                "state": state,
                "fidelity": 0.25 if number % 3 else 1.0,
                "metrics": costs,
                "finished_s": 60.0 * (number + 1) / count,
                "cause": cause,
            }
        )
    return found


def _reference(name: str, parameters: int, macs: int, accuracy: float | None) -> Data:
    metrics = {**_costs(parameters), "macs": macs}
    if accuracy is not None:
        metrics["accuracy"] = accuracy
    return {"name": name, "metrics": metrics, "note": "as published, with 10 outputs"}


def _control(rng: np.random.Generator, parameters: float) -> Data:
    accuracy = _curve(parameters) - 0.006 - float(rng.uniform(0, 0.004)) - 3 / parameters
    return {"metrics": {**_costs(parameters), "accuracy": accuracy}}


def _progress(
    rng: np.random.Generator, seconds: float, last: float, slow: float
) -> list[list[float]]:
    times = np.sort(rng.uniform(0.5, seconds, 40))
    values = last * (1 - np.exp(-times / slow)) / (1 - math.exp(-seconds / slow))
    return [[round(float(t), 2), round(float(v), 4)] for t, v in zip(times, values, strict=True)]


STUDIES = {
    "digits": digits,
    "big": lambda: digits(models=60, trials=2_000, long_names=True),
    "interrupted": interrupted,
    "impossible": impossible,
    "hostile": hostile,
    "empty": dict,
}

if __name__ == "__main__":
    from brickwork.report.html import render

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for study, make in STUDIES.items():
        (folder / f"{study}.html").write_text(render(make()), encoding="utf-8")
