"""What a runtime adds in flash, and where that comes from."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from export_networks import member

from brickwork.devices import load_target
from brickwork.devices.files.onnx import read_onnx
from brickwork.devices.runtime import _runtimes, file_flash, runtime_of
from brickwork.export.onnx import random_weights, write_onnx
from brickwork.quantity import How
from brickwork.trial import rng_for


@pytest.fixture(scope="module")
def model():
    whole = member((1, 12, 12), 0)
    return read_onnx(write_onnx(whole, random_weights(whole, rng_for(0, "weights"))))


def test_every_figure_has_a_source():
    for runtime in _runtimes():
        assert len(runtime.source) > 20
        assert runtime.stores in ("file", "weights")
        assert runtime.spread_bytes < runtime.base_bytes


def test_engines_are_known_by_the_beginning_of_their_names():
    assert runtime_of("X-CUBE-AI 9.0") is runtime_of("X-CUBE-AI 8.1") is not None
    assert runtime_of("TensorFlow Lite Micro") is not runtime_of("X-CUBE-AI 9.0")
    assert runtime_of("TinyEngine") is None


def test_flash_is_what_is_stored_and_with_the_runtime(model):
    tflm, cube = load_target("nrf5340"), load_target("stm32h743")
    file = replace(model, format="tflite", content=bytes(1000))
    found, runtime = file_flash(file, tflm), runtime_of(tflm.engine)
    assert found["flash_bytes"].value == 1000
    total = found["flash_total_bytes"]
    assert total.value == 1000 + runtime.base_bytes
    assert (total.how, total.spread) == (How.ESTIMATED, runtime.spread_bytes)
    found, runtime = file_flash(file, cube), runtime_of(cube.engine)
    layers = len(model.program.layers)
    added = runtime.base_bytes + runtime.layer_bytes * layers
    assert found["flash_bytes"].value == model.weight_bytes
    assert found["flash_total_bytes"].value == model.weight_bytes + added
    # of another format only the weights tell what a file for the runtime would hold
    assert file_flash(model, tflm)["flash_bytes"].value == model.weight_bytes


def test_without_a_figure_there_is_no_total(model):
    for target in (load_target("cpu"), replace(load_target("stm32h743"), engine="TinyEngine")):
        (found,) = file_flash(replace(model, format="tflite"), target).items()
        assert found[0] == "flash_bytes"
        assert found[1].value == len(model.content)
        assert found[1].how is How.COUNTED


def test_x_cube_ai_is_fitted_to_what_was_published(shared_data: Path):
    """Least squares of code in flash by layers, and the error of families that were left out."""
    folder = shared_data / "devices"
    layers = json.loads((folder / "stm32_model_layers.json").read_text())
    with (folder / "stm32_measured.csv").open() as table:
        rows = [
            r for r in csv.DictReader(table) if r["code_flash_kib"] and r["local_file"] in layers
        ]
    points = sorted(
        {(r["local_file"], r["cubeai_version"], float(r["code_flash_kib"])) for r in rows}
    )
    families = defaultdict(list)
    for place, (name, _, _) in enumerate(points):
        families[name[:18]].append(place)
    x = np.array([(1, len(layers[name]["operators"])) for name, _, _ in points], float)
    y = 1024 * np.array([size for _, _, size in points])
    base, slope = np.linalg.lstsq(x, y, rcond=None)[0]
    errors = []
    for left in families.values():
        kept = np.setdiff1d(np.arange(len(y)), left)
        fit = np.linalg.lstsq(x[kept], y[kept], rcond=None)[0]
        errors += list(np.abs(x[left] @ fit - y[left]))
    runtime = runtime_of("X-CUBE-AI")
    assert len(points) == 20
    assert (runtime.base_bytes, runtime.layer_bytes) == pytest.approx((base, slope), rel=0.001)
    assert runtime.spread_bytes == pytest.approx(np.quantile(errors, 0.8), rel=0.001)
