"""What the drawing of a network says of its blocks."""

from __future__ import annotations

from export_networks import INPUTS, every_op, graph_of

from brickwork.report.outline import blocks


def said(axes: int, name: str) -> dict[str, str]:
    whole = graph_of(every_op(axes)[name], INPUTS[axes])
    return {block["label"]: block["detail"] for block in blocks(whole)}


def test_transformers():
    found = said(2, "attention")
    assert found["stem"] == "conv 3x2 /(3, 2) → 6, class token, learned positions"
    assert found["block.0"] == (
        "conv 1 → 6, conv 1 → 6, conv 1 → 6, attention, 2 × 3, conv 1 → 6, conv 1 → 12, conv 1 → 6"
    )
    assert found["select"] == "token 0"


def test_texts_tables_decoders_and_zeros():
    assert said(0, "sentences")["text"].startswith("embedding 9 → 6, sinusoidal positions, ")
    assert said(0, "sentences")["masked_mean"] == "masked mean"
    assert said(0, "tables")["columns"] == "5 categories → 3 each"
    assert said(1, "decoders")["double"] == "conv 3 /2 → 6, transposed conv 2 /2 → 4"
    assert said(1, "zeros")["1"] == "zeros, zeros, zeros"
