"""Latency of ``.tflite`` files on this machine."""

from __future__ import annotations

from importlib import metadata

import pytest
from tflite_files import needs_mcu, network

from brickwork.devices import litert
from brickwork.devices.files.measured import latency_here
from brickwork.devices.files.tflite import read_tflite
from brickwork.devices.litert import measure_tflite
from brickwork.devices.measure import Rounds, pixels
from brickwork.errors import MissingExtra
from brickwork.quantity import How

needs_mcu("flatbuffers", "tflite_micro", "ai_edge_litert")


@pytest.mark.parametrize("type_", ["INT8", "FLOAT32"])
def test_it_says_what_it_is(type_):
    latency = measure_tflite(network(type_), Rounds(3, 4, 2, 5.0))
    assert (latency.how, latency.unit) == (How.MEASURED, "ms")
    assert 0 < latency.value < 100
    assert f"LiteRT {metadata.version('ai-edge-litert')}" in latency.source
    assert "1 thread: median of 3 rounds of the fastest of 4 calls, after 2" in latency.source


def test_a_file_of_somebody_else_is_measured_in_a_process_of_its_own():
    latency = latency_here(read_tflite(network()))
    assert latency.how is How.MEASURED
    assert "LiteRT" in latency.source


@pytest.mark.parametrize(
    ("type_", "least", "most"),
    [("float32", 0, 255), ("uint8", 0, 255), ("int8", -128, 127), ("int64", 0, 0)],
)
def test_numbers_that_go_in(type_, least, most):
    values = pixels((3, 50), type_)
    assert values.dtype == type_
    assert values.min() >= least
    assert values.max() <= most
    assert (values == pixels((3, 50), type_)).all()


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(litert.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"brickwork\[mcu\]"):
        measure_tflite(network())
