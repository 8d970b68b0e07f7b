"""Which formats a search exports, and by which of them a model is judged."""

from __future__ import annotations

import pytest

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
    assert set(order) == set(FORMATS)
    assert order[0] == (more.pop() if more else "tflite")
    assert preferred("phone", "int8", engine) == preferred("phone", "int8")


def test_integers_need_samples_and_cannot_be_written_later():
    later = [name for name in FORMATS if from_weights(name)]
    assert {"source", "onnx", "tflite", "executorch", "openvino"} <= set(later)
    assert not {"onnx-int8", "tflite-int8"} & set(later)
