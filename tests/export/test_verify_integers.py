"""Integer files against the quantised network: equal to the bit, or a step or two away."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from export_networks import graph_of, member, raw
from integer_networks import quantized

import brickwork.export.verify_integers as verify_integers
from brickwork.errors import ExportError
from brickwork.export.integer.network import IntegerNetwork
from brickwork.export.integer.reference import run
from brickwork.export.onnx import random_weights, write_onnx, write_onnx_int8
from brickwork.export.tflite import write_tflite_int8
from brickwork.export.verify_integers import check_bits, check_layers, litert_note
from brickwork.space import Activation, Conv, GlobalPool, Graph, Linear, Seq
from brickwork.trial import rng_for

pytest.importorskip("tflite_micro")
pytest.importorskip("ai_edge_litert")

WHOLE = member((3, 16, 12), 1)
GELU = graph_of(Seq(Conv(6), Activation("gelu"), GlobalPool(), Linear()), (3, 16, 12))


def written(folder: Path, network: IntegerNetwork) -> Path:
    file = folder / "model.int8.tflite"
    file.write_bytes(write_tflite_int8(network))
    return file


@pytest.mark.parametrize("whole", [WHOLE, GELU], ids=["both runtimes", "LiteRT alone"])
def test_a_good_file_passes_and_its_note_says_how_near(whole: Graph, tmp_path: Path) -> None:
    network, x = quantized(whole), raw(whole, 12)
    file = written(tmp_path, network)
    away = check_bits(file, network, x)
    assert away in (0, 1)
    note = litert_note(file, network, x, away)
    assert note.startswith(f"LiteRT's reference kernels within {away} of 256 steps, its fast ones")


@pytest.mark.parametrize("whole", [WHOLE, GELU], ids=["both runtimes", "LiteRT alone"])
def test_reference_kernels_may_be_two_steps_away(
    whole: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, x = quantized(whole), raw(whole, 12)
    file = written(tmp_path, network)

    def off(steps: int) -> None:
        def moved(_: bytes, q: np.ndarray, reference: bool = False) -> np.ndarray:
            assert reference
            return run(network, q).astype(int) + steps

        monkeypatch.setattr(verify_integers, "run_litert", moved)

    off(2)
    assert check_bits(file, network, x) == 2
    off(-3)
    with pytest.raises(ExportError, match="LiteRT differs by 3 steps, allowed are 2"):
        check_bits(file, network, x)


def test_tensorflow_lite_micro_must_give_the_bits(tmp_path: Path) -> None:
    file = written(tmp_path, quantized(WHOLE))
    with pytest.raises(ExportError, match="other bits in TensorFlow Lite Micro for"):
        check_bits(file, quantized(WHOLE, seed=1), raw(WHOLE, 12))


def test_without_litert_only_the_bits_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, x = quantized(WHOLE), raw(WHOLE, 12)
    file = written(tmp_path, network)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert check_bits(file, network, x) is None
    assert litert_note(file, network, x, None) == ""


def test_each_layer_of_an_onnx_file_is_compared(tmp_path: Path) -> None:
    network, x = quantized(WHOLE), raw(WHOLE, 12)
    file = tmp_path / "model.int8.onnx"
    file.write_bytes(write_onnx_int8(network, WHOLE))
    note = check_layers(file, network, x)
    assert note.startswith("each layer within 1 of 256 steps of its integers, all of them within ")
    with pytest.raises(
        ExportError, match=r"its [\w.]+ is \d+ steps off its integers, allowed is 1"
    ):
        check_layers(file, quantized(WHOLE, seed=1), x)
    file.write_bytes(write_onnx(WHOLE, random_weights(WHOLE, rng_for(0, "weights"))))
    with pytest.raises(ExportError, match="does not hold the integers of its network"):
        check_layers(file, network, x)
