"""Which formats a search exports, and by which of them a model is judged."""

from __future__ import annotations

import pytest

from brickwork.devices.target_file import FAMILIES, PRECISIONS
from brickwork.export.formats import EXPORTERS, FORMATS, asked_by, from_weights, preferred


def test_every_format_has_an_exporter():
    assert FORMATS.keys() == EXPORTERS.keys()


@pytest.mark.parametrize(
    ("engine", "more"),
    [
        ("", set()),
        ("ONNX Runtime", set()),
        ("ExecuTorch 1.5 (XNNPACK)", {"executorch"}),
        ("OpenVINO", {"openvino"}),
        ("openvino 2026", {"openvino"}),
    ],
)
def test_a_heavy_format_is_written_for_the_engine_that_it_is_for(engine: str, more: set[str]):
    always = set(asked_by())
    assert not always & {"executorch", "openvino"}
    assert set(asked_by(engine)) == always | more
    order = preferred("phone", "float32", engine)
    assert set(order) == set(preferred("phone", "float32")) | more
    assert order[0] == (next(iter(more)) if more else "tflite")
    assert preferred("phone", "int8", engine)[0] == "tflite-int8"


def test_each_kind_of_device_has_formats_that_it_can_use():
    for family in FAMILIES:
        for precision in PRECISIONS:
            order = preferred(family, precision)
            assert set(order) <= set(asked_by())
            assert {"source", "onnx"} <= set(order)
            assert len(order) == len(set(order))
    assert preferred("mcu", "int8")[:2] == ("tflite-int8", "c")
    assert "c" not in preferred("cpu", "float32")


def test_integers_need_samples_and_cannot_be_written_later():
    later = [name for name in FORMATS if from_weights(name)]
    assert {"source", "onnx", "tflite", "executorch", "openvino"} <= set(later)
    assert not {"onnx-int8", "tflite-int8", "c"} & set(later)
