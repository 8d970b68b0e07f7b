"""The card of a model."""

from __future__ import annotations

import pytest

from brickwork.export.card import write_card
from brickwork.quantity import How, Quantity

INFO = {
    "id": "ab12",
    "task": "digits, 8x8 pixels",
    "classes": ["0", "a|b", "<b>"],
    "input": [1, 8, 8],
    "output": [3],
    "graph": "cafe",
    "target": "STM32F746",
    "limits": ["flash_bytes<=30000"],
    "metrics": {
        "parameters": Quantity(1500, "1", How.COUNTED, None, "sum of numel").to_json(),
        "latency_ms": Quantity(1.2, "ms", How.PREDICTED, 0.3, "a | b").to_json(),
    },
    "splits": {"train": {"size": 1077, "sha256": "ab" * 32}},
    "recipe": {"lr": 0.01},
    "arch": {"space": "mobile", "choices": {"stem.width": 8}},
    "seed": 3,
    "files": {
        "model.py": {"bytes": 1234, "sha256": "cd" * 32},
        "model.onnx": {"bytes": 5678, "sha256": "ef" * 32},
        "model.int8.onnx": {"bytes": 910, "sha256": "01" * 32},
    },
}


def test_it_says_what_is_known_and_how():
    card = write_card(INFO)
    for part in (
        "# Model ab12",
        "(batch, 1, 8, 8)",
        "| parameters | 1,500 | counted | sum of numel |",
        "| latency | 1.2 ms ± 0.3 ms | predicted | a \\| b |",
        "`flash_bytes<=30000`",
        "`0`, `a|b`, `<b>`",
        "abababab",
        "stem.width = 8",
        "lr 0.01",
        'ort.InferenceSession("model.int8.onnx"',
        "from model import load",
        "were not observed on the device",
        "not verified",
    ):
        assert part in card


def test_it_says_how_to_use_each_file():
    files = {name: {"bytes": 1, "sha256": "ab" * 32} for name in ("model.pte", "model.xml")}
    card = write_card({**INFO, "files": files})
    assert "| `model.pte` | 1 | ExecuTorch (XNNPACK), float32, one sample a call |" in card
    assert 'load_program("model.pte")' in card
    assert "x: torch.float32, (1, 1, 8, 8)" in card
    assert 'compile_model("model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})' in card
    assert "x: numpy.float32, (batch, 1, 8, 8)" in card


def test_measured_scores_come_first():
    accuracy = Quantity(0.97, "fraction", How.MEASURED, 0.01, "test").to_json()
    verification = {"metrics": {"accuracy": accuracy}, "checks": [], "reason": ""}
    lines = write_card({**INFO, "verification": verification}).splitlines()
    rows = lines[lines.index("| --- | --- | --- | --- |") :]
    assert rows[1].startswith("| accuracy | 97.00 % ± 1.00 % | measured |")
    assert sum("A number after ± is half the width of an 80 % interval" in x for x in lines) == 1


def test_every_row_of_a_table_has_as_many_cells():
    for block in write_card(INFO).split("\n\n"):
        lines = block.splitlines()
        if lines and lines[0].startswith("|"):
            counts = {line.replace("\\|", "").count("|") for line in lines}
            assert len(counts) == 1


def test_nothing_known_is_still_a_card():
    card = write_card({})
    assert card.startswith("# Model")
    assert "not verified" in card


@pytest.mark.parametrize("when", ["", ", before its softmax"])
def test_what_is_told_of_each_class_says_of_which_file(when: str) -> None:
    row = {"class": "0", "samples": 9, "recall": 0.5, "precision": 0.25}
    details = {"classes": [row], "points": []}
    told = {"metrics": {}, "checks": [], "reason": "", "judged": "model.onnx", "details": details}
    lines = write_card({**INFO, "verification": {**told, **({"when": when} if when else {})}})
    said = f"What `model.onnx`{when}, by which the model is judged, says of the test split."
    assert said in lines.splitlines()
