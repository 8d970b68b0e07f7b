"""Models of OpenVINO: they do what the network does, and what cannot be had is named first."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_networks import CASES, HEAD, INPUTS, every_op, graph_of, member, raw

from brickwork.errors import ExportError
from brickwork.export.formats import impossible
from brickwork.export.onnx import random_weights, write_onnx
from brickwork.export.openvino import load_openvino, why_not, write_openvino
from brickwork.export.runners import latency_here, run_file
from brickwork.export.runtimes import run_torch
from brickwork.quantity import How
from brickwork.space import Conv, Graph, Linear, Norm, Seq, Shape
from brickwork.trial import rng_for

HERE = importlib.util.find_spec("openvino") is not None
needs_openvino = pytest.mark.skipif(not HERE, reason="needs the extra openvino")


def written(whole: Graph, folder: Path) -> Path:
    weights = random_weights(whole, rng_for(0, "weights"))
    for name, content in write_openvino(write_onnx(whole, weights)).items():
        (folder / name).write_bytes(content)
    return folder / "model.xml"


def difference(whole: Graph, file: Path) -> float:
    """The largest difference to the network, relative to its largest logit."""
    x: Any = raw(whole, 4)
    expected = run_torch(whole, random_weights(whole, rng_for(0, "weights")), x)
    found = run_file(file, x)
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def without_flat_groups(name: str, axes: int) -> Graph:
    """A network of ``every_op``, less the one operation that OpenVINO does not have."""
    body = every_op(axes)[name]
    if name == "norms":
        body = Seq(*[b for b in body.blocks if b != Norm("group", 2)])
    return graph_of(body, INPUTS[axes])


@needs_openvino
@pytest.mark.parametrize(("axes", "name"), CASES)
def test_every_op(axes: int, name: str, tmp_path: Path):
    whole = without_flat_groups(name, axes)
    assert impossible(whole, ["openvino"]) == {}
    assert difference(whole, written(whole, tmp_path)) < 1e-3


@needs_openvino
@pytest.mark.parametrize("input", [(2, 64), (1, 28, 28), (1, 16, 16, 16)])
def test_members_of_a_space_and_their_latency(input: Shape, tmp_path: Path):
    whole = member(input, 1)
    file = written(whole, tmp_path)
    assert difference(whole, file) < 1e-4
    latency = latency_here(file, whole.input)
    assert latency is not None
    assert latency.how is How.MEASURED
    assert latency.value > 0
    assert latency.source.startswith("OpenVINO ")
    assert "1 thread" in latency.source


@needs_openvino
def test_the_same_network_gives_the_same_files(tmp_path: Path):
    whole = member((1, 12, 12), 0)
    model = write_onnx(whole, random_weights(whole, rng_for(0, "weights")))
    assert write_openvino(model) == write_openvino(model)
    assert write_openvino(model).keys() == {"model.xml", "model.bin"}


@needs_openvino
def test_a_group_norm_without_positions_is_named_before_anything_is_written():
    whole = graph_of(Seq(Linear(6), Norm("group", 2), Linear()), (13,))
    (reason,) = impossible(whole, ["openvino"]).values()
    assert reason == "norm: OpenVINO has no group norm of features without positions"
    assert why_not(graph_of(Seq(Conv(6, 1), Norm("group", 2), HEAD))) == ""


@needs_openvino
def test_what_is_no_model_is_one_line(tmp_path: Path):
    (tmp_path / "model.xml").write_text("<net")
    for call in (
        lambda: write_openvino(b"no model"),
        lambda: load_openvino(tmp_path / "model.xml"),
        lambda: load_openvino(tmp_path / "nothing.xml"),
    ):
        with pytest.raises(ExportError, match="OpenVINO cannot") as caught:
            call()
        assert "\n" not in str(caught.value)


def test_without_the_extra_one_line_names_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setitem(sys.modules, "openvino", None)
    whole = graph_of(Linear(), (13,))
    for reason in (why_not(whole), impossible(whole, ["openvino"])["openvino"]):
        assert reason.endswith("pip install 'brickwork[openvino]'")
    for call in (lambda: write_openvino(b""), lambda: load_openvino(Path("x"))):
        with pytest.raises(ExportError, match=r"pip install 'brickwork\[openvino\]'"):
            call()
