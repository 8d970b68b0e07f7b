"""The arena of the real interpreter: what it is made of, and what it refuses."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
from tflite_files import every_kind, needs_mcu, network

from brickwork.devices import tflm
from brickwork.devices.files import read_model
from brickwork.devices.files.tflite import read_tflite
from brickwork.devices.tflm import Arena, measured_arena, measured_arenas
from brickwork.errors import MissingExtra, ModelFileError
from brickwork.quantity import How

needs_mcu()


def test_an_arena_is_head_and_tail():
    found = measured_arena(network())
    assert found.total == found.head + found.tail
    assert found.head >= read_tflite(network()).live_peak
    assert 0 < sum(size for _, size in found.parts) <= found.tail
    larger = measured_arena(network(kind="RELU"))
    assert larger.tail > found.tail
    assert larger.parts > ()


def test_an_arena_is_a_measurement_that_says_of_what():
    quantity = measured_arena(network()).quantity
    assert (quantity.how, quantity.unit) == (How.MEASURED, "B")
    assert quantity.value == measured_arena(network()).total
    assert metadata.version("tflite-micro") in quantity.source
    assert "64-bit host" in quantity.source


def test_many_files_and_bad_ones_among_them():
    models = [network(), network()[:300], b"", network(kind="GELU"), every_kind(), network()]
    first, cut, empty, gelu, custom, last = measured_arenas(models)
    assert isinstance(first, Arena)
    assert first == last
    assert isinstance(cut, ModelFileError)
    assert isinstance(empty, ModelFileError)
    assert "GELU" in str(gelu)
    assert isinstance(custom, ModelFileError)  # the interpreter crashes on it


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(tflm.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"brickwork\[mcu\]"):
        measured_arena(network())


@pytest.mark.parametrize(
    "name", ["ad01_int8", "kws_ref_model", "pretrainedResnet_quant", "str_ww_ref_model"]
)
def test_networks_of_mlperf_tiny(shared_data: Path, name: str):
    path = shared_data / "devices" / "mlperf_tiny_models" / f"{name}.tflite"
    if not path.is_file():
        pytest.skip(f"no {path}")
    model = read_model(path)
    found = measured_arena(model.content)
    assert model.live_peak <= found.head <= 1.1 * model.live_peak
