"""The classes of TensorFlow Lite's file format: one place serves readers and writers."""

import importlib

import pytest

from brickwork.devices.files.schema import schema
from brickwork.devices.files.tflite import read_tflite
from brickwork.errors import ExportError, MissingExtra
from brickwork.export.tflite.file import Writer


@pytest.mark.parametrize("left", ["ai_edge_litert", "tflite_micro"])
def test_either_package_will_do(left: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(left)
    really = importlib.import_module

    def one(name: str) -> object:
        if name.startswith(left):
            return really(name)
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", one)
    assert schema(f"trying {left}").__name__.startswith(left)


def test_without_either_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> object:
        raise ImportError(name)

    schema.cache_clear()
    monkeypatch.setattr(importlib, "import_module", none)
    with pytest.raises(MissingExtra, match=r"reading a \.tflite file .*'brickwork\[mcu\]'"):
        read_tflite(b"1234TFL3")
    with pytest.raises(ExportError, match=r"writing a \.tflite file .*'brickwork\[mcu\]'"):
        Writer(int8=True)
