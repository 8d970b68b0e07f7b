"""Programs of ExecuTorch: they do what the network does, and what cannot be had is named first."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_networks import CASES, HEAD, INPUTS, every_op, graph_of, raw

import brickwork.export.executorch as exporting
from brickwork.errors import ExportError
from brickwork.export.executorch import load_executorch, why_not, write_executorch
from brickwork.export.formats import impossible
from brickwork.export.onnx import random_weights
from brickwork.export.runners import latency_here, run_file
from brickwork.export.runtimes import run_torch
from brickwork.quantity import How
from brickwork.space import Activation, Conv, Graph, Linear, Norm, Seq, Zero
from brickwork.trial import rng_for

HERE = importlib.util.find_spec("executorch") is not None
needs_executorch = pytest.mark.skipif(not HERE, reason="needs the extra executorch")
FLAT = [(axes, name) for axes, name in CASES if axes < 3]
QUICK = graph_of(Seq(Conv(4, 3, 2), Norm(), Activation("hard_swish"), HEAD))


def weights_of(whole: Graph) -> Any:
    return random_weights(whole, rng_for(0, "weights"))


def difference(whole: Graph, content: bytes, folder: Path) -> float:
    """The largest difference to the network, relative to its largest logit."""
    (folder / "model.pte").write_bytes(content)
    x = raw(whole, 4)
    expected, found = (
        run_torch(whole, weights_of(whole), x),
        run_file(folder / "model.pte", x),
    )
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@needs_executorch
def test_a_program_does_what_the_network_does(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    content = write_executorch(QUICK, weights_of(QUICK))
    assert difference(QUICK, content, tmp_path) < 1e-5
    assert write_executorch(QUICK, weights_of(QUICK)) == content
    assert capfd.readouterr() == ("", "")
    latency = latency_here(tmp_path / "model.pte", QUICK.input)
    assert latency is not None
    assert latency.how is How.MEASURED
    assert latency.value > 0
    assert latency.source.startswith("ExecuTorch ")
    assert "1 thread" in latency.source


@pytest.mark.slow
@needs_executorch
@pytest.mark.parametrize(("axes", "name"), FLAT)
def test_every_op(axes: int, name: str, tmp_path: Path):
    whole = graph_of(every_op(axes)[name], INPUTS[axes])
    assert impossible(whole, ["executorch"]) == {}
    assert difference(whole, write_executorch(whole, weights_of(whole)), tmp_path) < 1e-3


@needs_executorch
@pytest.mark.parametrize("name", every_op(3))
def test_what_has_no_kernel_over_three_axes_is_named_before_anything_is_written(name: str):
    whole = graph_of(every_op(3)[name], INPUTS[3])
    (reason,) = impossible(whole, ["executorch"]).values()
    assert "ExecuTorch has no conv over three axes" in reason
    assert reason.partition(":")[0] in [node.name for node in whole.nodes]
    with pytest.raises(ExportError, match="over three axes"):
        write_executorch(whole, weights_of(whole))


@pytest.mark.slow
@needs_executorch
def test_three_axes_without_windows_are_no_reason(tmp_path: Path):
    body = Seq(Norm(), Activation("gelu"), Norm("layer"), Zero(2), Norm("group", 3), HEAD)
    whole = graph_of(body, INPUTS[3])
    assert why_not(whole) == ""
    assert difference(whole, write_executorch(whole, weights_of(whole)), tmp_path) < 1e-3


@needs_executorch
def test_what_is_no_program_and_what_is_no_sample():
    with pytest.raises(ExportError, match="ExecuTorch cannot run it") as caught:
        load_executorch(b"not a program" * 100)
    assert "\n" not in str(caught.value)


def test_weights_of_another_network(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exporting, "why_not", lambda _graph: "")
    with pytest.raises(ExportError, match="another network"):
        write_executorch(QUICK, {})


def test_without_the_extra_one_line_names_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    exporting._runtime.cache_clear()
    monkeypatch.setitem(sys.modules, "executorch.runtime", None)
    monkeypatch.setitem(sys.modules, "executorch.extension.pybindings", None)
    whole = graph_of(Linear(), (13,))
    for reason in (why_not(whole), impossible(whole, ["executorch"])["executorch"]):
        assert reason.endswith("pip install 'brickwork[executorch]'")
    for call in (lambda: write_executorch(whole, {}), lambda: load_executorch(b"")):
        with pytest.raises(ExportError, match=r"pip install 'brickwork\[executorch\]'"):
            call()
